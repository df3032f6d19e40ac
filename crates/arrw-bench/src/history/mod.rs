//! What the clients of a server saw while it was killed again and again, and whether it can be true.
//!
//! Writers number their events and note each write and its answer; readers note what they saw, over all their
//! connections; the log is read once, at the end. [`History::check`] compares them.

mod channels;
mod check;
mod consumers;
mod jobs;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::Serialize;

pub use channels::{
    Acknowledged, ChannelDemand, ChannelFault, ChannelHistory, ChannelSummary, Followed, Follower,
    Publish, PublishForm, Resume,
};
pub use jobs::{
    Ending, Enqueue, Finish, JobDemand, JobFault, JobHistory, JobSummary, Lease, PAUSED, Said,
    Shown, Standing, Task, Told, Transition,
};

/// An event by who wrote it and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Written {
    /// The writer.
    pub writer: u32,
    /// Counted by the writer, never used for two events.
    pub number: u64,
}

impl Written {
    /// What stands for an event that no writer can have sent, such as one whose payload is not what it was.
    #[must_use]
    pub const fn by_nobody(seq: u64) -> Self {
        Self { writer: u32::MAX, number: seq }
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.writer == u32::MAX {
            return f.write_str("an event that does not say whose it is");
        }
        write!(f, "event {} of writer {}", self.number, self.writer)
    }
}

/// How events were published together, and so what holds for those of one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// One event.
    Single,
    /// An array: all or nothing, next to each other.
    Batch,
    /// Lines: without an answer the first of them may be there without the last.
    Lines,
    /// Lines of a producer: sent again until they are answered, and there once.
    Producer,
    /// An array that wants to stand right behind a record, or nowhere.
    Conditional,
}

/// A write: events of one writer whose numbers follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Sent {
    /// How they were published.
    pub form: Form,
    /// The first of them.
    pub first: Written,
    /// How many.
    pub count: u64,
    /// The seq of the record behind which it wants to stand, if it is [conditional](Form::Conditional).
    pub expected: Option<u64>,
    /// When it was sent, for the first time: nanoseconds since the start.
    pub sent_at: u64,
    /// `None` when the server never answered.
    pub answer: Option<Answer>,
}

/// A server's word that a write is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// When it came: nanoseconds since the start.
    pub at: u64,
    /// How many of the events were new; fewer than all only for a producer. None of a conditional write when it
    /// was refused.
    pub count: u64,
    /// The seqs of the first and the last new one; `None` when none was.
    pub place: Option<(u64, u64)>,
}

/// What one reader saw, one connection after the other, from the start of the log to its end.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    /// Which reader.
    pub name: String,
    /// Seq and event.
    pub events: Vec<(u64, Written)>,
    /// How often it resumed behind a kill and then saw more.
    pub resumed: u64,
}

/// What the reader of a consumer saw from one opening of it to the next.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// The seq of its cursor when it was opened; 0 before the first record.
    pub cursor: u64,
    /// Seq and event.
    pub events: Vec<(u64, Written)>,
    /// The highest seq that it tried to acknowledge, and of which it was told that this is on the disk; 0 for none.
    pub asked: u64,
    /// See [`asked`](Self::asked).
    pub acknowledged: u64,
}

/// A consumer of all events with one reader.
#[derive(Clone, Debug, Default)]
pub struct Consumer {
    /// Its name.
    pub name: String,
    /// One behind the other.
    pub sessions: Vec<Session>,
    /// How often its reader came back behind a kill and then saw more.
    pub resumed: u64,
}

/// All that was seen.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// All writes; those of one writer in the order in which they were sent, one after the other.
    pub writes: Vec<Sent>,
    /// What each reader saw.
    pub streams: Vec<Stream>,
    /// What the reader of each consumer saw.
    pub consumers: Vec<Consumer>,
    /// The log at the end.
    pub log: Stream,
    /// Writes that were acknowledged in each round, each of which ended with a kill.
    pub rounds: Vec<u64>,
}

