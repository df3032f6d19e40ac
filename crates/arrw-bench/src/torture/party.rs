//! Clients of all kinds at one server: how they begin, how they end, and all that they saw.

use std::io::Write;
use std::net::SocketAddr;

use super::clients::Clients;
use super::host::Host;
use super::lives::Phase;
use super::sockets::crowd::{Crowd, Size};
use super::sockets::field::Stage;
use crate::history::{ChannelHistory, History, JobHistory};
use crate::random::Random;

/// The server's place, and all who are at it.
pub(super) struct Party {
    pub(super) host: Host,
    pub(super) clients: Clients,
    pub(super) crowd: Crowd,
    /// Acknowledged writes of the lives that count.
    pub(super) rounds: Vec<u64>,
}

/// What all clients saw.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) events: History,
    pub(super) jobs: JobHistory,
    pub(super) channels: ChannelHistory,
    /// What the server was seen to do that it must not.
    pub(super) fault: Option<String>,
}

impl Party {
    pub(super) fn new(host: Host, random: &mut Random, size: Size) -> anyhow::Result<Self> {
        let crowd = Crowd::new(&host, size, random.fork())?;
        let clients = Clients::start(&host, random.fork());
        Ok(Self { host, clients, crowd, rounds: Vec::new() })
    }

    /// In a life without any client: what is in some channels before they are followed, and what else is to be set up.
    pub(super) fn prime(
        &mut self,
        set_up: impl FnOnce(&Host, SocketAddr) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let first = self.host.launch()?;
        self.crowd.prime(&self.host, first.address())?;
        set_up(&self.host, first.address())?;
        drop(first);
        self.crowd.start_followers(&self.host);
        Ok(())
    }

    /// In the first life with clients: once all follow, publishers begin. False when not all could.
    pub(super) fn begin(&mut self) -> bool {
        let have_joined = self.crowd.have_joined(&self.host);
        if have_joined {
            self.host.ground.begin_cadence();
            self.crowd.start_publishers(&self.host);
        }
        have_joined
    }

    /// The last life of the server.
    pub(super) fn end(&mut self, progress: &mut dyn Write) -> anyhow::Result<()> {
        let server = self.host.start(Phase::Ending)?;
        if self.host.ground.fault().is_some() {
            self.host.lives.give_up();
        } else {
            self.crowd.end(&self.host, server.address(), progress)?;
        }
        self.clients.end(&self.host, server.address());
        Ok(())
    }

    /// All that was seen over so many kills. The server is gone for good.
    pub(super) fn into_seen(mut self, kills: u64) -> Seen {
        self.crowd.history.kills = kills;
        self.crowd.field.set_stage(Stage::Leave);
        self.host.lives.give_up();
        let channels = self.crowd.into_history(&self.host);
        let (events, jobs) = self.clients.into_histories(&self.host, self.rounds);
        Seen { events, jobs, channels, fault: self.host.ground.fault() }
    }
}
