//! Tells the connections of one part what is new in their channels.
//!
//! A worker alone knows which of its connections follow which channel. It is woken once for all that was published meanwhile,
//! writes to every connection that takes it, and leaves out those that do not: they go on from their own place.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::wheel::Wheel;
use super::{Hub, Now};
use crate::sockets::channel::Channel;
use crate::sockets::connection::batch::Batch;
use crate::sockets::connection::{Connection, Delivered};

/// What others leave for a worker.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    letters: Mutex<Letters>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Letters {
    /// Subscriptions that began.
    joined: Vec<(Arc<Channel>, Member)>,
    /// Channels with something new.
    fresh: Vec<Arc<Channel>>,
    /// Channels that a subscriber left.
    left: Vec<u64>,
    /// Connections, and the second at which each is to be looked at.
    looks: Vec<(u32, Weak<Connection>)>,
}

/// A subscription of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// Not held: a connection is over when its driver says so.
    pub(crate) connection: Weak<Connection>,
    pub(crate) slot: usize,
    pub(crate) serial: u32,
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, Letters> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A subscription begins. It is told from its own place on, so that it need not be known at once.
    pub(crate) fn join(&self, channel: &Arc<Channel>, member: Member) {
        self.lock().joined.push((Arc::clone(channel), member));
        self.wake.notify_one();
    }

    /// A subscriber left a channel. The worker need not be woken for that.
    pub(crate) fn leave(&self, channel: &Channel) {
        self.lock().left.push(channel.id);
    }

    /// There is something new in a channel.
    pub(crate) fn add_fresh(&self, channel: &Arc<Channel>) {
        self.lock().fresh.push(Arc::clone(channel));
    }

    /// Wakes the worker.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// A connection is to be looked at in this second.
    pub(crate) fn look(&self, second: u32, connection: &Arc<Connection>) {
        self.lock().looks.push((second, Arc::downgrade(connection)));
    }

    async fn woken(&self) {
        self.wake.notified().await;
    }
}

/// What a worker knows of a channel.
#[derive(Debug)]
struct Known {
    channel: Arc<Channel>,
    members: Vec<Member>,
    /// How many left since the last look at all of them.
    left: usize,
    /// The number of the entry from which on its members were told nothing.
    base: u64,
    /// When they were told last, and of how many entries at once.
    told: Option<(Instant, usize)>,
    /// True while it waits for more to come.
    is_waiting: bool,
}

/// The worker of one part.
#[derive(Debug)]
pub(crate) struct Worker {
    number: usize,
    known: HashMap<u64, Known>,
    wheel: Wheel,
    /// Channels that wait for more to come, and until when.
    waiting: Vec<(Instant, u64)>,
}

impl Worker {
    pub(crate) fn new(number: usize, now: u32) -> Self {
        let (known, waiting) = (HashMap::new(), Vec::new());
        Self { number, known, wheel: Wheel::new(now), waiting }
    }

