//! Keeps the load up, kills the server now and then, and looks at it meanwhile.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use super::Soak;
use super::limits::{JOBS_KEPT, LOOK_EVERY, TOLD_EVERY};
use super::watch::{Growth, Look};
use crate::history::{ChannelDemand, ChannelHistory, History, JobHistory};
use crate::pace;
use crate::random::Random;
use crate::server::Server;
use crate::torture::cadence::Cadence;
use crate::torture::clients::Clients;
use crate::torture::host::Host;
use crate::torture::jobs::keep_few;
use crate::torture::lives::Phase;
use crate::torture::sockets::crowd::{Crowd, Size};
use crate::torture::sockets::field::Stage;

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
pub(super) struct Seen {
    pub(super) events: History,
    pub(super) jobs: JobHistory,
    pub(super) channels: ChannelHistory,
    pub(super) kills: u64,
    pub(super) growth: Growth,
    /// What the server was seen to do that it must not.
    pub(super) fault: Option<String>,
}

/// A soak under way.
pub(super) struct Driver<'a> {
    soak: &'a Soak,
    host: Host,
    clients: Clients,
    crowd: Crowd,
    looks: Vec<Look>,
    rounds: Vec<u64>,
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
        let crowd = Crowd::new(&host, size, random.fork())?;
        let clients = Clients::start(&host, random.fork());
        let (looks, rounds, told) = (Vec::new(), Vec::new(), Instant::now());
        Ok(Self { soak, host, clients, crowd, looks, rounds, told })
    }

    /// The whole time and the ending; answers what was seen. Each look goes into a file as well.
    pub(super) fn run(mut self, looks: &Path, progress: &mut dyn Write) -> anyhow::Result<Seen> {
        let mut file = BufWriter::new(File::create(looks)?);
        let ended = self.all_lives(&mut file, progress).and_then(|()| self.ending(progress));
        if let Err(error) = ended {
            if self.looks.is_empty() {
                // It never was there.
                self.host.lives.give_up();
                return Err(error);
            }
            self.host.ground.accuse(format!("{error:#}"));
        }
        file.flush()?;
        let kills = self.rounds.len() as u64;
        self.crowd.history.kills = kills;
        self.crowd.field.set_stage(Stage::Leave);
        self.host.lives.give_up();
        let channels = self.crowd.into_history(&self.host);
        let (events, jobs) = self.clients.into_histories(&self.host, self.rounds);
        let growth = Growth::of(&self.looks);
        Ok(Seen { events, jobs, channels, kills, growth, fault: self.host.ground.fault() })
    }

    fn all_lives(&mut self, file: &mut dyn Write, progress: &mut dyn Write) -> anyhow::Result<()> {
        let first = self.host.launch()?;
        self.crowd.prime(&self.host, first.address())?;
        self.host.runtime.block_on(keep_few(first.address(), JOBS_KEPT))?;
        self.clients.shown_max = JOBS_KEPT / 2;
        drop(first);
        self.crowd.start_followers(&self.host);
        let until = Instant::now() + self.soak.time;
        while Instant::now() < until && self.host.ground.fault().is_none() {
            let before = self.host.ground.acknowledged();
            self.host.ground.begin(self.host.lives.next());
            let mut server = self.host.start(Phase::Torture)?;
            if self.looks.is_empty() {
                if !self.crowd.have_joined(&self.host) {
                    return Ok(());
                }
                self.host.ground.begin_cadence();
                self.crowd.start_publishers(&self.host);
            }
            self.life(
                &mut server,
                until.min(Instant::now() + self.soak.kill_every),
                (file, progress),
            )?;
            drop(server);
            self.rounds.push(self.host.ground.acknowledged() - before);
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
        let (begun, life) = (Instant::now(), self.rounds.len() as u64 + 1);
        while Instant::now() < until && !self.host.is_lost(server)? {
            let look = Look::at(server.id(), life, begun.elapsed().as_secs_f64())?;
            writeln!(file, "{}", serde_json::to_string(&look)?)?;
            self.looks.push(look);
            if TOLD_EVERY < self.told.elapsed() {
                self.told = Instant::now();
                let writes = self.host.ground.acknowledged();
                let (published, deliveries) =
                    (self.crowd.field.acknowledged(), self.crowd.field.deliveries());
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

    /// The last life of the server.
    fn ending(&mut self, progress: &mut dyn Write) -> anyhow::Result<()> {
        let server = self.host.start(Phase::Ending)?;
        if self.host.ground.fault().is_some() {
            self.host.lives.give_up();
        } else {
            self.crowd.end(&self.host, server.address(), progress)?;
        }
        self.clients.end(&self.host, server.address());
        Ok(())
    }
}
