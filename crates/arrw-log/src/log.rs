//! The handle of an open log: append, read, trim, close.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::after_turn::AfterTurns;
use crate::append::Append;
use crate::decide::Decider;
use crate::environment::Environment;
use crate::error::{AppendError, OpenError, ReadError, UpkeepError};
use crate::intake::Intake;
use crate::opened::Opened;
use crate::options::{Drive, Options};
use crate::position::{Epoch, Position, Seq, Timestamp};
use crate::reader::{Reader, Start};
use crate::record::Batch;
use crate::recovery::{OpenReport, recover};
use crate::retention::{Hold, Holds};
use crate::ring::Ring;
use crate::segment::Segments;
use crate::storage::FileStorage;
use crate::superblock::LeftAs;
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Mutex, lock};
use crate::sync_times::SyncTimes;
use crate::topics::TopicEnd;
use crate::upkeep::{self, Upkeep};
use crate::writer::{Writer, frame_bytes_max};

/// An open log. Clones are handles to the same one; the last to go closes it.
#[derive(Clone, Debug)]
pub struct Log {
    owner: Arc<Owner>,
}

/// Closes the log when the last handle goes.
#[derive(Debug)]
struct Owner {
    shared: Arc<Opened>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// What came of the close, once it is over.
    closed: Mutex<Option<Result<(), UpkeepError>>>,
    report: OpenReport,
}

/// What can be told of a log at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// The oldest record that is kept.
    pub first: Seq,
    /// The seq that the next record will get.
    pub tail: Seq,
    /// Time of the last commit.
    pub time: Timestamp,
    /// Segments that hold the log.
    pub segments: usize,
    /// Bytes of their frames.
    pub bytes: u64,
    /// Frames written since the log was opened, marks included.
    pub frames: u64,
    /// Bytes of these, whatever was trimmed since.
    pub written_bytes: u64,
    /// How long their syncs took.
    pub syncs: SyncTimes,
    /// Topics in the table.
    pub topics: usize,
    /// Batches that wait for the writer.
    pub waiting_batches: usize,
    /// Bytes of those.
    pub waiting_bytes: usize,
    /// True while appends are refused because the disk is full.
    pub disk_full: bool,
}

impl Log {
    /// Opens the log in a folder, making both when they do not exist.
    ///
    /// Takes time in proportion to the newest segment, not to the log: the others have footers.
    ///
    /// # Errors
    /// When another process has it, when acknowledged data is damaged, or when the disk refuses.
    pub fn open(folder: impl Into<std::path::PathBuf>) -> Result<Self, OpenError> {
        let folder = folder.into();
        let storage = FileStorage::new(&folder).map_err(|source| OpenError::Io {
            action: format!("make the folder `{}`", folder.display()),
            source,
        })?;
        Self::open_with(Environment::with_storage(Arc::new(storage)), Options::default())
    }

    /// Opens the log of an environment with options of your own.
    ///
    /// # Errors
    /// As [`open`](Self::open), and when an option cannot be.
    pub fn open_with(environment: Environment, options: Options) -> Result<Self, OpenError> {
        Self::open_holding(environment, options).map(|(log, _hold)| log)
    }

