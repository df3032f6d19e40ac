//! The behaviour of the log at its front door.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on ends")]

mod behaviour;
mod called;
mod made;
mod maker;
mod offline;
mod offsets;
mod recovery;
mod support;
