//! Starts the server, lets clients of events and jobs at it, freezes and kills it, and gathers what they saw.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use super::Torture;
use super::clients::Clients;
use super::host::Host;
use super::limits::{FROZEN_MS_MAX, SEGMENT_BYTES, TICK};
use super::lives::Phase;
use crate::history::{History, JobHistory};
use crate::pace;
use crate::random::Random;
use crate::server::Server;

/// How many times its acknowledged writes a round waits for the rest of what it must have.
const PATIENCE: u64 = 8;
/// Rounds between two lines of progress.
const TOLD_EVERY: u64 = 10;

/// What all clients saw.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) events: History,
    pub(super) jobs: JobHistory,
    /// What the server was seen to do that it must not.
    pub(super) fault: Option<String>,
}

/// A torture under way.
pub(super) struct Driver<'a> {
    torture: &'a Torture,
    random: Random,
    host: Host,
    clients: Clients,
    rounds: Vec<u64>,
}

impl<'a> Driver<'a> {
    pub(super) fn new(torture: &'a Torture, folder: &Path) -> anyhow::Result<Self> {
        let mut host = Host::new((&torture.program, folder), torture.seed)?;
        host.arguments = vec!["--segment-bytes".to_owned(), SEGMENT_BYTES.to_string()];
        let mut random = Random::new(torture.seed);
        let clients = Clients::start(&host, random.fork());
        Ok(Self { torture, random, host, clients, rounds: Vec::new() })
    }

    /// All rounds and the ending; answers what was seen.
    pub(super) fn run(mut self, progress: &mut dyn Write) -> anyhow::Result<Seen> {
        let ended = self.all_rounds(progress).and_then(|()| self.ending());
        match ended {
            Ok(()) => (),
            // It never was there.
            Err(error) if self.rounds.is_empty() => return Err(error),
            Err(error) => {
                self.host.ground.accuse(format!("{error:#}"));
                self.host.lives.give_up();
            }
        }
        let (events, jobs) = self.clients.into_histories(&self.host, self.rounds);
        Ok(Seen { events, jobs, fault: self.host.ground.fault() })
    }

    fn all_rounds(&mut self, progress: &mut dyn Write) -> anyhow::Result<()> {
        for round in 1..=self.torture.rounds {
            self.host.cut_off_a_start(&mut self.random)?;
            let is_enough = self.round()?;
            if round.is_multiple_of(TOLD_EVERY) || round == self.torture.rounds {
                let acknowledged = self.host.ground.acknowledged();
                writeln!(progress, "round {round}: {acknowledged} writes acknowledged so far")?;
            }
            if !is_enough {
                break;
            }
        }
        Ok(())
    }

    /// The last life of the server.
    fn ending(&mut self) -> anyhow::Result<()> {
        let server = self.host.start(Phase::Ending)?;
        if self.host.ground.fault().is_some() {
            self.host.lives.give_up();
        }
        self.clients.end(&self.host, server.address());
        Ok(())
    }

    /// One life of the server; false when that was not as it should be.
    fn round(&mut self) -> anyhow::Result<bool> {
        let before = self.host.ground.acknowledged();
        let enough = self.torture.acks_min + self.random.below(self.torture.acks_min / 8 + 2);
        let freezes = self.random.below(3);
        let mut freezes: Vec<u64> = (0..freezes).map(|_| self.random.below(enough)).collect();
        freezes.sort_unstable();
        let mut freezes = freezes.into_iter().peekable();
        self.host.ground.begin(self.host.lives.next());
        let mut server = self.host.start(Phase::Torture)?;
        let begun = Instant::now();
        let acknowledged = |driver: &Self| driver.host.ground.acknowledged() - before;
        // What has not come by then does not come: the check says what is wrong, or what there was too little of.
        while !(enough <= acknowledged(self) && Clients::have_all(&self.host))
            && acknowledged(self) < PATIENCE * enough
            && begun.elapsed() < self.torture.round_time_max
        {
            if self.host.is_lost(&mut server)? {
                break;
            }
            if freezes.next_if(|at| *at <= acknowledged(self)).is_some() {
                self.freeze(&server)?;
            }
            pace::wait(TICK);
        }
        // The kill meets it at any moment of a commit, and now and then while it stands still.
        pace::wait(Duration::from_micros(self.random.below(10_000)));
        if self.random.below(4) == 0 {
            server.freeze()?;
        }
        let count = acknowledged(self);
        drop(server);
        self.rounds.push(count);
        Ok(self.torture.acks_min <= count && self.host.ground.fault().is_none())
    }

    fn freeze(&mut self, server: &Server) -> anyhow::Result<()> {
        server.freeze()?;
        pace::wait(Duration::from_millis(self.random.up_to(FROZEN_MS_MAX)));
        server.resume()
    }
}
