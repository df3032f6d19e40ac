//! Channels: what is known of one while somebody is subscribed to it.

pub(crate) mod name;
pub(crate) mod options;
pub(crate) mod presence;
pub(crate) mod publication;
pub(crate) mod ring;

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrw::{Event, Seq};
use arrw_wire::centrifuge::{Encoding, Member, News, Push, Reply};
use bytes::Bytes;

use self::options::ChannelOptions;
use self::presence::{Change, Presence};
use self::ring::{Entry, Ring, What};
use super::form::{SHAPES, Shape};

/// A channel that somebody is subscribed to.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) name: Box<str>,
    pub(crate) topic: Box<str>,
    pub(crate) options: Arc<ChannelOptions>,
    /// Tells it from one of the same name before it.
    pub(crate) id: u64,
    /// Shapes that some subscriber wants, as bits.
    shapes: AtomicU8,
    /// Workers that have subscribers of it, as bits.
    workers: AtomicU32,
    /// Of these, the ones that know that there is something new.
    told: AtomicU32,
    inner: Mutex<Inner>,
}

/// What changes. Its lock is the last that is taken: nothing is called with it held.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) ring: Ring,
    pub(crate) presence: Presence,
    pub(crate) subscribers: usize,
    /// True when nobody may subscribe to this one any more: another takes its place.
    pub(crate) is_over: bool,
}

/// Where a topic ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) born: Seq,
    pub(crate) last_offset: u64,
}

impl Channel {
    pub(crate) fn new(
        (id, name, topic): (u64, &str, &str),
        options: &Arc<ChannelOptions>,
        ring: Ring,
    ) -> Self {
        let inner = Inner { ring, presence: Presence::default(), subscribers: 0, is_over: false };
        Self {
            name: name.into(),
            topic: topic.into(),
            options: Arc::clone(options),
            id,
            shapes: AtomicU8::new(0),
            workers: AtomicU32::new(0),
            told: AtomicU32::new(0),
            inner: Mutex::new(inner),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_volatile(&self) -> bool {
        name::is_volatile(&self.topic)
    }

    /// From now on entries are made in this shape as well, and this worker is told of them.
    pub(crate) fn add_audience(&self, shape: Shape, worker: usize) {
        self.shapes.fetch_or(1 << shape as u8, Ordering::SeqCst);
        self.has_worker(worker);
    }

    /// This worker is told of what is new.
    pub(crate) fn has_worker(&self, worker: usize) {
        self.workers.fetch_or(1 << worker, Ordering::SeqCst);
    }

    /// Forgets a worker that has no subscribers left.
    pub(crate) fn remove_worker(&self, worker: usize) {
        self.workers.fetch_and(!(1 << worker), Ordering::SeqCst);
    }

    /// The workers that are to be told that there is something new, as bits: those that know it already are left out.
    pub(crate) fn untold(&self) -> u32 {
        let workers = self.workers.load(Ordering::SeqCst);
        workers & !self.told.fetch_or(workers, Ordering::SeqCst)
    }

    /// A worker looks now: what comes after this it must be told of again.
    pub(crate) fn looks(&self, worker: usize) {
        self.told.fetch_and(!(1 << worker), Ordering::SeqCst);
    }

    /// Takes an event into the ring; false when it was there before.
    pub(crate) fn publish(&self, event: &Event<'_>) -> bool {
        let entry = self.entry(event, self.shapes.load(Ordering::Relaxed));
        self.lock().ring.push(Arc::new(entry))
    }

    /// An event as an entry, in the shapes whose bits are set.
    pub(crate) fn entry(&self, event: &Event<'_>, shapes: u8) -> Entry {
        let mut ready: [Bytes; SHAPES] = Default::default();
        for shape in [Shape::Json, Shape::Protobuf, Shape::Bare] {
            if shapes & 1 << shape as u8 != 0 {
                ready[shape as usize] = match shape {
                    Shape::Json => publication::push(&self.name, event, Encoding::Json),
                    Shape::Protobuf => publication::push(&self.name, event, Encoding::Protobuf),
                    Shape::Bare => publication::bare_push(&self.name, event),
                }
                .into();
            }
        }
        let tags = if self.options.tags_filter {
            publication::tags_of(event).map(|(name, value)| (name.into(), value.into())).collect()
        } else {
            Vec::new()
        };
        let offset = if self.is_volatile() { 0 } else { event.offset() };
        let time_us = event.time().micros();
        Entry { what: What::Publication { offset, tags }, time_us, ready }
    }

    /// Takes a change of the presence into the ring; false when there is none to tell.
    pub(crate) fn tell(&self, inner: &mut Inner, change: &Change, now_us: u64) -> bool {
        let what = match change {
            Change::Nothing => return false,
            Change::Joined(info) => News::Join(Member { info: Some(info.shown()) }),
            Change::Left(info) => News::Leave(Member { info: Some(info.shown()) }),
        };
        let push = Push { id: 0, channel: (&*self.name).into(), what };
        let shapes = self.shapes.load(Ordering::Relaxed);
        let mut ready: [Bytes; SHAPES] = Default::default();
        let mut bare = Vec::new();
        if shapes & 1 << Shape::Bare as u8 != 0 {
            push.append_bare(Encoding::Json, &mut bare);
        }
        ready[Shape::Bare as usize] = bare.into();
        let reply = Reply::push(push);
        for (shape, encoding) in
            [(Shape::Json, Encoding::Json), (Shape::Protobuf, Encoding::Protobuf)]
        {
            if shapes & 1 << shape as u8 != 0 {
                ready[shape as usize] = reply.ready(encoding).into();
            }
        }
        inner.ring.push(Arc::new(Entry { what: What::Member, time_us: now_us, ready }))
    }
}

impl Inner {
    /// Ends the channel when nobody is left; true when that is so.
    pub(crate) fn end_if_empty(&mut self) -> bool {
        if self.subscribers == 0 && self.presence.is_empty() {
            self.is_over = true;
            self.ring.clear();
        }
        self.is_over
    }
}
