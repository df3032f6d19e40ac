//! One reader of the bus: from a position, through a filter, on a thread or in a task.

mod manner;

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use arrw_bus::{
    DispatchId, Event, Filter, Got, Rest, Subscriber, TailId, limits::SUBSCRIPTIONS_MAX,
};
use arrw_log::{Epoch, Frame, Position, ReadError, Reader, Seq};

use crate::db::Shared;
use crate::error::{SubscribeError, SubscriptionError, other_epoch};
use crate::events::Events;
use crate::parker::Parker;
use crate::stats::{self, SubscriptionStats};
pub use manner::{Policy, Start};

/// Keys that a conflating subscription takes at once; what is behind them comes next.
const CONFLATED_KEYS_MAX: usize = 65_536;

/// Events from which on a read of volatile topics was one of many in a short time.
const BUSY_EVENTS_MIN: u64 = 16;

/// Events up to which a busy subscription lets more come before it reads again.
const BUSY_EVENTS_MAX: u64 = 1_024;

/// A sleep that was shorter had better not been begun: to be woken takes as long.
const SHORT_SLEEP: Duration = Duration::from_micros(50);

/// How often it then lets other threads go first: some 20 us when there is none.
const LINGER_YIELDS: usize = 80;

/// Bytes of the log that a task looks at before others have their turn, when it wants nothing of them: about a
/// millisecond of work.
const TURN_BYTES_MAX: usize = 1024 * 1024;

/// A subscription. It holds no events: what it has not read is in the log, or in the memory that all
/// subscribers share.
#[derive(Debug)]
pub struct Subscription {
    shared: Arc<Shared>,
    subscriber: Arc<Subscriber>,
    source: Source,
    policy: Policy,
    parker: Option<Arc<Parker>>,
    /// What was gone before it began, to be told first.
    gap: Option<(Seq, Seq)>,
    /// True when it was woken soon after it had fallen asleep.
    slept_shortly: bool,
}

/// What came of a look.
#[expect(
    clippy::large_enum_variant,
    reason = "it is taken apart at once; a box would cost each read"
)]
enum Found {
    Events(Events),
    /// All was looked at.
    Nothing,
    /// There may be more.
    TurnIsOver,
}

#[derive(Debug)]
enum Source {
    Durable {
        reader: Reader,
        id: DispatchId,
    },
    /// With how many events the last read found.
    Volatile {
        next: Seq,
        frames: VecDeque<Frame>,
        id: TailId,
        found: u64,
    },
}

impl Subscription {
    pub(crate) fn open(
        shared: Arc<Shared>,
        filter: Filter,
        start: Start,
        policy: Policy,
    ) -> Result<Self, SubscribeError> {
        let too_many = || SubscribeError::TooMany { max: SUBSCRIPTIONS_MAX };
        let subscriber = Arc::new(Subscriber::new(filter));
        let source = if subscriber.filter().is_volatile() {
            let (id, next) = shared.tail.add(&subscriber).ok_or_else(too_many)?;
            Source::Volatile { next, frames: VecDeque::new(), id, found: 0 }
        } else {
            // Known before it looks where the log ends: what comes after that wakes it.
            let id = shared.dispatch.add(&subscriber).ok_or_else(too_many)?;
            match shared.log.reader(start.of_log()) {
                Ok(reader) => Source::Durable { reader, id },
                Err(error) => {
                    shared.dispatch.remove(id);
                    return Err(error.into());
                }
            }
        };
        let mut subscription = Self {
            shared,
            subscriber,
            source,
            policy,
            parker: None,
            gap: None,
            slept_shortly: false,
        };
        subscription.start_volatile(start)?;
        subscription.subscriber.has_read(subscription.next_seq());
        Ok(subscription)
    }

