//! What the bus decides where the place of a batch is decided: not twice, and only by who may.

mod ask;
mod memory;
mod on_disk;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use arrw_log::{
    Batch, Committed, Decider, Decision, Epoch, Kind, Place, Question, Records, Settled,
};

use crate::ids::{IdsUndo, Known};
use crate::limits::{CONSUMERS_MAX, PRODUCERS_MAX, RETENTIONS_MAX};
use crate::planted::{Bug, is_planted};
use crate::retention::Floors;
pub use ask::{Acknowledgement, Ask, BatchAsk, IdAsk, IdAsks, RuleError};
pub use memory::Memory;
use memory::Undo;
pub use on_disk::OnDisk;

/// The kind of the control records that say how far a producer is: its name is the key, the number the payload.
pub const PRODUCER: Kind = Kind(1);

/// The kind of the control records that tell of a consumer: its name is the key, a [`ConsumerFact`](crate::ConsumerFact) the payload.
pub const CONSUMER: Kind = Kind(2);

/// The kind of the control records that say how long topics are kept: their pattern is the key, a
/// [`TopicRetention`](crate::TopicRetention) the payload, or nothing when it was taken away.
pub const RETENTION: Kind = Kind(3);

/// The kind of the control records that say before which seq the events of a topic are gone: the topic is the
/// key, the seq the payload.
pub const FLOOR: Kind = Kind(4);

/// The bus's part of the writer: decides on the memory, which it keeps.
#[derive(Debug)]
pub struct Rules {
    epoch: Epoch,
    memory: Memory,
    undo: Vec<Undo>,
    undo_ids: IdsUndo,
    committed: Arc<OnDisk>,
    floors: Arc<Floors>,
}

impl Rules {
    /// Rules that go on from what the log holds so far.
    #[must_use]
    pub fn new(epoch: Epoch, memory: Memory) -> Self {
        let committed = OnDisk {
            consumers: Mutex::new(memory.consumers.clone()),
            retention: Mutex::new(memory.retention.map().clone()),
            digest: AtomicU64::new(memory.digest()),
            refused: AtomicU64::new(0),
        };
        let (undo, undo_ids) = (Vec::new(), Vec::new());
        let floors = Arc::new(Floors::new(memory.floors.clone()));
        Self { epoch, memory, undo, undo_ids, committed: Arc::new(committed), floors }
    }

    /// What is on the disk, for all to look at.
    #[must_use]
    pub fn committed(&self) -> Arc<OnDisk> {
        Arc::clone(&self.committed)
    }

    /// Before which seq the events of topics are gone.
    #[must_use]
    pub fn floors(&self) -> Arc<Floors> {
        Arc::clone(&self.floors)
    }

    /// The memory with what was placed and is not settled.
    #[cfg(feature = "fuzz")]
    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    fn decide_ids(&self, IdAsks { asks, repeated }: &IdAsks, place: Place) -> Decision {
        if let Some(id) = repeated {
            return refuse(RuleError::RepeatedId { id: id.clone() });
        }
        let mut first: Option<Known> = None;
        let mut last = None;
        let mut new = 0;
        for ask in asks {
            match self.memory.ids.get(&ask.key, place.time) {
                None => new += 1,
                Some(known) if known.body != ask.body => {
                    return refuse(RuleError::IdConflict { id: ask.id.clone() });
                }
                Some(known) => {
                    first = first.or(Some(known));
                    last = Some((ask, known));
                }
            }
        }
        match (first, last) {
            (Some(first), Some((_, last))) if new == 0 => Decision::Answer(Committed {
                epoch: self.epoch,
                first: first.seq,
                last: last.seq,
                last_offset: last.offset,
                time: last.time,
            }),
            (_, Some((ask, _))) => refuse(RuleError::PartlyPublished { id: ask.id.clone() }),
            (_, None) => Decision::Commit { skip: 0 },
        }
    }

    /// All of a batch that has more than events, or nothing.
    fn decide_batch(&self, ask: &BatchAsk, place: Place) -> Decision {
        let BatchAsk { ids, acknowledgements } = ask;
        let events = ids.as_ref().map(|ids| (ids, self.decide_ids(ids, place)));
        match events {
            Some((_, refused @ Decision::Refuse(_))) => refused,
            Some((ids, Decision::Answer(committed))) => {
                let is_done = |it: &Acknowledgement| {
                    self.memory.consumers.get(&it.name).is_some_and(|now| it.seq <= now.cursor)
                };
                if acknowledgements.iter().all(is_done) {
                    // As the first time: the acknowledgements stand behind the events.
                    let last = committed.last.plus(acknowledgements.len() as u64);
                    return Decision::Answer(Committed { last, ..committed });
                }
                // The events came before, in another batch.
                let id = ids.asks.first().map(|ask| ask.id.clone()).unwrap_or_default();
                refuse(RuleError::PartlyPublished { id })
            }
            Some((_, Decision::Commit { .. } | Decision::Nothing)) | None => {
                let decide = |it: &Acknowledgement| self.decide_consumer(&it.name, it.generation);
                let refused = acknowledgements.iter().map(decide);
                let mut refused = refused.filter(|it| matches!(it, Decision::Refuse(_)));
                refused.next().unwrap_or(Decision::Commit { skip: 0 })
            }
        }
    }

