//! What must hold of what was committed, whatever the model says.

use std::collections::{BTreeMap, BTreeSet};

use arrw_jobs::{CARRIED, ControlChange, QUEUE, Rate, State, Told};
use arrw_log::{Kind, Record, Seq};

use super::parts::{Action, Answer, Lease};

/// The jobs as their topics tell, and who has them as the answers tell.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    states: BTreeMap<u64, State>,
    /// The newest record of each.
    newest: BTreeMap<u64, u64>,
    /// Of each leased job its token and its queue.
    valid: BTreeMap<u64, (u64, &'static str)>,
    /// All tokens that were ever given.
    tokens: BTreeSet<u64>,
    limits: BTreeMap<&'static str, Limits>,
}

/// What a queue may give, and when it gave since that was said.
#[derive(Debug, Default)]
struct Limits {
    concurrency_max: u32,
    rate: Option<Rate>,
    given: Vec<u64>,
}

impl Ledger {
    /// Reads the next record, as somebody who knows topics and keys only.
    pub(crate) fn read(&mut self, record: &Record<'_>) {
        self.follow_the_chain(record);
        if record.kind() == CARRIED {
            return;
        }
        let Some((":job", _)) = record.headers().next() else {
            assert!(record.kind() != Kind::default() || record.payload() == b"{}");
            assert!(record.kind() != QUEUE || !record.key().is_empty());
            return;
        };
        let state = State::parse(record.topic().rsplit('.').next().unwrap()).unwrap();
        if record.key().is_empty() {
            assert!(matches!(state, State::Scheduled | State::Ready), "a new job is {state:?}");
            assert_eq!(self.states.insert(record.seq().get(), state), None);
            return;
        }
        let job: u64 = std::str::from_utf8(record.key()).unwrap().parse().unwrap();
        let before = self.states.insert(job, state).unwrap();
        assert!(can_follow(before, state), "job {job} was {before:?} and is {state:?}");
    }

    /// Each record of a job names the one before it, back to where it was enqueued or carried.
    fn follow_the_chain(&mut self, record: &Record<'_>) {
        let Some(told) = Told::by(record) else { return };
        let before = self.newest.insert(told.job().get(), record.seq().get());
        if let Told::Change(change) = told {
            assert_eq!(change.before.map(Seq::get), before, "the record before {:?}", record.seq());
        }
    }

    /// Hears what was done, and when.
    pub(crate) fn hear(&mut self, action: &Action, answer: &Answer, now: u64) {
        match (action, answer) {
            (_, Answer::Leased(leases)) => leases.iter().for_each(|lease| self.lease(lease, now)),
            (Action::Finish { job, token, .. }, Answer::Job { .. }) => {
                let valid = self.valid.remove(job).map(|(token, _)| token);
                assert_eq!(valid, Some(*token), "job {job} was finished with another token");
            }
            (Action::Finish { job, token, .. }, _) => {
                let valid = self.valid.get(job).map(|(token, _)| token);
                assert_ne!(valid, Some(token), "job {job} was not finished with its token");
            }
            (Action::Queue { name, change }, Answer::Queue) => {
                let limits = self.limits.entry(name).or_default();
                if let ControlChange::Limits { concurrency_max, rate } = *change {
                    limits.concurrency_max = concurrency_max;
                    if limits.rate != rate {
                        limits.rate = rate;
                        limits.given.clear();
                    }
                }
            }
            _ => (),
        }
    }

    fn lease(&mut self, lease: &Lease, now: u64) {
        let Lease { job, token, queue, .. } = *lease;
        assert!(self.tokens.last().is_none_or(|last| *last < token), "token {token} comes late");
        self.tokens.insert(token);
        let other = self.valid.insert(job, (token, queue));
        assert_eq!(other, None, "job {job} was given to two");
        let leased = self.valid.values().filter(|(_, of)| *of == queue).count();
        let limits = self.limits.entry(queue).or_default();
        let max = limits.concurrency_max as usize;
        assert!(max == 0 || leased <= max, "{leased} of {queue} at once");
        limits.give(now);
    }
}

impl Limits {
    /// In no time were more given than its rate allows: as many at once, and as many as come evenly then.
    fn give(&mut self, now: u64) {
        let Some(Rate { count, per_ms }) = self.rate else { return };
        self.given.push(now);
        let surplus = self.given.len().saturating_sub(200);
        self.given.drain(..surplus);
        for (at, first) in self.given.iter().enumerate() {
            let since = (self.given.len() - at) as u64;
            let evenly = (now - first) * u64::from(count) / (u64::from(per_ms) * 1_000);
            let max = u64::from(count) + evenly;
            assert!(since <= max, "{since} in {} us, at {count} in {per_ms} ms", now - first);
        }
    }
}

/// Which state may come behind which: the drawing beside [`State`]. What time alone brings is in no record.
fn can_follow(before: State, state: State) -> bool {
    use State::{Cancelled, Completed, Dead, Leased, Ready, Retrying, Scheduled};
    match before {
        Scheduled | Ready | Retrying => state != Completed,
        Leased => true,
        Dead => state == Ready,
        Completed | Cancelled => false,
    }
}
