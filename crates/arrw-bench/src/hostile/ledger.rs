//! What each write of an attack may leave in the log, and the check of the log against it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How events of one request belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// All or nothing.
    Whole,
    /// Each by itself, up to one from which on there is none.
    Lines,
}

/// What one request is entitled to. Its events have one topic, and the ids 1, 2, ... in their data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Right {
    form: Form,
    /// Events at most.
    most: u64,
    /// Events exactly, once the server has said so.
    told: Option<u64>,
}

/// What all attacks together are entitled to, by topic.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<BTreeMap<String, Right>>);

/// The ids in the log by topic, in their order; 0 for an event without one.
pub(super) type Found = BTreeMap<String, Vec<u64>>;

impl Ledger {
    /// Enters a request before it is sent; answers the topic of its events. A request that must leave nothing
    /// whatever becomes of it has a `most` of 0.
    pub(super) fn enter(&self, attack: &str, form: Form, most: u64) -> String {
        let mut rights = self.lock();
        let topic = format!("hostile.{attack}.{}", rights.len() + 1);
        rights.insert(topic.clone(), Right { form, most, told: None });
        topic
    }

    /// The server said how many events of a request it published; false when it cannot be that many.
    pub(super) fn settle(&self, topic: &str, count: u64) -> bool {
        let mut rights = self.lock();
        let Some(right) = rights.get_mut(topic) else { return false };
        right.told = Some(count);
        match right.form {
            Form::Whole => count == 0 || count == right.most,
            Form::Lines => count <= right.most,
        }
    }

    /// Everything that is wrong with a log; events of topics that begin with `good.` are none of its business.
    pub(super) fn check(&self, found: &Found) -> Vec<String> {
        let rights = self.lock();
        let mut faults = Vec::new();
        for (topic, ids) in found.iter().filter(|(topic, _)| !topic.starts_with("good.")) {
            match rights.get(topic) {
                None => faults.push(format!("`{topic}` is in the log, and nobody may have it")),
                Some(right) => faults.extend(right.check(topic, ids)),
            }
        }
        for (topic, right) in rights.iter().filter(|(topic, _)| !found.contains_key(*topic)) {
            faults.extend(right.check(topic, &[]));
        }
        faults
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Right>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Right {
    fn check(self, topic: &str, ids: &[u64]) -> Option<String> {
        let count = ids.len() as u64;
        if !ids.iter().copied().eq(1..=count) {
            return Some(format!("`{topic}` has the events {ids:?}: not each once in order"));
        }
        let Self { form, most, told } = self;
        let is_right = match (told, form) {
            (Some(told), Form::Whole | Form::Lines) => count == told,
            (None, Form::Whole) => count == 0 || count == most,
            (None, Form::Lines) => count <= most,
        };
        let told = told.map_or("nothing".to_owned(), |told| format!("{told}"));
        (!is_right || most < count).then(|| {
            format!("`{topic}` has {count} events, may have {most} ({form:?}), and was told {told}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks what a log with these ids of the one request comes to.
    fn check((form, most): (Form, u64), told: Option<u64>, ids: &[u64], is_fine: bool) {
        let ledger = Ledger::default();
        let topic = ledger.enter("x", form, most);
        assert_eq!(topic, "hostile.x.1");
        if let Some(told) = told {
            ledger.settle(&topic, told);
        }
        let mut found = Found::from([("good.1".to_owned(), vec![7])]);
        if !ids.is_empty() {
            found.insert(topic, ids.to_vec());
        }
        let faults = ledger.check(&found);
        assert_eq!(faults.is_empty(), is_fine, "{form:?} {most} {told:?} {ids:?}: {faults:?}");
    }

    #[test]
    fn what_was_asked_for_is_there_as_far_as_it_may_be() {
        check((Form::Whole, 2), Some(2), &[1, 2], true);
        check((Form::Whole, 2), Some(0), &[], true);
        check((Form::Whole, 2), None, &[1, 2], true);
        check((Form::Whole, 2), None, &[], true);
        check((Form::Lines, 3), None, &[1, 2], true);
        check((Form::Lines, 3), Some(2), &[1, 2], true);
    }

    #[test]
    fn what_must_not_be_there_is_noticed() {
        // Half of a batch, of which nothing or all was told.
        check((Form::Whole, 2), None, &[1], false);
        check((Form::Whole, 2), Some(0), &[1], false);
        check((Form::Whole, 2), Some(0), &[1, 2], false);
        // Of a request that was cut, which may leave nothing.
        check((Form::Whole, 0), None, &[1], false);
        check((Form::Lines, 0), None, &[1], false);
        // Acknowledged, and lost.
        check((Form::Whole, 2), Some(2), &[], false);
        check((Form::Lines, 3), Some(2), &[1], false);
        // More than was acknowledged, and more than was sent.
        check((Form::Lines, 3), Some(1), &[1, 2], false);
        check((Form::Lines, 3), None, &[1, 2, 3, 4], false);
        check((Form::Lines, 3), Some(4), &[1, 2, 3, 4], false);
        // Twice, out of order, not the first ones, without an id.
        check((Form::Lines, 3), None, &[1, 1], false);
        check((Form::Lines, 3), None, &[2, 1], false);
        check((Form::Lines, 3), None, &[2], false);
        check((Form::Lines, 3), None, &[0], false);
    }

    #[test]
    fn what_nobody_asked_for_is_noticed() {
        let ledger = Ledger::default();
        let found = Found::from([("hostile.x.9".to_owned(), vec![1])]);
        assert_eq!(ledger.check(&found).len(), 1);
        assert!(!ledger.settle("hostile.x.9", 1));
    }

    #[test]
    fn an_answer_that_cannot_be_is_noticed() {
        let ledger = Ledger::default();
        let whole = ledger.enter("x", Form::Whole, 2);
        let lines = ledger.enter("x", Form::Lines, 2);
        assert!(ledger.settle(&whole, 2) && ledger.settle(&lines, 1));
        assert!(!ledger.settle(&whole, 1) && !ledger.settle(&lines, 3));
    }
}
