//! What a batch asks, and why it is refused.

use std::collections::BTreeSet;

use arrw_log::{Record, Seq};

use crate::event::NewEvent;
use crate::ids::{IdKey, body_of, key_of};

/// What a batch asks the [`Rules`](super::Rules).
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
    pub(super) asks: Vec<IdAsk>,
    /// An id that two of them have in one topic.
    pub(super) repeated: Option<String>,
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
    pub(super) key: IdKey,
    pub(super) id: String,
    pub(super) body: u64,
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
