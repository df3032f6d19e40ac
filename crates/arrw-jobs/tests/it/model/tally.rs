//! How often a history met what.

use std::collections::BTreeMap;

use arrw_jobs::Outcome;

use super::parts::{Action, Answer};

/// Counts by words.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(BTreeMap<String, usize>);

impl Tally {
    pub(crate) fn count(&mut self, word: &str) {
        match self.0.get_mut(word) {
            Some(count) => *count += 1,
            None => {
                self.0.insert(word.to_owned(), 1);
            }
        }
    }

    pub(crate) fn of(&self, word: &str) -> usize {
        self.0.get(word).copied().unwrap_or(0)
    }

    /// Counts what was answered.
    pub(crate) fn answered(&mut self, action: &Action, answer: &Answer) {
        match (action, answer) {
            (_, Answer::Enqueued { is_new: true, .. }) => self.count("enqueued"),
            (_, Answer::Enqueued { .. }) => (),
            (_, Answer::Leased(leased)) => self.count(&format!("leased {}", leased.len().min(3))),
            (Action::Finish { outcome, .. }, Answer::Job { state, .. }) => {
                self.count(&format!("{} -> {}", name(*outcome), state.name()));
            }
            (Action::Cancel(_), Answer::Job { state, .. }) => {
                self.count(&format!("cancel -> {}", state.name()));
            }
            (Action::Retry(_), Answer::Job { state, .. }) => {
                self.count(&format!("retry -> {}", state.name()));
            }
            (Action::Discard(_), Answer::Job { .. }) => self.count("discarded"),
            (Action::Delete(_), Answer::Job { .. }) => self.count("deleted"),
            (Action::Carry { .. }, Answer::Job { .. }) => self.count("carried"),
            (_, Answer::Stale(_)) => self.count("stale"),
            (_, other) => self.count(&format!("{other:?}")),
        }
    }
}

fn name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Complete => "complete",
        Outcome::Fail { .. } => "fail",
        Outcome::Snooze { .. } => "snooze",
        Outcome::Discard => "discard",
        Outcome::Release => "release",
        Outcome::Lost => "lost",
    }
}
