//! What a torture came to, whichever it was.

use std::error::Error;

use crate::history::{ChannelFault, Fault, JobFault};

/// What a torture came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome<Summary> {
    /// All that was seen can be true.
    Sound(Summary),
    /// The server did what it must not.
    Faulty {
        /// What that was.
        fault: String,
    },
    /// Too little was seen to prove anything.
    Thin {
        /// What there was too little of.
        what: String,
    },
}

impl<Summary> Outcome<Summary> {
    /// What is wrong, for who looks into it later.
    pub(super) fn fault(&self) -> &str {
        match self {
            Self::Sound(_) => "none",
            Self::Faulty { fault: what } | Self::Thin { what } => what,
        }
    }
}

/// A fault of a history, which may be that there is too little of it.
pub(super) trait HistoryFault: Error {
    fn is_thin(&self) -> bool;
}

impl HistoryFault for Fault {
    fn is_thin(&self) -> bool {
        matches!(self, Self::Thin { .. })
    }
}

impl HistoryFault for JobFault {
    fn is_thin(&self) -> bool {
        matches!(self, Self::Thin { .. })
    }
}

impl HistoryFault for ChannelFault {
    fn is_thin(&self) -> bool {
        matches!(self, Self::Thin { .. })
    }
}

/// The one judge of all that was seen: a fault comes before what there was too little of, whoever saw it, and what the server
/// was seen to do before what that cut off.
#[derive(Debug, Default)]
pub(super) struct Judge {
    fault: Option<String>,
    thin: Option<String>,
}

impl Judge {
    /// Who knows what clients saw at once.
    pub(super) fn new(fault: Option<String>) -> Self {
        Self { fault, thin: None }
    }

    /// Takes what a check found; answers what it summed up.
    pub(super) fn take<T>(&mut self, checked: Result<T, impl HistoryFault>) -> Option<T> {
        match checked {
            Ok(summary) => return Some(summary),
            Err(fault) if fault.is_thin() => self.find_thin(Some(fault.to_string())),
            Err(fault) => self.find_fault(Some(fault.to_string())),
        }
        None
    }

    /// Takes another fault, if there is one.
    pub(super) fn find_fault(&mut self, fault: Option<String>) {
        self.fault = self.fault.take().or(fault);
    }

    /// Takes what there was too little of, if there was.
    pub(super) fn find_thin(&mut self, what: Option<String>) {
        self.thin = self.thin.take().or(what);
    }

    /// `summary` is there when all that was taken is.
    pub(super) fn judge<Summary>(self, summary: Option<Summary>) -> Outcome<Summary> {
        match (self.fault, self.thin, summary) {
            (Some(fault), _, _) => Outcome::Faulty { fault },
            (None, None, Some(summary)) => Outcome::Sound(summary),
            (None, thin, _) => Outcome::Thin { what: thin.unwrap_or_default() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_comes_before_what_is_thin() {
        let mut judge = Judge::default();
        judge.find_thin(Some("little".to_owned()));
        assert_eq!(judge.judge(Some(1)), Outcome::Thin { what: "little".to_owned() });
        let mut judge = Judge::default();
        judge.find_thin(Some("little".to_owned()));
        judge.find_fault(Some("first".to_owned()));
        judge.find_fault(Some("second".to_owned()));
        assert_eq!(judge.judge(Some(1)), Outcome::Faulty { fault: "first".to_owned() });
        let mut judge = Judge::new(None);
        assert_eq!(judge.take(Ok::<_, Fault>(7)), Some(7));
        assert_eq!(judge.judge(Some(7)), Outcome::Sound(7));
    }
}
