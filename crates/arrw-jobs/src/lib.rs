//! The job queue as a view of the log, without a clock, threads or I/O.
//!
//! [`Jobs`] is what the log says of jobs: it takes in records ([`Jobs::apply`]), and time ([`Jobs::advance`]). A [`Turn`]
//! decides [`Command`]s and [`Claim`]s where their place in the log is decided, makes the records, and takes
//! them in at once. Each change of a job is one record, on the topic `jobs.<queue>.<state>`, with JSON for people and, in the
//! header [`FACT`], what this view must know.
//!
//! A standing [`Order`] has jobs enqueued by itself: a schedule at times, a trigger on events. The job names the slot or the
//! event that it is for, so that each has its job once.
//!
//! # Schedules
//!
//! A [`Schedule`] is a [`Cron`] in a time [`Zone`], or an [`Interval`]. It has slots, which are instants, and each slot
//! gets exactly one job, over restarts and clocks that jump: the caller keeps the newest slot that is settled in the log,
//! beside the job, and asks [`Schedule::due`] what comes now. What was missed is skipped or run once ([`Misfire`]).
//!
//! ```
//! use arrw_jobs::{Cron, Misfire, Schedule, Zone};
//! use arrw_log::Timestamp;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cron = Cron::parse("30 2 * * MON-FRI")?;
//! let schedule = Schedule::Cron { cron, zone: Zone::parse("Europe/Berlin")? };
//!
//! // From the log's clock: 2026-11-25T12:00:00Z, a Wednesday.
//! let now = Timestamp::from_micros(1_795_608_000_000_000);
//! let due = schedule.due(now, now, Misfire::RunOnce);
//! assert_eq!(due.run, None);
//!
//! // Thursday at 2:30 in Berlin is 1:30 UTC.
//! let slot = Timestamp::from_micros(1_795_656_600_000_000);
//! assert_eq!(due.next, Some(slot));
//!
//! // A timer woke the caller, a little late.
//! let late = Timestamp::from_micros(slot.micros() + 1_234);
//! let due = schedule.due(due.settled, late, Misfire::RunOnce);
//! assert_eq!(due.run, Some(slot));
//! // The job and `due.settled` are in one commit. Whoever asks again gets no second job.
//! assert_eq!(schedule.due(due.settled, late, Misfire::RunOnce).run, None);
//! # Ok(())
//! # }
//! ```
//!
//! All times are [`arrw_log::Timestamp`]: they come from the log's clock, and this crate reads none.
//!
//! ## What a replay sees of schedules
//!
//! Next slots are computed from rules of time zones that are compiled in and change with the program's version. So a
//! slot is a fact: it is logged, with its job, when the job is made, and a replay reads it and computes nothing. After a
//! new version of the program, slots that come are found by its rules. Slots are known by their instants, so when rules
//! change between a slot and the next, the one local minute that they move may get a job twice, or none.

#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
pub mod limits;

mod backoff;
mod checkpoint;
mod codec;
mod command;
mod control;
mod error;
mod event;
mod ids;
mod job;
mod json;
mod leases;
mod mix;
mod names;
mod new_job;
mod planted;
mod query;
mod queue;
mod schedule;
mod standing;
mod table;
mod told;
mod totals;
mod turn;
mod unique;
mod view;

pub use backoff::Backoff;
pub use command::{Carry, Claim, Command, ControlChange, Detail, Finish, Outcome};
pub use control::{Control, Keep, QUEUE, Rate};
pub use error::{JobError, Refused};
pub use event::{CARRIED, FACT};
pub use job::{JobId, Plan, Priority, State, Token, Unique};
pub use json::rfc3339;
pub use limits::LEASE_BYTES_MAX;
pub use new_job::{Enqueue, NewJob, OnDuplicate, UniqueBy, check_name, check_queue};
pub use query::{Cursor, JobStatus, QueueStatus};
pub use standing::{
    NewOrder, Order, OrderChange, OrderKind, Rule, SCHEDULE, TRIGGER, Trip, Tripped, check_order,
};
pub use told::{Change, Told};
pub use totals::Totals;
pub use turn::{Done, FORGOTTEN, Leased, Turn};
pub use view::Jobs;

pub use schedule::{
    Cron, CronError, Due, Field, Interval, IntervalError, Misfire, Schedule, Zone, ZoneError,
};
