//! Brings publications from the bus to the connections that follow their channels.
//!
//! ```text
//!  bus --> follow --> ring of each channel --> worker --> connections in step: one write each of shared bytes
//!  (a task each for      (newest entries,      (woken
//!   durable, volatile)    ready to send)        once)     connections behind: from the ring, or from pages of the log
//! ```

pub(crate) mod clock;
pub(crate) mod figures;
pub(crate) mod follow;
mod life;
pub(crate) mod pages;
pub(crate) mod past;
mod wheel;
pub(crate) mod worker;

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use arrw::{Bus, Db, HistoryQuery, Order};
use arrw_wire::centrifuge::Expiry;
use arrw_wire::code::{self, Code};
use tokio::sync::{Semaphore, watch};

use self::clock::Clock;
use self::figures::Figures;
use self::follow::Following;
use self::pages::{Page, Pages};
use self::worker::{Mailbox, Member, Worker};
pub(crate) use super::channel::Channel;
use super::channel::name::{self, Namespaces};
use super::channel::options::ChannelOptions;
use super::channel::presence::{Change, Info};
use super::channel::ring::{Budget, Ring};
use super::channel::{End, name::topic};
use super::connection::Connection;
use super::connection::subscription::{Subscription, Wants};
use super::form::Shape;
use super::limits::{SocketLimits, seconds};
use super::proxy::Proxies;
use super::tokens::{RevocationsError, Tokens};
use crate::counters::{Counters, Limit};
use crate::limits::{DRAIN_RATE, SOCKET_READS_MAX};
use crate::planted::{Bug, is_planted};

/// Something that goes on beside the connection that it is for.
pub(crate) type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The time, as connections need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Now {
    /// Seconds since the start, which never go back.
    pub(crate) ticks: u32,
    /// Seconds since 1970.
    pub(crate) unix: u64,
}

impl Now {
    /// How long something lives that ends at a second since 1970; 0 for never.
    pub(crate) fn until(self, expires_at: u64) -> Expiry {
        let ttl = u32::try_from(expires_at.saturating_sub(self.unix)).unwrap_or(u32::MAX);
        Expiry { expires: expires_at != 0, ttl }
    }
}

/// All channels and connections of a server.
#[derive(Debug)]
pub(crate) struct Hub {
    pub(crate) db: Db,
    pub(crate) bus: Bus,
    pub(crate) namespaces: Namespaces,
    pub(crate) access: Access,
    pub(crate) limits: SocketLimits,
    pub(crate) has_compression: bool,
    pub(crate) figures: Figures,
    /// Of the whole server.
    pub(crate) counters: Arc<Counters>,
    pub(crate) mailboxes: Vec<Arc<Mailbox>>,
    channels: RwLock<HashMap<Box<str>, Arc<Channel>>>,
    connections: Mutex<HashMap<u64, Arc<Connection>>>,
    /// Channels of which members leave, and from which second on each is to be looked at.
    leaving: Mutex<Vec<(u32, Arc<Channel>)>>,
    durable: Following,
    volatile: Following,
    pages: Pages,
    /// Places for reads of the log.
    reads: Semaphore,
    rings: Arc<Budget>,
    /// How many connections each user has.
    users: Mutex<HashMap<Arc<str>, usize>>,
    next_number: AtomicU64,
    clock: Clock,
    closing: watch::Sender<bool>,
}

/// Who is let in.
#[derive(Debug)]
pub(crate) struct Access {
    /// Everybody, and to do everything.
    pub(crate) is_open: bool,
    /// A user is subscribed to a channel of its own.
    pub(crate) has_personal: bool,
    /// What says who a client is.
    pub(crate) tokens: Tokens,
    /// Who is asked of clients.
    pub(crate) proxies: Proxies,
}

