//! Starts the server, lets all kinds of clients at it, does to it what can happen, and gathers what they saw.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::super::clients::Clients;
use super::super::host::Host;
use super::super::limits::{FROZEN_MS_MAX, ROUND_TIME_MAX, SEGMENT_BYTES, TICK};
use super::super::lives::Phase;
use super::super::party::{Party, Seen};
use super::super::sockets::crowd::Size;
use super::super::sockets::limits::FOLLOWED;
use super::fault::{Fault, Kind};
use super::limits::{
    BEHIND_FAULT, FAULT_EVERY, FAULT_TIME_MAX, LIFE, NTH_MAX, PUBLICATIONS_MIN, PUBLICATIONS_PER_S,
};
use super::{FAULTS, WholeTorture};
use crate::history::ChannelDemand;
use crate::pace;
use crate::random::Random;

/// How many times its acknowledged writes a life waits for the rest of what it must have.
const PATIENCE: u64 = 8;
/// Lives between two lines of progress.
const TOLD_EVERY: u64 = 10;

/// What was done to the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Happened {
    /// Lives that ended by SIGKILL at a moment from the seed, in which all clients did enough.
    pub fair: u64,
    /// Times it was stopped (SIGSTOP) and went on.
    pub frozen: u64,
    /// Times it was killed while it was stopped.
    pub killed_frozen: u64,
    /// Times it was killed while it started.
    pub starts_cut: u64,
    /// Calls of the system that failed with an error of the disk, and with no space left.
    pub failed: u64,
    /// See [`failed`](Self::failed).
    pub full: u64,
    /// Times it was killed at an exact call.
    pub killed_at_call: u64,
    /// Lives in which a fault was waited for in vain.
    pub unfailed: u64,
    /// Times it ended by itself behind a fault.
    pub ended: u64,
}

/// What must have been seen of channels.
pub(super) fn channel_demand(torture: &WholeTorture, happened: Happened) -> ChannelDemand {
    let lives = u64::from(torture.clients) * happened.fair;
    ChannelDemand {
        kills: happened.fair,
        acknowledged: happened.fair * PUBLICATIONS_MIN,
        cuts: lives / 16,
        stalls: lives / 32,
        strangers: happened.fair / 2,
        // Each kill cuts all; a client that stalls may miss a short life.
        recoveries: lives * u64::from(FOLLOWED.min(torture.clients)) / 4,
    }
}

/// What there was too little of, for so many rounds.
pub(super) fn too_little(
    torture: &WholeTorture,
    has_strace: bool,
    happened: Happened,
) -> Option<String> {
    let faults = happened.failed + happened.full + happened.killed_at_call;
    let wanted = if has_strace { torture.rounds / FAULT_EVERY / 3 } else { 0 };
    let fair = torture.rounds - torture.rounds.div_ceil(FAULT_EVERY);
    let check = |found: u64, wanted: u64, what: &str| {
        (found < wanted).then(|| format!("too thin: {found} {what}, and {wanted} are wanted"))
    };
    check(happened.fair, fair, "lives with all clients at work")
        .or_else(|| check(faults, wanted, "faults of the system"))
        .or_else(|| check(happened.frozen, torture.rounds / 8, "times stopped"))
}

/// A torture under way.
pub(super) struct Driver<'a> {
    torture: &'a WholeTorture,
    random: Random,
    party: Party,
    happened: Happened,
    /// Where strace writes; `None` without strace.
    trace: Option<PathBuf>,
}

impl<'a> Driver<'a> {
    pub(super) fn new(
        torture: &'a WholeTorture,
        folder: &Path,
        has_strace: bool,
    ) -> anyhow::Result<Self> {
        let mut host = Host::new((&torture.program, folder), torture.seed)?;
        host.arguments = vec!["--segment-bytes".to_owned(), (4 * SEGMENT_BYTES).to_string()];
        let mut random = Random::new(torture.seed);
        let time = LIFE * u32::try_from(torture.rounds)?;
        let size = Size {
            clients: torture.clients,
            channels: torture.clients,
            publications: PUBLICATIONS_PER_S * time.as_secs().max(1),
            time,
            kill_every: LIFE,
        };
        let party = Party::new(host, &mut random, size)?;
        let trace = has_strace.then(|| folder.join(FAULTS));
        Ok(Self { torture, random, party, happened: Happened::default(), trace })
    }

    /// All rounds and the ending; answers what was done, and what was seen.
    pub(super) fn run(mut self, progress: &mut dyn Write) -> anyhow::Result<(Happened, Seen)> {
        let ended = self.all_rounds(progress).and_then(|()| self.party.end(progress));
        if let Err(error) = ended {
            if self.party.rounds.is_empty() && self.party.host.lives.next() == 1 {
                // It never was there.
                self.party.host.lives.give_up();
                return Err(error);
            }
            self.party.host.ground.accuse(format!("{error:#}"));
        }
        Ok((self.happened, self.party.into_seen(self.happened.fair)))
    }

