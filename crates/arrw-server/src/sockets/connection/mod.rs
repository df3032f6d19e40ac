//! One client: what it was told, what it is subscribed to, and the way to it.

pub(crate) mod batch;
mod deliver;
pub(crate) mod outbox;
pub(crate) mod subscription;

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use arrw_wire::centrifuge::{Answer, Disconnected, Encoding, News, Push, Reply};
use arrw_wire::code::{self, Code};
use arrw_wire::websocket::{Violation, write};
use bytes::Bytes;

pub(crate) use self::deliver::Delivered;
use self::outbox::Outbox;
use self::subscription::Subscription;
use super::form::Form;
use super::hub::{Hub, Now};
use super::limits::seconds;
use super::link::Link;
use super::proxy::Passed;
use super::session::{Allowed, Session};
use crate::counters::Limit;

/// A connection. Clones of its `Arc` are with its driver, its worker and the calls that are under way for it.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Tells it from all others of this process.
    pub(crate) number: u64,
    /// The worker that tells it of publications.
    pub(crate) worker: usize,
    pub(crate) form: Form,
    /// Its messages are no commands: they are sent back.
    pub(crate) echoes: bool,
    /// The second at which it began.
    pub(crate) since: u32,
    pub(crate) link: Box<dyn Link>,
    /// Messages that it was sent, and bytes.
    sent: [AtomicU64; 2],
    state: Mutex<State>,
}

/// What changes. Its lock comes before that of a channel.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) session: Session,
    pub(crate) subscriptions: Vec<Option<Subscription>>,
    pub(crate) outbox: Outbox,
    pub(crate) ended: Option<Ended>,
    /// Commands whose answer is under way.
    pub(crate) pending: usize,
    /// The second at which it must be looked at next.
    pub(crate) next_look: u32,
    /// Whoever drives it.
    driver: Option<Waker>,
    next_serial: u32,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    /// With what it was closed from here; `None` when the client went.
    pub(crate) code: Option<Code>,
    /// The second at which it is cut, whether or not all was written.
    pub(crate) cut_at: u32,
}

/// With what a connection is ended from here, and what its client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) code: Code,
    /// At most [`TEXT_BYTES_MAX`](code::TEXT_BYTES_MAX) bytes.
    reason: Cow<'static, str>,
}

impl From<Code> for Ending {
    fn from(code: Code) -> Self {
        Self { code, reason: code.text.into() }
    }
}

impl Ending {
    /// What an application asks for, with an empty reason for that of the code; nothing when that is no code of a disconnect.
    pub(crate) fn asked(number: u16, mut reason: String) -> Option<Self> {
        let code = code::disconnect(number)?;
        if reason.is_empty() {
            return Some(code.into());
        }
        reason.truncate(reason.floor_char_boundary(code::TEXT_BYTES_MAX));
        Some(Self { code, reason: reason.into() })
    }
}

/// The code of a close when a message is larger than it may be.
const TOO_LARGE: u16 = 1009;

/// Seconds that a client has to take the last of what it is sent, and to close its side.
const CLOSE_SECONDS: u32 = 5;

