//! What is written to a client, and what waits while it takes nothing.

use std::collections::VecDeque;
use std::io;

use bytes::Bytes;

use crate::sockets::link::Link;

/// The outward side of a connection. It holds nothing while the client takes what it is sent.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    blocked: Option<Box<Blocked>>,
}

/// What waits: the rest of a write that was cut short, and answers to this client. Never publications but for those of that
/// write: for these the subscription's place is enough.
#[derive(Debug)]
struct Blocked {
    waiting: VecDeque<Bytes>,
    /// Of the first, the bytes that were written.
    written: usize,
    /// Bytes of all.
    bytes: usize,
    /// The second from which on the client took nothing.
    since: u32,
}

impl Outbox {
    /// True while the client takes nothing.
    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked.is_some()
    }

    /// The second from which on the client took nothing.
    pub(crate) fn blocked_since(&self) -> Option<u32> {
        self.blocked.as_ref().map(|blocked| blocked.since)
    }

    /// Bytes that wait.
    pub(crate) fn bytes(&self) -> usize {
        self.blocked.as_ref().map_or(0, |blocked| blocked.bytes)
    }

    /// Writes bytes, or keeps what cannot be written behind what waits. Says how many were written at once.
    ///
    /// # Errors
    /// When the link has ended.
    pub(crate) fn write(&mut self, link: &dyn Link, bytes: &Bytes, now: u32) -> io::Result<usize> {
        if let Some(blocked) = &mut self.blocked {
            blocked.bytes += bytes.len();
            blocked.waiting.push_back(bytes.clone());
            return Ok(0);
        }
        let mut written = 0;
        while written < bytes.len() {
            match link.try_write(&bytes[written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(more) => written += more,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let waiting = VecDeque::from([bytes.clone()]);
                    let rest = bytes.len() - written;
                    let blocked = Blocked { waiting, written, bytes: rest, since: now };
                    self.blocked = Some(Box::new(blocked));
                    break;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) => return Err(error),
            }
        }
        Ok(written)
    }

    /// Writes what waits, as far as the client takes it. Says how many bytes were written.
    ///
    /// # Errors
    /// When the link has ended.
    pub(crate) fn flush(&mut self, link: &dyn Link, now: u32) -> io::Result<usize> {
        let mut all = 0;
        while let Some(blocked) = &mut self.blocked {
            let Some(first) = blocked.waiting.front() else {
                self.blocked = None;
                break;
            };
            match link.try_write(&first[blocked.written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    all += written;
                    blocked.written += written;
                    blocked.bytes -= written;
                    blocked.since = now;
                    if first.len() <= blocked.written {
                        blocked.waiting.pop_front();
                        blocked.written = 0;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }
}
