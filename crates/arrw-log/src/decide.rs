//! Rules of those who use the log: whether a batch is committed, decided where its place is decided.
//!
//! The writer asks for each batch that carries a question, on the state that all batches before it leave,
//! those of the same frame included. So a rule such as "not twice" or "only if nobody was faster" needs no
//! lock around the append, and its answer is given when all that it rests on is on the disk.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::frame::Records;
use crate::position::{Seq, Timestamp};
use crate::ticket::Committed;

/// What a batch asks its [`Decider`]: anything that both understand.
pub type Question = Arc<dyn Any + Send + Sync>;

/// Why a batch was refused by a [`Decider`].
pub type Refusal = Arc<dyn std::error::Error + Send + Sync>;

/// Where a batch would come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The seq that its first record would get.
    pub seq: Seq,
    /// The time of the frame.
    pub time: Timestamp,
}

/// What becomes of a batch.
#[derive(Clone, Debug)]
pub enum Decision {
    /// It is committed, without its first so many records; at least one must be left.
    Commit {
        /// Records to leave out.
        skip: u32,
    },
    /// Nothing is written, and this is the answer: an earlier batch did it.
    Answer(Committed),
    /// Nothing is written.
    Refuse(Refusal),
}

/// What became of all that was placed since the last time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It is on the disk.
    Committed,
    /// It never was, or nobody can say: the log then goes on without it, or stops.
    TakenBack,
}

/// The rules. Called under the writer's lock, so it does memory work only and calls nothing of the log.
pub trait Decider: fmt::Debug + Send {
    /// Says what becomes of a batch. Changes nothing: the batch may yet find no place.
    fn decide(&self, question: &Question, place: Place) -> Decision;

    /// The records of a batch that asked have their places. The next decision is made on them.
    fn place(&mut self, records: Records<'_>);

    /// Says what became of the records placed since the last call.
    fn settle(&mut self, settled: Settled);
}
