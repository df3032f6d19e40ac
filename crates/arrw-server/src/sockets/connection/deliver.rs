//! How publications reach a client: in step with its channel, or from its own place when it was slow.

use std::sync::Arc;

use arrw_wire::centrifuge::{Ended, News, Push, Reply};
use arrw_wire::code::{self, Code};
use bytes::Bytes;

use super::batch::{self, Batch};
use super::subscription::{Pace, Subscription, Wants};
use super::{Connection, State};
use crate::limits::{CATCH_UP_BYTES_MAX, FRAME_MESSAGES_MAX};
use crate::planted::{Bug, is_planted};
use crate::sockets::channel::options::SlowPolicy;
use crate::sockets::channel::ring::Entry;
use crate::sockets::form::Shape;
use crate::sockets::hub::{Hub, Now, Work};

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivered {
    /// It was written, or the client gets it from its own place later.
    Fine,
    /// There is no such subscription any more.
    Gone,
}

/// What stands between a subscription and the end of its channel.
enum Next {
    /// Nothing.
    InStep,
    /// Entries from this number on.
    Entries(u64, Vec<Arc<Entry>>),
    /// What the ring no longer has.
    Lost { head: u64 },
}

impl Connection {
    /// Gives a subscription what is new in its channel.
    pub(crate) fn deliver(
        self: &Arc<Self>,
        hub: &Arc<Hub>,
        (slot, serial): (usize, u32),
        batch: &mut Batch,
        now: Now,
    ) -> Delivered {
        let mut state = self.lock();
        let state = &mut *state;
        if state.ended.is_some() {
            return Delivered::Gone;
        }
        let is_blocked = state.outbox.is_blocked();
        let Some(subscription) = state.get(slot, serial) else { return Delivered::Gone };
        match subscription.pace {
            Pace::Asked | Pace::Behind | Pace::Reading => return Delivered::Fine,
            Pace::InStep => (),
        }
        if is_blocked {
            subscription.pace = Pace::Behind;
            if is_planted(Bug::RepeatAfterStall) {
                subscription.next = subscription.next.saturating_sub(1);
                subscription.offset = subscription.offset.saturating_sub(1);
            }
            return Delivered::Fine;
        }
        if subscription.next != batch.base {
            if batch.head <= subscription.next {
                return Delivered::Fine;
            }
            subscription.pace = Pace::Behind;
            if let Some(work) = self.advance(hub, state, slot, now) {
                hub.spawn(work);
            }
            return Delivered::Fine;
        }
        if subscription.gets_all_of(batch) {
            subscription.next = batch.head;
            subscription.offset = subscription.offset.max(batch.last_offset);
            let frames = batch.frames(self.form, subscription.wants.has(Wants::MEMBERS));
            self.write_all(hub, state, (&frames, batch.entries.len()), now);
        } else {
            self.give(hub, state, (slot, batch.base, &batch.entries), now);
        }
        Delivered::Fine
    }

    /// A subscription was answered: from now on it gets what is published. Answers the read of the log that must come first.
    pub(crate) fn begin(
        self: &Arc<Self>,
        hub: &Arc<Hub>,
        state: &mut State,
        slot: usize,
        now: Now,
    ) -> Option<Work> {
        let subscription = state.subscriptions.get_mut(slot)?.as_mut()?;
        subscription.pace = Pace::Behind;
        hub.join(self, (&subscription.channel, slot, subscription.serial));
        self.advance(hub, state, slot, now)
    }

    /// Whether there is this subscription.
    pub(crate) fn has(&self, (slot, serial): (usize, u32)) -> bool {
        let mut state = self.lock();
        state.ended.is_none() && state.get(slot, serial).is_some()
    }

    /// Brings a subscription to where its channel is, when its worker begins to know it.
    pub(crate) fn catch_up(
        self: &Arc<Self>,
        hub: &Arc<Hub>,
        (slot, serial): (usize, u32),
    ) -> Delivered {
        let now = hub.now();
        let mut state = self.lock();
        let state = &mut *state;
        if state.ended.is_some() {
            return Delivered::Gone;
        }
        let Some(subscription) = state.get(slot, serial) else { return Delivered::Gone };
        if subscription.pace == Pace::InStep {
            subscription.pace = Pace::Behind;
            if let Some(work) = self.advance(hub, state, slot, now) {
                hub.spawn(work);
            }
        }
        Delivered::Fine
    }

