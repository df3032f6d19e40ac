//! What writers and readers know of the server: where it lives now, and what they are to do.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::watch::{Receiver, Sender, channel};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::time::timeout;

use super::cadence::Cadence;
use super::limits::{ANSWER_TIME_MAX, LOOK_EVERY};
use crate::connection::{Connection, Whole};
use crate::disk::nanos;

/// What the clients are to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Write and read.
    Torture,
    /// Write no more, read to the end.
    Ending,
    /// Stop at once: something is wrong.
    GivenUp,
}

/// One life of the server, from a start to a kill.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    /// From 1; 0 before the first.
    pub(super) number: u64,
    pub(super) address: SocketAddr,
    pub(super) phase: Phase,
    /// Whether the system fails the server in it: what it refuses then may be there or not.
    pub(super) is_faulty: bool,
}

/// Tells the clients of each life.
#[derive(Debug)]
pub(super) struct Lives(Sender<Life>);

impl Lives {
    pub(super) fn new() -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        Self(channel(Life { number: 0, address, phase: Phase::Torture, is_faulty: false }).0)
    }

    /// Begins the next one.
    pub(super) fn begin(&self, address: SocketAddr, phase: Phase) {
        self.begin_in(address, phase, false);
    }

    /// Begins the next one, in which the system may fail the server.
    pub(super) fn begin_in(&self, address: SocketAddr, phase: Phase, is_faulty: bool) {
        let number = self.next();
        self.0.send_modify(|life| *life = Life { number, address, phase, is_faulty });
    }

    /// The number of the next one.
    pub(super) fn next(&self) -> u64 {
        self.0.borrow().number + 1
    }

    /// Tells all to stop.
    pub(super) fn give_up(&self) {
        self.0.send_modify(|life| life.phase = Phase::GivenUp);
    }

    pub(super) fn watch(&self) -> Watch {
        Watch(self.0.subscribe())
    }
}

/// How a client knows of it.
#[derive(Clone, Debug)]
pub(super) struct Watch(Receiver<Life>);

/// Why a client gets no answer.
#[derive(Debug)]
pub(super) enum NoAnswer {
    /// The connection ended, as it does at a kill.
    Cut,
    /// It was there all the time, and said nothing.
    Silent,
    /// The torture was given up.
    GivenUp,
}

impl Watch {
    /// The first life behind this one; `None` when there will be none.
    pub(super) async fn behind(&mut self, number: u64) -> Option<Life> {
        let next = |life: &Life| number < life.number || life.phase == Phase::GivenUp;
        let life = *self.0.wait_for(next).await.ok()?;
        (life.phase != Phase::GivenUp).then_some(life)
    }

    /// The number of the life that lasts.
    pub(super) fn number(&self) -> u64 {
        self.0.borrow().number
    }

    pub(super) fn phase(&self) -> Phase {
        self.0.borrow().phase
    }

    /// True when the system fails the server in the life that lasts.
    pub(super) fn is_faulty(&self) -> bool {
        self.0.borrow().is_faulty
    }

    /// Asks, and waits for the answer, but not for ever. Where the system fails the server, a request that it could not
    /// do is as one that was never answered.
    pub(super) async fn ask<'a>(
        &self,
        connection: &'a mut Connection,
        request: &[u8],
    ) -> Result<Whole<'a>, NoAnswer> {
        let answer = self.wait(connection.ask(request)).await?;
        if self.is_faulty() && 500 <= answer.status() { Err(NoAnswer::Cut) } else { Ok(answer) }
    }

    /// Waits for the server, but not for ever.
    pub(super) async fn wait<T>(
        &self,
        answer: impl Future<Output = io::Result<T>>,
    ) -> Result<T, NoAnswer> {
        let (begun, mut answer) = (Instant::now(), pin!(answer));
        loop {
            match timeout(LOOK_EVERY, answer.as_mut()).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(_)) => return Err(NoAnswer::Cut),
                Err(_) if self.phase() == Phase::GivenUp => return Err(NoAnswer::GivenUp),
                Err(_) if ANSWER_TIME_MAX < begun.elapsed() => return Err(NoAnswer::Silent),
                Err(_) => (),
            }
        }
    }
}

/// What happened in the life of the server that lasts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Events {
    life: u64,
    /// Readers and consumers that saw something new in it.
    pub(super) seen_by: u64,
    /// Conditional writes that were acknowledged, and those that were refused.
    pub(super) met: u64,
    pub(super) unmet: u64,
    /// Calls that enqueued jobs, completed jobs, and ends of leases that were refused.
    pub(super) enqueued: u64,
    pub(super) completed: u64,
    pub(super) late: u64,
    /// 1 once the schedule, the trigger and the paused queue were seen to.
    pub(super) planned: u64,
}

/// What all who take part have in common.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) seed: u64,
    start: Instant,
    cadence: Cadence,
    acknowledged: AtomicU64,
    /// Writers and clients of jobs share it; one that wants nobody else to write has it alone.
    quiet: RwLock<()>,
    events: Mutex<Events>,
    fault: Mutex<Option<String>>,
}

impl Ground {
    pub(super) fn new(seed: u64, cadence: Cadence) -> Self {
        Self {
            seed,
            cadence,
            start: Instant::now(),
            acknowledged: AtomicU64::new(0),
            quiet: RwLock::new(()),
            events: Mutex::default(),
            fault: Mutex::new(None),
        }
    }

    /// The first write is due now.
    pub(super) fn begin_cadence(&self) {
        self.cadence.begin(self.now());
    }

    /// Waits until the next write is due.
    pub(super) async fn due(&self) {
        self.cadence.due(1, || self.now()).await;
    }

    /// Waits until nobody writes alone.
    pub(super) async fn beside_others(&self) -> RwLockReadGuard<'_, ()> {
        self.quiet.read().await
    }

    /// Waits until nobody else writes.
    pub(super) async fn alone(&self) -> RwLockWriteGuard<'_, ()> {
        self.quiet.write().await
    }

    /// Nanoseconds since the start.
    pub(super) fn now(&self) -> u64 {
        nanos(self.start.elapsed())
    }

    /// Begins to count for a life of the server.
    pub(super) fn begin(&self, life: u64) {
        *self.lock_events() = Events { life, ..Events::default() };
    }

    /// What happened in this life.
    pub(super) fn events(&self) -> Events {
        *self.lock_events()
    }

    /// Notes what happened in a life, if that is the one that lasts.
    pub(super) fn note(&self, life: u64, note: impl FnOnce(&mut Events)) {
        let mut events = self.lock_events();
        if events.life == life {
            note(&mut events);
        }
    }

    fn lock_events(&self) -> MutexGuard<'_, Events> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an acknowledged write.
    pub(super) fn acknowledge(&self) {
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Says that the server did what it must not; the first one counts.
    pub(super) fn accuse(&self, fault: String) {
        self.lock().get_or_insert(fault);
    }

    pub(super) fn fault(&self) -> Option<String> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
