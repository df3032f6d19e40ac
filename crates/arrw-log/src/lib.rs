//! The ordered, durable log: the only source of truth, and the only crate that writes files.

pub mod limits;

mod position;
mod storage;

pub use position::{Epoch, Position, PositionError, Seq, Timestamp};
pub use storage::{FileStorage, MemoryStorage, Storage, StorageFile};