    fn all_rounds(&mut self, progress: &mut dyn Write) -> anyhow::Result<()> {
        self.party.prime(|_host, _address| Ok(()))?;
        for round in 1..=self.torture.rounds {
            self.happened.starts_cut +=
                u64::from(self.party.host.cut_off_a_start(&mut self.random)?);
            let is_enough =
                if round != 1 && self.trace.is_some() && round.is_multiple_of(FAULT_EVERY) {
                    self.failed_life()?
                } else {
                    self.life(round)?
                };
            if round.is_multiple_of(TOLD_EVERY) || round == self.torture.rounds {
                writeln!(
                    progress,
                    "round {round}: {} writes and {} publications acknowledged, {} deliveries",
                    self.party.host.ground.acknowledged(),
                    self.party.crowd.field.acknowledged(),
                    self.party.crowd.field.deliveries()
                )?;
            }
            if !is_enough {
                break;
            }
        }
        Ok(())
    }

    /// One life of the server that ends by a kill; false when it was not as it should be.
    fn life(&mut self, round: u64) -> anyhow::Result<bool> {
        let before = (self.party.host.ground.acknowledged(), self.party.crowd.field.acknowledged());
        let enough = self.torture.acks_min + self.random.below(self.torture.acks_min / 8 + 2);
        let mut freeze_at = (self.random.below(2) == 0).then(|| self.random.below(enough));
        self.party.host.ground.begin(self.party.host.lives.next());
        let mut server = self.party.host.start(Phase::Torture)?;
        if round == 1 && !self.party.begin() {
            return Ok(false);
        }
        let begun = Instant::now();
        let count = |driver: &Self| driver.party.host.ground.acknowledged() - before.0;
        let published = |driver: &Self| driver.party.crowd.field.acknowledged() - before.1;
        let has_all = |driver: &Self| {
            enough <= count(driver)
                && PUBLICATIONS_MIN <= published(driver)
                && Clients::have_all(&driver.party.host)
        };
        while !has_all(self) && count(self) < PATIENCE * enough && begun.elapsed() < ROUND_TIME_MAX
        {
            if self.party.host.is_lost(&mut server)? {
                return Ok(false);
            }
            if freeze_at.take_if(|at| *at <= count(self)).is_some() {
                server.freeze()?;
                pace::wait(Duration::from_millis(self.random.up_to(FROZEN_MS_MAX)));
                server.resume()?;
                self.happened.frozen += 1;
            }
            pace::wait(TICK);
        }
        // The kill meets it at any moment of a commit, and now and then while it stands still.
        pace::wait(Duration::from_micros(self.random.below(10_000)));
        if self.random.below(4) == 0 {
            server.freeze()?;
            self.happened.killed_frozen += 1;
        }
        let count = count(self);
        drop(server);
        self.party.rounds.push(count);
        self.happened.fair += 1;
        Ok(self.torture.acks_min <= count && self.party.host.ground.fault().is_none())
    }

    /// One life of the server in which the system fails it; false when a client saw what must not be.
    fn failed_life(&mut self) -> anyhow::Result<bool> {
        let Some(trace) = self.trace.clone() else { return Ok(true) };
        let fault = Fault::draw(&mut self.random, NTH_MAX);
        let started = self.party.host.start_failed(|command| fault.around(command, &trace));
        // One that ended while it started, or failed then, is as good.
        let Ok(mut server) = started else {
            self.count(fault.kind, true);
            return Ok(true);
        };
        let begun = Instant::now();
        let mut happened_at = None;
        let has_ended = loop {
            if server.ended()?.is_some() {
                break true;
            }
            if self.party.host.ground.fault().is_some() {
                return Ok(false);
            }
            if happened_at.is_none() && Fault::has_happened(&trace) {
                happened_at = Some(Instant::now());
            }
            let is_over = happened_at.is_some_and(|at: Instant| BEHIND_FAULT < at.elapsed());
            if is_over || FAULT_TIME_MAX < begun.elapsed() {
                break false;
            }
            pace::wait(Duration::from_millis(10));
        };
        drop(server);
        if has_ended || happened_at.is_some() || Fault::has_happened(&trace) {
            self.count(fault.kind, has_ended);
        } else {
            self.happened.unfailed += 1;
        }
        Ok(true)
    }

    fn count(&mut self, kind: Kind, has_ended: bool) {
        match kind {
            Kind::Io => self.happened.failed += 1,
            Kind::Full => self.happened.full += 1,
            Kind::Kill => {
                self.happened.killed_at_call += 1;
                return;
            }
        }
        self.happened.ended += u64::from(has_ended);
    }
}
