//! Random use of the bus, over crashes and restarts, against a model of a few lines.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrw::{
    Db, Drive, Environment, Filter, MemoryStorage, NewEvent, Options, Position, PublishError,
    RuleError, Seq, Start, Storage, Subscription, Timestamp,
};
use proptest::prelude::*;

use crate::support::{Clock, crash};

const TOPICS: [&str; 4] = ["a", "a.x", "a.y", "b.x"];
const FILTERS: [&str; 5] = [">", "a.>", "*.x", "a", "b.*"];
const IDS_MICROS: u64 = 600 * 1_000_000;
/// The log's time is a microsecond later with each frame. With this much more than whole seconds in each wait,
/// no run comes so near the end of an id's time that it matters: 80 of them are less than a second.
const OFF_THE_EDGE_MICROS: u64 = 12_345;

/// One operation. Numbers are taken relative to what there is when it comes.
#[derive(Clone, Debug)]
enum Op {
    Publish { topic: usize, id: Option<u8>, body: u8 },
    Batch { topics: Vec<usize> },
    Expecting { behind: u64 },
    Produce { producer: u8, first: u64, count: u64 },
    Consume { name: u8, filter: usize },
    Acknowledge { name: u8, share: u64 },
    Delete { name: u8 },
    Purge { topic: usize },
    Follow { filter: usize, share: u64 },
    Read,
    Wait { seconds: u64 },
    Close,
    Crash,
}

fn ops() -> impl Strategy<Value = Op> {
    let topic = 0..TOPICS.len();
    prop_oneof![
        6 => (topic.clone(), proptest::option::of(0..6_u8), 0..3_u8)
            .prop_map(|(topic, id, body)| Op::Publish { topic, id, body }),
        2 => prop::collection::vec(topic, 1..5).prop_map(|topics| Op::Batch { topics }),
        1 => (0..2_u64).prop_map(|behind| Op::Expecting { behind }),
        2 => (0..2_u8, 1..12_u64, 1..6_u64)
            .prop_map(|(producer, first, count)| Op::Produce { producer, first, count }),
        2 => (0..2_u8, 0..FILTERS.len()).prop_map(|(name, filter)| Op::Consume { name, filter }),
        2 => (0..2_u8, 0..1_001_u64).prop_map(|(name, share)| Op::Acknowledge { name, share }),
        1 => (0..2_u8).prop_map(|name| Op::Delete { name }),
        1 => (0..TOPICS.len()).prop_map(|topic| Op::Purge { topic }),
        2 => (0..FILTERS.len(), 0..1_001_u64)
            .prop_map(|(filter, share)| Op::Follow { filter, share }),
        4 => Just(Op::Read),
        1 => (1..700_u64).prop_map(|seconds| Op::Wait { seconds }),
        1 => Just(Op::Close),
        1 => Just(Op::Crash),
    ]
}