impl Connection {
    /// A connection of which nothing is known but the way to it, and headers that it came with.
    ///
    /// # Errors
    /// When the system has no randomness for its id.
    pub(crate) fn new(
        hub: &Hub,
        form: Form,
        link: Box<dyn Link>,
        passed: Option<Box<Passed>>,
    ) -> Result<Self, getrandom::Error> {
        let (number, worker) = hub.next_connection();
        let since = hub.now().ticks;
        let mut client = [0; 16];
        getrandom::fill(&mut client)?;
        let session = Session::new(client, since + seconds(hub.limits.connect), passed);
        let state = State {
            session,
            subscriptions: Vec::new(),
            outbox: Outbox::default(),
            ended: None,
            pending: 0,
            next_look: 0,
            driver: None,
            next_serial: 0,
        };
        let (sent, state) = (Default::default(), Mutex::new(state));
        Ok(Self { number, worker, form, echoes: false, since, link, sent, state })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Messages that it was sent, and bytes.
    pub(crate) fn sent(&self) -> (u64, u64) {
        let [messages, bytes] = &self.sent;
        (messages.load(Ordering::Relaxed), bytes.load(Ordering::Relaxed))
    }

    /// Sends a reply, or keeps it until the client takes more.
    pub(crate) fn reply(&self, hub: &Hub, state: &mut State, reply: &Reply<'_>, now: Now) {
        let mut replies = Vec::new();
        match (self.form.is_one_way(), &reply.what) {
            (false, _) => reply.append(self.form.encoding(), &mut replies),
            (true, Answer::Push(push)) => push.append_bare(self.form.encoding(), &mut replies),
            // Nobody asked for it.
            (true, _) => return,
        }
        self.send(hub, state, &self.form.frame_of_replies(&replies), now);
    }

    /// Sends a frame, or keeps it until the client takes more. Whoever has too much waiting is ended.
    pub(crate) fn send(&self, hub: &Hub, state: &mut State, frame: &Bytes, now: Now) {
        if state.ended.is_some() {
            return;
        }
        self.count(hub, 1, frame.len());
        match state.outbox.write(&*self.link, frame, now.ticks) {
            Ok(written) if written < frame.len() => {
                if hub.limits.outbox_bytes < state.outbox.bytes() {
                    hub.counters.reached(Limit::OutboxBytes);
                    self.end(hub, state, Some(code::DISCONNECT_SLOW), now);
                } else {
                    state.wake();
                }
            }
            Ok(_) => (),
            Err(_gone) => self.end(hub, state, None, now),
        }
    }

    fn count(&self, hub: &Hub, messages: usize, bytes: usize) {
        let [all, all_bytes] = &self.sent;
        all.fetch_add(messages as u64, Ordering::Relaxed);
        all_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        hub.figures.sent(messages, bytes);
    }

    /// Ends it, with a code or as its client is gone. What waits for the client is still sent, unless it is too slow. The
    /// driver does the rest.
    pub(crate) fn end(&self, hub: &Hub, state: &mut State, code: Option<Code>, now: Now) {
        self.end_as(hub, state, code.map(Ending::from), now);
    }

    /// The same, with words of the application.
    pub(crate) fn end_as(&self, hub: &Hub, state: &mut State, ending: Option<Ending>, now: Now) {
        if state.ended.is_some() {
            return;
        }
        let code = ending.as_ref().map(|ending| ending.code);
        if let Some(ending) = ending {
            hub.figures.disconnected(ending.code);
            self.say_end(state, &ending, now);
        }
        state.ended = Some(Ended { code, cut_at: now.ticks + CLOSE_SECONDS });
        state.wake();
    }

    /// Sends a message back as it came.
    pub(crate) fn echo(&self, hub: &Hub, encoding: Encoding, message: &[u8], now: Now) {
        let frame = Form::of(encoding, self.form.is_deflated()).frame(&[message]);
        self.send(hub, &mut self.lock(), &frame, now);
    }

    /// The client asks whether we are there.
    pub(crate) fn pinged(&self, hub: &Hub, payload: &[u8], now: Now) {
        let mut state = self.lock();
        match state.session.count(hub, now) {
            Allowed::Yes => self.send(hub, &mut state, &write::pong(payload), now),
            // A pong may be left out.
            Allowed::No => (),
            Allowed::Never => {
                self.end(hub, &mut state, Some(code::DISCONNECT_TOO_MANY_REQUESTS), now);
            }
        }
    }

    /// The client closes, or answers our close.
    pub(crate) fn closed(&self, hub: &Hub, answer: &Bytes, now: Now) {
        let mut state = self.lock();
        if state.ended.is_none() {
            drop(state.outbox.write(&*self.link, answer, now.ticks));
        }
        self.end(hub, &mut state, None, now);
    }

    /// The client broke the WebSocket protocol.
    pub(crate) fn violated(&self, hub: &Hub, violation: Violation, now: Now) {
        let mut state = self.lock();
        if state.ended.is_some() {
            return;
        }
        hub.figures.violated();
        if violation.close_code() == TOO_LARGE {
            hub.counters.reached(Limit::MessageBytes);
        }
        let close = write::close(violation.close_code(), &violation.to_string());
        drop(state.outbox.write(&*self.link, &close, now.ticks));
        state.ended = Some(Ended { code: None, cut_at: now.ticks + CLOSE_SECONDS });
        state.wake();
    }

    fn say_end(&self, state: &mut State, ending: &Ending, now: Now) {
        let frame = if self.form.is_one_way() {
            let reason = (*ending.reason).into();
            let what = News::Disconnect(Disconnected { reason, ..Disconnected::from(ending.code) });
            let mut bare = Vec::new();
            Push { what, ..Push::default() }.append_bare(self.form.encoding(), &mut bare);
            self.form.frame_of_replies(&bare)
        } else {
            write::close(ending.code.number, &ending.reason)
        };
        // When it cannot be written the end says the same.
        drop(state.outbox.write(&*self.link, &frame, now.ticks));
    }
}

impl State {
    /// Whoever drives this connection, to be woken when it has something to do.
    pub(crate) fn set_driver(&mut self, waker: &Waker) {
        if !self.driver.as_ref().is_some_and(|known| known.will_wake(waker)) {
            self.driver = Some(waker.clone());
        }
    }

    pub(crate) fn wake(&self) {
        if let Some(driver) = &self.driver {
            driver.wake_by_ref();
        }
    }

    /// The slot of a channel's subscription.
    pub(crate) fn slot(&self, channel: &str) -> Option<usize> {
        let is_it = |it: &Option<Subscription>| {
            it.as_ref().is_some_and(|subscription| *subscription.channel.name == *channel)
        };
        self.subscriptions.iter().position(is_it)
    }

    /// The subscription in a slot, if it is still the one that was there.
    pub(crate) fn get(&mut self, slot: usize, serial: u32) -> Option<&mut Subscription> {
        let subscription = self.subscriptions.get_mut(slot)?.as_mut();
        subscription.filter(|subscription| subscription.serial == serial)
    }

    /// Adds a subscription, and answers its slot.
    pub(crate) fn add(&mut self, make: impl FnOnce(u32) -> Subscription) -> (usize, u32) {
        let serial = self.next_serial;
        self.next_serial = serial.wrapping_add(1);
        let subscription = Some(make(serial));
        match self.subscriptions.iter().position(Option::is_none) {
            Some(free) => {
                self.subscriptions[free] = subscription;
                (free, serial)
            }
            None => {
                self.subscriptions.reserve_exact(1);
                self.subscriptions.push(subscription);
                (self.subscriptions.len() - 1, serial)
            }
        }
    }

    /// How many subscriptions there are.
    pub(crate) fn count(&self) -> usize {
        self.subscriptions.iter().flatten().count()
    }
}

/// Answers a command whose work is done.
pub(crate) fn answer(hub: &Arc<Hub>, connection: &Connection, reply: &Reply<'_>) {
    let now = hub.now();
    let mut state = connection.lock();
    state.pending = state.pending.saturating_sub(1);
    if reply.id != 0 {
        connection.reply(hub, &mut state, reply, now);
    }
}
