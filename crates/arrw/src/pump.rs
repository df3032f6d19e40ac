//! Follows the log and notes what was committed, on the thread that committed it.
//!
//! It waits as a reader's task does, but its waker does the work itself: the log wakes readers when no lock
//! is held, right after a commit, so no thread need be woken to find out who else must be.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use arrw_bus::Dispatch;
use arrw_log::{ReadError, Reader};

use crate::memory::Due;

/// Notes committed frames, one thread at a time and in order.
#[derive(Debug)]
pub(crate) struct Pump {
    dispatch: Arc<Dispatch>,
    due: Arc<Due>,
    reader: Mutex<Reader>,
    /// True when somebody came while another one was at it, who then looks again.
    look_again: AtomicBool,
}

impl Pump {
    /// Begins to follow the log that `reader` reads, from where it stands.
    pub(crate) fn start(dispatch: Arc<Dispatch>, due: Arc<Due>, reader: Reader) -> Arc<Self> {
        let (reader, look_again) = (Mutex::new(reader), AtomicBool::new(false));
        let pump = Arc::new(Self { dispatch, due, reader, look_again });
        pump.run();
        pump
    }

    fn run(self: &Arc<Self>) {
        self.look_again.store(true, Ordering::SeqCst);
        while self.look_again.load(Ordering::SeqCst) {
            let Ok(mut reader) = self.reader.try_lock() else { return };
            self.look_again.store(false, Ordering::SeqCst);
            self.note_all(&mut reader);
        }
    }

    /// Notes all that was committed, and leaves a waker for what comes.
    fn note_all(self: &Arc<Self>, reader: &mut Reader) {
        let waker = Waker::from(Arc::clone(self));
        let mut context = Context::from_waker(&waker);
        loop {
            match Pin::new(&mut *reader).poll_next(&mut context) {
                Poll::Pending => return,
                Poll::Ready(Ok(Some(frame))) => {
                    self.dispatch.note(&frame);
                    self.due.add(frame.stored().len() as u64);
                }
                Poll::Ready(Ok(None)) => return self.dispatch.close(),
                Poll::Ready(Err(ReadError::Trimmed { first, .. })) => {
                    reader.skip_to(first);
                    self.dispatch.skip_to(first);
                }
                Poll::Ready(Err(ReadError::Lost { last, .. })) => {
                    self.dispatch.skip_to(last.next());
                }
                // Whoever needs these records is told by their own read; the others must not be held up.
                Poll::Ready(Err(_)) => {
                    let next = reader.next_seq().next();
                    reader.skip_to(next);
                    self.dispatch.skip_to(next);
                }
            }
        }
    }
}

impl Wake for Pump {
    fn wake(self: Arc<Self>) {
        self.run();
    }
}
