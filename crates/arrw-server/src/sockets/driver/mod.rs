//! Drives connections by tokio: a small task each, which reads; workers write.

mod head;
mod pulled;
mod tcp;
mod upgrade;

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use arrw_wire::centrifuge::Encoding;
use arrw_wire::code;
use arrw_wire::websocket::deflate::Inflater;
use arrw_wire::websocket::{Event, Reader};

pub(crate) use self::head::{Begun, Head, begin};
pub(crate) use self::pulled::Pulled;
pub(crate) use self::tcp::{Encrypted, Tcp};
pub(crate) use self::upgrade::upgrade;
use super::connection::Connection;
use super::hub::{Hub, Now, Work};
use super::session;
use tokio::sync::OwnedSemaphorePermit;

use crate::admission::Place;
use crate::limits::READ_BYTES;

/// What all connections of a thread use in turn: an idle connection has no buffer.
struct Scratch {
    received: Box<[u8]>,
    /// Where messages are gathered of connections that have none of their own.
    gathered: Vec<u8>,
    inflater: Inflater,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch {
        received: vec![0; READ_BYTES].into(),
        gathered: Vec::new(),
        inflater: Inflater::default(),
    });
}

/// Reads what a client sends, and writes what it could not take at once, until it is gone.
pub(crate) struct Drive {
    hub: Arc<Hub>,
    connection: Arc<Connection>,
    reader: Reader,
    /// What of a message was received, when it is not whole.
    rest: Option<Box<Rest>>,
    _room: Room,
}

/// What a connection takes up while it is there.
#[derive(Debug)]
pub(crate) enum Room {
    /// A place among all connections.
    Socket { _place: Place },
    /// A place among the streams of events.
    Stream { _place: OwnedSemaphorePermit },
}

/// What is kept between two reads.
struct Rest {
    /// The beginning of a head or of a control frame.
    begun: Vec<u8>,
    /// The beginning of a message.
    gathered: Vec<u8>,
    /// The former came with the handshake, and nobody looked at it.
    is_unread: bool,
}

impl Drive {
    /// `received` came with the handshake; `room` is kept until the connection is over.
    pub(crate) fn new(
        hub: Arc<Hub>,
        connection: Arc<Connection>,
        reader: Reader,
        received: Vec<u8>,
        room: Room,
    ) -> Self {
        hub.add(&connection);
        let now = hub.now();
        connection.look_by(&hub, &mut connection.lock(), now);
        let rest = (!received.is_empty())
            .then(|| Box::new(Rest { begun: received, gathered: Vec::new(), is_unread: true }));
        Self { hub, connection, reader, rest, _room: room }
    }

    /// Reads what there is. Ready when nothing more will come.
    fn read(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let read = SCRATCH.with_borrow_mut(|scratch| self.read_once(scratch, context));
            let Some(work) = ready!(read) else { return Poll::Ready(()) };
            work.into_iter().for_each(|work| self.hub.spawn(work));
        }
    }

    fn read_once(
        &mut self,
        scratch: &mut Scratch,
        context: &mut Context<'_>,
    ) -> Poll<Option<Vec<Work>>> {
        let begun = self.rest.as_ref().map_or(&[][..], |rest| &rest.begun);
        let begin = begun.len();
        scratch.received[..begin].copy_from_slice(begun);
        let is_unread = self.rest.as_mut().is_some_and(|rest| std::mem::take(&mut rest.is_unread));
        let read = if is_unread {
            0
        } else {
            let (_, room) = scratch.received.split_at_mut(begin);
            match ready!(self.connection.link.poll_read(context, room)) {
                Ok(0) | Err(_) => return Poll::Ready(None),
                Ok(read) => read,
            }
        };
        let Scratch { received, gathered, inflater } = scratch;
        let received = &mut received[..begin + read];
        let mut work = Vec::new();
        let gathered = match &mut self.rest {
            Some(rest) => &mut rest.gathered,
            None => gathered,
        };
        let buffers = (received, gathered, inflater);
        let consumed = take(&self.hub, &self.connection, &mut self.reader, buffers, &mut work);
        self.keep(&scratch.received[consumed..begin + read], &mut scratch.gathered);
        Poll::Ready(Some(work))
    }

    /// Keeps what is not whole, and nothing else.
    fn keep(&mut self, begun: &[u8], gathered: &mut Vec<u8>) {
        if begun.is_empty() && !self.reader.needs_gathered() {
            self.rest = None;
            gathered.clear();
            return;
        }
        match &mut self.rest {
            Some(rest) => {
                rest.begun.clear();
                rest.begun.extend_from_slice(begun);
            }
            None => {
                let (begun, gathered) = (begun.to_vec(), std::mem::take(gathered));
                self.rest = Some(Box::new(Rest { begun, gathered, is_unread: false }));
            }
        }
    }

    /// Writes what waits, and lets those subscriptions go on that could not. Ready when there is nothing to wait for.
    fn write(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            if !self.connection.lock().outbox.is_blocked() {
                return Poll::Ready(());
            }
            let is_gone = ready!(self.connection.link.poll_writable(context)).is_err();
            let now = self.hub.now();
            let mut state = self.connection.lock();
            let state = &mut *state;
            if is_gone || state.outbox.flush(&*self.connection.link, now.ticks).is_err() {
                self.connection.end(&self.hub, state, None, now);
                return Poll::Ready(());
            }
            if !state.outbox.is_blocked() {
                self.connection.advance_all(&self.hub, state, now);
            }
        }
    }
}

