//! What the bus decides where the place of a batch is decided: not twice, and only by who may.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrw_log::{
    Batch, Committed, Decider, Decision, Epoch, Kind, Place, Question, Record, Records, Seq,
    Settled,
};

use crate::consumers::{Consumer, ConsumerFact, Consumers};
use crate::event::{Event, NewEvent};
use crate::ids::{IdKey, Ids, IdsUndo, Known, body_of, key_of};
use crate::limits::{CONSUMERS_MAX, PRODUCERS_MAX, RETENTIONS_MAX};
use crate::planted::{Bug, is_planted};
use crate::retention::{FloorMap, Floors, TopicRetention};
use crate::summed::{Summed, mix};

/// The kind of the control records that say how far a producer is: its name is the key, the number the payload.
pub const PRODUCER: Kind = Kind(1);

/// The kind of the control records that tell of a consumer: its name is the key, a [`ConsumerFact`] the payload.
pub const CONSUMER: Kind = Kind(2);

/// The kind of the control records that say how long topics are kept: their pattern is the key, a
/// [`TopicRetention`] the payload, or nothing when it was taken away.
pub const RETENTION: Kind = Kind(3);

/// The kind of the control records that say before which seq the events of a topic are gone: the topic is the
/// key, the seq the payload.
pub const FLOOR: Kind = Kind(4);

/// What a batch asks the [`Rules`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Has any of these events been published before?
    Ids(IdAsks),
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
    /// Is all of this new, and may it be acknowledged?
    Batch(BatchAsk),
    /// Nothing: it is to be remembered.
    Note,
    /// May there be one more pattern with a retention of its own?
    Retention {
        /// The pattern.
        pattern: String,
    },
    /// Is this still the consumer's generation (0 for none such), and may there be one more?
    Consumer {
        /// Its name.
        name: String,
        /// Its generation.
        generation: u64,
    },
}

/// What a batch asks that has more than events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchAsk {
    /// Of its events.
    pub ids: Option<IdAsks>,
    /// Its acknowledgements, whose control records follow the events.
    pub acknowledgements: Vec<Acknowledgement>,
}

/// A consumer's acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// The consumer.
    pub name: String,
    /// Its generation when it was opened by who acknowledges.
    pub generation: u64,
    /// All up to here.
    pub seq: Seq,
}

/// What the events of a batch ask that have ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdAsks {
    asks: Vec<IdAsk>,
    /// An id that two of them have in one topic.
    repeated: Option<String>,
}

impl IdAsks {
    /// Whether any of these events has been published before. Looks here, and not where the place of the batch
    /// is decided, whether two of them are the same.
    #[must_use]
    pub fn new(asks: impl IntoIterator<Item = IdAsk>) -> Self {
        let asks: Vec<IdAsk> = asks.into_iter().collect();
        let mut seen = BTreeSet::new();
        let repeated = asks.iter().find(|ask| !seen.insert(&ask.key)).map(|ask| ask.id.clone());
        Self { asks, repeated }
    }
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
    /// Two events of a batch have the same id in the same topic, so only one of them can be.
    #[error(
        "id `{id}` stands twice in the batch for one topic; leave one out, or publish them apart"
    )]
    RepeatedId {
        /// The id.
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
    pub(crate) producers: Summed<String, u64>,
    pub(crate) consumers: Consumers,
    pub(crate) retention: Summed<String, TopicRetention>,
    pub(crate) floors: FloorMap,
}

/// How to take back what was placed.
#[derive(Debug)]
enum Undo {
    Producer(String, Option<u64>),
    Consumer(String, Option<Consumer>),
    Retention(String, Option<TopicRetention>),
    Floor(String, Option<Seq>),
}

impl Memory {
    /// Takes in a record. It must come behind all that were taken in before.
    pub fn apply(&mut self, record: &Record<'_>) {
        let is_forgotten = is_planted(Bug::ForgetIds) && record.kind() == crate::event::EVENT
            || is_planted(Bug::ForgetFloors) && record.kind() == FLOOR;
        if !is_forgotten {
            self.apply_with(record, &mut Vec::new(), &mut Vec::new());
        }
    }

