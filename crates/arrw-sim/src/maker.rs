//! A decider whose records tell how much it was told before: whoever counts the same knows what it makes.

use std::sync::Arc;

use arrw_log::{Batch, Decider, Decision, Kind, NewRecord, Place, Question, Records, Settled};

/// The topic of what is made; workloads write to it as well.
pub(crate) const MADE_TOPIC: &str = "orders.created";

/// The kind of what is made.
pub(crate) const MADE_KIND: Kind = Kind(9);

/// The key of what is made for no batch.
pub(crate) const MORE_KEY: &[u8] = b"more";

/// Bytes that it wants when it wants any: one record.
const MORE_BYTES: usize = 72;

/// What a batch has made for it.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    /// Records of the batch to leave out.
    pub(crate) skip: u32,
    /// The keys of the records to make.
    pub(crate) keys: Vec<Vec<u8>>,
}

impl Order {
    /// The same batch, so that it gives this order.
    pub(crate) fn ask(self, batch: Batch) -> Batch {
        let bytes = self.keys.iter().map(|key| record(key, &[0; 8]).stored_bytes()).sum();
        batch.asking(Arc::new(self)).reserving(bytes)
    }
}

/// The record that is made with a key by who was told what `payload` says.
pub(crate) fn record<'a>(key: &'a [u8], payload: &'a [u8; 8]) -> NewRecord<'a> {
    NewRecord { kind: MADE_KIND, topic: MADE_TOPIC, key, payload, ..NewRecord::default() }
}

/// How often a [`Maker`] adds records of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum More {
    Never,
    /// Whenever what it was told of is so many, or a multiple.
    Every(u64),
}

impl More {
    /// True when one who was told of so many wants to add a record.
    pub(crate) fn is_due(self, told: u64) -> bool {
        match self {
            Self::Never => false,
            Self::Every(count) => told > 0 && told.is_multiple_of(count),
        }
    }
}

/// The decider.
#[derive(Debug)]
pub(crate) struct Maker {
    /// Records that it was told of.
    told: u64,
    /// Of those, on the disk.
    settled: u64,
    more: More,
}

impl Maker {
    pub(crate) fn new(more: More) -> Self {
        Self { told: 0, settled: 0, more }
    }

    fn make(&self, key: &[u8], made: &mut Batch) {
        let payload = self.told.to_le_bytes();
        made.push(record(key, &payload)).expect("it is within the limits");
    }
}

impl Decider for Maker {
    fn decide(&mut self, question: &Question, _: Place, made: &mut Batch) -> Decision {
        let order = question.downcast_ref::<Order>().expect("nothing else is asked");
        for key in &order.keys {
            self.make(key, made);
        }
        Decision::Commit { skip: order.skip }
    }

    fn place(&mut self, records: Records<'_>) {
        self.told += records.count() as u64;
    }

    fn settle(&mut self, settled: Settled) {
        match settled {
            Settled::Committed => self.settled = self.told,
            Settled::TakenBack => self.told = self.settled,
        }
    }

    fn wants(&self) -> usize {
        if self.more.is_due(self.told) { MORE_BYTES } else { 0 }
    }

    fn more(&mut self, _: Place, bytes: usize, made: &mut Batch) {
        if bytes == MORE_BYTES {
            self.make(MORE_KEY, made);
        }
    }
}
