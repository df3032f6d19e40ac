//! The ordered, durable log: the only source of truth, and the only crate that writes files.
//!
//! A log is a sequence of records in a folder of files. An append is answered when its records are on
//! the disk; a reader sees them only then. After a crash the log is what it was when the last answer was
//! given, or the start says what is damaged. `docs/log-format.md` draws the bytes.
//!
//! ```
//! use arrw_log::{Batch, Environment, Log, MemoryStorage, NewRecord, Options, Start};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // `Log::open(folder)` keeps it in files.
//! let environment = Environment::with_storage(std::sync::Arc::new(MemoryStorage::new()));
//! let log = Log::open_with(environment, Options::default())?;
//!
//! let record = NewRecord { topic: "orders.created", payload: b"42", ..NewRecord::default() };
//! let committed = log.append(Batch::of(record)?).wait()?;
//!
//! let mut reader = log.reader(Start::Earliest)?;
//! let frame = reader.try_next()?.expect("the record is there");
//! let record = frame.records().next().expect("a frame has records");
//! assert_eq!((record.seq(), record.payload()), (committed.first, &b"42"[..]));
//! # Ok(())
//! # }
//! ```

pub mod limits;

#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;

mod after_turn;
mod append;
mod backup;
mod blocks;
mod bytes_at;
mod checkpoint;
mod checksum;
mod decide;
mod environment;
mod error;
mod frame;
mod intake;
mod log;
mod offline;
mod opened;
mod options;
mod planted;
mod position;
mod reader;
mod record;
mod recovery;
mod retention;
mod ring;
mod segment;

mod storage;
mod superblock;
mod sync;
mod sync_times;
mod ticket;
mod topic;
mod topic_history;
mod topics;
mod upkeep;
mod writer;

pub use append::Append;
pub use backup::{BackupReport, RestoreError, restore};
pub use blocks::Blocks;
pub use checkpoint::Checkpoint;
pub use checksum::crc64;
pub use decide::{AfterTurn, Decider, Decision, Place, Question, Refusal, Settled};
pub use environment::{Clock, Entropy, Environment, SystemClock, SystemEntropy};
pub use error::{AppendError, Damage, OpenError, Outcome, ReadError, RecordError, UpkeepError};
pub use frame::{Frame, Records};
pub use log::{Log, Stats};
pub use offline::{
    Inspection, Loss, RepairError, RepairReport, SegmentSummary, Verification, inspect, repair,
    verify,
};
pub use options::{Drive, Options, Retention};
#[doc(hidden)]
pub use planted::planted_bug;
pub use position::{Epoch, Position, PositionError, Seq, Timestamp};
pub use reader::{Reader, Start};
pub use record::{Batch, Headers, Kind, NewRecord, Record, Urgency};
pub use recovery::{CutTail, OpenReport};
pub use retention::Hold;
pub use storage::{FileStorage, FolderLock, MemoryStorage, Storage, StorageFile};
pub use sync_times::SyncTimes;
pub use ticket::Committed;
pub use topic::check_topic;
pub use topics::TopicEnd;
