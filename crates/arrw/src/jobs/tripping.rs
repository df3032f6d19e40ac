//! Follows the events that triggers want, and has their jobs enqueued: each event's once, as the trigger's cursor goes on
//! with its jobs in one commit.
//!
//! One thread follows for all triggers. It sleeps as a subscriber does: a trigger that wants nothing of what is published
//! costs nothing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Wake, Waker};
use std::time::Duration;

use arrw_bus::{Dispatch, DispatchId, Event, Filter, Rest, Subscriber};
use arrw_jobs::limits::TRIGGER_DEPTH_MAX;
use arrw_jobs::{Command, Order, OrderKind, Rule, Told, Trip, Tripped};
use arrw_log::{Frame, Hold, Log, ReadError, Reader, Seq, Start, Urgency};

use crate::event_json::Encoder;
use crate::jobs::asking;
use crate::jobs::limits::{
    LOOK_MS_MAX, TRIGGER_IDLE_BYTES, TRIPPED_AT_ONCE, TRIPPED_BYTES_MAX, TRIPS_READ_BYTES_MAX,
};
use crate::jobs::rules::Core;
use crate::planted::{Bug, is_planted};

const UNPOISONED: &str = "no holder of this lock panics";

/// Wakes the thread that follows.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    is_rung: Mutex<bool>,
    rang: Condvar,
    is_closed: AtomicBool,
}

impl Bell {
    /// Has it look.
    pub(crate) fn ring(&self) {
        *self.is_rung.lock().expect(UNPOISONED) = true;
        self.rang.notify_one();
    }

    /// Has it end.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.ring();
    }

    fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Waits until it is rung, or the time is over.
    fn wait(&self, timeout: Option<Duration>) {
        let mut is_rung = self.is_rung.lock().expect(UNPOISONED);
        while !*is_rung {
            match timeout {
                None => is_rung = self.rang.wait(is_rung).expect(UNPOISONED),
                Some(timeout) => {
                    is_rung = self.rang.wait_timeout(is_rung, timeout).expect(UNPOISONED).0;
                    break;
                }
            }
        }
        *is_rung = false;
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}

/// Follows for all triggers.
#[derive(Debug)]
pub(crate) struct Follower {
    log: Log,
    core: Arc<Core>,
    dispatch: Arc<Dispatch>,
    bell: Arc<Bell>,
    triggers: BTreeMap<Arc<str>, Following>,
    /// Events that are not looked at yet must not be trimmed.
    hold: Option<Hold>,
}

/// One trigger that is followed.
#[derive(Debug)]
struct Following {
    filter: String,
    subscriber: Arc<Subscriber>,
    id: DispatchId,
    reader: Reader,
    /// Where its cursor is.
    cursor: Seq,
}

/// Events that get jobs, as many as one commit takes.
#[derive(Debug)]
struct Found {
    tripped: Vec<Tripped>,
    bytes: usize,
    bytes_max: usize,
    /// There are more in the frame that was looked at last.
    is_cut: bool,
}

impl Found {
    fn is_full(&self) -> bool {
        self.bytes_max <= self.bytes || TRIPPED_AT_ONCE <= self.tripped.len()
    }

    fn push(&mut self, tripped: Tripped) {
        self.bytes += tripped.bytes_max();
        self.tripped.push(tripped);
    }
}

/// How a round went.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Round {
    /// All triggers sleep.
    Idle,
    /// There is more to look at.
    Busy,
    /// The log refused, or could not be read: it is to be tried again later.
    Refused,
}

impl Follower {
    pub(crate) fn new(log: Log, core: Arc<Core>, dispatch: Arc<Dispatch>) -> Self {
        let bell = Arc::clone(&core.bell);
        Self { log, core, dispatch, bell, triggers: BTreeMap::new(), hold: None }
    }

