//! A server under load and the generator that loads it, each a process of its own.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::Sockets;
use super::order::{Channels, Group, Opened, Opening, Pace, Published, Publishing};
use super::remote::Generator;
use crate::plan::Plan;
use crate::server::{self, Server};

/// The program of the peer: uWebSockets, called from Python.
const PEER: &str = include_str!("../../peers/uwebsockets.py");
/// The file of settings that the server reads where it runs.
const SETTINGS: &str = "arrwdb.toml";
/// Connections on their way at once.
const IN_PROGRESS: u32 = 128;
/// How long an order may take, in milliseconds: then it is a failure.
pub(super) const TIME_MAX_MS: u64 = 120_000;
/// Characters of a publication.
pub(super) const PAYLOAD_BYTES: u32 = 128;

/// Who is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// The shipped server.
    Ours,
    /// The least program that does the same.
    Floor,
    /// uWebSockets.
    Peer,
}

/// Where processes may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cores {
    /// Wherever the system likes.
    Any,
    /// The server on the first core, the generator on the second.
    Apart,
}

/// A server and a generator.
#[derive(Debug)]
pub(super) struct Stand {
    // The generator goes first: one whose server is gone has failed.
    pub(super) generator: Generator,
    pub(super) server: Server,
}

impl Stand {
    /// Starts both; `settings` are those of our server, in TOML.
    pub(super) fn start(
        (plan, sockets): (&Plan, &Sockets),
        subject: Subject,
        folder: &Path,
        settings: &str,
        cores: Cores,
    ) -> anyhow::Result<Self> {
        let is_stand_in = sockets.is_floor_only && subject == Subject::Ours;
        let subject = if is_stand_in { Subject::Floor } else { subject };
        let server = on_core(cores, 0, || match subject {
            Subject::Ours => {
                let program = plan.child.first().context("no program to serve")?;
                fs::write(folder.join(SETTINGS), settings)?;
                Server::start(&mut server::serve(program, folder))
            }
            Subject::Floor => {
                let (program, arguments) = plan.child.split_first().context("no floor")?;
                Server::start(Command::new(program).args(arguments).arg("floor"))
            }
            Subject::Peer => {
                let python = sockets.peer.as_ref().context("no Python for the peer")?;
                Server::start(Command::new(python).args(["-u", "-c", PEER]))
            }
        })?;
        let generator = on_core(cores, 1, || Generator::start(&plan.child))?;
        Ok(Self { generator, server })
    }

    /// What opens so many connections of a group as fast as can be.
    pub(super) fn opening(&self, group: Group, connections: u32) -> Opening {
        Opening {
            server: self.server.address(),
            group,
            connections,
            in_progress: IN_PROGRESS,
            channels: None,
            secret: None,
            spread_ms: 0,
            missed: None,
            time_max_ms: TIME_MAX_MS,
        }
    }

    pub(super) fn open(&mut self, group: Group, connections: u32) -> anyhow::Result<Opened> {
        self.generator.open(self.opening(group, connections))
    }

    /// Opens connections that subscribe.
    pub(super) fn subscribe(
        &mut self,
        group: Group,
        connections: u32,
        channels: &Channels,
    ) -> anyhow::Result<Opened> {
        let channels = Some(channels.clone());
        self.generator.open(Opening { channels, ..self.opening(group, connections) })
    }

    /// Publishes 128 characters a time, and waits for all receipts.
    pub(super) fn publish(
        &mut self,
        channels: &Channels,
        (warm, events): (u32, u32),
        pace: Pace,
        receivers: u32,
    ) -> anyhow::Result<Published> {
        self.generator.publish(Publishing {
            channels: channels.clone(),
            warm,
            events,
            pace,
            receivers,
            payload_bytes: PAYLOAD_BYTES,
            time_max_ms: TIME_MAX_MS,
        })
    }
}

/// So many channels of a namespace.
pub(super) fn channels(namespace: &str, count: u32) -> Channels {
    Channels { prefix: format!("{namespace}:bench"), count }
}

/// Starts something where it may run. What it starts may run where this thread may.
fn on_core<T>(
    cores: Cores,
    core: usize,
    start: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    if cores == Cores::Any {
        return start();
    }
    let before = sched_getaffinity(None)?;
    let mut one = CpuSet::new();
    let allowed = (0..CpuSet::MAX_CPU).filter(|cpu| before.is_set(*cpu)).nth(core);
    one.set(allowed.context("this figure needs two cores")?);
    sched_setaffinity(None, &one)?;
    let started = start();
    sched_setaffinity(None, &before)?;
    started
}