/// Takes all events of what was received; answers how many bytes were consumed.
fn take(
    hub: &Arc<Hub>,
    connection: &Arc<Connection>,
    reader: &mut Reader,
    (received, gathered, inflater): (&mut [u8], &mut Vec<u8>, &mut Inflater),
    work: &mut Vec<Work>,
) -> usize {
    let mut consumed = 0;
    loop {
        let now = hub.now();
        match reader.next(&mut received[consumed..], gathered, inflater) {
            Ok(read) => {
                consumed += read.consumed;
                match read.event {
                    Event::More(_) => return consumed,
                    Event::Text(text) => {
                        work.extend(message(hub, connection, Encoding::Json, text.as_bytes(), now));
                    }
                    Event::Binary(bytes) => {
                        work.extend(message(hub, connection, Encoding::Protobuf, bytes, now));
                    }
                    Event::Ping(payload) => connection.pinged(hub, payload, now),
                    Event::Pong(_) => (),
                    Event::Close(close) => connection.closed(hub, &close.answer(), now),
                }
            }
            Err(violation) => {
                connection.violated(hub, violation, now);
                return received.len();
            }
        }
    }
}

/// Takes a message, whose kind must be that of the connection's encoding.
fn message(
    hub: &Arc<Hub>,
    connection: &Arc<Connection>,
    encoding: Encoding,
    message: &[u8],
    now: Now,
) -> Vec<Work> {
    if connection.echoes {
        connection.echo(hub, encoding, message, now);
        return Vec::new();
    }
    if encoding == Encoding::Protobuf && connection.form.encoding() == Encoding::Json {
        let code = code::DISCONNECT_INAPPROPRIATE;
        connection.end(hub, &mut connection.lock(), Some(code), now);
        return Vec::new();
    }
    session::receive(hub, connection, message, now)
}

impl Future for Drive {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.connection.lock().set_driver(context.waker());
        let is_read = this.read(context).is_ready();
        let is_written = this.write(context).is_ready();
        let now = this.hub.now();
        let mut state = this.connection.lock();
        match state.ended {
            None if is_read => {
                // The client is gone without a word.
                this.connection.end(&this.hub, &mut state, None, now);
                Poll::Ready(())
            }
            None => Poll::Pending,
            Some(ended) => {
                let is_too_late = ended.cut_at <= now.ticks;
                if is_written {
                    // The client closes its side when it has read the last.
                    this.connection.link.shutdown();
                }
                if is_read || is_too_late || (is_written && ended.code.is_none()) {
                    Poll::Ready(())
                } else {
                    this.connection.look_by(&this.hub, &mut state, now);
                    Poll::Pending
                }
            }
        }
    }
}

impl Drop for Drive {
    fn drop(&mut self) {
        self.hub.remove(&self.connection);
        if self.connection.lock().pending != 0 {
            // Calls that are under way keep the connection a while: its client is not to wait for them.
            self.connection.link.shutdown();
        }
    }
}