    /// As [`open_with`](Self::open_with), with a hold on all that is there: a start may find a segment that is full, and
    /// retention goes on with it, before anybody else could say what they need.
    ///
    /// # Errors
    /// As [`open_with`](Self::open_with).
    pub fn open_holding(
        environment: Environment,
        options: Options,
    ) -> Result<(Self, Hold), OpenError> {
        options.check()?;
        let recovered = recover(&environment, &options)?;
        let superblock = recovered.superblock;
        let active_ordinal = recovered.active.segment.header.ordinal;
        let upkeep = Upkeep::new(
            environment.clone(),
            upkeep::Start {
                log_id: superblock.log_id,
                segment_bytes: options.segment_bytes,
                spares_wanted: options.spares,
                next_ordinal: active_ordinal + 1 + recovered.spares.len() as u64,
                spares: recovered.spares,
                seals: recovered.seals,
            },
        );
        let (tip, time, epoch) = (recovered.tip, recovered.time, superblock.epoch);
        let shared = Arc::new(Opened {
            lock: Mutex::new(Some(recovered.lock)),
            epoch,
            log_id: superblock.log_id,
            first: AtomicU64::new(superblock.start.next_seq.get()),
            superblock: Mutex::new(superblock),
            writer: Mutex::new(Writer::new(epoch, recovered.active, recovered.topics, tip, time)),
            after_turns: AfterTurns::default(),
            intake: Intake::new(
                options.intake_batches_max,
                options.intake_bytes_max,
                frame_bytes_max(options.segment_bytes),
            ),
            ring: Ring::new(tip.next_seq, options.ring_bytes),
            segments: Segments::new(recovered.segments),
            upkeep,
            runner: Mutex::new(()),
            holds: Arc::new(Holds::default()),
            poison: OnceLock::new(),
            waiters: AtomicU64::new(0),
            closing: AtomicBool::new(false),
            environment,
            options,
        });
        let hold = shared.hold(shared.first()).map_err(|error| OpenError::Io {
            action: "hold what is there".to_owned(),
            source: std::io::Error::other(error),
        })?;
        let threads = start_threads(&shared)?;
        let owner = Owner {
            shared,
            threads: Mutex::new(threads),
            closed: Mutex::new(None),
            report: recovered.report,
        };
        let log = Self { owner: Arc::new(owner) };
        if log.shared().options.drive == Drive::Callers {
            log.shared().run_upkeep();
        }
        Ok((log, hold))
    }

    pub(crate) fn shared(&self) -> &Arc<Opened> {
        &self.owner.shared
    }

    /// What the start found and did.
    #[must_use]
    pub fn open_report(&self) -> &OpenReport {
        &self.owner.report
    }