    /// Goes to where a volatile subscription starts.
    fn start_volatile(&mut self, start: Start) -> Result<(), SubscribeError> {
        let Source::Volatile { next, .. } = &mut self.source else { return Ok(()) };
        let epoch = self.shared.tail.epoch();
        match start {
            Start::Latest => Ok(()),
            Start::Earliest | Start::Since(_) => {
                Err(SubscribeError::NoHistory { filter: self.subscriber.filter().to_string() })
            }
            Start::After(position) if position.epoch != epoch => {
                Err(other_epoch(position, epoch).into())
            }
            Start::After(position) if *next <= position.seq => {
                let (wanted, tail) = (position.seq, *next);
                Err(ReadError::BeyondTail { wanted, tail }.into())
            }
            Start::After(position) => {
                *next = position.seq.next();
                Ok(())
            }
        }
    }

    /// What it wants.
    #[must_use]
    pub fn topic_filter(&self) -> &Filter {
        self.subscriber.filter()
    }

    /// The position behind which it goes on: all before it was handed over or is not wanted.
    #[must_use]
    pub fn position(&self) -> Position {
        let (read, progress) = match &self.source {
            Source::Durable { reader, id } => {
                (reader.next_seq().previous(), self.shared.dispatch.progress(*id))
            }
            Source::Volatile { next, id, .. } => (next.previous(), self.shared.tail.progress(*id)),
        };
        Position { epoch: self.epoch(), seq: progress.map_or(read, |seq| seq.max(read)) }
    }

