//! The behaviour of the log at its front door.

mod behaviour;
mod recovery;
mod support;
