//! Plays the steps on a disk with a fault to come, and restarts and looks whenever the log stopped.

use std::time::Duration;

use arrw_log::{
    AppendError, Drive, Log, OpenError, Options, Outcome, ReadError, Reader, Retention, Seq, Start,
    UpkeepError, Urgency, verify,
};

use super::ledger::{Answer, Ledger, key_of};
use super::report::Tally;
use super::script::Step;
use super::watch::Watch;
use crate::damage::base::environment;
use crate::damage::check::chain;
use crate::damage::model::{Given, batch_of};
use crate::maker::{Maker, More, Order};
use crate::{Image, ManualClock, Rng, SimDisk};

/// Refusals for lack of space after which space comes back.
const FULL_MAX: u32 = 4;

/// Bytes of history that are kept, so that segments are used again.
pub(crate) const BYTES_MAX: u64 = 5 * 16 * 1024;

/// A log in use, and all that is known of it.
pub(crate) struct Stage {
    pub(crate) disk: SimDisk,
    pub(crate) watch: Watch,
    pub(crate) log: Option<Log>,
    pub(crate) tally: Tally,
    pub(crate) options: Options,
    clock: ManualClock,
    follower: Option<Reader>,
    ledger: Ledger,
    /// Records that the log's decider was told of since the log was opened.
    told: u64,
    rng: Rng,
    /// Crash states to look at, at each occasion.
    states: u64,
    /// Appends refused in a row for lack of space.
    full: u32,
    /// True when a crash right after the fault was looked at.
    looked: bool,
}

fn options() -> Options {
    Options {
        segment_bytes: 16 * 1024,
        // Less than a script writes, and enough for its largest frame.
        ring_bytes: 6 * 1024,
        drive: Drive::Callers,
        retention: Retention { bytes_max: Some(BYTES_MAX), ..Retention::default() },
        ..Options::default()
    }
}

impl Stage {
    pub(crate) fn new(disk: SimDisk, watch: Watch, seed: u64, states: u64) -> Self {
        Self {
            disk,
            watch,
            log: None,
            tally: Tally::default(),
            options: options(),
            clock: ManualClock::new(1_000_000),
            follower: None,
            ledger: Ledger::default(),
            told: 0,
            rng: Rng::new(seed),
            states,
            full: 0,
            looked: false,
        }
    }

    /// Does one step, and then looks at everything that it may have broken.
    pub(crate) fn step(&mut self, step: Step) -> Result<(), String> {
        self.clock.advance(Duration::from_millis(1));
        if self.log.is_none() {
            self.open()?;
        }
        match step {
            Step::Append { records, bytes, reserved } => self.append(records, bytes, reserved)?,
            Step::Mark => self.log()?.mark(),
            // What it means for appends shows at the next one.
            Step::Roll => drop(self.log()?.roll()),
            Step::Trim(hundredths) => self.trim(hundredths)?,
            Step::Backup => self.backup()?,
            Step::ReadAll => self.read_all()?,
            Step::CloseAndOpen => self.close_and_open()?,
        }
        self.follow()?;
        if self.log()?.poison().is_some() {
            self.tally.poisoned += 1;
            self.restart()?;
        } else if self.watch.strikes() > 0 && !self.looked {
            self.look()?;
        }
        Ok(())
    }

    /// Clears the fault, crashes, closes, opens and looks for the last time.
    pub(crate) fn finish(&mut self) -> Result<(), String> {
        self.clear_faults();
        self.look()?;
        let Some(log) = self.log.take() else { return Ok(()) };
        self.follower = None;
        log.close().map_err(|error| format!("does not close: {error}"))?;
        self.check_image(&self.disk.image())
    }

    pub(crate) fn log(&self) -> Result<&Log, String> {
        self.log.as_ref().ok_or_else(|| "the log is not open".to_owned())
    }

    pub(crate) fn clear_faults(&self) {
        self.disk.clear_faults();
        self.watch.disarm();
    }