    /// Records of the log that it has not looked at.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.tail().get().saturating_sub(self.position().seq.next().get())
    }

    /// What can be told of it now. Looks at what it reads next, on the disk when it is there.
    ///
    /// # Errors
    /// When the disk cannot be read there.
    pub fn stats(&self) -> Result<SubscriptionStats, ReadError> {
        let next = self.position().seq.next();
        stats::of_subscription(&self.shared, &(Arc::clone(&self.subscriber), next))
    }

    /// The next events, if there are any. Does not wait.
    ///
    /// # Errors
    /// [`SubscriptionError`]. After a gap the next call goes on behind it.
    pub fn try_next(&mut self) -> Result<Option<Events>, SubscriptionError> {
        match self.find(usize::MAX)? {
            Found::Events(events) => Ok(Some(events)),
            Found::Nothing | Found::TurnIsOver => Ok(None),
        }
    }

    /// Looks at what is there until it finds some events, or has looked at so many bytes.
    fn find(&mut self, bytes_max: usize) -> Result<Found, SubscriptionError> {
        let found = self.find_uncounted(bytes_max);
        self.subscriber.has_read(self.next_seq());
        if found.is_err() {
            self.subscriber.add_error();
        }
        found
    }

    fn find_uncounted(&mut self, bytes_max: usize) -> Result<Found, SubscriptionError> {
        if let Some((first, last)) = self.gap.take() {
            return Err(SubscriptionError::Gap { first, last });
        }
        self.keep_to_policy()?;
        let epoch = self.epoch();
        if self.policy == Policy::Conflate {
            return Ok(self.conflated(epoch)?.map_or(Found::Nothing, Found::Events));
        }
        let mut bytes = 0_usize;
        while let Some(frame) = self.next_frame()? {
            bytes = bytes.saturating_add(frame.stored().len());
            if let Some(events) = self.events_of(frame, epoch) {
                return Ok(Found::Events(events));
            }
            if bytes_max <= bytes {
                return Ok(Found::TurnIsOver);
            }
        }
        Ok(Found::Nothing)
    }

    /// Tells first that what stands from `first` on up to where it starts is gone.
    pub(crate) fn tell_gap(&mut self, first: Seq) {
        self.gap = Some((first, self.next_seq().previous()));
    }

    /// The next events; waits for them on this thread, for at most `timeout` if that is given. `None` when
    /// the time is over, or when the database was closed and all was read.
    ///
    /// # Errors
    /// As [`try_next`](Self::try_next).
    pub fn next_within(
        &mut self,
        timeout: Option<Duration>,
    ) -> Result<Option<Events>, SubscriptionError> {
        let until = timeout.map(|timeout| Instant::now() + timeout);
        let parker = match &self.parker {
            Some(parker) if parker.is_ours() => Arc::clone(parker),
            _ => Parker::new(),
        };
        self.parker = Some(Arc::clone(&parker));
        let waker = parker.waker();
        loop {
            self.linger();
            if let Some(events) = self.try_next()? {
                return Ok(Some(events));
            }
            match self.rest(&waker) {
                Rest::More => (),
                Rest::Ended => return Ok(None),
                Rest::Asleep => {
                    let start = Instant::now();
                    let is_woken = parker.park(until);
                    self.slept_shortly = start.elapsed() < SHORT_SLEEP;
                    self.rise();
                    if !is_woken {
                        return self.try_next();
                    }
                }
            }
        }
    }

    /// Lets some events come together when they come one shortly after another: reading each alone, and
    /// sleeping in between, would cost the publisher and the subscriber more than the event itself.
    fn linger(&self) {
        if let Source::Volatile { frames, found, .. } = &self.source
            && frames.is_empty()
            && *found < BUSY_EVENTS_MAX
            && (self.slept_shortly || BUSY_EVENTS_MIN <= *found)
        {
            for _ in 0..LINGER_YIELDS {
                std::thread::yield_now();
            }
        }
    }

    /// The next events for a task, which is woken when there are some. Ready with `None` when the database
    /// was closed and all was read.
    ///
    /// # Errors
    /// As [`try_next`](Self::try_next). Reads the disk on the calling thread when it must, and lets other tasks go
    /// first after each mebibyte of which it wants nothing.
    pub fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Events>, SubscriptionError>> {
        self.rise();
        loop {
            match self.find(TURN_BYTES_MAX)? {
                Found::Events(events) => return Poll::Ready(Ok(Some(events))),
                Found::TurnIsOver => {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Found::Nothing => (),
            }
            match self.rest(context.waker()) {
                Rest::More => (),
                Rest::Ended => return Poll::Ready(Ok(None)),
                Rest::Asleep => return Poll::Pending,
            }
        }
    }

    /// The next events, awaited.
    ///
    /// # Errors
    /// As [`try_next`](Self::try_next).
    pub async fn recv(&mut self) -> Result<Option<Events>, SubscriptionError> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    fn epoch(&self) -> Epoch {
        match &self.source {
            Source::Durable { .. } => self.shared.log.epoch(),
            Source::Volatile { .. } => self.shared.tail.epoch(),
        }
    }

    /// The seq that the next record will get.
    fn tail(&self) -> Seq {
        match &self.source {
            Source::Durable { .. } => self.shared.log.tail(),
            Source::Volatile { .. } => self.shared.tail.position().seq.next(),
        }
    }

    fn next_seq(&self) -> Seq {
        match &self.source {
            Source::Durable { reader, .. } => reader.next_seq(),
            Source::Volatile { next, .. } => *next,
        }
    }

    fn skip_to(&mut self, seq: Seq) {
        match &mut self.source {
            Source::Durable { reader, .. } => reader.skip_to(seq),
            Source::Volatile { next, frames, .. } => {
                *next = (*next).max(seq);
                frames.clear();
            }
        }
    }

    /// Leaves out or ends what the policy does not let be behind.
    fn keep_to_policy(&mut self) -> Result<(), SubscriptionError> {
        let max = match self.policy {
            Policy::Durable | Policy::Conflate => return Ok(()),
            Policy::DropOldest { records_max } | Policy::Disconnect { records_max } => records_max,
        };
        let (next, tail) = (self.next_seq(), self.tail());
        let behind = tail.get().saturating_sub(next.get());
        if behind <= max {
            return Ok(());
        }
        if matches!(self.policy, Policy::Disconnect { .. }) {
            let resume = Position { epoch: self.epoch(), seq: next.previous() };
            return Err(SubscriptionError::TooSlow { behind, max, resume });
        }
        let to = next.plus(behind - max);
        self.skip_to(to);
        Err(SubscriptionError::Gap { first: next, last: to.previous() })
    }

    /// The next frame, wanted or not.
    fn next_frame(&mut self) -> Result<Option<Frame>, SubscriptionError> {
        match &mut self.source {
            Source::Durable { reader, .. } => match reader.try_next() {
                Ok(frame) => Ok(frame),
                Err(error) => {
                    if let ReadError::Trimmed { first, .. } = error {
                        reader.skip_to(first);
                    }
                    Err(SubscriptionError::of(error))
                }
            },
            Source::Volatile { next, frames, found, .. } => loop {
                if let Some(frame) = frames.pop_front() {
                    let frame = frame.starting_at(*next);
                    *next = frame.last().next();
                    return Ok(Some(frame));
                }
                match self.shared.tail.read(*next, frames) {
                    Got::Frames => {
                        let last = frames.back().map_or(*next, Frame::last);
                        *found = last.next().get().saturating_sub(next.get());
                    }
                    Got::Nothing => {
                        *found = 0;
                        return Ok(None);
                    }
                    Got::Gap(oldest) => {
                        let first = std::mem::replace(next, oldest);
                        return Err(SubscriptionError::Gap { first, last: oldest.previous() });
                    }
                }
            },
        }
    }

    /// What of a frame it wants.
    fn events_of(&self, frame: Frame, epoch: Epoch) -> Option<Events> {
        let floors = match &self.source {
            Source::Durable { .. } => self.shared.keeper.floors.above(frame.first()),
            Source::Volatile { .. } => None,
        };
        Events::of(frame, &self.subscriber, floors, epoch)
    }

    /// The last event of each topic and key among all that is there.
    fn conflated(&mut self, epoch: Epoch) -> Result<Option<Events>, SubscriptionError> {
        let mut frames: Vec<Frame> = Vec::new();
        let mut last: BTreeMap<(Vec<u8>, Vec<u8>), Seq> = BTreeMap::new();
        while last.len() < CONFLATED_KEYS_MAX {
            let frame = match self.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(error) if frames.is_empty() => return Err(error),
                // It is told again by the next call, from where it stands.
                Err(_) => break,
            };
            let Some(events) = self.events_of(frame.clone(), epoch) else { continue };
            for event in &events {
                let key = (event.topic().as_bytes().to_vec(), event.key().to_vec());
                last.insert(key, Event::seq(&event));
            }
            frames.push(frame);
        }
        let mut picked: Vec<Seq> = last.into_values().collect();
        picked.sort_unstable();
        Ok(Events::picked(frames, picked, &self.subscriber, epoch))
    }

    fn rest(&mut self, waker: &Waker) -> Rest {
        match &self.source {
            Source::Durable { reader, id } => {
                self.shared.dispatch.rest(*id, reader.next_seq(), waker)
            }
            Source::Volatile { next, id, .. } => self.shared.tail.rest(*id, *next, waker),
        }
    }

    /// Wakes up: goes to the event that woke it, as nothing before it is wanted.
    fn rise(&mut self) {
        let due = match &self.source {
            Source::Durable { id, .. } => self.shared.dispatch.rise(*id),
            Source::Volatile { id, .. } => self.shared.tail.rise(*id),
        };
        if let Some(seq) = due {
            self.skip_to(seq);
        }
    }
}

/// Waits for events on the thread that iterates. Ends when the database is closed.
impl Iterator for Subscription {
    type Item = Result<Events, SubscriptionError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_within(None).transpose()
    }
}

impl futures_core::Stream for Subscription {
    type Item = Result<Events, SubscriptionError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Subscription::poll_next(&mut self, context).map(Result::transpose)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        match &self.source {
            Source::Durable { id, .. } => self.shared.dispatch.remove(*id),
            Source::Volatile { id, .. } => self.shared.tail.remove(*id),
        }
    }
}
