//! The parsers of this crate as functions that a fuzzer calls.

mod checkpoint;
mod facts;
mod orders;
mod records;

pub use arrw_log::fuzz::{Input, Outcome, Target};

/// Every fuzz function of this crate.
pub const TARGETS: &[Target] =
    &[facts::FACT, facts::CONTROL, orders::ORDER, records::RECORDS, checkpoint::CHECKPOINT];
