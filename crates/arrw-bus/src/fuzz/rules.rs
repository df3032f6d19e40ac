//! What the bus decides and remembers, record by record, however odd the records are.

use std::sync::Arc;

use arrw_log::{
    Batch, Decider, Decision, Epoch, Frame, Kind, NewRecord, Place, Question, Record, Seq, Settled,
    Timestamp,
};

use super::{Input, Outcome, Target};
use crate::event::NewEvent;
use crate::rules::{Acknowledgement, Ask, BatchAsk, IdAsk, IdAsks, Memory, Rules};

pub(super) const RULES: Target = Target {
    name: "bus-rules",
    what: "records and questions: what is taken back was never there, what is committed is in the memory",
    run: rules,
    seeds: rules_seeds,
    words: &[
        "\u{1}a\u{1}k",
        "\u{7}",
        "\u{5}\u{1}p",
        "\u{2}",
        "\u{3}",
        "\u{4}",
        "a.*",
        "\u{1}\u{1}c",
    ],
};

/// Log time that a step takes, for each of up to 65,535: ids are over after less than half of that.
const STEP_MICROS: u64 = 20_000;

/// The rules, and a memory that is only ever told what was committed.
struct Pair {
    rules: Rules,
    model: Memory,
    /// Records that were placed since the last commit.
    placed: Vec<Frame>,
    next: Seq,
    time: Timestamp,
}

fn rules(input: &[u8]) -> Outcome {
    let mut input = Input::new(input);
    let mut pair = Pair {
        rules: Rules::new(Epoch::from_random(1), Memory::default()),
        model: Memory::default(),
        placed: Vec::new(),
        next: Seq::FIRST,
        time: Timestamp::from_micros(1_000_000),
    };
    let mut decided = [0, 0, 0];
    while !input.is_empty() {
        match input.byte() % 8 {
            0..=3 => pair.place(&mut input),
            4 => pair.settle(Settled::Committed),
            5 => pair.settle(Settled::TakenBack),
            _ => decided[pair.decide(&mut input)] += 1,
        }
    }
    pair.settle(Settled::Committed);
    let memory = &pair.model;
    let again = Memory::decode(&memory.encode()).expect("it was just written");
    assert_eq!((&again, again.digest()), (memory, memory.digest()));
    let sizes = [memory.consumers.len(), memory.ids.len(), memory.floors.len()];
    Outcome::accepted(&[decided, sizes].concat())
}

impl Pair {
    /// Places one record of any kind.
    fn place(&mut self, input: &mut Input<'_>) {
        let time = self.time.micros() + u64::from(input.short()) * STEP_MICROS;
        self.time = Timestamp::from_micros(time);
        let kind = Kind(u16::from(input.byte() % 6));
        let (topic, key, id, payload) = (input.text(), input.part(), input.part(), input.part());
        let headers: &[(&str, &[u8])] = if id.is_empty() { &[] } else { &[(":id", id)] };
        let mut batch = Batch::new();
        if batch.push(NewRecord { kind, topic, key, headers, payload }).is_err() {
            return;
        }
        let frame = Frame::in_memory(batch, self.next, self.time, Epoch::from_random(1));
        self.next = self.next.next();
        self.rules.place(frame.records());
        self.placed.push(frame);
    }

    fn settle(&mut self, settled: Settled) {
        self.rules.settle(settled);
        let placed = std::mem::take(&mut self.placed);
        match settled {
            Settled::Committed => {
                for frame in &placed {
                    frame.records().for_each(|record| self.model.apply(&record));
                }
                assert_eq!(self.rules.committed().digest(), self.model.digest());
            }
            Settled::TakenBack => {
                self.next = Seq::new(self.next.get() - placed.len() as u64);
            }
        }
        assert_eq!(*self.rules.memory(), self.model, "after {settled:?}");
        assert_eq!(self.rules.committed().all(), *self.model.consumers());
        assert_eq!(self.rules.committed().retention(), *self.model.retention());
    }

