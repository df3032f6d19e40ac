//! A link whose bytes are taken by the body of an HTTP answer: for clients that only listen.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use crate::sockets::link::Link;

/// Both ends of one.
#[derive(Debug, Default)]
pub(crate) struct Pulled(Mutex<Slot>);

/// One piece at a time: what does not fit waits at the connection.
#[derive(Debug, Default)]
struct Slot {
    piece: Option<Bytes>,
    /// Nothing more comes.
    is_over: bool,
    /// Nobody takes anything more.
    is_gone: bool,
    /// Whoever waits for a piece, and whoever waits for room.
    taker: Option<Waker>,
    giver: Option<Waker>,
}

impl Pulled {
    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next piece; `None` when no more comes.
    pub(crate) fn poll_take(&self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut slot = self.lock();
        if let Some(piece) = slot.piece.take() {
            if let Some(giver) = slot.giver.take() {
                giver.wake();
            }
            return Poll::Ready(Some(piece));
        }
        if slot.is_over {
            return Poll::Ready(None);
        }
        slot.taker = Some(context.waker().clone());
        Poll::Pending
    }

    /// Nobody takes anything more.
    pub(crate) fn leave(&self) {
        let mut slot = self.lock();
        slot.is_gone = true;
        if let Some(giver) = slot.giver.take() {
            giver.wake();
        }
    }
}

impl Link for Arc<Pulled> {
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut slot = self.lock();
        if slot.is_gone {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if slot.piece.is_some() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        slot.piece = Some(Bytes::copy_from_slice(bytes));
        if let Some(taker) = slot.taker.take() {
            taker.wake();
        }
        Ok(bytes.len())
    }

    fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut slot = self.lock();
        if slot.piece.is_none() || slot.is_gone {
            return Poll::Ready(Ok(()));
        }
        slot.giver = Some(context.waker().clone());
        Poll::Pending
    }

    /// Nothing is ever read: it is over when nobody takes anything more.
    fn poll_read(&self, context: &mut Context<'_>, _bytes: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut slot = self.lock();
        if slot.is_gone {
            return Poll::Ready(Ok(0));
        }
        slot.giver = Some(context.waker().clone());
        Poll::Pending
    }

    fn shutdown(&self) {
        let mut slot = self.lock();
        slot.is_over = true;
        if let Some(taker) = slot.taker.take() {
            taker.wake();
        }
    }
}
