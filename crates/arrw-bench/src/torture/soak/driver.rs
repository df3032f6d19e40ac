//! Keeps the load up, kills the server now and then, and looks at it meanwhile.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use super::Soak;
use super::limits::{JOBS_KEPT, LOOK_EVERY, TOLD_EVERY, WARM_UP};
use super::watch::{Growth, Look};
use crate::history::ChannelDemand;
use crate::pace;
use crate::random::Random;
use crate::server::Server;
use crate::torture::cadence::Cadence;
use crate::torture::host::Host;
use crate::torture::jobs::keep_few;
use crate::torture::lives::Phase;
use crate::torture::party::{Party, Seen};
use crate::torture::sockets::crowd::Size;

/// What must have been seen of channels: that there was something to lose.
pub(super) fn channel_demand(kills: u64) -> ChannelDemand {
    ChannelDemand {
        kills,
        acknowledged: 1,
        cuts: kills,
        stalls: kills,
        strangers: kills,
        recoveries: kills,
    }
}

/// What was seen.
#[derive(Debug)]
pub(super) struct Soaked {
    pub(super) seen: Seen,
    pub(super) kills: u64,
    pub(super) growth: Growth,
}

/// A soak under way.
pub(super) struct Driver<'a> {
    soak: &'a Soak,
    party: Party,
    looks: Vec<Look>,
    told: Instant,
}

impl<'a> Driver<'a> {
    pub(super) fn new(soak: &'a Soak, folder: &Path) -> anyhow::Result<Self> {
        let seconds = soak.time.as_secs().max(1);
        let cadence = Cadence::of(soak.writes_per_s * seconds, soak.time);
        let host = Host::with_cadence((&soak.program, folder), soak.seed, cadence)?;
        let mut random = Random::new(soak.seed);
        let size = Size {
            clients: soak.clients,
            channels: soak.clients,
            publications: soak.publications_per_s * seconds,
            time: soak.time,
            kill_every: soak.kill_every,
        };
        let party = Party::new(host, &mut random, size)?;
        Ok(Self { soak, party, looks: Vec::new(), told: Instant::now() })
    }

    /// The whole time and the ending; answers what was seen. Each look goes into a file as well.
    pub(super) fn run(mut self, looks: &Path, progress: &mut dyn Write) -> anyhow::Result<Soaked> {
        let mut file = BufWriter::new(File::create(looks)?);
        let ended = self.all_lives(&mut file, progress).and_then(|()| self.party.end(progress));
        if let Err(error) = ended {
            if self.looks.is_empty() {
                // It never was there.
                self.party.host.lives.give_up();
                return Err(error);
            }
            self.party.host.ground.accuse(format!("{error:#}"));
        }
        file.flush()?;
        let kills = self.party.rounds.len() as u64;
        let growth = Growth::of(&self.looks, WARM_UP);
        Ok(Soaked { seen: self.party.into_seen(kills), kills, growth })
    }

    fn all_lives(&mut self, file: &mut dyn Write, progress: &mut dyn Write) -> anyhow::Result<()> {
        self.party.prime(|host, address| host.runtime.block_on(keep_few(address, JOBS_KEPT)))?;
        self.party.clients.shown_max = JOBS_KEPT / 2;
        let until = Instant::now() + self.soak.time;
        while Instant::now() < until && self.party.host.ground.fault().is_none() {
            let before = self.party.host.ground.acknowledged();
            self.party.host.ground.begin(self.party.host.lives.next());
            let mut server = self.party.host.start(Phase::Torture)?;
            if self.looks.is_empty() && !self.party.begin() {
                return Ok(());
            }
            self.life(
                &mut server,
                until.min(Instant::now() + self.soak.kill_every),
                (file, progress),
            )?;
            drop(server);
            self.party.rounds.push(self.party.host.ground.acknowledged() - before);
        }
        Ok(())
    }

    /// One life of the server, up to its kill.
    fn life(
        &mut self,
        server: &mut Server,
        until: Instant,
        (file, progress): (&mut dyn Write, &mut dyn Write),
    ) -> anyhow::Result<()> {
        let (begun, life) = (Instant::now(), self.party.rounds.len() as u64 + 1);
        while Instant::now() < until && !self.party.host.is_lost(server)? {
            let look = Look::at(server.id(), life, begun.elapsed().as_secs_f64())?;
            writeln!(file, "{}", serde_json::to_string(&look)?)?;
            self.looks.push(look);
            if TOLD_EVERY < self.told.elapsed() {
                self.told = Instant::now();
                let writes = self.party.host.ground.acknowledged();
                let (published, deliveries) =
                    (self.party.crowd.field.acknowledged(), self.party.crowd.field.deliveries());
                let Look { rss, files, threads, .. } = look;
                writeln!(
                    progress,
                    "life {life}: {writes} writes, {published} publications, {deliveries} deliveries; {} KiB, {files} files, {threads} threads",
                    rss / 1024
                )?;
            }
            pace::wait(LOOK_EVERY.min(until.saturating_duration_since(Instant::now())));
        }
        Ok(())
    }
}
