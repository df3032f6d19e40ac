//! What all handles of an open log share, and the order in which its locks are taken.
//!
//! ```text
//! writer  ->  upkeep's runner  ->  superblock  ->  one of: intake, ring, segments, upkeep, holds, a ticket,
//!                                                          the call after turns
//! ```
//! The right-hand ones are held for memory work only and never two at a time. Tasks are woken by
//! [`Opened::wake`] and by the turn that answers them, while no lock is held: a waker may run anything. So may
//! what the decider wants called after each turn.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::after_turn::AfterTurns;
use crate::environment::Environment;
use crate::error::{AppendError, UpkeepError};
use crate::intake::{Found, Intake};
use crate::options::{Drive, Options};
use crate::position::{Epoch, Seq};
use crate::record::Urgency;
use crate::retention::{Hold, Holds, Plan, Span, count_before, plan};
use crate::ring::Ring;
use crate::segment::{Segment, Segments};
use crate::storage::FolderLock;
use crate::superblock::Superblock;
use crate::sync::{Mutex, MutexGuard, TryLockError, lock};
use crate::upkeep::{NoSpare, Ran, Spare, Upkeep};
use crate::writer::{Surroundings, Turn, Writer};

/// An open log.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The folder, until the log is closed.
    pub(crate) lock: Mutex<Option<FolderLock>>,
    pub(crate) environment: Environment,
    pub(crate) options: Options,
    pub(crate) epoch: Epoch,
    pub(crate) log_id: u128,
    pub(crate) superblock: Mutex<Superblock>,
    pub(crate) writer: Mutex<Writer>,
    pub(crate) after_turns: AfterTurns,
    pub(crate) intake: Intake,
    pub(crate) ring: Ring,
    pub(crate) segments: Segments,
    pub(crate) upkeep: Upkeep,
    /// Held by the one who does upkeep: what trims a segment must not meet what writes its footer.
    pub(crate) runner: Mutex<()>,
    pub(crate) holds: Arc<Holds>,
    /// The oldest record that is kept.
    pub(crate) first: AtomicU64,
    /// Why the log stopped, if it did.
    pub(crate) poison: OnceLock<Arc<io::Error>>,
    /// Numbers readers and tasks that wait.
    pub(crate) waiters: AtomicU64,
    /// True from the start of the one clean close.
    pub(crate) closing: AtomicBool,
}

impl Opened {
    /// The oldest record that is kept.
    pub(crate) fn first(&self) -> Seq {
        Seq::new(self.first.load(Ordering::Acquire))
    }

    /// A number for something that waits.
    pub(crate) fn waiter(&self) -> u64 {
        self.waiters.fetch_add(1, Ordering::Relaxed)
    }