impl Hub {
    pub(crate) fn new(
        db: Db,
        namespaces: Namespaces,
        access: Access,
        (limits, has_compression, counters): (SocketLimits, bool, Arc<Counters>),
    ) -> Self {
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = workers.min(crate::limits::WORKERS_MAX);
        let rings = Arc::new(Budget::new(limits.rings_bytes as u64));
        Self {
            bus: db.bus(),
            db,
            namespaces,
            access,
            limits,
            has_compression,
            figures: Figures::default(),
            counters,
            mailboxes: (0..workers).map(|_| Arc::default()).collect(),
            channels: RwLock::default(),
            connections: Mutex::default(),
            leaving: Mutex::default(),
            durable: Following::default(),
            volatile: Following::default(),
            pages: Pages::default(),
            reads: Semaphore::new(SOCKET_READS_MAX),
            rings,
            users: Mutex::default(),
            next_number: AtomicU64::new(1),
            clock: Clock::system(),
            closing: watch::Sender::default(),
        }
    }

    /// By another clock, and with so many workers.
    #[cfg(test)]
    pub(crate) fn simulated(mut self, clock: Clock, workers: usize) -> Self {
        self.clock = clock;
        self.mailboxes = (0..workers).map(|_| Arc::default()).collect();
        self
    }

    /// Starts what goes on beside the connections, on the runtime that this is called on.
    pub(crate) fn start(self: &Arc<Self>) {
        for is_volatile in [false, true] {
            drop(tokio::spawn(Arc::clone(self).follow(is_volatile)));
        }
        for number in 0..self.mailboxes.len() {
            let worker = Worker::new(number, self.now().ticks);
            drop(tokio::spawn(worker.run(Arc::clone(self))));
        }
    }