    /// Asks a question; answers which kind of decision came of it.
    fn decide(&mut self, input: &mut Input<'_>) -> usize {
        let ask = match input.byte() % 5 {
            0 => producer(input),
            1 => Ask::Consumer { name: input.text().to_owned(), generation: input.number() },
            2 => Ask::Retention { pattern: input.text().to_owned() },
            3 => Ask::Ids(ids(input)),
            _ => {
                let name = input.text().to_owned();
                let (generation, seq) = (input.number(), Seq::new(input.number() >> 4));
                let acknowledgements = vec![Acknowledgement { name, generation, seq }];
                Ask::Batch(BatchAsk { ids: Some(ids(input)), acknowledgements })
            }
        };
        let counted = match &ask {
            Ask::Producer { count, .. } => *count,
            Ask::Ids(_)
            | Ask::Batch(_)
            | Ask::Note
            | Ask::Retention { .. }
            | Ask::Consumer { .. } => 1,
        };
        let question: Question = Arc::new(ask);
        let place = Place { seq: self.next, time: self.time };
        let mut made = Batch::new();
        let decision = self.rules.decide(&question, place, &mut made);
        assert!(made.is_empty(), "the bus makes no records");
        match decision {
            Decision::Commit { skip } => {
                assert!(skip < counted.max(1), "{skip} of {counted} are left out");
                0
            }
            Decision::Answer(committed) => {
                assert!(committed.first < self.next, "{committed:?} is still to come");
                1
            }
            Decision::Refuse(_) | Decision::Nothing => 2,
        }
    }
}

fn producer(input: &mut Input<'_>) -> Ask {
    let name = input.text().to_owned();
    Ask::Producer { name, first: input.number(), count: u32::from(input.short()) }
}

/// What events with ids ask.
fn ids(input: &mut Input<'_>) -> IdAsks {
    let count = input.byte() % 4;
    let ask = |_| {
        let (topic, id, payload) = (input.text(), input.text(), input.part());
        let event = NewEvent { id: Some(id), ..NewEvent::new(topic, payload) };
        let mut batch = Batch::new();
        event.push_to(&mut batch).ok()?;
        let record: Option<Record<'_>> = batch.iter().next();
        record.and_then(|record| IdAsk::of(&event, &record))
    };
    IdAsks::new((0..count).filter_map(ask))
}

fn rules_seeds() -> Vec<Vec<u8>> {
    let event = b"\x00\x01\x00\x00\x01a\x01k\x02i1\x021\x00";
    let producer = b"\x00\x01\x00\x01\x00\x01p\x00\x08\x05\x00\x00\x00\x00\x00\x00\x00";
    let opened = b"\x00\x01\x00\x02\x00\x01c\x00\x14\x01\x03\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0a.>";
    let acknowledged = b"\x00\x01\x00\x02\x00\x01c\x00\x09\x02\x07\0\0\0\0\0\0\0";
    let policy =
        b"\x00\x01\x00\x03\x00\x01a\x00\x18\x05\0\0\0\0\0\0\0\x06\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0";
    let floor = b"\x00\x01\x00\x04\x00\x01a\x00\x08\x02\0\0\0\0\0\0\0";
    let records = [&event[..], producer, opened, acknowledged, policy, floor];
    let (commit, back) = (&[4_u8][..], &[5_u8][..]);
    let numbered = b"\x06\x00\x01p\x04\0\0\0\0\0\0\0\x03\x00";
    let known = b"\x06\x03\x01\x01a\x02i1\x021\x00";
    let mut seeds: Vec<Vec<u8>> =
        records.iter().map(|it| [it, back, *it, commit].concat()).collect();
    seeds.push([records.concat(), commit.to_vec(), numbered.to_vec(), known.to_vec()].concat());
    seeds.push([records.concat(), back.to_vec()].concat());
    seeds
}
