//! Tools for a log that nobody has open: look at it, check every byte of it, give up what is damaged.

mod inspect;
mod repair;
mod runs;
mod verify;

pub use inspect::{Inspection, SegmentSummary, inspect};
pub use repair::{Loss, RepairError, RepairReport, repair};
pub(crate) use verify::examine;
pub use verify::{Verification, verify};