    /// Writes frames; what the client does not take waits.
    fn write_all(
        &self,
        hub: &Hub,
        state: &mut State,
        (frames, messages): (&[Bytes], usize),
        now: Now,
    ) {
        let mut bytes = 0;
        for frame in frames {
            if state.outbox.write(&*self.link, frame, now.ticks).is_err() {
                self.count(hub, 0, bytes);
                return self.end(hub, state, None, now);
            }
            bytes += frame.len();
        }
        self.count(hub, messages, bytes);
        if state.outbox.is_blocked() {
            state.wake();
        }
    }

    /// Brings all subscriptions on that could not go on, now that the client takes more.
    pub(crate) fn advance_all(self: &Arc<Self>, hub: &Arc<Hub>, state: &mut State, now: Now) {
        for slot in 0..state.subscriptions.len() {
            let is_behind = |it: &Subscription| it.pace == Pace::Behind;
            if state.subscriptions[slot].as_ref().is_some_and(is_behind)
                && let Some(work) = self.advance(hub, state, slot, now)
            {
                hub.spawn(work);
            }
        }
    }

    /// Brings a subscription on as far as the client takes it. Answers the read of the log that must come first.
    pub(crate) fn advance(
        self: &Arc<Self>,
        hub: &Arc<Hub>,
        state: &mut State,
        slot: usize,
        now: Now,
    ) -> Option<Work> {
        loop {
            if state.ended.is_some() || state.outbox.is_blocked() {
                return None;
            }
            let subscription = state.subscriptions.get_mut(slot)?.as_mut()?;
            match next_of(hub, subscription, self.form.shape()) {
                Next::InStep => {
                    subscription.pace = Pace::InStep;
                    return None;
                }
                Next::Entries(from, entries) => {
                    self.give(hub, state, (slot, from, &entries), now);
                }
                Next::Lost { head } => {
                    if let Some(work) = self.fell_behind(hub, state, slot, (head, now)) {
                        return Some(work);
                    }
                }
            }
        }
    }

    /// Writes entries to a subscription, the first of which has the number `from`.
    fn give(
        &self,
        hub: &Hub,
        state: &mut State,
        (slot, from, entries): (usize, u64, &[Arc<Entry>]),
        now: Now,
    ) {
        let Some(subscription) = state.subscriptions.get_mut(slot).and_then(Option::as_mut) else {
            return;
        };
        let mut wanted = Vec::with_capacity(entries.len());
        for (number, entry) in (from..).zip(entries) {
            if subscription.gets(entry) {
                wanted.push(entry);
            }
            subscription.has_got(number, entry);
        }
        let count = wanted.len();
        let frames = batch::frames(self.form, wanted.into_iter());
        self.write_all(hub, state, (&frames, count), now);
    }

    /// Does what the policy of a channel says of a subscriber that the ring left behind.
    fn fell_behind(
        self: &Arc<Self>,
        hub: &Arc<Hub>,
        state: &mut State,
        slot: usize,
        (head, now): (u64, Now),
    ) -> Option<Work> {
        let subscription = state.subscriptions.get_mut(slot)?.as_mut()?;
        let policy = subscription.channel.options.slow_policy;
        hub.figures.missed_ring();
        match policy {
            SlowPolicy::Durable if !subscription.channel.is_volatile() => {
                subscription.pace = Pace::Reading;
                let serial = subscription.serial;
                let (hub, connection) = (Arc::clone(hub), Arc::clone(self));
                return Some(Box::pin(async move {
                    connection.read_on(&hub, slot, serial).await;
                }));
            }
            SlowPolicy::Conflate => subscription.skip_to_last(head),
            SlowPolicy::Durable | SlowPolicy::DropOldest => self.lost(hub, state, slot, now),
            SlowPolicy::Disconnect => self.end(hub, state, Some(code::DISCONNECT_SLOW), now),
        }
        None
    }

