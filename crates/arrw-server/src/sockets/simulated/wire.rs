//! A link without a socket: bytes wait at both ends until a test takes them.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use crate::sockets::link::Link;

/// Both ends of one.
#[derive(Debug)]
pub(super) struct Wire(Mutex<Ends>);

#[derive(Debug)]
struct Ends {
    to_client: VecDeque<u8>,
    /// Bytes that may wait for the client.
    room: usize,
    to_server: VecDeque<u8>,
    /// Nothing goes through any more, as if it was torn.
    is_cut: bool,
    /// The server writes no more.
    is_shut: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Wire {
    pub(super) fn new(room: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Ends {
            to_client: VecDeque::new(),
            room,
            to_server: VecDeque::new(),
            is_cut: false,
            is_shut: false,
            reader: None,
            writer: None,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Ends> {
        self.0.lock().expect("nobody panics while it is held")
    }

    /// The client sends.
    pub(super) fn send(&self, bytes: &[u8]) {
        let mut ends = self.lock();
        ends.to_server.extend(bytes);
        ends.reader.take().into_iter().for_each(Waker::wake);
    }

    /// The client takes up to so many bytes.
    pub(super) fn take(&self, max: usize) -> Vec<u8> {
        let mut ends = self.lock();
        let count = max.min(ends.to_client.len());
        let taken = ends.to_client.drain(..count).collect();
        if 0 < count {
            ends.writer.take().into_iter().for_each(Waker::wake);
        }
        taken
    }

    /// True when something waits for the client.
    pub(super) fn has_more(&self) -> bool {
        !self.lock().to_client.is_empty()
    }

    /// Tears it: what was on its way is lost.
    pub(super) fn cut(&self) {
        let mut ends = self.lock();
        ends.is_cut = true;
        ends.to_client.clear();
        ends.to_server.clear();
        ends.reader.take().into_iter().for_each(Waker::wake);
        ends.writer.take().into_iter().for_each(Waker::wake);
    }

    /// True when the client has all that it will ever get.
    pub(super) fn is_over(&self) -> bool {
        let ends = self.lock();
        ends.is_cut || (ends.is_shut && ends.to_client.is_empty())
    }
}

impl Link for Arc<Wire> {
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut ends = self.lock();
        if ends.is_cut || ends.is_shut {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let room = ends.room.saturating_sub(ends.to_client.len());
        if room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let written = room.min(bytes.len());
        ends.to_client.extend(&bytes[..written]);
        Ok(written)
    }

    fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut ends = self.lock();
        if ends.is_cut || ends.to_client.len() < ends.room {
            return Poll::Ready(Ok(()));
        }
        ends.writer = Some(context.waker().clone());
        Poll::Pending
    }

    fn poll_read(&self, context: &mut Context<'_>, bytes: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut ends = self.lock();
        if ends.is_cut {
            return Poll::Ready(Ok(0));
        }
        let count = bytes.len().min(ends.to_server.len());
        if count == 0 {
            ends.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        for (to, from) in bytes.iter_mut().zip(ends.to_server.drain(..count)) {
            *to = from;
        }
        Poll::Ready(Ok(count))
    }

    fn shutdown(&self) {
        self.lock().is_shut = true;
    }
}
