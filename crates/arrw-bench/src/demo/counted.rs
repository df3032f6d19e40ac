//! What was counted when all is over, and what is owed until then.

use std::sync::atomic::Ordering;

use serde::Serialize;

use super::board::Board;
use super::summary;

/// What was counted until the end.
#[derive(Clone, Debug, Serialize)]
pub struct Counted {
    /// Events that the server acknowledged.
    pub events: u64,
    /// Events that came to clients.
    pub deliveries: u64,
    /// Jobs that triggers made, those that were done, and attempts that failed.
    pub jobs_made: u64,
    /// See `jobs_made`.
    pub jobs_done: u64,
    /// See `jobs_made`.
    pub jobs_failed: u64,
    /// Kills of the server.
    pub kills: u64,
    /// Times that a client went on where it was.
    pub resumed: u64,
    /// Times that it could not.
    pub unresumed: u64,
    /// Acknowledged events that a client of their topic did not get.
    pub lost: u64,
    /// Events that came to a client again, or behind later ones.
    pub repeated: u64,
    /// Events that a trigger wants and that became no job, or jobs of no event.
    pub jobs_wrong: u64,
    /// What must not have happened.
    pub fault: Option<String>,
}

impl Counted {
    /// True when nothing was lost or repeated, and nothing else went wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let Self { unresumed, lost, repeated, jobs_wrong, fault, .. } = self;
        [unresumed, lost, repeated, jobs_wrong].iter().all(|count| **count == 0) && fault.is_none()
    }
}

/// Whether clients have all events, and workers have done all jobs of them.
pub(super) fn has_all(board: &Board) -> bool {
    owed(board) == 0
        && board.queues().iter().zip(&board.queue_counts).all(|(now, counts)| {
            let wanted = counts.wanted.load(Ordering::Relaxed);
            let done = counts.done.load(Ordering::Relaxed);
            now.made == wanted && wanted <= done
        })
}

/// Acknowledged events that clients do not have.
fn owed(board: &Board) -> u64 {
    let owed = board.seats().map(|seat| {
        let all = board.acknowledged[seat.topic].load(Ordering::Relaxed);
        all.saturating_sub(seat.book.number())
    });
    owed.sum()
}

pub(super) fn count(board: &Board) -> Counted {
    let totals = summary::totals(board, owed(board));
    let (mut made, mut wrong) = (0, 0);
    for (now, counts) in board.queues().iter().zip(&board.queue_counts) {
        made += now.made;
        wrong += now.made.abs_diff(counts.wanted.load(Ordering::Relaxed));
    }
    Counted {
        events: totals.events,
        deliveries: totals.deliveries,
        jobs_made: made,
        jobs_done: totals.jobs,
        jobs_failed: totals.failed,
        kills: totals.kills,
        resumed: totals.resumed,
        unresumed: totals.unresumed,
        lost: totals.lost,
        repeated: totals.repeated,
        jobs_wrong: wrong,
        fault: board.fault(),
    }
}