    /// The present life of the log.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.shared().epoch
    }

    /// The identity of the log, which it keeps for ever; backups share it.
    #[must_use]
    pub fn id(&self) -> u128 {
        self.shared().log_id
    }

    /// The seq that the next record will get. All before it is committed and synced.
    #[must_use]
    pub fn tail(&self) -> Seq {
        self.shared().ring.tail()
    }

    /// The oldest record that is kept.
    #[must_use]
    pub fn first(&self) -> Seq {
        self.shared().first()
    }

    /// The position behind the last record.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { epoch: self.epoch(), seq: self.tail().previous() }
    }

    /// Asks for a batch to be committed. Wait for the answer with [`Append::wait`], or await it.
    ///
    /// The answer comes when the batch is synced: it then survives `kill -9` and power loss, at the
    /// place that it was told.
    pub fn append(&self, batch: Batch) -> Append {
        Append::new(Arc::clone(self.shared()), batch)
    }

    /// Starts to read.
    ///
    /// # Errors
    /// When the position is of another life of the log, was trimmed, or is behind the tail.
    pub fn reader(&self, start: Start) -> Result<Reader, ReadError> {
        Reader::open(Arc::clone(self.shared()), start)
    }

    /// Reads what is committed from now on.
    #[must_use]
    pub fn follow(&self) -> Reader {
        Reader::at(Arc::clone(self.shared()), self.tail())
    }

    /// Where a topic ends; `None` when no record of it is kept.
    ///
    /// Waits for a commit that is under way.
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<TopicEnd> {
        let first = self.first();
        self.shared().with_writer(|writer| writer.topic(name, first))
    }

    /// Has `decider` decide on batches that ask, from now on.
    ///
    /// Waits for a commit that is under way. Before this, such batches are committed as any other.
    pub fn set_decider(&self, decider: Box<dyn Decider>) {
        let before = self.shared().with_writer(|writer| {
            (self.shared().after_turns.set(decider.after_turn()), writer.set_decider(decider))
        });
        // Not under the writer's lock: what is called may have a handle of this log.
        drop(before);
    }

    /// Runs `look` between two commits, with the position behind the last one: what a decider shows then
    /// is of exactly these records. Waits for a commit that is under way, and holds up the next.
    pub fn between_commits<T>(&self, look: impl FnOnce(Position) -> T) -> T {
        self.shared().with_writer(|_| look(self.position()))
    }

    /// About how many bytes of the log stand from a record on: whole frames while it is in memory, else up to
    /// a stretch of the index more (64 KiB). Costs a lock, or a read of a footer.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn bytes_from(&self, seq: Seq) -> Result<u64, ReadError> {
        let shared = self.shared();
        if let Some(bytes) = shared.ring.bytes_from(seq) {
            return Ok(bytes);
        }
        let segments = shared.segments.all();
        let later = segments.partition_point(|segment| segment.start.next_seq <= seq);
        let after: u64 = segments[later..].iter().map(|segment| segment.committed()).sum();
        let Some(segment) = later.checked_sub(1).map(|at| &segments[at]) else { return Ok(after) };
        let storage = shared.environment.storage.as_ref();
        match shared.segments.entry_before(segment, seq, storage) {
            Ok(entry) => Ok(after + segment.committed().saturating_sub(entry.at)),
            // It may just have been trimmed.
            Err(_) if segment.start.next_seq < self.first() => Ok(after),
            Err(source) => Err(ReadError::Io { file: segment.name(), source: Arc::new(source) }),
        }
    }

    /// Removes whole segments whose records are all before `before` and not held; answers how many
    /// records went.
    ///
    /// # Errors
    /// When the log stopped or the superblock cannot be written.
    pub fn trim(&self, before: Seq) -> Result<u64, UpkeepError> {
        let removed = self.shared().trim(before);
        self.after_removal();
        removed
    }

    /// Removes what is older or more than the policy keeps; answers how many records went.
    ///
    /// The log does this itself whenever a segment is full. By age, a log that is written slowly keeps
    /// its newest segment until then; [`roll`](Self::roll) ends it before.
    ///
    /// # Errors
    /// As [`trim`](Self::trim).
    pub fn enforce_retention(&self) -> Result<u64, UpkeepError> {
        let removed = self.shared().enforce_retention();
        self.after_removal();
        removed
    }

    /// Bytes that a batch may have, as its records are stored, with what it reserves for those that are made.
    #[must_use]
    pub fn batch_bytes_max(&self) -> usize {
        self.shared().intake.batch_bytes_max()
    }

    /// The record from which on the policy keeps now, if nothing is held. What is before it goes as soon as nobody
    /// holds it, or those who do are over the budget.
    #[must_use]
    pub fn due(&self) -> Seq {
        self.shared().due()
    }

    /// Uses the files of removed segments again, if the callers do that, and wakes who waits if it failed.
    fn after_removal(&self) {
        if self.shared().options.drive == Drive::Callers {
            self.shared().run_upkeep();
        }
        self.shared().wake();
    }

    /// Seals the segment that is being filled, so that retention may remove it. Does nothing to an empty
    /// one.
    ///
    /// # Errors
    /// When there is no space for another one, or the log stopped or was closed.
    pub fn roll(&self) -> Result<(), AppendError> {
        self.shared().with_writer(|writer| self.shared().roll(writer))
    }

    /// Keeps history from `from` on until the hold is dropped, within the budget of the policy; from the
    /// oldest record that is there when `from` is gone already.
    ///
    /// Waits for a trim that is under way.
    ///
    /// # Errors
    /// When there are too many holds.
    pub fn hold(&self, from: Seq) -> Result<Hold, UpkeepError> {
        self.shared().hold(from)
    }

    /// Writes the mark that proves the last frame, if it has none. The log does this itself after a
    /// quiet 50 ms when it has threads of its own.
    pub fn mark(&self) {
        self.shared().with_writer(|writer| self.shared().mark(writer));
    }

    /// What can be told of the log now. Waits for a commit that is under way.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let shared = self.shared();
        let (written, topics, time) =
            shared.with_writer(|writer| (*writer.written(), writer.topics(), writer.time()));
        let segments = shared.segments.all();
        let (waiting_batches, waiting_bytes) = shared.intake.depth();
        Stats {
            first: shared.first(),
            tail: shared.ring.tail(),
            time,
            segments: segments.len(),
            bytes: segments.iter().map(|segment| segment.committed()).sum(),
            frames: written.frames,
            written_bytes: written.bytes,
            syncs: written.syncs,
            topics,
            waiting_batches,
            waiting_bytes,
            disk_full: shared.upkeep.is_full(),
        }
    }

    /// Why the log stopped, if it did.
    #[must_use]
    pub fn poison(&self) -> Option<Arc<io::Error>> {
        self.shared().poison.get().cloned()
    }

    /// Closes the log: commits what was let in, proves it, and says so in the superblock. Other handles
    /// are closed with it. A second close waits for the first and answers the same.
    ///
    /// # Errors
    /// When the log had stopped, or what is left to write cannot be written.
    pub fn close(&self) -> Result<(), UpkeepError> {
        self.owner.close()
    }
}

