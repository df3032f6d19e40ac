//! What the log alone shows, read as somebody would who knows topics and keys only.

use std::collections::BTreeMap;

use arrw_jobs::{QUEUE, State};
use arrw_log::{Kind, Record};

/// The jobs as their topics tell.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    states: BTreeMap<u64, State>,
}

impl Ledger {
    /// Reads the next record.
    pub(crate) fn read(&mut self, record: &Record<'_>) {
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
