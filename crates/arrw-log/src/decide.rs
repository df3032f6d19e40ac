//! Rules of those who use the log: what becomes of a batch, decided where its place is decided.
//!
//! The writer asks for each batch that carries a question, on the state that all batches before it leave,
//! those of the same frame included. So a rule such as "not twice" or "only if nobody was faster" needs no
//! lock around the append, and its answer is given when all that it rests on is on the disk. What a batch
//! gets may depend on that state too: then the rules make its records.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::frame::Records;
use crate::position::{Seq, Timestamp};
use crate::record::Batch;
use crate::ticket::Committed;

/// What a batch asks its [`Decider`]: anything that both understand.
pub type Question = Arc<dyn Any + Send + Sync>;

/// Why a batch was refused by a [`Decider`].
pub type Refusal = Arc<dyn std::error::Error + Send + Sync>;

/// What is called after each turn; see [`Decider::after_turn`].
pub type AfterTurn = Arc<dyn Fn() + Send + Sync>;

/// Where a batch would come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The seq that its first record would get.
    pub seq: Seq,
    /// The time of the frame. It is later in each turn than in the one before, also when that one wrote
    /// nothing and when the clock goes back.
    pub time: Timestamp,
}

/// What becomes of a batch.
#[derive(Clone, Debug)]
pub enum Decision {
    /// It is committed, without its first so many records, and what was made for it stands behind those
    /// that are left. When that is no record at all, it is `Nothing`.
    Commit {
        /// Records to leave out; all when it has fewer.
        skip: u32,
    },
    /// Nothing is written for it, and nothing was refused: it is answered with a
    /// [`Committed`] that holds no record, `first` being the seq that would be next and `last` the one
    /// before it, with the time of the frame.
    Nothing,
    /// Nothing is written, and this is the answer: an earlier batch did it.
    Answer(Committed),
    /// Nothing is written.
    Refuse(Refusal),
}

/// What became of all that was decided and placed since the last time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// All that was placed is on the disk. Perhaps that was nothing.
    Committed,
    /// It never was, or nobody can say: the log then goes on without it, or stops. All who were decided
    /// about are answered so, those who were refused among them.
    TakenBack,
}

/// The rules. Called under the writer's lock, so they do memory work only and call nothing of the log.
///
/// In one turn the calls come in this order:
///
/// ```text
/// wants  ( decide [place] )*  [ more [place | not_placed] ]  settle
/// ```
pub trait Decider: fmt::Debug + Send {
    /// Says what becomes of a batch.
    ///
    /// Pushes to `made`, which is empty, what is to be committed with it: at most as many bytes as the
    /// batch [reserves](Batch::reserving), else it is refused
    /// ([`AppendError::OverReserved`](crate::AppendError::OverReserved)). It is looked at only when the
    /// answer is [`Decision::Commit`].
    ///
    /// Changes nothing that other decisions rest on: the batch may yet find no place.
    fn decide(&mut self, question: &Question, place: Place, made: &mut Batch) -> Decision;

    /// The records of a batch that asked, or those of [`more`](Self::more), have their places, those that
    /// were made among them. The next decision is made on them.
    fn place(&mut self, records: Records<'_>);

    /// Says what became of all since the last call. Comes at the end of every turn in which
    /// [`decide`](Self::decide) or [`more`](Self::more) was called, whether or not anything was placed;
    /// those who asked are answered after it.
    fn settle(&mut self, settled: Settled);

    /// How many bytes of records it may want to add at the end of this turn's frame; 0, the default, for
    /// none. Asked once in each turn, before anything else.
    ///
    /// It gets less when this is over [`DECIDER_BYTES_MAX`](crate::limits::DECIDER_BYTES_MAX), over a
    /// quarter of what a segment holds, or more than the batches leave of a frame.
    fn wants(&self) -> usize {
        0
    }

    /// Pushes to `made`, which is empty, at most `bytes` of records to be committed behind all else in the
    /// frame. They are a frame of their own when there is nothing else.
    ///
    /// Asked once, when all batches of the turn are decided, if [`wants`](Self::wants) was not 0 and there
    /// is room. There is none when the disk is full for ordinary batches, or when the batches fill the frame.
    fn more(&mut self, _place: Place, _bytes: usize, _made: &mut Batch) {}

    /// What [`more`](Self::more) made is left out: there was one topic too many in it, or it had more
    /// bytes than it could have. All else in the frame stays.
    fn not_placed(&mut self) {}

    /// What to call after every turn, and once the log has stopped or is closed, while no lock is held: for
    /// waking those who wait for this decider. Asked once, when it is set.
    ///
    /// It may use the log. It runs on the thread that had the turn, so it should be short, and those whom
    /// the turn answered may run before it. A strong handle of the log in it keeps the log from being closed by
    /// the drop of the last other one.
    fn after_turn(&self) -> Option<AfterTurn> {
        None
    }
}