fn start_threads(shared: &Arc<Opened>) -> Result<Vec<JoinHandle<()>>, OpenError> {
    if shared.options.drive == Drive::Callers {
        return Ok(Vec::new());
    }
    let start = |name: &str, run: fn(&Opened)| {
        let theirs = Arc::clone(shared);
        thread::Builder::new().name(name.to_owned()).spawn(move || run(&theirs)).map_err(|source| {
            shared.intake.close();
            shared.upkeep.close();
            OpenError::Io { action: format!("start the thread `{name}`"), source }
        })
    };
    Ok(vec![
        start("arrw-log-writer", Opened::write_until_closed)?,
        start("arrw-log-upkeep", Opened::keep_up_until_closed)?,
    ])
}

impl Owner {
    fn close(&self) -> Result<(), UpkeepError> {
        let mut closed = lock(&self.closed);
        if let Some(closed) = closed.as_ref() {
            return closed.clone();
        }
        self.shared.closing.store(true, Ordering::Release);
        let finished = self.finish();
        self.shared.ring.close();
        lock(&self.shared.lock).take();
        *closed = Some(finished.clone());
        drop(closed);
        self.shared.wake();
        self.shared.after_turns.call();
        finished
    }

    /// Commits, proves and records what is left, and ends the threads.
    fn finish(&self) -> Result<(), UpkeepError> {
        let shared = &self.shared;
        shared.intake.close();
        shared.intake.wake();
        // The role is waited for even when nothing waits: a turn under way may need a spare, and those
        // who are in it were let in.
        loop {
            let writer = shared.lock_writer();
            if !shared.intake.has_work() {
                break;
            }
            shared.turn(writer);
        }
        if shared.options.drive == Drive::Callers {
            shared.run_upkeep();
        }
        shared.upkeep.close();
        let threads = std::mem::take(&mut *lock(&self.threads));
        for thread in threads {
            thread.join().expect("the threads of a log do not panic");
        }
        shared.run_upkeep_seals();
        let durable = shared.with_writer(|writer| {
            shared.mark(writer);
            writer.durable()
        });
        if let Some(error) = shared.poison.get() {
            return Err(UpkeepError::Poisoned(Arc::clone(error)));
        }
        let mut superblock = lock(&shared.superblock);
        superblock.left_as = LeftAs::Closed;
        superblock.durable = durable;
        superblock.write(shared.environment.storage.as_ref()).map_err(|error| {
            let source = Arc::new(error);
            shared.stop(Arc::clone(&source));
            UpkeepError::Io { action: "write the superblock".to_owned(), source }
        })
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // Whoever needs to know calls `close`; after a failure the next start finds out what is there.
        let _unheard = self.close();
    }
}
