//! The engine from outside: what its users see.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod backup;
mod batch;
mod consumers;
mod failing;
mod fan_out;
mod follow;
mod history;
mod job_history;
mod jobs;
mod model;
mod once;
mod policies;
mod retention;
mod standing;
mod stats;
mod support;
mod volatile;
mod worker;
mod worker_live;
