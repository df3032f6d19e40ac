//! The JSON encoding: a message is an object on a line of its own, and payloads are values inside it.
//!
//! Payloads are never read beyond their grammar and never written anew: what came in is a part of the frame, and what
//! goes out is copied, save that line ends between its tokens become spaces. Hence a reader of our own, and not
//! `serde`: it refuses lists where the schema has objects, bounds depth and entries while it reads, takes `null` as
//! absent, and keeps texts and payloads where they are.

mod read;
mod scan;
mod write;

pub(super) use read::Reader;
pub(super) use write::Writer;

/// True when bytes are one JSON value, nested no deeper than [`DEPTH_MAX`](super::limits::DEPTH_MAX) levels: what
/// a payload must be to go to clients that speak JSON. Reads all of it once, allocates nothing.
#[must_use]
pub fn is_json(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let mut scanner = scan::Scanner::new(text, 0);
    scanner.value().is_ok() && scanner.end().is_ok()
}

#[cfg(test)]
mod tests;