    fn open(&mut self) -> Result<(), String> {
        match self.try_open() {
            Ok(log) => self.opened(log),
            Err(error @ OpenError::Io { .. }) if self.watch.strikes() > 0 => {
                let _why = error;
                self.tally.refused_opens += 1;
                self.restart()
            }
            Err(error) => Err(format!("does not open: {}", chain(&error))),
        }
    }

    fn try_open(&mut self) -> Result<Log, OpenError> {
        let environment = environment(&self.disk, &self.clock, self.rng.next_u64());
        Log::open_with(environment, self.options.clone())
    }

    fn opened(&mut self, log: Log) -> Result<(), String> {
        self.follower = log.reader(Start::Earliest).ok();
        log.set_decider(Box::new(Maker::new(More::Never)));
        self.told = 0;
        self.log = Some(log);
        self.follow()
    }

    /// The process ends and another comes, without the fault. Power may be lost as well.
    fn restart(&mut self) -> Result<(), String> {
        self.look()?;
        self.clear_faults();
        self.watch.restart();
        self.follower = None;
        self.disk.stop();
        self.log = None;
        // Handles of the dead process answer errors, and so does a log that is dropped.
        self.disk = self.disk.restart();
        self.tally.restarts += 1;
        let log = self.try_open().map_err(|error| format!("no restart: {}", chain(&error)))?;
        let held = self.ledger.check(&log).map_err(|text| format!("after a restart: {text}"))?;
        self.ledger.settle(&held);
        self.full = 0;
        self.opened(log)
    }

    /// Looks at what some power cuts now would leave.
    fn look(&mut self) -> Result<(), String> {
        self.looked |= self.watch.strikes() > 0;
        let states = self.disk.crash_states();
        for number in 0..self.states {
            let state = match number {
                0 => states.all_lost(),
                1 => states.all_kept(),
                _ => states.random(&mut self.rng),
            };
            self.tally.crashes += 1;
            let told = |text| format!("crash {number}: {text}\n{}", states.describe(&state));
            self.check_image(state.image()).map_err(told)?;
        }
        Ok(())
    }

    fn check_image(&self, image: &Image) -> Result<(), String> {
        let disk = image.disk();
        let seed = self.rng.clone().next_u64();
        let log = Log::open_with(environment(&disk, &self.clock, seed), self.options.clone());
        let log = log.map_err(|error| format!("does not open: {}", chain(&error)))?;
        self.ledger.check(&log)?;
        drop(log);
        let found = verify(&disk).map_err(|error| format!("no verify: {}", chain(&error)))?;
        if found.damages.is_empty() { Ok(()) } else { Err(format!("{:?}", found.damages)) }
    }

    fn append(&mut self, count: usize, bytes: usize, reserved: bool) -> Result<(), String> {
        let attempt = self.ledger.next();
        let mut records: Vec<Given> = (0..count)
            .map(|at| Given::draw(&mut self.rng, bytes, 0).with_key(key_of(attempt, at)))
            .collect();
        let mut batch = batch_of(&records);
        let asks = self.rng.chance(1, 4);
        if asks {
            let keys: Vec<_> = (count..count + 2).map(|at| key_of(attempt, at)).collect();
            records.extend(keys.iter().map(|key| Given::made(key.clone(), self.told)));
            batch = Order { skip: 0, keys }.ask(batch);
        }
        let urgency = if reserved { Urgency::Reserved } else { Urgency::Ordinary };
        let answered = self.log()?.append(batch.with_urgency(urgency)).wait();
        let answer = match &answered {
            Ok(committed) => {
                self.told += if asks { records.len() as u64 } else { 0 };
                Answer::Acked(committed.first.get())
            }
            Err(error) => match error.outcome() {
                Outcome::Rejected => Answer::Rejected,
                Outcome::Unknown => Answer::Unknown,
            },
        };
        self.ledger.add(records, answer);
        self.judge(answered.err().as_ref())
    }

