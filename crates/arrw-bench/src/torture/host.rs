//! The process of a server under torture, and the clients that are waited for.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::cadence::Cadence;
use super::limits::{ENDING_TIME_MAX, START_CUT_MS_MAX};
use super::lives::{Ground, Lives, Phase};
use crate::place::SAID;
use crate::random::Random;
use crate::server::{self, Server};

/// Where servers live and die, and the runtime of their clients.
pub(super) struct Host {
    program: OsString,
    folder: PathBuf,
    /// Further arguments of `serve`.
    pub(super) arguments: Vec<String>,
    pub(super) ground: Arc<Ground>,
    pub(super) lives: Lives,
    pub(super) runtime: Runtime,
}

impl Host {
    /// Clients do what they can.
    pub(super) fn new(place: (&OsStr, &Path), seed: u64) -> anyhow::Result<Self> {
        Self::with_cadence(place, seed, Cadence::default())
    }

    /// Clients write when it is due.
    pub(super) fn with_cadence(
        (program, folder): (&OsStr, &Path),
        seed: u64,
        cadence: Cadence,
    ) -> anyhow::Result<Self> {
        // The clients have one thread; the one that calls waits for processes.
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Ok(Self {
            program: program.to_owned(),
            folder: folder.to_owned(),
            arguments: Vec::new(),
            ground: Arc::new(Ground::new(seed, cadence)),
            lives: Lives::new(),
            runtime: runtime.context("cannot start the executor")?,
        })
    }

    /// `serve` in the folder of this torture; what it says is kept.
    fn command(&self) -> anyhow::Result<Command> {
        let mut command = server::serve(&self.program, &self.folder);
        command.args(&self.arguments).stderr(Stdio::from(self.said()?));
        Ok(command)
    }

    /// The file of what servers say.
    fn said(&self) -> anyhow::Result<File> {
        let said = self.folder.join(SAID);
        let open = OpenOptions::new().create(true).append(true).open(&said);
        open.with_context(|| format!("cannot open `{}`", said.display()))
    }

    /// Starts the server.
    pub(super) fn launch(&self) -> anyhow::Result<Server> {
        Server::start(&mut self.command()?).with_context(|| {
            let folder = self.folder.display();
            format!("the server does not start; `{folder}` has its data and what it said")
        })
    }

    /// Starts the server and tells all clients.
    pub(super) fn start(&self, phase: Phase) -> anyhow::Result<Server> {
        let server = self.launch()?;
        self.lives.begin(server.address(), phase);
        Ok(server)
    }

    /// Starts the server so that the system fails it, and tells all clients.
    pub(super) fn start_failed(
        &self,
        around: impl FnOnce(&Command) -> Command,
    ) -> anyhow::Result<Server> {
        let server = Server::start(around(&self.command()?).stderr(Stdio::from(self.said()?)))?;
        self.lives.begin_in(server.address(), Phase::Torture, true);
        Ok(server)
    }

    /// True when a client saw a fault, or when the server ended by itself, which is one.
    pub(super) fn is_lost(&self, server: &mut Server) -> anyhow::Result<bool> {
        if let Some(status) = server.ended()? {
            self.ground.accuse(format!("the server ended by itself: {status}"));
        }
        Ok(self.ground.fault().is_some())
    }

    /// In every fourth round: kills the server while it still opens its log; true when it was so.
    pub(super) fn cut_off_a_start(&self, random: &mut Random) -> anyhow::Result<bool> {
        let is_cut = random.below(4) == 0;
        if is_cut {
            let after = Duration::from_millis(random.below(START_CUT_MS_MAX + 1));
            server::start_and_kill(&mut self.command()?, after)?;
        }
        Ok(is_cut)
    }

    /// What the clients saw. Those that do not end in time are told to give up.
    pub(super) fn join<T: Send + 'static>(&self, tasks: Vec<JoinHandle<T>>) -> Vec<T> {
        let until = Instant::now() + ENDING_TIME_MAX;
        let mut all = Vec::new();
        for mut task in tasks {
            let left = until.saturating_duration_since(Instant::now());
            let ended = self.runtime.block_on(async { timeout(left, &mut task).await });
            let ended = ended.unwrap_or_else(|_| {
                self.lives.give_up();
                self.runtime.block_on(task)
            });
            match ended {
                Ok(seen) => all.push(seen),
                Err(error) => self.ground.accuse(format!("a client: {error}")),
            }
        }
        all
    }
}