    /// Works until the hub is closed.
    pub(crate) async fn run(mut self, hub: Arc<Hub>) {
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mailbox = Arc::clone(&hub.mailboxes[self.number]);
        while !hub.is_closed() {
            let until = self.waiting.iter().map(|(until, _)| *until).min();
            let waited = async {
                match until {
                    Some(until) => tokio::time::sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = mailbox.woken() => (),
                () = waited => (),
                _ = seconds.tick() => self.look(&hub),
                () = hub.closed() => (),
            }
            self.turn(&hub, Instant::now());
            // A turn may be long: others go first.
            tokio::task::yield_now().await;
        }
    }

    /// Looks after the connections whose time has come.
    pub(crate) fn look(&mut self, hub: &Arc<Hub>) {
        let now = hub.now();
        while let Some(connection) = self.wheel.next(now.ticks) {
            if let Some(next) = connection.look(hub, now) {
                self.wheel.add(next, Arc::downgrade(&connection));
            }
        }
        // One looks for all.
        if self.number == 0 {
            hub.expire_presence(now);
        }
    }

    /// Tells all that is new.
    pub(crate) fn turn(&mut self, hub: &Arc<Hub>, instant: Instant) {
        let now = hub.now();
        let letters = std::mem::take(&mut *hub.mailboxes[self.number].lock());
        for (second, connection) in letters.looks {
            self.wheel.add(second, connection);
        }
        for (channel, member) in letters.joined {
            self.join(hub, channel, member);
        }
        for id in letters.left {
            self.leave(id);
        }
        let mut due: Vec<u64> = letters.fresh.iter().map(|channel| channel.id).collect();
        self.waiting.retain(|(until, id)| {
            let is_due = *until <= instant;
            if is_due {
                due.push(*id);
            }
            !is_due
        });
        for id in due {
            self.tell(hub, id, (now, instant));
        }
    }

    fn join(&mut self, hub: &Arc<Hub>, channel: Arc<Channel>, member: Member) {
        // The last one that went may have said meanwhile that nobody is left here.
        channel.has_worker(self.number);
        let known = self.known.entry(channel.id).or_insert_with(|| {
            // What came before this channel was known here was told to nobody. From now on it is, and its members come
            // with their own place.
            channel.looks(self.number);
            let base = channel.lock().ring.next();
            Known { channel, members: Vec::new(), left: 0, base, told: None, is_waiting: false }
        });
        let connection = member.connection.upgrade();
        let place = (member.slot, member.serial);
        if connection.is_some_and(|it| it.catch_up(hub, place) == Delivered::Fine) {
            known.members.push(member);
        }
    }

    /// Forgets those that left, when they are so many that a look at all costs little for each.
    fn leave(&mut self, id: u64) {
        let Some(known) = self.known.get_mut(&id) else { return };
        known.left += 1;
        if known.left * 2 < known.members.len() {
            return;
        }
        known.left = 0;
        known.members.retain(|member| {
            let connection = member.connection.upgrade();
            connection.is_some_and(|it| it.has((member.slot, member.serial)))
        });
        self.forget_if_empty(id);
    }

    fn forget_if_empty(&mut self, id: u64) {
        if let Some(known) = self.known.get(&id).filter(|known| known.members.is_empty()) {
            known.channel.remove_worker(self.number);
            self.known.remove(&id);
        }
    }

    /// Tells the members of a channel what is new, or waits a moment for more.
    fn tell(&mut self, hub: &Arc<Hub>, id: u64, (now, instant): (Now, Instant)) {
        let Some(known) = self.known.get_mut(&id) else { return };
        let until = known.told.map(|(told, _)| told + known.channel.options.coalesce);
        if let (Some((_, entries)), Some(until)) = (known.told, until)
            && 1 < entries
            && instant < until
        {
            // Under load several come together: one write for all of them.
            if !known.is_waiting {
                known.is_waiting = true;
                self.waiting.push((until, id));
            }
            return;
        }
        known.is_waiting = false;
        known.channel.looks(self.number);
        let (base, entries) = {
            let inner = known.channel.lock();
            let base = known.base.max(inner.ring.first());
            let entries: Vec<_> = inner.ring.from(base).into_iter().flatten().cloned().collect();
            (base, entries)
        };
        // What fell out of the ring before it was told, each member gets from its own place.
        known.base = base;
        if entries.is_empty() {
            return;
        }
        let count = entries.len();
        let oldest_us = entries.iter().map(|entry| entry.time_us).min().unwrap_or(0);
        let mut batch = Batch::new(base, entries);
        known.members.retain(|member| {
            let place = (member.slot, member.serial);
            let connection = member.connection.upgrade();
            connection.is_some_and(|it| it.deliver(hub, place, &mut batch, now) == Delivered::Fine)
        });
        known.left = 0;
        known.base = batch.head;
        known.told = Some((instant, count));
        hub.figures.took(hub.now_us().saturating_sub(oldest_us));
        self.forget_if_empty(id);
    }
}