    /// Whether an append may be answered so.
    fn judge(&mut self, error: Option<&AppendError>) -> Result<(), String> {
        let stopped = self.log()?.poison().is_some();
        match error {
            None => {
                self.tally.acked += 1;
                self.full = 0;
                if let Some(file) = self.watch.trusted_again() {
                    return Err(format!("acknowledged after `{file}` was synced again"));
                }
            }
            Some(AppendError::Full) => {
                self.tally.full += 1;
                self.tally.full_and_stopped += u64::from(stopped);
                self.full += 1;
                if self.full == FULL_MAX {
                    self.clear_faults();
                    self.disk.set_capacity(u64::MAX);
                }
                if FULL_MAX < self.full {
                    return Err("refused as full when there is space again".to_owned());
                }
            }
            Some(AppendError::Unknown(_)) if stopped => self.tally.unknown += 1,
            Some(AppendError::Poisoned(_)) if stopped => self.tally.rejected += 1,
            Some(other) => return Err(format!("append answers {} ({stopped})", chain(other))),
        }
        Ok(())
    }

    fn trim(&mut self, hundredths: u64) -> Result<(), String> {
        let log = self.log()?.clone();
        let (first, tail) = (log.first().get(), log.tail().get());
        let before = first + (tail - first) * hundredths / 100;
        self.ledger.trim(before);
        match log.trim(Seq::new(before)) {
            Ok(removed) => self.tally.trimmed += removed,
            Err(UpkeepError::Io { .. } | UpkeepError::Poisoned(_)) => (),
            Err(other) => return Err(format!("trim answers {}", chain(&other))),
        }
        Ok(())
    }

    fn backup(&mut self) -> Result<(), String> {
        let target = SimDisk::new();
        let log = self.log()?;
        match log.backup(&target) {
            Ok(report) => {
                let found = verify(&target).map_err(|error| chain(&error))?;
                if !found.damages.is_empty() || report.last.next() != log.tail() {
                    return Err(format!("a bad backup: {report:?}, {found:?}"));
                }
                self.tally.backups += 1;
                Ok(())
            }
            Err(UpkeepError::Io { .. } | UpkeepError::Poisoned(_)) => Ok(()),
            Err(other) => Err(format!("backup answers {}", chain(&other))),
        }
    }

    fn read_all(&mut self) -> Result<(), String> {
        let reader = self.log()?.reader(Start::Earliest);
        let mut reader = reader.map_err(|error| chain(&error))?;
        self.see(&mut reader).map(drop)
    }

    /// Reads on with the reader that follows the tail; another one takes over when it cannot go on.
    fn follow(&mut self) -> Result<(), String> {
        if let Some(mut follower) = self.follower.take()
            && self.see(&mut follower)?
        {
            self.follower = Some(follower);
            return Ok(());
        }
        self.follower = self.log()?.reader(Start::Earliest).ok();
        Ok(())
    }

    /// Takes note of all that a reader shows; false when it met an error that a fault explains.
    fn see(&mut self, reader: &mut Reader) -> Result<bool, String> {
        loop {
            match reader.try_next() {
                Ok(None) => return Ok(true),
                Ok(Some(frame)) => {
                    for record in frame.records() {
                        self.ledger.see(&record)?;
                        self.tally.seen += 1;
                    }
                }
                Err(ReadError::Trimmed { .. }) => return Ok(false),
                Err(ReadError::Io { .. }) if self.watch.strikes() > 0 => return Ok(false),
                Err(other) => return Err(format!("a reader answers {}", chain(&other))),
            }
        }
    }

    fn close_and_open(&mut self) -> Result<(), String> {
        self.follower = None;
        let log = self.log.take();
        let closed = log.as_ref().map_or(Ok(()), Log::close);
        drop(log);
        match closed {
            Ok(()) => {
                self.tally.closed += 1;
                self.open()
            }
            Err(UpkeepError::Io { .. } | UpkeepError::Poisoned(_)) if self.watch.strikes() > 0 => {
                self.restart()
            }
            Err(other) => Err(format!("close answers {}", chain(&other))),
        }
    }
}