    /// Keeps the folder ours while something beside the segments is written; `None` when the log is closed.
    pub(crate) fn folder(&self) -> Option<MutexGuard<'_, Superblock>> {
        let superblock = lock(&self.superblock);
        // Whoever came before close has the superblock, and close waits for it.
        (!self.closing.load(Ordering::Acquire)).then_some(superblock)
    }

    /// Stops the log for good: nothing may be written any more. Tasks are still to be woken.
    pub(crate) fn stop(&self, error: Arc<io::Error>) {
        // Only the first reason counts.
        if self.poison.set(error).is_ok() {
            self.intake.close();
            self.upkeep.close();
            self.ring.close();
        }
    }

    /// The error of an append that comes after the log stopped or closed.
    pub(crate) fn refusal(&self) -> AppendError {
        self.poison
            .get()
            .map_or(AppendError::Closed, |error| AppendError::Poisoned(Arc::clone(error)))
    }

    /// Becomes the writer if nobody is, and commits what waits; false when somebody else is.
    pub(crate) fn try_turn(&self) -> bool {
        match self.writer.try_lock() {
            Ok(writer) => {
                self.turn(writer);
                true
            }
            Err(TryLockError::WouldBlock) => false,
            Err(TryLockError::Poisoned(_)) => unreachable!("the writer does not panic"),
        }
    }

    /// Takes the writer's role for `act`, waiting for it, and then hands over: a caller may have put a
    /// batch in meanwhile, seen that the role was taken, and gone to sleep.
    pub(crate) fn with_writer<T>(&self, act: impl FnOnce(&mut Writer) -> T) -> T {
        let result = act(&mut self.lock_writer());
        self.hand_over();
        self.wake();
        result
    }

    /// Wakes the tasks that wait for records or for room, and tells the decider's if the log stopped. No
    /// lock may be held.
    pub(crate) fn wake(&self) {
        self.ring.wake();
        self.intake.wake();
        if self.poison.get().is_some() {
            self.after_turns.tell_stop();
        }
    }

    /// The writer's role, for who looks at the intake afterwards.
    pub(crate) fn lock_writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().expect("the writer does not panic")
    }

    /// One frame. Lets go of the writer's role before it wakes who waits for the frame.
    pub(crate) fn turn(&self, mut writer: MutexGuard<'_, Writer>) {
        let Some(mut chunk) = self.intake.take() else { return };
        let turn = self.with_surroundings(|around| match self.poison.get() {
            Some(error) => Writer::refuse(&chunk, error),
            None => writer.turn(&mut chunk, around),
        });
        self.after(turn);
        drop(writer);
        chunk.wake();
        self.wake();
        self.intake.give_back(chunk.frame);
        self.after_turns.call();
    }

    /// Adds the mark that proves the last frame.
    pub(crate) fn mark(&self, writer: &mut Writer) {
        if self.poison.get().is_none() {
            let turn = self.with_surroundings(|around| writer.mark(around));
            self.after(turn);
        }
    }

    /// Starts the next segment, unless this one is empty.
    pub(crate) fn roll(&self, writer: &mut Writer) -> Result<(), AppendError> {
        if let Some(error) = self.poison.get() {
            return Err(AppendError::Poisoned(Arc::clone(error)));
        }
        if writer.segment_is_empty() {
            return Ok(());
        }
        self.with_surroundings(|around| writer.roll(Urgency::Reserved, around))
    }

    fn after(&self, turn: Turn) {
        if let Turn::Failed(error) = turn {
            self.stop(error);
        }
    }

    fn with_surroundings<T>(&self, act: impl FnOnce(&Surroundings<'_>) -> T) -> T {
        let next_spare = |urgency| self.next_spare(urgency);
        act(&Surroundings {
            clock: self.environment.clock.as_ref(),
            ring: &self.ring,
            segments: &self.segments,
            upkeep: &self.upkeep,
            first: self.first(),
            next_spare: &next_spare,
        })
    }

    /// The next segment: waits for the upkeep thread, or does its work.
    fn next_spare(&self, urgency: Urgency) -> Result<Spare, NoSpare> {
        match self.options.drive {
            Drive::Threads => self.upkeep.wait_until_caught_up(),
            Drive::Callers => {
                self.upkeep.retry();
                self.run_upkeep();
            }
        }
        loop {
            if let Some(found) = self.upkeep.try_take_spare(urgency) {
                return match (found, self.poison.get()) {
                    (Err(NoSpare::Closed), Some(error)) => Err(NoSpare::Stopped(Arc::clone(error))),
                    (found, _) => found,
                };
            }
            match self.options.drive {
                Drive::Threads => self.upkeep.wait_for_spare(urgency),
                Drive::Callers => self.run_upkeep(),
            }
        }
    }

    /// Does all the upkeep that is due.
    pub(crate) fn run_upkeep(&self) {
        while self.run_upkeep_once() {}
    }

    /// Writes the footers that are still to be written, and nothing else: the log is closing.
    pub(crate) fn run_upkeep_seals(&self) {
        while self.poison.get().is_none() {
            match self.upkeep.run_one_seal() {
                Ok(true) => (),
                Ok(false) => return,
                Err(error) => self.stop(Arc::new(error)),
            }
        }
    }

    /// Does one piece of upkeep; false when none is due.
    pub(crate) fn run_upkeep_once(&self) -> bool {
        let _runner = lock(&self.runner);
        if self.poison.get().is_some() {
            return false;
        }
        match self.upkeep.run_one() {
            Ok(Ran::Nothing) => false,
            Ok(Ran::Other) => true,
            Ok(Ran::Footer) => {
                // What fails here stops the log, and its callers learn it from there.
                let _stopped = self.enforce_retention();
                true
            }
            Err(error) => {
                self.stop(Arc::new(error));
                false
            }
        }
    }

    /// Commits for others, or leaves them to the writer thread, after a turn as the writer.
    pub(crate) fn hand_over(&self) {
        match self.options.drive {
            Drive::Threads => self.intake.hand_over(true),
            Drive::Callers => {
                while self.intake.has_work() && self.try_turn() {}
                self.run_upkeep();
                if self.poison.get().is_some() {
                    self.wake();
                }
            }
        }
    }

    /// The writer thread.
    pub(crate) fn write_until_closed(&self) {
        let mut seen = 0;
        loop {
            let quiet = {
                let writer = self.lock_writer();
                seen = seen.max(writer.frames());
                writer.is_unmarked().then_some(self.options.mark_idle)
            };
            match self.intake.wait_for_work(quiet) {
                Found::Work => self.turn(self.lock_writer()),
                Found::Closed => return,
                Found::Quiet => {
                    let mut writer = self.lock_writer();
                    if quiet.is_some() && writer.frames() == seen {
                        self.mark(&mut writer);
                    }
                    drop(writer);
                    self.wake();
                }
            }
        }
    }

    /// The upkeep thread.
    pub(crate) fn keep_up_until_closed(&self) {
        while self.upkeep.wait_for_work() {
            self.run_upkeep();
            self.wake();
        }
    }

    /// Removes what the policy says, and records in the superblock how far the log is proven.
    pub(crate) fn enforce_retention(&self) -> Result<u64, UpkeepError> {
        let now = self.environment.clock.now();
        self.remove_segments(|sealed, open_bytes| {
            plan(&self.options.retention, sealed, open_bytes, now, self.holds.oldest())
        })
    }

    /// The record up to which the policy removes, whatever is held.
    pub(crate) fn due(&self) -> Seq {
        let (sealed, open_bytes) = spans(&self.segments.all());
        let now = self.environment.clock.now();
        let Plan { remove, .. } = plan(&self.options.retention, &sealed, open_bytes, now, None);
        remove.checked_sub(1).map_or(self.first(), |last| sealed[last].end)
    }

    /// Removes whole segments with only records before `before` that nobody holds.
    pub(crate) fn trim(&self, before: Seq) -> Result<u64, UpkeepError> {
        self.remove_segments(|sealed, _| {
            let kept = self.holds.oldest().map_or(before, |held| held.min(before));
            let remove = count_before(sealed, Some(kept));
            Plan { remove, break_below: Seq::ZERO }
        })
    }

    /// Keeps history from `from` on, or from the oldest record that is there. The superblock's lock keeps
    /// out a trim, which would not see a hold that comes while it is under way.
    pub(crate) fn hold(&self, from: Seq) -> Result<Hold, UpkeepError> {
        let _superblock = lock(&self.superblock);
        Hold::take(&self.holds, from.max(self.first()))
    }

    /// Removes the oldest segments as `choose` says, with the superblock's lock held; answers how many
    /// records went.
    fn remove_segments(
        &self,
        choose: impl FnOnce(&[Span], u64) -> Plan,
    ) -> Result<u64, UpkeepError> {
        if let Some(error) = self.poison.get() {
            return Err(UpkeepError::Poisoned(Arc::clone(error)));
        }
        let Some(mut superblock) = self.folder() else { return Err(UpkeepError::Closed) };
        let segments = self.segments.all();
        let (sealed, open_bytes) = spans(&segments);
        let chosen = choose(&sealed, open_bytes);
        let before = superblock.start.next_seq;
        if chosen.remove > 0 {
            let new_first = &segments[chosen.remove];
            superblock.first_ordinal = new_first.header.ordinal;
            superblock.start = new_first.start;
        }
        superblock.open_ordinal = segments.last().map_or(0, |open| open.header.ordinal);
        superblock.durable = segments.last().map_or(before, |open| open.start.next_seq).previous();
        superblock.write(self.environment.storage.as_ref()).map_err(|error| {
            let source = Arc::new(error);
            self.stop(Arc::clone(&source));
            UpkeepError::Io { action: "write the superblock".to_owned(), source }
        })?;
        let first = superblock.start.next_seq;
        if chosen.remove > 0 {
            self.holds.break_below(chosen.break_below);
            self.first.store(first.get(), Ordering::Release);
            drop(segments);
            self.upkeep.trimmed(self.segments.remove_oldest(chosen.remove));
        }
        Ok(first.get() - before.get())
    }
}

/// The sealed segments, and the bytes of the one being filled.
fn spans(segments: &[Arc<Segment>]) -> (Vec<Span>, u64) {
    let span = |segment: &Arc<Segment>| {
        let end = segment.end()?;
        Some(Span { end: end.tip.next_seq, time: end.time, bytes: segment.committed() })
    };
    let sealed: Vec<Span> = segments.iter().map_while(span).collect();
    let open_bytes = segments.get(sealed.len()).map_or(0, |open| open.committed());
    (sealed, open_bytes)
}