    /// The consumers.
    #[must_use]
    pub fn consumers(&self) -> &Consumers {
        &self.consumers
    }

    /// The highest number that a producer has published.
    #[must_use]
    pub fn producer(&self, name: &str) -> Option<u64> {
        self.producers.map().get(name).copied()
    }

    /// How long topics are kept, by their pattern.
    #[must_use]
    pub fn retention(&self) -> &BTreeMap<String, TopicRetention> {
        self.retention.map()
    }

    /// Before which seq the events of topics are gone.
    #[must_use]
    pub fn floors(&self) -> &FloorMap {
        &self.floors
    }

    /// Forgets floors below the oldest record that is kept: they say nothing.
    pub fn forget_floors(&mut self, first: Seq) {
        self.floors.retain(|_, floor| first < *floor);
    }

    /// How many ids are remembered.
    #[must_use]
    pub fn ids(&self) -> usize {
        self.ids.len()
    }

    /// A number for all of it save the floors, which are forgotten in one memory before they are in another.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let sums =
            [self.ids.sum(), self.producers.sum(), self.consumers.sum(), self.retention.sum()];
        sums.into_iter().fold(0, |digest, sum| mix(digest).wrapping_add(sum))
    }

    fn apply_with(&mut self, record: &Record<'_>, undo: &mut Vec<Undo>, ids: &mut IdsUndo) {
        if let Some(event) = Event::of(*record) {
            if let Some(id) = event.id() {
                self.ids.add(&event, key_of(event.topic(), id), body_of(record), ids);
            }
            return;
        }
        let Ok(name) = std::str::from_utf8(record.key()) else { return };
        if record.kind() == PRODUCER
            && let Ok(number) = record.payload().try_into()
        {
            let before = self.producers.set(name.to_owned(), Some(u64::from_le_bytes(number)));
            undo.push(Undo::Producer(name.to_owned(), before));
        } else if record.kind() == CONSUMER
            && let Some(fact) = ConsumerFact::decode(record.payload())
        {
            let before = self.consumers.set(name, self.consumers.after(name, fact));
            undo.push(Undo::Consumer(name.to_owned(), before));
        } else if record.kind() == RETENTION {
            let policy = TopicRetention::decode(record.payload());
            let before = self.retention.set(name.to_owned(), policy);
            undo.push(Undo::Retention(name.to_owned(), before));
        } else if record.kind() == FLOOR
            && let Ok(seq) = record.payload().try_into()
        {
            let before = self.floors.get(name).copied();
            let floor = Seq::new(u64::from_le_bytes(seq)).max(before.unwrap_or_default());
            set(&mut self.floors, name, Some(floor));
            undo.push(Undo::Floor(name.to_owned(), before));
        }
    }
}

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

/// The consumers and the retention as they are on the disk, for all to look at, and a digest of all.
#[derive(Debug, Default)]
pub struct OnDisk {
    consumers: Mutex<Consumers>,
    retention: Mutex<BTreeMap<String, TopicRetention>>,
    digest: AtomicU64,
    refused: AtomicU64,
}

impl OnDisk {
    /// Batches that were refused since the start, other than those that were published before.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// The [digest](Memory::digest) of the memory as of the last commit; to be looked at between two.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.digest.load(Ordering::Acquire)
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Consumer> {
        self.lock().get(name).cloned()
    }

    /// How many consumers there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// All of them now.
    #[must_use]
    pub fn all(&self) -> Consumers {
        self.lock().clone()
    }

    /// How long topics are kept, by their pattern.
    #[must_use]
    pub fn retention(&self) -> BTreeMap<String, TopicRetention> {
        self.lock_retention().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Consumers> {
        self.consumers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_retention(&self) -> MutexGuard<'_, BTreeMap<String, TopicRetention>> {
        self.retention.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
