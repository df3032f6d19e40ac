//! What a job is: its number, its state, its priority, and the plan by which it is tried.

use std::fmt;

use arrw_log::{Seq, Timestamp};

use crate::backoff::Backoff;

/// A job's number: the seq of the record that enqueued it. Within one life of the log no other job has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(Seq);

impl JobId {
    /// The job that a record enqueued.
    #[must_use]
    pub fn new(seq: Seq) -> Self {
        Self(seq)
    }

    /// The job of a number.
    #[must_use]
    pub fn from_number(number: u64) -> Self {
        Self(Seq::new(number))
    }

    /// The record that enqueued it.
    #[must_use]
    pub fn seq(self) -> Seq {
        self.0
    }

    /// Its number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.get().fmt(f)
    }
}

/// What proves a lease: the seq of its record. A later lease of the job has a higher one, so whoever comes late with an
/// older one is refused, and a store behind the job can refuse what comes with a lower one than it has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(Seq);

impl Token {
    /// The token of the lease that a record tells of.
    #[must_use]
    pub fn new(seq: Seq) -> Self {
        Self(seq)
    }

    /// The lease's record.
    #[must_use]
    pub fn seq(self) -> Seq {
        self.0
    }
}

/// Where a job is in its life.
///
/// ```text
///            +-> scheduled --time--+
///  enqueue --+                     v
///            +------------------> ready --claim--> leased --complete--> completed
///                                  ^                 |
///                                  +-- release, lost-+--fail, attempts left--> retrying --time--> ready
///                                  |                 +--fail, none left, or discard--> dead --retry--> ready
///                                  |                 +--snooze--> scheduled
///              any that waits -- cancel --> cancelled <--cancel, and then not completed-- leased
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum State {
    /// It becomes ready at its `run_at`.
    Scheduled = 0,
    /// It waits for a worker.
    Ready = 1,
    /// A worker has it.
    Leased = 2,
    /// An attempt failed; it becomes ready again at its `run_at`.
    Retrying = 3,
    /// It is done, and never runs again.
    Completed = 4,
    /// It failed for good. Only a retry by hand makes it run again.
    Dead = 5,
    /// It was cancelled, and never runs again.
    Cancelled = 6,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Scheduled,
        Self::Ready,
        Self::Leased,
        Self::Retrying,
        Self::Completed,
        Self::Dead,
        Self::Cancelled,
    ];

    /// Its name, which is the last token of the topics that tell of it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Ready => "ready",
            Self::Leased => "leased",
            Self::Retrying => "retrying",
            Self::Completed => "completed",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// True when no worker will get the job unless somebody acts.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Dead | Self::Cancelled)
    }

    /// True when the job becomes ready by time alone.
    #[must_use]
    pub fn is_timed(self) -> bool {
        matches!(self, Self::Scheduled | Self::Retrying)
    }

    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte)).copied()
    }

    pub(crate) fn byte(self) -> u8 {
        self as u8
    }

    pub(crate) fn bit(self) -> u8 {
        1 << self.byte()
    }
}

/// Which of the ready jobs of a queue come first. All of a higher priority come before any of a lower one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Priority {
    /// Before all others.
    Urgent = 0,
    /// Before most.
    High = 1,
    /// As most.
    #[default]
    Normal = 2,
    /// When there is nothing else to do.
    Low = 3,
}

impl Priority {
    /// All of them, the first to be served first.
    pub const ALL: [Self; 4] = [Self::Urgent, Self::High, Self::Normal, Self::Low];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }

    /// The priority of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|priority| priority.name() == name)
    }

    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte)).copied()
    }

    pub(crate) fn byte(self) -> u8 {
        self as u8
    }
}

/// How a job is tried.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Plan {
    /// How many attempts it has, 1 to 1,000. Default 25.
    pub max_attempts: u16,
    /// Milliseconds that an attempt may take; 0 for no limit, the default.
    pub timeout_ms: u32,
    /// How long it waits between attempts.
    pub backoff: Backoff,
}

impl Default for Plan {
    fn default() -> Self {
        Self { max_attempts: 25, timeout_ms: 0, backoff: Backoff::default() }
    }
}

/// Which jobs count as the same, and for how long: while one of them holds the key, another is not enqueued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unique {
    /// What they have in common, as a digest of it.
    pub key: [u8; 16],
    /// When the key is free again whatever the job's state; zero for never.
    pub until: Timestamp,
    /// In which states a job holds the key, one bit each by the order of [`State`].
    pub states: u8,
}

impl Unique {
    /// A job holds its key while it is not final.
    pub const UNFINISHED: u8 = 0b0000_1111;

    /// True when a job in this state holds its key now.
    #[must_use]
    pub fn holds(&self, state: State, now: Timestamp) -> bool {
        self.states & state.bit() != 0 && (self.until.micros() == 0 || now < self.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_bytes_lead_back() {
        for state in State::ALL {
            assert_eq!(State::parse(state.name()), Some(state));
            assert_eq!(State::from_byte(state.byte()), Some(state));
            assert_eq!(Unique::UNFINISHED & state.bit() == 0, state.is_final());
        }
        for priority in Priority::ALL {
            assert_eq!(Priority::parse(priority.name()), Some(priority));
            assert_eq!(Priority::from_byte(priority.byte()), Some(priority));
        }
        assert_eq!((State::from_byte(7), Priority::from_byte(4)), (None, None));
    }
}
