//! A decider that does what each batch tells it, and keeps what it was called for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use arrw_log::{
    AfterTurn, Batch, Clock, Committed, Decider, Decision, NewRecord, Place, Question, Records,
    Settled, Timestamp,
};

use crate::support::Seen;

/// A topic and a payload.
pub(crate) type Made = (&'static str, &'static str);

/// What a batch has done with it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ask {
    /// Leaves out so many records and makes these.
    Commit(u32, &'static [Made]),
    /// Makes these and then commits nothing.
    Nothing(&'static [Made]),
    /// Answers as if an earlier batch had done it.
    Answer(Committed),
    /// Makes these and then refuses.
    Refuse(&'static [Made]),
}

/// Why a batch was refused.
#[derive(Debug, thiserror::Error)]
#[error("it was told to refuse")]
pub(crate) struct Told;

/// A call of the decider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// With the seq of the place.
    Decide(u64),
    Place(Vec<Seen>),
    /// With the seq of the place and the bytes.
    More(u64, usize),
    NotPlaced,
    Settle(Settled),
}

/// What is known of the decider outside of the log.
#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) calls: Vec<Call>,
    pub(crate) times: Vec<Timestamp>,
    /// What it wants, and what it makes when it is asked for more.
    pub(crate) wants: usize,
    pub(crate) more: &'static [Made],
    /// What it wants called after each turn when it is set.
    pub(crate) after_turn: Option<AfterTurn>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("calls", &self.calls).finish_non_exhaustive()
    }
}

/// The decider. Clones share what they know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Maker(Arc<Mutex<Shared>>);

impl Maker {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap()
    }

    /// The calls since the last time.
    pub(crate) fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.lock().calls)
    }
}

fn push(made: &mut Batch, records: &[Made]) {
    for (topic, payload) in records {
        let payload = payload.as_bytes();
        made.push(NewRecord { topic, payload, ..NewRecord::default() }).unwrap();
    }
}

impl Decider for Maker {
    fn decide(&mut self, question: &Question, place: Place, made: &mut Batch) -> Decision {
        assert!(made.is_empty());
        let mut shared = self.lock();
        shared.calls.push(Call::Decide(place.seq.get()));
        shared.times.push(place.time);
        match question.downcast_ref::<Ask>() {
            Some(Ask::Commit(skip, records)) => {
                push(made, records);
                Decision::Commit { skip: *skip }
            }
            Some(Ask::Nothing(records)) => {
                push(made, records);
                Decision::Nothing
            }
            Some(Ask::Answer(committed)) => Decision::Answer(*committed),
            Some(Ask::Refuse(records)) => {
                push(made, records);
                Decision::Refuse(Arc::new(Told))
            }
            None => unreachable!("all batches of these tests ask so"),
        }
    }

    fn place(&mut self, records: Records<'_>) {
        let seen = records.map(|record| {
            let payload = String::from_utf8(record.payload().to_vec()).unwrap();
            (record.seq().get(), record.topic().to_owned(), record.offset(), payload)
        });
        self.lock().calls.push(Call::Place(seen.collect()));
    }

    fn settle(&mut self, settled: Settled) {
        self.lock().calls.push(Call::Settle(settled));
    }

    fn wants(&self) -> usize {
        self.lock().wants
    }

    fn more(&mut self, place: Place, bytes: usize, made: &mut Batch) {
        assert!(made.is_empty());
        let mut shared = self.lock();
        shared.calls.push(Call::More(place.seq.get(), bytes));
        push(made, shared.more);
    }

    fn not_placed(&mut self) {
        self.lock().calls.push(Call::NotPlaced);
    }

    fn after_turn(&self) -> Option<AfterTurn> {
        self.lock().after_turn.clone()
    }
}

/// A clock that shows what it is set to. Clones show the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hand(pub(crate) Arc<AtomicU64>);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed))
    }
}
