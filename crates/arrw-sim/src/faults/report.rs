//! What a run of faults came to, counted.

use std::collections::BTreeMap;
use std::fmt;

use crate::OpKind;

/// Counts of what happened in one run of the script, or in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// Appends that were acknowledged.
    pub acked: u64,
    /// Appends refused for lack of space.
    pub full: u64,
    /// Of those, refused in a call in which the log stopped as well: the superblock could not be written.
    pub full_and_stopped: u64,
    /// Appends of which nobody could say.
    pub unknown: u64,
    /// Appends refused because the log had stopped.
    pub rejected: u64,
    /// Records that readers saw.
    pub seen: u64,
    /// Records that trims removed.
    pub trimmed: u64,
    /// Backups that succeeded.
    pub backups: u64,
    /// Closes that succeeded.
    pub closed: u64,
    /// Logs that stopped.
    pub poisoned: u64,
    /// Opens that failed.
    pub refused_opens: u64,
    /// Restarts after either, or after a failed close.
    pub restarts: u64,
    /// Power cuts that were looked at.
    pub crashes: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.acked += other.acked;
        self.full += other.full;
        self.full_and_stopped += other.full_and_stopped;
        self.unknown += other.unknown;
        self.rejected += other.rejected;
        self.seen += other.seen;
        self.trimmed += other.trimmed;
        self.backups += other.backups;
        self.closed += other.closed;
        self.poisoned += other.poisoned;
        self.refused_opens += other.refused_opens;
        self.restarts += other.restarts;
        self.crashes += other.crashes;
    }
}

/// Counts of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FaultsReport {
    /// Operations of the script without a fault.
    pub ops: BTreeMap<OpKind, u64>,
    /// Combinations of operation and effect that there are.
    pub combinations: u64,
    /// Runs with one fault each, by the operation that failed.
    pub runs: BTreeMap<OpKind, u64>,
    /// Runs on a disk that became full, beside those.
    pub full_runs: u64,
    /// Batches that got the reserve of a full disk.
    pub reserved: u64,
    /// All that happened in them.
    pub tally: Tally,
    /// Runs in which something happened that must not.
    pub failed: u64,
    /// Panics.
    pub panics: u64,
    /// The first failures, with what is needed to repeat them.
    pub failures: Vec<String>,
}

/// Failures that are kept as text.
const FAILURES_MAX: usize = 40;

impl FaultsReport {
    pub(crate) fn fail(&mut self, text: String) {
        self.failed += 1;
        if self.failures.len() < FAILURES_MAX {
            self.failures.push(text);
        }
    }

    /// Adds the counts of another run of the same script.
    pub(crate) fn merge(&mut self, other: Self) {
        for (kind, count) in other.runs {
            *self.runs.entry(kind).or_default() += count;
        }
        self.full_runs += other.full_runs;
        self.reserved += other.reserved;
        self.tally.add(&other.tally);
        self.failed += other.failed;
        self.panics += other.panics;
        self.failures.extend(other.failures);
        self.failures.truncate(FAILURES_MAX);
    }

    /// Whether the run proves that no fault leads to a false answer.
    ///
    /// # Errors
    /// When one did, or when too little happened to prove anything.
    pub fn verdict(&self) -> Result<(), String> {
        if self.failed + self.panics > 0 {
            return Err(self.failures.join("\n"));
        }
        let tally = &self.tally;
        let wanted = [
            ("runs", self.runs.values().sum(), 100),
            ("kinds of operations", self.runs.len() as u64, 11),
            ("runs on a full disk", self.full_runs, 10),
            ("batches in the reserve", self.reserved, 5),
            ("acknowledged appends", tally.acked, 10_000),
            ("full disks", tally.full, 20),
            ("unknown answers", tally.unknown, 20),
            ("stopped logs", tally.poisoned, 20),
            ("failed opens", tally.refused_opens, 5),
            ("trimmed records", tally.trimmed, 1_000),
            ("backups", tally.backups, 50),
            ("closes", tally.closed, 100),
            ("power cuts", tally.crashes, 1_000),
        ];
        match wanted.into_iter().find(|(_, count, min)| count < min) {
            Some((what, count, min)) => {
                Err(format!("the run is too thin: {count} {what}, {min} are needed"))
            }
            None => Ok(()),
        }
    }
}

impl fmt::Display for FaultsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, count) in &self.ops {
            let runs = self.runs.get(kind).copied().unwrap_or(0);
            writeln!(f, "{:12}{count:>6} operations{runs:>8} runs", format!("{kind:?}"))?;
        }
        let runs: u64 = self.runs.values().sum();
        writeln!(f, "{runs} runs of {} combinations", self.combinations)?;
        writeln!(
            f,
            "{} runs on a full disk, {} batches in the reserve",
            self.full_runs, self.reserved
        )?;
        writeln!(f, "{:?}", self.tally)?;
        write!(f, "failed {}, panics {}", self.failed, self.panics)
    }
}