    /// Reads the log for a subscription until it is in step or its client takes no more.
    async fn read_on(self: &Arc<Self>, hub: &Arc<Hub>, slot: usize, serial: u32) {
        loop {
            let (channel, after) = {
                let mut state = self.lock();
                let Some(subscription) = state.get(slot, serial) else { return };
                (Arc::clone(&subscription.channel), subscription.offset)
            };
            let page = hub.page(&channel, self.form.shape(), after).await;
            let now = hub.now();
            let mut state = self.lock();
            let state = &mut *state;
            let Some(subscription) = state.get(slot, serial) else { return };
            let Some(entries) = page.after(after).filter(|entries| !entries.is_empty()) else {
                // It is not in the log any more, or the log cannot be read.
                return self.lost(hub, state, slot, now);
            };
            subscription.pace = Pace::Behind;
            let mut rest = entries;
            // What the client does not take is read again when it does: nothing is queued for it.
            while !rest.is_empty() && !state.outbox.is_blocked() && state.ended.is_none() {
                let (some, more) = rest.split_at(fitting(rest.iter(), self.form.shape()));
                self.give(hub, state, (slot, 0, some), now);
                rest = more;
            }
            if let Some(subscription) = state.get(slot, serial) {
                // Its place in the ring is found anew, by the offset.
                subscription.next = 0;
                if is_planted(Bug::PassOverBehindPage) {
                    subscription.offset += 1;
                }
            }
            if self.advance(hub, state, slot, now).is_none() {
                return;
            }
        }
    }

    /// A subscription missed what is nowhere any more.
    fn lost(self: &Arc<Self>, hub: &Arc<Hub>, state: &mut State, slot: usize, now: Now) {
        let of_server = |it: &Subscription| it.wants.has(Wants::SERVER_SIDE);
        if state.subscriptions[slot].as_ref().is_some_and(of_server) {
            self.end(hub, state, Some(code::DISCONNECT_INSUFFICIENT), now);
        } else {
            self.end_subscription(hub, state, (slot, code::UNSUBSCRIBE_INSUFFICIENT), now);
        }
    }

    /// Ends a subscription and tells the client why.
    pub(crate) fn end_subscription(
        self: &Arc<Self>,
        hub: &Arc<Hub>,
        state: &mut State,
        (slot, code): (usize, Code),
        now: Now,
    ) {
        let Some(subscription) = state.subscriptions.get_mut(slot).and_then(Option::take) else {
            return;
        };
        hub.figures.unsubscribed(code);
        let channel = Arc::clone(&subscription.channel);
        hub.leave(self, &subscription, now);
        let what = News::Unsubscribe(Ended::from(code));
        let push = Push { id: 0, channel: (&*channel.name).into(), what };
        self.reply(hub, state, &Reply::push(push), now);
    }
}

impl Subscription {
    /// Leaves out all but the last entry before `head`.
    fn skip_to_last(&mut self, head: u64) {
        let ring = self.channel.lock();
        let last = ring.ring.first().max(head.saturating_sub(1));
        drop(ring);
        self.next = last;
    }
}

/// How many entries, from the first on, are given at once: one at least.
fn fitting<'a>(entries: impl Iterator<Item = &'a Arc<Entry>>, shape: Shape) -> usize {
    let mut bytes = 0;
    let fits = |entry: &&Arc<Entry>| {
        bytes += entry.ready(shape).len();
        bytes <= CATCH_UP_BYTES_MAX
    };
    entries.take_while(fits).count().max(1)
}

/// Looks at what a subscription gets next.
fn next_of(hub: &Hub, subscription: &mut Subscription, shape: Shape) -> Next {
    let channel = Arc::clone(&subscription.channel);
    let inner = channel.lock();
    let head = inner.ring.next();
    if inner.ring.from(subscription.next).is_none() {
        let found = (!channel.is_volatile()).then(|| inner.ring.number_after(subscription.offset));
        match found.flatten() {
            Some(number) => subscription.next = number,
            None => return Next::Lost { head },
        }
    }
    if subscription.next == head {
        return Next::InStep;
    }
    let from = subscription.next;
    let found = || inner.ring.from(from).into_iter().flatten().take(FRAME_MESSAGES_MAX);
    let count = fitting(found(), shape);
    let entries: Vec<Arc<Entry>> = found().take(count).cloned().collect();
    if entries.iter().any(|entry| entry.ready(shape).is_empty()) {
        // They came when nobody wanted this shape.
        return Next::Lost { head };
    }
    hub.figures.hit_ring();
    Next::Entries(from, entries)
}
