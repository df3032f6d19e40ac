//! What the bus decides where the place of a batch is decided: not twice, and only by who may.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arrw_log::{
    Committed, Decider, Decision, Epoch, Kind, Place, Question, Record, Records, Settled,
};

use crate::consumers::{Consumer, ConsumerFact, Consumers};
use crate::event::{Event, NewEvent};
use crate::ids::{Forgot, IdKey, Ids, Known, body_of, key_of};
use crate::limits::{CONSUMERS_MAX, PRODUCERS_MAX};

/// The kind of the control records that say how far a producer is: its name is the key, the number the payload.
pub const PRODUCER: Kind = Kind(1);

/// The kind of the control records that tell of a consumer: its name is the key, a [`ConsumerFact`] the payload.
pub const CONSUMER: Kind = Kind(2);

/// What a batch asks the [`Rules`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Has any of these events been published before?
    Ids(Vec<IdAsk>),
    /// Which of these events, from number `first` of a producer on, are new? A control record with the number
    /// of the last follows them.
    Producer {
        /// Who numbers them.
        name: String,
        /// The first one's number.
        first: u64,
        /// How many they are.
        count: u32,
    },
    /// Is this still the consumer's generation (0 for none such), and may there be one more?
    Consumer {
        /// Its name.
        name: String,
        /// Its generation.
        generation: u64,
    },
}

/// An event with an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdAsk {
    key: IdKey,
    id: String,
    body: u64,
}

/// Why the rules refused a batch. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// The id was used for another event.
    #[error(
        "id `{id}` was used lately for another event in that topic; use another id for this one"
    )]
    IdConflict {
        /// The id.
        id: String,
    },
    /// Some events of a batch were published before, and others not.
    #[error(
        "the event with id `{id}` was published before and others of the batch were not; publish them apart"
    )]
    PartlyPublished {
        /// The first id that is known.
        id: String,
    },
    /// All of them were published before.
    #[error("producer `{name}` published up to {last} before")]
    AlreadyPublished {
        /// The producer.
        name: String,
        /// The highest number of it.
        last: u64,
    },
    /// Another reader has the consumer.
    #[error("consumer `{name}` was taken over by another reader; open it again")]
    Fenced {
        /// The consumer.
        name: String,
    },
    /// There are as many as may be.
    #[error("there are {max} {what} already, which is the most")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        max: usize,
    },
}

impl IdAsk {
    /// What a new event asks; `None` without an id. `record` is the record that it will be.
    #[must_use]
    pub fn of(event: &NewEvent<'_>, record: &Record<'_>) -> Option<Self> {
        let id = event.id?;
        Some(Self { key: key_of(event.topic, id), id: id.to_owned(), body: body_of(record) })
    }
}

/// All that the bus remembers of the log, besides the log: a function of its records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    pub(crate) ids: Ids,
    pub(crate) producers: BTreeMap<String, u64>,
    pub(crate) consumers: Consumers,
}

/// How to take back what was placed.
#[derive(Debug)]
enum Undo {
    Id,
    Producer(String, Option<u64>),
    Consumer(String, Option<Consumer>),
}

impl Memory {
    /// Takes in a record. It must come behind all that were taken in before.
    pub fn apply(&mut self, record: &Record<'_>) {
        self.apply_with(record, &mut Vec::new(), &mut Vec::new());
    }

    /// The consumers.
    #[must_use]
    pub fn consumers(&self) -> &Consumers {
        &self.consumers
    }

    /// The highest number that a producer has published.
    #[must_use]
    pub fn producer(&self, name: &str) -> Option<u64> {
        self.producers.get(name).copied()
    }

    /// How many ids are remembered.
    #[must_use]
    pub fn ids(&self) -> usize {
        self.ids.len()
    }

    fn apply_with(&mut self, record: &Record<'_>, undo: &mut Vec<Undo>, forgot: &mut Forgot) {
        if let Some(event) = Event::of(*record) {
            if let Some(id) = event.id() {
                self.ids.add(&event, key_of(event.topic(), id), body_of(record), forgot);
                undo.push(Undo::Id);
            }
            return;
        }
        let Ok(name) = std::str::from_utf8(record.key()) else { return };
        if record.kind() == PRODUCER
            && let Ok(number) = record.payload().try_into()
        {
            let before = self.producers.insert(name.to_owned(), u64::from_le_bytes(number));
            undo.push(Undo::Producer(name.to_owned(), before));
        } else if record.kind() == CONSUMER
            && let Some(fact) = ConsumerFact::decode(record.payload())
        {
            let before = self.consumers.get(name).cloned();
            self.consumers.set(name, self.consumers.after(name, fact));
            undo.push(Undo::Consumer(name.to_owned(), before));
        }
    }
}

