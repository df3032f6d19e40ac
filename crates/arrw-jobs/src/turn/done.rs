//! What came of a command, and of a claim.

use std::sync::Arc;

use arrw_log::{Seq, Timestamp};

use crate::job::{JobId, Plan, Priority, State, Token};

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// The job is in the queue.
    Enqueued {
        /// Its number, or that of the first one with its id or unique key.
        job: JobId,
        /// False when there was one before.
        is_new: bool,
    },
    /// The job is in that state now.
    Job {
        /// Which.
        job: JobId,
        /// Its state.
        state: State,
    },
    /// The queue is run so now.
    Queue,
    /// The schedule or trigger is so now.
    Order,
}

/// A job that was handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leased {
    /// Its number.
    pub job: JobId,
    /// What proves the lease.
    pub token: Token,
    /// Its queue.
    pub queue: Arc<str>,
    /// Its kind.
    pub kind: Arc<str>,
    /// Its priority.
    pub priority: Priority,
    /// Which attempt this is, from 1.
    pub attempt: u16,
    /// How it is tried.
    pub plan: Arc<Plan>,
    /// The record that holds its args.
    pub args_at: Seq,
    /// When it became ready, in the log's time.
    pub ready_at: Timestamp,
}