    /// Follows until the jobs are closed, as a thread of its own.
    pub(crate) fn run(mut self) {
        while !self.bell.is_closed() && self.log.poison().is_none() {
            self.meet();
            match self.round() {
                Round::Busy => {}
                Round::Idle => self.bell.wait(None),
                Round::Refused => self.bell.wait(Some(Duration::from_millis(LOOK_MS_MAX))),
            }
        }
        let ids: Vec<DispatchId> = self.triggers.values().map(|it| it.id).collect();
        ids.into_iter().for_each(|id| self.dispatch.remove(id));
    }

    /// Looks at all that is there.
    pub(crate) fn catch_up(&mut self) {
        self.meet();
        while self.round() == Round::Busy {
            self.meet();
        }
    }

    /// Follows those triggers that there are now, from where their cursors are.
    fn meet(&mut self) {
        let orders = self
            .log
            .between_commits(|_| self.core.lock().jobs.orders(OrderKind::Trigger, "", usize::MAX));
        let live: BTreeMap<Arc<str>, Arc<Order>> =
            orders.into_iter().filter(|(_, order)| !order.is_paused()).collect();
        let dispatch = &self.dispatch;
        self.triggers.retain(|name, following| {
            let is_it = |order: &Arc<Order>| {
                filter_of(order) == following.filter && order.cursor() == following.cursor
            };
            let stays = live.get(name).is_some_and(is_it);
            if !stays {
                dispatch.remove(following.id);
            }
            stays
        });
        for (name, order) in live {
            if !self.triggers.contains_key(&name)
                && let Some(following) = self.follow(&order)
            {
                self.triggers.insert(name, following);
            }
        }
        self.keep_unread();
    }

    /// Holds what some trigger has not looked at. What none wanted may go, though cursors stand before it.
    fn keep_unread(&mut self) {
        let unread = |it: &Following| {
            let slept = self.dispatch.progress(it.id).map_or(Seq::ZERO, Seq::next);
            it.reader.next_seq().max(slept)
        };
        match (self.triggers.values().map(unread).min(), &self.hold) {
            (None, _) => self.hold = None,
            (Some(oldest), Some(hold)) if !hold.is_broken() => hold.advance(oldest),
            (Some(oldest), _) => self.hold = self.log.hold(oldest).ok(),
        }
    }

    /// `None` when it cannot be followed now: it is tried again.
    fn follow(&self, order: &Order) -> Option<Following> {
        let filter = Filter::parse(filter_of(order)).ok()?;
        let subscriber = Arc::new(Subscriber::new(filter));
        let id = self.dispatch.add(&subscriber)?;
        let from = order.cursor().next().max(self.log.first());
        match self.log.reader(Start::At(from)) {
            Ok(reader) => Some(Following {
                filter: filter_of(order).to_owned(),
                subscriber,
                id,
                reader,
                cursor: order.cursor(),
            }),
            Err(_) => {
                self.dispatch.remove(id);
                None
            }
        }
    }

    /// Looks once at what is there for each trigger.
    fn round(&mut self) -> Round {
        let waker = Waker::from(Arc::clone(&self.bell));
        let mut round = Round::Idle;
        let names: Vec<Arc<str>> = self.triggers.keys().cloned().collect();
        for name in names {
            let Some(mut following) = self.triggers.remove(&name) else { continue };
            let done = self.look(&name, &mut following, &waker);
            self.triggers.insert(name, following);
            round = match (round, done) {
                (Round::Refused, _) | (_, Round::Refused) => Round::Refused,
                (Round::Busy, _) | (_, Round::Busy) => Round::Busy,
                (Round::Idle, Round::Idle) => Round::Idle,
            };
        }
        round
    }