    /// Ends what [`start`](Self::start) began.
    pub(crate) fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Tells all clients to connect again, spread over a time so that they do not all come back at once; those that recover miss
    /// nothing. No longer than `window`.
    pub(crate) async fn drain(&self, window: Duration) {
        let connections = self.connections();
        let rate = DRAIN_RATE as usize;
        let begun = Instant::now();
        for some in connections.chunks((rate / 100).max(1)) {
            let now = self.now();
            for connection in some {
                connection.end(self, &mut connection.lock(), Some(code::DISCONNECT_SHUTDOWN), now);
            }
            if connections.len() < rate / 100 || window <= begun.elapsed() {
                continue;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        *self.closing.borrow()
    }

    pub(crate) async fn closed(&self) {
        drop(self.closing.subscribe().wait_for(|is| *is).await);
    }

    /// Has work done beside the connections.
    #[expect(clippy::unused_self, reason = "it reads as whose work it is")]
    pub(crate) fn spawn(&self, work: Work) {
        drop(tokio::spawn(work));
    }

    pub(crate) fn now(&self) -> Now {
        self.clock.now()
    }

    /// Microseconds since 1970.
    pub(crate) fn now_us(&self) -> u64 {
        self.clock.now_us()
    }

    fn following(&self, is_volatile: bool) -> &Following {
        if is_volatile { &self.volatile } else { &self.durable }
    }

    pub(crate) fn channels(&self) -> RwLockReadGuard<'_, HashMap<Box<str>, Arc<Channel>>> {
        self.channels.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn all_connections(&self) -> MutexGuard<'_, HashMap<u64, Arc<Connection>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number for a new connection, and its worker.
    pub(crate) fn next_connection(&self) -> (u64, usize) {
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        let worker = usize::try_from(number).unwrap_or(0) % self.mailboxes.len();
        (number, worker)
    }

    /// A connection begins.
    pub(crate) fn add(&self, connection: &Arc<Connection>) {
        self.all_connections().insert(connection.number, Arc::clone(connection));
    }

    /// A connection has ended: nothing of it stays, but for its place in presences for a while.
    pub(crate) fn remove(&self, connection: &Arc<Connection>) {
        self.all_connections().remove(&connection.number);
        let now = self.now();
        let (gone, user): (Vec<Subscription>, _) = {
            let mut state = connection.lock();
            let gone = std::mem::take(&mut state.subscriptions).into_iter().flatten().collect();
            (gone, state.session.take_user())
        };
        if let Some(user) = user {
            self.leave_user(&user);
        }
        for subscription in gone {
            self.part(connection, &subscription, Some(seconds(self.limits.presence_grace)), now);
        }
    }

    /// A user has one more connection; answers the user as all its connections share it, or nothing when it has as many as it may.
    pub(crate) fn enter_user(&self, user: &str) -> Option<Arc<str>> {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        let known = users.get_key_value(user).map(|(user, count)| (Arc::clone(user), *count));
        let (user, count) = known.unwrap_or_else(|| (user.into(), 0));
        if self.limits.connections_per_user <= count && !user.is_empty() {
            self.counters.reached(Limit::ConnectionsPerUser);
            return None;
        }
        users.insert(Arc::clone(&user), count + 1);
        Some(user)
    }

    fn leave_user(&self, user: &Arc<str>) {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = users.get_mut(user) {
            *count -= 1;
            if *count == 0 {
                users.remove(user);
            }
        }
    }

    /// How many users are connected.
    pub(crate) fn count_users(&self) -> usize {
        self.users.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Reads the revocations again if they changed, and ends the connections whose token was taken back; true when it did so.
    ///
    /// # Errors
    /// When they cannot be read. Those that are known stay.
    pub(crate) fn refresh_revocations(&self) -> Result<bool, RevocationsError> {
        let revocations = self.access.tokens.revocations();
        let now = self.now();
        let is_changed = revocations.refresh(now.unix)?;
        if is_changed {
            for connection in self.connections() {
                let mut state = connection.lock();
                if state.session.is_revoked(revocations) {
                    let code = code::DISCONNECT_INVALIDATED;
                    connection.end(self, &mut state, Some(code), now);
                }
            }
        }
        Ok(is_changed)
    }

    /// The connections there are, in no order.
    pub(crate) fn connections(&self) -> Vec<Arc<Connection>> {
        self.all_connections().values().cloned().collect()
    }

    /// Bytes of what is ready to be sent, of all channels.
    pub(crate) fn ring_bytes(&self) -> u64 {
        self.rings.bytes()
    }

    /// A channel that somebody is subscribed to.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Channel>> {
        self.channels().get(name).cloned()
    }

    /// The channel for one more subscriber, which must [part](Self::part) with it.
    ///
    /// # Errors
    /// [`code::INTERNAL`] when the bus cannot be followed.
    pub(crate) fn enter(
        &self,
        name: &str,
        options: &Arc<ChannelOptions>,
    ) -> Result<Arc<Channel>, Code> {
        let topic = topic(name, options.class);
        let following = self.following(name::is_volatile(&topic));
        following.begin(&self.bus, name::is_volatile(&topic)).map_err(|error| {
            tracing::error!(%error, "cannot follow the bus for channels");
            code::INTERNAL
        })?;
        loop {
            let channel = match self.find(name) {
                Some(channel) => channel,
                None => self.make(name, &topic, options),
            };
            let mut inner = channel.lock();
            if !inner.is_over {
                inner.subscribers += 1;
                drop(inner);
                return Ok(channel);
            }
            drop(inner);
            self.forget(&channel);
        }
    }

    fn make(&self, name: &str, topic: &str, options: &Arc<ChannelOptions>) -> Arc<Channel> {
        let mut all = self.channels.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(channel) = all.get(name) {
            return Arc::clone(channel);
        }
        let id = self.next_number.fetch_add(1, Ordering::Relaxed);
        let ring = Ring::new(Arc::clone(&self.rings));
        let channel = Arc::new(Channel::new((id, name, topic), options, ring));
        // It must be known before it looks where the topic ends: so nothing is between.
        let mut inner = channel.lock();
        all.insert(name.into(), Arc::clone(&channel));
        drop(all);
        inner.ring.begin(self.end(topic).last_offset);
        drop(inner);
        channel
    }

    /// Where a topic ends. A volatile one has no end.
    pub(crate) fn end(&self, topic: &str) -> End {
        let seen = self.db.position();
        let query = HistoryQuery { since: None, limit: 0, order: Order::NewestFirst };
        let history =
            if name::is_volatile(topic) { None } else { self.bus.history(topic, query).ok() };
        let nothing = End { seen, born: arrw::Seq::ZERO, last_offset: 0 };
        history.map_or(nothing, |it| End { seen, born: it.born, last_offset: it.last_offset })
    }

    /// Reads the log on a thread that may wait for the disk; nothing when that failed.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let _place = self.reads.acquire().await;
        tokio::task::spawn_blocking(work).await.ok()
    }

    /// Reads the page of a channel that has the publication behind an offset.
    pub(crate) async fn page(&self, channel: &Arc<Channel>, shape: Shape, after: u64) -> Arc<Page> {
        self.pages.get(self, channel, shape, after).await
    }

    /// From now on a subscription is told of what is new.
    pub(crate) fn join(
        &self,
        connection: &Arc<Connection>,
        subscription: (&Arc<Channel>, usize, u32),
    ) {
        let (channel, slot, serial) = subscription;
        channel.add_audience(connection.form.shape(), connection.worker);
        let member = Member { connection: Arc::downgrade(connection), slot, serial };
        self.mailboxes[connection.worker].join(channel, member);
        self.figures.subscribed();
    }

    /// A client unsubscribed, or was unsubscribed.
    pub(crate) fn leave(
        &self,
        connection: &Arc<Connection>,
        subscription: &Subscription,
        now: Now,
    ) {
        self.part(connection, subscription, None, now);
    }

    /// A subscriber goes; it stays in the presence for so many seconds.
    fn part(
        &self,
        connection: &Arc<Connection>,
        subscription: &Subscription,
        grace: Option<u32>,
        now: Now,
    ) {
        let channel = &subscription.channel;
        self.mailboxes[connection.worker].leave(channel);
        let mut inner = channel.lock();
        inner.subscribers -= 1;
        if subscription.wants.has(Wants::PRESENT) {
            if let Some(grace) = grace.filter(|grace| 0 < *grace) {
                if is_planted(Bug::StayPresent) {
                    return;
                }
                let second = now.ticks + grace;
                inner.presence.leave_at(connection.number, second);
                drop(inner);
                let mut leaving = self.leaving.lock().unwrap_or_else(PoisonError::into_inner);
                leaving.push((second, Arc::clone(channel)));
                return;
            }
            let change = inner.presence.leave(connection.number);
            self.tell_change(channel, &mut inner, &change);
        }
        let is_over = inner.end_if_empty();
        drop(inner);
        if is_over {
            self.forget(channel);
        }
    }

    /// A subscriber is in the presence from now on.
    pub(crate) fn present(&self, connection: &Connection, channel: &Arc<Channel>, info: Arc<Info>) {
        let mut inner = channel.lock();
        let change = inner.presence.enter(connection.number, info);
        self.tell_change(channel, &mut inner, &change);
    }

    fn tell_change(
        &self,
        channel: &Arc<Channel>,
        inner: &mut super::channel::Inner,
        change: &Change,
    ) {
        let is_told = channel.options.join_leave != super::JoinLeave::Off;
        if is_told && channel.tell(inner, change, self.now_us()) {
            let wake = self.tell(channel);
            self.wake(wake);
        }
    }

    /// Forgets a channel that is over: the next one of its name is another.
    fn forget(&self, channel: &Arc<Channel>) {
        // The lock of the table comes before that of a channel, so this is called without the latter.
        let mut all = self.channels.write().unwrap_or_else(PoisonError::into_inner);
        if all.get(&*channel.name).is_some_and(|it| Arc::ptr_eq(it, channel)) {
            all.remove(&*channel.name);
        }
    }

    /// Removes from presences whoever has been away for too long.
    pub(crate) fn expire_presence(&self, now: Now) {
        let due: Vec<Arc<Channel>> = {
            let mut leaving = self.leaving.lock().unwrap_or_else(PoisonError::into_inner);
            let (due, left) = leaving.drain(..).partition(|(second, _)| *second <= now.ticks);
            *leaving = left;
            due.into_iter().map(|(_, channel): (u32, Arc<Channel>)| channel).collect()
        };
        for channel in due {
            let mut inner = channel.lock();
            while let Some(change) = inner.presence.expire(now.ticks) {
                self.tell_change(&channel, &mut inner, &change);
            }
            let is_over = inner.end_if_empty();
            drop(inner);
            if is_over {
                self.forget(&channel);
            }
        }
    }
}
