//! Starts the server, lets clients at its channels, kills it again and again, and gathers what they saw.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use super::super::host::Host;
use super::super::limits::{FROZEN_MS_MAX, SEGMENT_BYTES, TICK};
use super::super::lives::Phase;
use super::SocketTorture;
use super::crowd::{Crowd, Size};
use super::field::Stage;
use super::limits::{FOLLOWED, PATIENCE};
use crate::history::{ChannelDemand, ChannelHistory};
use crate::pace;
use crate::random::Random;
use crate::server::Server;

/// Kills between two lines of progress.
const TOLD_EVERY: u64 = 5;

/// What a history must hold.
pub(super) fn demand(torture: &SocketTorture) -> ChannelDemand {
    let lives = u64::from(torture.clients) * torture.kills;
    ChannelDemand {
        kills: torture.kills,
        acknowledged: torture.publications,
        cuts: lives / 8,
        stalls: lives / 16,
        strangers: torture.kills,
        // Each kill cuts all.
        recoveries: lives * u64::from(FOLLOWED.min(torture.channels)) / 2,
    }
}

/// What all clients saw.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) history: ChannelHistory,
    /// What the server was seen to do that it must not.
    pub(super) fault: Option<String>,
}

/// A torture under way.
pub(super) struct Driver<'a> {
    torture: &'a SocketTorture,
    random: Random,
    host: Host,
    crowd: Crowd,
    has_begun: bool,
}

impl<'a> Driver<'a> {
    pub(super) fn new(torture: &'a SocketTorture, folder: &Path) -> anyhow::Result<Self> {
        let mut host = Host::new((&torture.program, folder), torture.seed)?;
        host.arguments = vec!["--segment-bytes".to_owned(), (16 * SEGMENT_BYTES).to_string()];
        let mut random = Random::new(torture.seed);
        let size = Size {
            clients: torture.clients,
            channels: torture.channels,
            publications: torture.publications,
            time: torture.kill_every * u32::try_from(torture.kills)?,
            kill_every: torture.kill_every,
        };
        let crowd = Crowd::new(&host, size, random.fork())?;
        Ok(Self { torture, random, host, crowd, has_begun: false })
    }

    /// All kills and the ending; answers what was seen.
    pub(super) fn run(mut self, progress: &mut dyn Write) -> anyhow::Result<Seen> {
        let ended = self.all_lives(progress).and_then(|()| self.ending(progress));
        if let Err(error) = ended {
            if !self.has_begun {
                // It never was there.
                self.host.lives.give_up();
                return Err(error);
            }
            self.host.ground.accuse(format!("{error:#}"));
        }
        self.crowd.field.set_stage(Stage::Leave);
        self.host.lives.give_up();
        let history = self.crowd.into_history(&self.host);
        Ok(Seen { fault: self.host.ground.fault(), history })
    }

    fn all_lives(&mut self, progress: &mut dyn Write) -> anyhow::Result<()> {
        let mut server = self.host.launch()?;
        self.crowd.prime(&self.host, server.address())?;
        self.crowd.start_followers(&self.host);
        self.host.lives.begin(server.address(), Phase::Torture);
        self.has_begun = true;
        if !self.crowd.have_joined(&self.host) {
            return Ok(());
        }
        self.crowd.start_publishers(&self.host);
        let begun = Instant::now();
        let patience = self.torture.kill_every * u32::try_from(self.torture.kills)? * PATIENCE;
        loop {
            if !self.life(&mut server)? {
                return Ok(());
            }
            drop(server);
            self.crowd.history.kills += 1;
            let (kills, acknowledged) = (self.crowd.history.kills, self.crowd.field.acknowledged());
            if kills.is_multiple_of(TOLD_EVERY) {
                let deliveries = self.crowd.field.deliveries();
                writeln!(
                    progress,
                    "{kills} kills: {acknowledged} publications acknowledged, {deliveries} deliveries"
                )?;
            }
            let is_enough =
                self.torture.kills <= kills && self.torture.publications <= acknowledged;
            // What has not come by then does not come: the check says what there was too little of.
            if is_enough || patience < begun.elapsed() {
                return Ok(());
            }
            self.host.cut_off_a_start(&mut self.random)?;
            server = self.host.start(Phase::Torture)?;
        }
    }

    /// One life of the server, up to its kill; false when that was not as it should be.
    fn life(&mut self, server: &mut Server) -> anyhow::Result<bool> {
        let every = u64::try_from(self.torture.kill_every.as_millis())?;
        let time = every * 3 / 4 + self.random.below(every / 2 + 1);
        let until = Instant::now() + Duration::from_millis(time);
        while Instant::now() < until {
            if self.host.is_lost(server)? {
                return Ok(false);
            }
            pace::wait(TICK);
        }
        // Now and then it is killed while it stands still, when the system's queues are full.
        if self.random.below(4) == 0 {
            server.freeze()?;
            pace::wait(Duration::from_millis(self.random.up_to(FROZEN_MS_MAX)));
        }
        Ok(true)
    }

    /// The last life of the server.
    fn ending(&mut self, progress: &mut dyn Write) -> anyhow::Result<()> {
        if self.host.ground.fault().is_some() {
            return Ok(());
        }
        let server = self.host.start(Phase::Ending)?;
        self.crowd.end(&self.host, server.address(), progress)
    }
}