    /// Reads what is there for a trigger, and has its jobs enqueued.
    fn look(&self, name: &Arc<str>, following: &mut Following, waker: &Waker) -> Round {
        if let Some(seen) = self.dispatch.progress(following.id) {
            following.reader.skip_to(seen.next());
        }
        if let Some(due) = self.dispatch.rise(following.id) {
            following.reader.skip_to(due);
        }
        let order = self.core.lock().jobs.order(OrderKind::Trigger, name);
        let Some(order) = order else { return Round::Idle };
        let made_max = TRIPPED_BYTES_MAX.min(self.log.batch_bytes_max() / 4);
        let mut found = Found { tripped: Vec::new(), bytes: 0, bytes_max: made_max, is_cut: false };
        let mut read = 0_usize;
        let mut is_at_end = false;
        while read < TRIPS_READ_BYTES_MAX && !found.is_full() {
            match following.reader.try_next() {
                Ok(Some(frame)) => {
                    read += frame.stored().len();
                    self.match_frame(&frame, following, &order, &mut found);
                }
                Ok(None) => {
                    is_at_end = true;
                    break;
                }
                // It was away for longer than is kept.
                Err(ReadError::Trimmed { first, .. }) => following.reader.skip_to(first),
                Err(ReadError::Lost { .. }) => {}
                Err(_) => return Round::Refused,
            }
        }
        let read_to = following.reader.next_seq().previous();
        following.subscriber.has_read(following.reader.next_seq());
        if let Some(last) = found.tripped.last().map(|it| it.event) {
            let round = self.trip(name, following, (found.tripped, last), &order);
            if found.is_cut {
                // The rest of the frame is read again.
                following.cursor = Seq::ZERO;
            }
            return round;
        }
        if self.is_far(following.cursor, read_to) {
            return self.trip(name, following, (Vec::new(), read_to), &order);
        }
        if !is_at_end {
            return Round::Busy;
        }
        match self.dispatch.rest(following.id, following.reader.next_seq(), waker) {
            Rest::Asleep | Rest::Ended => Round::Idle,
            Rest::More => Round::Busy,
        }
    }

    /// True when so much was looked at in vain that a start should not look at it again.
    fn is_far(&self, cursor: Seq, to: Seq) -> bool {
        cursor < to
            && self.log.bytes_from(cursor.next()).is_ok_and(|bytes| TRIGGER_IDLE_BYTES <= bytes)
    }

    fn match_frame(&self, frame: &Frame, following: &Following, order: &Order, found: &mut Found) {
        let encoder = Encoder::new(self.log.epoch());
        for record in frame.records() {
            if !following.subscriber.filter().matches(record.topic()) {
                continue;
            }
            if found.is_full() {
                found.is_cut = true;
                return;
            }
            let depth = match Told::by(&record) {
                Some(Told::Change(change)) => change.depth,
                Some(Told::Carried(_)) | None => 0,
            };
            let Some(event) = Event::of(record) else { continue };
            let is_left_out =
                is_planted(Bug::LeaveOutTrips) && event.seq().get().is_multiple_of(16);
            if TRIGGER_DEPTH_MAX <= depth || is_left_out {
                continue;
            }
            let mut json = Vec::new();
            encoder.event(&event, &mut json);
            let job = order.job_for(&String::from_utf8_lossy(&json)).or_else(|_too_large| {
                // Its handler can read it where it is.
                let (seq, topic) = (event.seq(), event.topic());
                let epoch = self.log.epoch();
                order.job_for(&format!(
                    "{{\"seq\":{seq},\"epoch\":\"{epoch}\",\"topic\":\"{topic}\",\"is_left_out\":true}}"
                ))
            });
            if let Ok(job) = job {
                found.push(Tripped { event: event.seq(), depth: depth + 1, job });
            }
        }
    }

    /// Has the jobs enqueued, with the cursor in the same commit.
    fn trip(
        &self,
        name: &Arc<str>,
        following: &mut Following,
        (jobs, to): (Vec<Tripped>, Seq),
        order: &Order,
    ) -> Round {
        let after = following.cursor;
        let trip = Trip { name: name.to_string(), after, to, jobs, bytes: order.bytes() };
        if asking::ask(&self.log, vec![Command::Trip(trip)], Urgency::Ordinary).is_done() {
            // If it is another one's now, it is followed anew.
            following.cursor = to;
            Round::Busy
        } else {
            // What was read is read again, from where the cursor is.
            following.cursor = Seq::ZERO;
            Round::Refused
        }
    }
}

fn filter_of(order: &Order) -> &str {
    match order.rule() {
        Rule::Trigger { filter } => filter,
        Rule::Schedule { .. } => "",
    }
}