    fn decide_producer(&self, name: &str, first: u64, count: u32) -> Decision {
        let Some(highest) = self.memory.producer(name) else {
            let max = PRODUCERS_MAX;
            if max <= self.memory.producers.map().len() {
                return refuse(RuleError::TooMany { what: "producers", max });
            }
            return Decision::Commit { skip: 0 };
        };
        let next = if is_planted(Bug::RepeatTheLast) { highest } else { highest.saturating_add(1) };
        let known = next.saturating_sub(first);
        match u32::try_from(known) {
            Ok(skip) if skip < count => Decision::Commit { skip },
            _ => refuse(RuleError::AlreadyPublished { name: name.to_owned(), last: highest }),
        }
    }

    fn answer(&self, question: &Question, place: Place) -> Decision {
        match question.downcast_ref::<Ask>() {
            Some(Ask::Ids(asks)) => self.decide_ids(asks, place),
            Some(Ask::Batch(ask)) => self.decide_batch(ask, place),
            Some(Ask::Producer { name, first, count }) => {
                self.decide_producer(name, *first, *count)
            }
            Some(Ask::Consumer { name, generation }) => self.decide_consumer(name, *generation),
            Some(Ask::Retention { pattern }) => {
                let known = self.memory.retention();
                if known.contains_key(pattern) || known.len() < RETENTIONS_MAX {
                    return Decision::Commit { skip: 0 };
                }
                refuse(RuleError::TooMany { what: "retention policies", max: RETENTIONS_MAX })
            }
            // Nothing to decide, or the question of another view.
            Some(Ask::Note) | None => Decision::Commit { skip: 0 },
        }
    }

    /// Shows all readers what was committed.
    fn publish(&mut self, changes: &[Undo]) {
        let floors = changes.iter().filter_map(|change| match change {
            Undo::Floor(topic, _) => Some((topic.as_str(), *self.memory.floors.get(topic)?)),
            Undo::Producer(..) | Undo::Consumer(..) | Undo::Retention(..) => None,
        });
        let mut floors = floors.peekable();
        if floors.peek().is_some() {
            self.floors.raise(floors);
            self.floors.forget_in(&mut self.memory.floors);
        }
        for change in changes {
            match change {
                Undo::Consumer(name, _) => {
                    let consumer = self.memory.consumers.get(name).cloned();
                    self.committed.lock().set(name, consumer);
                }
                Undo::Retention(pattern, _) => {
                    let policy = self.memory.retention.map().get(pattern).copied();
                    set(&mut self.committed.lock_retention(), pattern, policy);
                }
                Undo::Producer(..) | Undo::Floor(..) => (),
            }
        }
    }

    fn decide_consumer(&self, name: &str, generation: u64) -> Decision {
        let present = self.memory.consumers.get(name).map_or(0, |consumer| consumer.generation);
        if present != generation && !is_planted(Bug::NoFence) {
            return refuse(RuleError::Fenced { name: name.to_owned() });
        }
        if generation == 0 && CONSUMERS_MAX <= self.memory.consumers.len() {
            return refuse(RuleError::TooMany { what: "consumers", max: CONSUMERS_MAX });
        }
        Decision::Commit { skip: 0 }
    }
}

impl Decider for Rules {
    fn decide(&mut self, question: &Question, place: Place, _made: &mut Batch) -> Decision {
        let decision = self.answer(question, place);
        if let Decision::Refuse(refusal) = &decision
            && !matches!(refusal.downcast_ref(), Some(RuleError::AlreadyPublished { .. }))
        {
            self.committed.refused.fetch_add(1, Ordering::Relaxed);
        }
        decision
    }

    fn place(&mut self, records: Records<'_>) {
        for record in records {
            self.memory.apply_with(&record, &mut self.undo, &mut self.undo_ids);
        }
    }

    fn settle(&mut self, settled: Settled) {
        if self.undo.is_empty() && self.undo_ids.is_empty() {
            // The turn changed nothing here, and the digest is as it was.
            return;
        }
        let undo = std::mem::take(&mut self.undo);
        match settled {
            Settled::Committed => {
                self.undo_ids.clear();
                self.publish(&undo);
                self.committed.digest.store(self.memory.digest(), Ordering::Release);
            }
            Settled::TakenBack => {
                self.memory.ids.take_back(&mut self.undo_ids);
                for change in undo.into_iter().rev() {
                    match change {
                        Undo::Producer(name, before) => {
                            self.memory.producers.set(name, before);
                        }
                        Undo::Consumer(name, before) => {
                            self.memory.consumers.set(&name, before);
                        }
                        Undo::Retention(name, before) => {
                            self.memory.retention.set(name, before);
                        }
                        Undo::Floor(name, before) => {
                            set(&mut self.memory.floors, &name, before);
                        }
                    }
                }
            }
        }
    }
}

/// Sets or removes an entry; answers what was there.
fn set<T>(map: &mut BTreeMap<String, T>, name: &str, value: Option<T>) -> Option<T> {
    match value {
        Some(value) => map.insert(name.to_owned(), value),
        None => map.remove(name),
    }
}

fn refuse(error: RuleError) -> Decision {
    Decision::Refuse(Arc::new(error))
}

/// The control record that says how far a producer is.
#[must_use]
pub fn producer_record<'a>(name: &'a str, number: &'a [u8; 8]) -> arrw_log::NewRecord<'a> {
    arrw_log::NewRecord {
        kind: PRODUCER,
        key: name.as_bytes(),
        payload: number,
        ..arrw_log::NewRecord::default()
    }
}