/// How much a history must hold to prove anything.
#[derive(Clone, Copy, Debug)]
pub struct Demand {
    /// Kills.
    pub rounds: u64,
    /// Acknowledged writes in each round.
    pub acknowledged: u64,
    /// Readers.
    pub streams: u64,
    /// Consumers.
    pub consumers: u64,
    /// Times that each reader and each consumer resumed and saw more.
    pub resumed: u64,
    /// Conditional writes that were acknowledged, and as many that were refused.
    pub conditional: u64,
}

/// What a sound history holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Writes that were acknowledged.
    pub acknowledged: u64,
    /// Events in the log.
    pub events: u64,
    /// Those of them whose writers were never answered.
    pub unanswered: u64,
    /// Conditional writes that were refused.
    pub refused: u64,
}

/// Why a history cannot be that of a sound server, or proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// What was acknowledged is not there.
    #[error("lost: {event} was acknowledged and is not in the log")]
    Lost {
        /// The event.
        event: Written,
    },
    /// An event is there twice.
    #[error("doubled: {event} is in the log at {first} and at {second}")]
    Doubled {
        /// The event.
        event: Written,
        /// Its first seq.
        first: u64,
        /// Its second seq.
        second: u64,
    },
    /// An event is not where it must be.
    #[error("moved: {event} is at {seq}, {instead}")]
    Moved {
        /// The event.
        event: Written,
        /// Its seq in the log.
        seq: u64,
        /// Where it should be.
        instead: String,
    },
    /// An event is there that nobody sent.
    #[error("phantom: nobody sent what is at {seq}, {event}")]
    Phantom {
        /// Its seq.
        seq: u64,
        /// What it says it is.
        event: Written,
    },
    /// A write is there in parts that it cannot have.
    #[error("torn: the write that begins with {first} is there without {missing}")]
    Torn {
        /// The first event of the write.
        first: Written,
        /// An event that must be there when others of it are.
        missing: Written,
    },
    /// What was refused is there.
    #[error("kept: {event} was refused and is in the log at {seq}")]
    Kept {
        /// The event.
        event: Written,
        /// Its seq.
        seq: u64,
    },
    /// A cursor went back.
    #[error("back: {consumer} is at {cursor}, and {acknowledged} was acknowledged")]
    CursorBack {
        /// The consumer.
        consumer: String,
        /// Where its cursor is.
        cursor: u64,
        /// Where it had been.
        acknowledged: u64,
    },
    /// A cursor is further than anybody moved it.
    #[error("ahead: {consumer} is at {cursor}, and nobody acknowledged more than {asked}")]
    CursorAhead {
        /// The consumer.
        consumer: String,
        /// Where its cursor is.
        cursor: u64,
        /// The most that its reader tried to acknowledge.
        asked: u64,
    },
    /// A reader did not see an event.
    #[error("gap: {reader} never saw {seq}, {event}")]
    Gap {
        /// The reader.
        reader: String,
        /// The seq of the event.
        seq: u64,
        /// The event.
        event: Written,
    },
    /// A reader saw an event again, or went back.
    #[error("repeat: {reader} saw {seq} behind {before}")]
    Repeat {
        /// The reader.
        reader: String,
        /// What it saw.
        seq: u64,
        /// What it had seen before.
        before: u64,
    },
    /// A reader saw what the log does not have there.
    #[error("phantom: {reader} saw {event} at {seq}, and the log has not")]
    Unseen {
        /// The reader.
        reader: String,
        /// The seq.
        seq: u64,
        /// What it saw there.
        event: Written,
    },
    /// There is too little of something.
    #[error("too thin: {found} {what}, not {wanted}")]
    Thin {
        /// Of what.
        what: &'static str,
        /// How many there are.
        found: u64,
        /// How many there must be.
        wanted: u64,
    },
}
