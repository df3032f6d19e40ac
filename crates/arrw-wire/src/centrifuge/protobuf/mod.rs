//! The Protobuf encoding: each message of a frame behind its length.
//!
//! The schema uses numbers of variable length and parts behind their length, nothing else, so this is some two hundred
//! lines. `prost` would copy every text and payload into values of its own and could not bound entries before it
//! allocates them.

mod read;
mod write;

pub(super) use read::{Reader, take_delimited};
pub(super) use write::{Writer, append_delimited};

/// What follows a field's number; the other wire types are skipped or refused.
const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const DELIMITED: u64 = 2;
const FIXED_32: u64 = 5;

#[cfg(test)]
mod tests;
