//! What the bus remembers, as bytes: facts of consumers, retention, checkpoints.

use arrw_log::{Seq, Timestamp};

use super::{Outcome, Target};
use crate::consumers::{Consumer, ConsumerFact};
use crate::filter::Filter;
use crate::ids::Known;
use crate::retention::TopicRetention;
use crate::rules::Memory;

pub(super) const CONSUMER_FACT: Target = Target {
    name: "bus-consumer-fact",
    what: "what a record says of a consumer: written and read again it is the same",
    run: consumer_fact,
    seeds: || facts().iter().map(ConsumerFact::encode).collect(),
    words: &["a.*.>", "\u{1}", "\u{2}", "\u{3}"],
};

pub(super) const RETENTION: Target = Target {
    name: "bus-retention",
    what: "how long topics are kept: written and read again it is the same, and the stricter of both",
    run: retention,
    seeds: || policies().iter().map(TopicRetention::encode).collect(),
    words: &[],
};

pub(super) const MEMORY: Target = Target {
    name: "bus-memory",
    what: "checkpoint of the bus: written and read again it is the same, with the same digest",
    run: memory,
    seeds: || vec![Memory::default().encode(), sample().encode()],
    words: &["\u{2}\0\0\0\0\0\0\0", "\u{1}\0\0\0\0\0\0\0", "\0\0\0\0\0\0\0\0"],
};

fn facts() -> [ConsumerFact; 3] {
    [
        ConsumerFact::Opened(consumer()),
        ConsumerFact::Acknowledged(Seq::new(5)),
        ConsumerFact::Deleted,
    ]
}

fn consumer() -> Consumer {
    let filter = Filter::parse("orders.*.>").expect("it is a filter");
    Consumer { filter, cursor: Seq::new(7), generation: 2 }
}

fn policies() -> [TopicRetention; 2] {
    let age_max = Some(std::time::Duration::from_millis(60_000));
    [TopicRetention::default(), TopicRetention { age_max, count_max: Some(5), bytes_max: None }]
}

/// A memory with one or two of everything.
fn sample() -> Memory {
    let mut memory = Memory::default();
    memory.producers.set("p".to_owned(), Some(5));
    memory.consumers.set("c", Some(consumer()));
    memory.retention.set("a.>".to_owned(), Some(policies()[1]));
    memory.floors.insert("a.b".to_owned(), Seq::new(3));
    for number in 1..3 {
        let known = Known {
            body: 7,
            seq: Seq::new(number),
            offset: number,
            time: Timestamp::from_micros(number),
        };
        memory.ids.restore(format!("a\0{number}").as_bytes().into(), known);
    }
    memory
}

fn consumer_fact(input: &[u8]) -> Outcome {
    let Some(fact) = ConsumerFact::decode(input) else {
        return Outcome::refused(&[input.len(), usize::from(input.first().copied().unwrap_or(0))]);
    };
    let written = fact.encode();
    assert_eq!(ConsumerFact::decode(&written).as_ref(), Some(&fact));
    // What stands behind it is for a later version.
    assert!(input.starts_with(&written), "{fact:?} has two forms");
    Outcome::accepted(&[usize::from(written[0]), written.len()])
}

fn retention(input: &[u8]) -> Outcome {
    let Some(policy) = TopicRetention::decode(input) else {
        return Outcome::refused(&[input.len()]);
    };
    let written = policy.encode();
    assert_eq!(TopicRetention::decode(&written), Some(policy));
    assert!(input.starts_with(&written), "{policy:?} has two forms");
    let other = TopicRetention::decode(input.get(8..).unwrap_or_default()).unwrap_or_default();
    let both = policy.and(other);
    assert_eq!((both, both.and(policy)), (other.and(policy), both));
    let bounds = [policy.count_max, policy.bytes_max].map(|bound| usize::from(bound.is_some()));
    Outcome::accepted(&[usize::from(policy.age_max.is_some()), bounds[0], bounds[1]])
}

fn memory(input: &[u8]) -> Outcome {
    let Some(memory) = Memory::decode(input) else { return Outcome::refused(&[input.len()]) };
    let written = memory.encode();
    let again = Memory::decode(&written).expect("it was just written");
    assert_eq!(again, memory);
    assert_eq!(again.digest(), memory.digest());
    assert!(written.len() <= input.len(), "it has more than it was read from");
    Outcome::accepted(&[
        memory.producers.map().len(),
        memory.consumers.len(),
        memory.retention.map().len(),
        memory.floors.len(),
        memory.ids.len(),
    ])
}