/// A record of the model: its topic and payload, or nothing for a control record.
type Record = Option<(&'static str, String)>;

/// What must be.
#[derive(Default)]
struct Model {
    /// Record `seq` stands at `seq - 1`.
    records: Vec<Record>,
    /// Topic and id: body, seq, time.
    ids: BTreeMap<(&'static str, u8), (u8, u64, u64)>,
    producers: BTreeMap<u8, u64>,
    /// Filter, cursor and generation.
    consumers: BTreeMap<u8, (usize, u64, u64)>,
    /// Topic: all up to this seq were purged.
    purged: BTreeMap<&'static str, u64>,
}

struct Follower {
    subscription: Subscription,
    filter: Filter,
    position: Position,
    /// The first seq that it has not seen.
    next: u64,
}

struct World {
    storage: Arc<dyn Storage>,
    clock: Arc<Clock>,
    time: u64,
    db: Db,
    model: Model,
    followers: Vec<Follower>,
    consumers: BTreeMap<u8, arrw::Consumer>,
}

fn open(storage: &Arc<dyn Storage>, clock: &Arc<Clock>) -> Db {
    let mut environment = Environment::with_storage(Arc::clone(storage));
    environment.clock = Arc::<Clock>::clone(clock);
    let mut options = Options::default();
    options.log.segment_bytes = 16 * 1024;
    options.log.ring_bytes = 1024;
    options.log.drive = Drive::Callers;
    Db::open_with(environment, options).unwrap()
}

impl World {
    fn new() -> Self {
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
        let time = 1_000_000_000;
        let clock = Arc::new(Clock::at(time));
        let db = open(&storage, &clock);
        let (model, followers, consumers) = (Model::default(), Vec::new(), BTreeMap::new());
        Self { storage, clock, time, db, model, followers, consumers }
    }

    fn seq_at(&self, share: u64) -> u64 {
        self.model.records.len() as u64 * share / 1_000
    }

    fn position(&self, seq: u64) -> Position {
        Position { epoch: self.db.position().epoch, seq: Seq::new(seq) }
    }

    fn run(&mut self, op: &Op) {
        match op {
            Op::Publish { topic, id, body } => self.publish(TOPICS[*topic], *id, *body),
            Op::Batch { topics } => self.batch(topics),
            Op::Expecting { behind } => self.expecting(*behind),
            Op::Produce { producer, first, count } => self.produce(*producer, *first, *count),
            Op::Consume { name, filter } => self.consume(*name, *filter),
            Op::Acknowledge { name, share } => self.acknowledge(*name, *share),
            Op::Delete { name } => {
                let was_there = self.model.consumers.remove(name).is_some();
                self.consumers.remove(name);
                let deleted = self.db.bus().delete_consumer(&format!("c{name}")).unwrap();
                assert_eq!(deleted, was_there);
                self.model.records.extend(was_there.then_some(None));
            }
            Op::Purge { topic } => {
                let topic = TOPICS[*topic];
                self.db.bus().purge(topic).unwrap();
                let is_its = |record: &Record| record.as_ref().is_some_and(|(t, _)| *t == topic);
                if let Some(at) = self.model.records.iter().rposition(is_its) {
                    self.model.purged.insert(topic, at as u64 + 1);
                    self.model.records.push(None);
                }
            }
            Op::Follow { filter, share } => {
                let (position, next) =
                    (self.position(self.seq_at(*share)), self.seq_at(*share) + 1);
                let filter = Filter::parse(FILTERS[*filter]).unwrap();
                let start = Start::After(position);
                let subscription = self.db.bus().subscribe(filter.as_str(), start).unwrap();
                self.followers.push(Follower { subscription, filter, position, next });
            }
            Op::Read => self.read(),
            Op::Wait { seconds } => {
                self.time += seconds * 1_000_000 + OFF_THE_EDGE_MICROS;
                self.clock.set(Timestamp::from_micros(self.time));
            }
            Op::Close => {
                self.db.close().unwrap();
                self.restart();
            }
            Op::Crash => {
                self.storage = crash(&self.storage);
                self.restart();
            }
        }
        assert_eq!(self.db.position().seq.get(), self.model.records.len() as u64, "{op:?}");
    }

    fn publish(&mut self, topic: &'static str, id: Option<u8>, body: u8) {
        let text = id.map(|id| id.to_string());
        let payload = body.to_string();
        let event = NewEvent { id: text.as_deref(), ..NewEvent::new(topic, payload.as_bytes()) };
        let answer = self.db.bus().publish(event).unwrap().wait();
        let known = id.and_then(|id| self.model.ids.get(&(topic, id)).copied());
        let known = known.filter(|(_, _, time)| self.time <= time + IDS_MICROS);
        match known {
            Some((first, _, _)) if first != body => {
                let conflict = PublishError::Rule(RuleError::IdConflict { id: text.unwrap() });
                assert_eq!(answer.unwrap_err().to_string(), conflict.to_string());
            }
            Some((_, seq, _)) => assert_eq!(answer.unwrap().first.get(), seq),
            None => {
                let seq = answer.unwrap().first.get();
                self.model.records.push(Some((topic, payload)));
                assert_eq!(seq, self.model.records.len() as u64);
                if let Some(id) = id {
                    self.model.ids.insert((topic, id), (body, seq, self.time));
                }
            }
        }
    }

    fn batch(&mut self, topics: &[usize]) {
        let events: Vec<_> =
            topics.iter().map(|topic| NewEvent::new(TOPICS[*topic], b"batch")).collect();
        let published = self.db.bus().publish_all(&events).unwrap().wait().unwrap();
        assert_eq!(published.count, topics.len() as u64);
        let record = |topic: &usize| Some((TOPICS[*topic], "batch".to_owned()));
        self.model.records.extend(topics.iter().map(record));
    }

    fn expecting(&mut self, behind: u64) {
        let last = self.model.records.len() as u64;
        let expected = Seq::new(last.saturating_sub(behind));
        let events = [NewEvent::new("a", b"expecting")];
        let answer = self.db.bus().publish_expecting(expected, &events).unwrap().wait();
        assert_eq!(answer.is_ok(), expected.get() == last);
        if answer.is_ok() {
            self.model.records.push(Some(("a", "expecting".to_owned())));
        }
    }

    fn produce(&mut self, producer: u8, first: u64, count: u64) {
        let payloads: Vec<String> = (first..first + count).map(|n| format!("p{n}")).collect();
        let events: Vec<_> =
            payloads.iter().map(|payload| NewEvent::new("b.x", payload.as_bytes())).collect();
        let name = format!("p{producer}");
        let published = self.db.bus().publish_from(&name, first, &events).unwrap().wait().unwrap();
        let highest = self.model.producers.get(&producer).copied().unwrap_or(0);
        let new: Vec<_> = (first..first + count).filter(|number| highest < *number).collect();
        assert_eq!(published.count, new.len() as u64);
        if let Some(last) = new.last() {
            self.model.records.extend(new.iter().map(|n| Some(("b.x", format!("p{n}")))));
            self.model.records.push(None);
            self.model.producers.insert(producer, *last);
        }
    }

    fn consume(&mut self, name: u8, filter: usize) {
        let opened = self.db.bus().consumer(&format!("c{name}"), FILTERS[filter], Start::Earliest);
        match self.model.consumers.get_mut(&name) {
            Some((present, ..)) if *present != filter => assert!(opened.is_err(), "{opened:?}"),
            present => {
                self.consumers.insert(name, opened.unwrap());
                self.model.records.push(None);
                match present {
                    Some((_, _, generation)) => *generation += 1,
                    None => {
                        self.model.consumers.insert(name, (filter, 0, 1));
                    }
                }
            }
        }
    }

    fn acknowledge(&mut self, name: u8, share: u64) {
        let (seq, position) = (self.seq_at(share), self.position(self.seq_at(share)));
        let Some(consumer) = self.consumers.get(&name) else { return };
        consumer.acknowledge(position).unwrap().wait().unwrap();
        self.model.records.push(None);
        let (_, cursor, _) = self.model.consumers.get_mut(&name).unwrap();
        *cursor = seq.max(*cursor);
    }

    /// Every follower and consumer sees what the model has for it, once and in order.
    fn read(&mut self) {
        for follower in &mut self.followers {
            while let Some(events) = follower.subscription.try_next().unwrap() {
                for event in &events {
                    follower.next = check(&self.model, &follower.filter, follower.next, &event) + 1;
                }
                follower.position = events.position();
            }
            let rest = wanted(&self.model, &follower.filter, follower.next);
            assert_eq!(rest, None, "{} is missing", follower.filter);
            follower.next = self.model.records.len() as u64 + 1;
        }
        let consumers = self.db.bus().consumers().unwrap();
        let expected: Vec<_> = self
            .model
            .consumers
            .iter()
            .map(|(name, (filter, cursor, generation))| {
                (format!("c{name}"), FILTERS[*filter], *cursor, *generation)
            })
            .collect();
        let found: Vec<_> = consumers
            .iter()
            .map(|c| (c.name.clone(), c.filter.as_str(), c.cursor.seq.get(), c.generation))
            .collect();
        let found: Vec<_> = found.iter().map(|(n, f, c, g)| (n.clone(), *f, *c, *g)).collect();
        assert_eq!(found, expected);
    }

    /// What a restart keeps: all but who is connected. Followers and consumers come back.
    fn restart(&mut self) {
        let readers: Vec<u8> = self.consumers.keys().copied().collect();
        self.consumers.clear();
        let old = std::mem::take(&mut self.followers);
        self.db = open(&self.storage, &self.clock);
        for follower in old {
            let start = Start::After(follower.position);
            let filter = follower.filter.clone();
            let subscription = self.db.bus().subscribe(filter.as_str(), start).unwrap();
            self.followers.push(Follower { subscription, ..follower });
        }
        for name in readers {
            let (filter, cursor, _) = self.model.consumers[&name];
            self.consume(name, filter);
            let consumer = self.consumers.get_mut(&name).unwrap();
            let filter = Filter::parse(FILTERS[filter]).unwrap();
            let mut next = cursor + 1;
            while let Some(events) = consumer.try_next().unwrap() {
                for event in &events {
                    next = check(&self.model, &filter, next, &event) + 1;
                }
            }
            assert_eq!(wanted(&self.model, &filter, next), None);
        }
    }
}

/// The first seq from `next` on that a filter wants.
fn wanted(model: &Model, filter: &Filter, next: u64) -> Option<u64> {
    let from = usize::try_from(next - 1).unwrap();
    let is_wanted = |(seq, record): &(u64, &Record)| {
        record.as_ref().is_some_and(|(topic, _)| {
            filter.matches(topic) && model.purged.get(topic).is_none_or(|purged| purged < seq)
        })
    };
    let mut rest = (next..).zip(model.records.get(from..)?);
    rest.find(is_wanted).map(|(seq, _)| seq)
}

/// An event is the next one that the filter wants; answers its seq.
fn check(model: &Model, filter: &Filter, next: u64, event: &arrw::Event<'_>) -> u64 {
    let seq = event.seq().get();
    assert_eq!(Some(seq), wanted(model, filter, next), "{filter}");
    let at = usize::try_from(seq - 1).unwrap();
    let (topic, payload) = model.records[at].as_ref().unwrap();
    assert_eq!((event.topic(), event.payload()), (*topic, payload.as_bytes()));
    seq
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_bus_agrees_with_the_model(ops in prop::collection::vec(ops(), 1..80)) {
        let mut world = World::new();
        for op in &ops {
            world.run(op);
        }
        world.run(&Op::Read);
        world.run(&Op::Crash);
        world.run(&Op::Read);
    }
}
