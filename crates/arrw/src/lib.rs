//! The embeddable engine: an event bus on one ordered, durable log, in a folder of your own.
//!
//! ```
//! use arrw::{Db, NewEvent, Start};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let db = Db::in_memory()?;
//! # #[cfg(any())]
//! let db = Db::open("./data")?;
//! let bus = db.bus();
//!
//! let published = bus.publish(NewEvent::new("orders.created", br#"{"total": 7}"#))?.wait()?;
//!
//! let mut orders = bus.subscribe("orders.>", Start::Earliest)?;
//! let events = orders.try_next()?.expect("the event is there");
//! let event = events.iter().next().expect("there is one at least");
//! assert_eq!((event.topic(), event.seq()), ("orders.created", published.first));
//! db.close()?;
//! # Ok(())
//! # }
//! ```
//!
//! It needs no async runtime and starts none: every wait can be on a thread (`wait`, `next`, an iterator)
//! or in a task of any runtime (`.await`, a `Stream`).

mod batch;
mod bus;
mod consumer;
mod db;
mod error;
mod event_json;
mod events;
mod history;
mod jobs;
mod memory;
mod parker;
mod planted;
mod publish;
mod pump;
mod retention;
mod stats;
mod subscription;
pub mod testing;
mod upkeep;
mod views;
mod worker;

pub use arrw_bus::{
    CONTENT_TYPE_DEFAULT, Event, EventError, Filter, FilterError, NewEvent, RuleError,
    TopicRetention, limits as bus_limits,
};
pub use arrw_log::{
    AppendError, BackupReport, Clock, Drive, Entropy, Environment, Epoch, FileStorage, Hold,
    MemoryStorage, OpenError, OpenReport, Outcome, Position, PositionError, ReadError, RecordError,
    RestoreError, Retention, Seq, Stats as LogStats, Storage, SyncTimes, SystemClock, Timestamp,
    UpkeepError, check_topic,
};

#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub use arrw_log::fuzz;
#[doc(hidden)]
pub use arrw_log::planted_bug;

pub use arrw_jobs::{
    Backoff, Claim, Command, Control, ControlChange, Cron, CronError, Cursor, Detail, Done, Finish,
    Interval, IntervalError, JobError, JobId, JobStatus, Keep, Misfire, NewJob, NewOrder,
    OnDuplicate, Order as StandingOrder, OrderChange, OrderKind, Outcome as JobOutcome, Plan,
    Priority, QueueStatus, Rate, Refused, Rule as OrderRule, Schedule, State as JobState, Token,
    Totals, Unique, UniqueBy, Zone, ZoneError, limits as job_limits, rfc3339,
};
pub use batch::{Batch, Commit, Committed};
pub use bus::Bus;
pub use consumer::{Acknowledge, Consumer, ConsumerLag, ConsumerStatus, check_consumer_name};
pub use db::{Db, Options};
pub use error::{ConsumerError, PublishError, SubscribeError, SubscriptionError};
pub use event_json::Encoder;
pub use events::{Events, Iter, SharedKey};
pub use history::{HISTORY_LIMIT_MAX, History, HistoryError, HistoryQuery, Order, Topic};
pub use jobs::{
    Answers as JobAnswers, ClaimError, Claiming, Enqueued, Enqueuing, Job, JobHistory, Jobs,
    JobsError, LeaseCounts, Load, Payload, Progress, Running, Transition, Waits, WorkerStatus,
    limits as jobs_limits,
};
pub use memory::Alarm;
pub use publish::{Publish, Published};
pub use retention::{Removed, RetentionError};
pub use stats::{BusStats, PatternStats, Pending, SubscriptionStats, Traffic};
pub use subscription::{Policy, Start, Subscription};
pub use worker::{
    Attempt, Attempted, Cancelled, Completion, EncodedArgs, Failure, IntoCompletion, JobArgs,
    RunError, Task, Worker, WorkerBuilder, WorkerError, WorkerRun, WorkerStats,
    limits as worker_limits,
};