/// The bus's part of the writer: decides on the memory, which it keeps.
#[derive(Debug)]
pub struct Rules {
    epoch: Epoch,
    memory: Memory,
    undo: Vec<Undo>,
    forgot: Forgot,
    committed: Arc<CommittedConsumers>,
}

/// The consumers as they are on the disk, for all to look at.
#[derive(Debug, Default)]
pub struct CommittedConsumers(Mutex<Consumers>);

impl CommittedConsumers {
    /// One of them.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Consumer> {
        self.lock().get(name).cloned()
    }

    /// All of them now.
    #[must_use]
    pub fn all(&self) -> Consumers {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Consumers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rules {
    /// Rules that go on from what the log holds so far.
    #[must_use]
    pub fn new(epoch: Epoch, memory: Memory) -> Self {
        let committed = CommittedConsumers(Mutex::new(memory.consumers.clone()));
        let (undo, forgot) = (Vec::new(), Vec::new());
        Self { epoch, memory, undo, forgot, committed: Arc::new(committed) }
    }

    /// The consumers as they are on the disk.
    #[must_use]
    pub fn consumers(&self) -> Arc<CommittedConsumers> {
        Arc::clone(&self.committed)
    }

    fn decide_ids(&self, asks: &[IdAsk], place: Place) -> Decision {
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

    fn decide_producer(&self, name: &str, first: u64, count: u32) -> Decision {
        let Some(highest) = self.memory.producer(name) else {
            let max = PRODUCERS_MAX;
            if max <= self.memory.producers.len() {
                return refuse(RuleError::TooMany { what: "producers", max });
            }
            return Decision::Commit { skip: 0 };
        };
        let known = (highest + 1).saturating_sub(first);
        match u32::try_from(known) {
            Ok(skip) if skip < count => Decision::Commit { skip },
            _ => refuse(RuleError::AlreadyPublished { name: name.to_owned(), last: highest }),
        }
    }

    fn decide_consumer(&self, name: &str, generation: u64) -> Decision {
        let present = self.memory.consumers.get(name).map_or(0, |consumer| consumer.generation);
        if present != generation {
            return refuse(RuleError::Fenced { name: name.to_owned() });
        }
        if generation == 0 && CONSUMERS_MAX <= self.memory.consumers.len() {
            return refuse(RuleError::TooMany { what: "consumers", max: CONSUMERS_MAX });
        }
        Decision::Commit { skip: 0 }
    }
}

impl Decider for Rules {
    fn decide(&self, question: &Question, place: Place) -> Decision {
        match question.downcast_ref::<Ask>() {
            Some(Ask::Ids(asks)) => self.decide_ids(asks, place),
            Some(Ask::Producer { name, first, count }) => {
                self.decide_producer(name, *first, *count)
            }
            Some(Ask::Consumer { name, generation }) => self.decide_consumer(name, *generation),
            // The question of another view.
            None => Decision::Commit { skip: 0 },
        }
    }

    fn place(&mut self, records: Records<'_>) {
        for record in records {
            self.memory.apply_with(&record, &mut self.undo, &mut self.forgot);
        }
    }

    fn settle(&mut self, settled: Settled) {
        let undo = std::mem::take(&mut self.undo);
        match settled {
            Settled::Committed => {
                self.forgot.clear();
                let mut committed = self.committed.lock();
                for change in undo {
                    if let Undo::Consumer(name, _) = change {
                        committed.set(&name, self.memory.consumers.get(&name).cloned());
                    }
                }
            }
            Settled::TakenBack => {
                let ids = undo.iter().filter(|change| matches!(change, Undo::Id)).count();
                self.memory.ids.take_back(ids, &mut self.forgot);
                for change in undo.into_iter().rev() {
                    match change {
                        Undo::Id => (),
                        Undo::Producer(name, Some(number)) => {
                            self.memory.producers.insert(name, number);
                        }
                        Undo::Producer(name, None) => {
                            self.memory.producers.remove(&name);
                        }
                        Undo::Consumer(name, before) => self.memory.consumers.set(&name, before),
                    }
                }
            }
        }
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
