//! Every bound of a worker, with its unit, its reason and what happens when it is reached.

/// Attempts that run at once when nothing else is set: handlers mostly wait for others, and eight of them are few enough
/// for one that works on a thread each. Raise it for handlers that only wait.
pub const CONCURRENCY_DEFAULT: usize = 8;

/// Attempts that may run at once. More is refused when the worker is built: start a second worker.
pub const CONCURRENCY_MAX: usize = 1_000;

/// Jobs that may be leased ahead of those that run. More is refused when the worker is built: what is leased ahead is
/// held from all other workers.
pub const PREFETCH_MAX: usize = 1_000;

/// Milliseconds after which a job of a kind that a worker does not know is ready again, for another worker or another
/// version of the program.
pub const UNKNOWN_KIND_MS: u64 = 60_000;

/// Milliseconds after which a job whose task was dropped by its runtime is ready again: a runtime that has ended drops all.
pub const DROPPED_MS: u64 = 1_000;

/// Milliseconds that handlers have to end after they were cancelled, when the worker stops. Then their leases go back.
pub const CANCEL_MS_MAX: u64 = 1_000;

/// Jobs that one [`run_due`](super::Worker::run_due) runs. More means that handlers go on making jobs that are ready at once:
/// it ends with an error.
pub const RUN_DUE_MAX: usize = 10_000;

/// Bytes of finishes that go into one append, and how many; more wait for the next. One finish always goes.
pub(crate) const FINISH_BYTES_MAX: usize = 1024 * 1024;
/// See [`FINISH_BYTES_MAX`].
pub(crate) const FINISHES_MAX: usize = 1_000;

/// Rounds of a worker before it lets other tasks of its thread have a turn.
pub(crate) const ROUNDS_MAX: usize = 64;
