//! The behaviour of the log at its front door.

mod behaviour;
mod offline;
mod recovery;
mod support;
