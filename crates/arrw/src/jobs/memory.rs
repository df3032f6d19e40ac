//! Makes the jobs from their last checkpoint and the log behind it, and saves the next one.
//!
//! As with the bus, the next checkpoint is made by reading on from the one before, never from the live state, and saved
//! only if both have one digest. The copy is in memory only meanwhile.

use arrw_jobs::Jobs;
use arrw_log::{Checkpoint, Hold, Log, OpenError, Seq, Start};

use crate::jobs::carrying::carry;
use crate::jobs::limits::CARRIED_MAX;
use crate::jobs::rules::{Core, is_needed};
use crate::memory::{Alarm, Alarms, bytes_behind, first_behind, read_to};
use crate::planted::{Bug, is_planted};

/// Name of the checkpoint's file.
const NAME: &str = "jobs";

/// What saves the jobs.
#[derive(Debug)]
pub(crate) struct Saver {
    /// What is not in a checkpoint yet must not be trimmed.
    hold: Hold,
    /// Nor what live jobs were enqueued with. An old job may take this over the budget of holds, and only this.
    args: Hold,
    /// The record that the last checkpoint was made of.
    saved: Option<Seq>,
    alarms: Alarms,
}

impl Saver {
    /// Makes the jobs of all that the log holds.
    pub(crate) fn open(log: &Log, alarms: Alarms) -> Result<(Self, Jobs), OpenError> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| OpenError::Io {
            action: "make the jobs from the log".to_owned(),
            source: std::io::Error::other(source),
        };
        let hold = || log.hold(log.first()).map_err(|error| failed(error.into()));
        let (hold, args) = (hold()?, hold()?);
        let (saved, jobs) = read(log, log.tail()).map_err(failed)?;
        let saver = Self { hold, args, saved, alarms };
        saver.release(&jobs);
        Ok((saver, jobs))
    }

    /// About how many bytes of log a start now would read for the jobs.
    pub(crate) fn behind(&self, log: &Log) -> u64 {
        bytes_behind(log, self.saved)
    }

    /// Carries forward what the policy is about to remove, and lets go of it then.
    fn carry(&self, log: &Log, live: &Core, jobs: &Jobs) {
        let floor = log.due();
        let old = jobs.with_args_before(floor, is_needed, CARRIED_MAX);
        let is_all = old.len() < CARRIED_MAX;
        let is_carried =
            is_planted(Bug::TrimArgs) || !old.is_empty() && carry(log, live, &old, floor);
        if is_carried && is_all {
            self.args.advance(floor);
        }
    }

    /// Lets go of history that neither the next checkpoint nor a live job needs.
    fn release(&self, jobs: &Jobs) {
        let Some(saved) = self.saved else { return };
        let needed = jobs.oldest_args(is_needed);
        self.hold.advance(saved.next());
        self.args.advance(needed.unwrap_or(saved.next()));
    }

    /// Reads on from the last checkpoint and saves what came of it. What fails is tried again with the next one.
    pub(crate) fn save(&mut self, log: &Log, live: &Core) {
        let (seq, now, digest) = log.between_commits(|position| {
            let jobs = &live.lock().jobs;
            (position.seq, jobs.now(), jobs.digest())
        });
        if self.saved == Some(seq) {
            return;
        }
        let Ok((_, mut jobs)) = read(log, seq.next()) else { return };
        jobs.advance(now);
        if jobs.digest() != digest {
            let _raised_before = self.alarms.set(Alarm::Diverged { at: seq });
        }
        if self.alarms.get().is_some() {
            return;
        }
        let checkpoint = Checkpoint { seq, bytes: jobs.encode() };
        if log.save_checkpoint(NAME, &checkpoint).is_ok() {
            self.saved = Some(seq);
            self.release(&jobs);
            self.carry(log, live, &jobs);
        }
    }
}

/// The jobs as of the record before `end`, and up to where their checkpoint went.
fn read(
    log: &Log,
    end: Seq,
) -> Result<(Option<Seq>, Jobs), Box<dyn std::error::Error + Send + Sync>> {
    let loaded = log.load_checkpoint(NAME)?;
    let decoded =
        loaded.and_then(|checkpoint| Some((Jobs::decode(&checkpoint.bytes)?, checkpoint.seq)));
    let (mut jobs, saved) = match decoded {
        Some((jobs, seq)) => (jobs, Some(seq)),
        None => (Jobs::default(), None),
    };
    let mut reader = log.reader(Start::At(first_behind(log, saved)))?;
    read_to(&mut reader, end, |record| jobs.apply(record))?;
    Ok((saved, jobs))
}
