//! The parsers of this crate as functions that a fuzzer calls.

mod event;
mod filter;
mod memory;
mod rules;

pub use arrw_log::fuzz::{Input, Outcome, REFUSAL_BYTES_MAX, Target, checked, seeds, text_of};

/// Every fuzz function of this crate.
pub const TARGETS: &[Target] = &[
    filter::FILTER,
    event::EVENT,
    memory::CONSUMER_FACT,
    memory::RETENTION,
    memory::MEMORY,
    rules::RULES,
];
