//! Work that must not hold up a commit: spare segments, footers, and files that may be used again.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::environment::Environment;
use crate::limits::{FULL_RETRY_MS, SEALS_PENDING_MAX, SPARES_RESERVED};
use crate::planted::{Bug, is_planted};
use crate::record::Urgency;
use crate::segment::{Footer, SEGMENT_HEADER_BYTES, Segment, SegmentHeader, file_name};
use crate::storage::{Storage, StorageFile, is_full, write_all_at};
use crate::sync::{Condvar, Mutex, lock};

/// Bytes of zeros written at once, and synced a few pieces at a time so that a commit beside it does
/// not wait behind a whole segment of them.
const ZERO_BYTES: usize = 256 * 1024;
const ZERO_SYNC_BYTES: u64 = 4 * 1024 * 1024;

/// A segment file that is ready: written once from end to end, named and synced.
#[derive(Debug)]
pub(crate) struct Spare {
    pub(crate) header: SegmentHeader,
    pub(crate) file: Arc<dyn StorageFile>,
}

/// A sealed segment whose footer is still to be written.
#[derive(Debug)]
pub(crate) struct Seal {
    pub(crate) segment: Arc<Segment>,
    pub(crate) footer: Footer,
    pub(crate) len: FileLen,
}

/// What becomes of the room behind the last frame of a sealed segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileLen {
    /// It stays, so that the file can be used again.
    Keep,
    /// It goes: most of the file was never used.
    Cut,
}

/// Why there is no spare.
#[derive(Debug)]
pub(crate) enum NoSpare {
    /// The disk is full, or only the reserve is left.
    Full,
    /// The log is closed.
    Closed,
    /// The log stopped.
    Stopped(Arc<io::Error>),
}

/// One piece of work.
#[derive(Debug)]
enum Job {
    Spare { ordinal: u64, reuse: Option<Arc<Segment>> },
    Seal(Seal),
    Discard(Arc<Segment>),
}

/// Whether the disk had room for a spare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Space {
    /// The last one was made.
    Enough,
    /// The last one could not be made.
    Full,
    /// As `Full`, and it is time to try again.
    TryAgain,
}

#[derive(Debug)]
struct State {
    spares: VecDeque<Spare>,
    /// True while a spare is being made or a file removed.
    busy: bool,
    /// True when the writer waits for a spare.
    awaited: bool,
    next_ordinal: u64,
    seals: VecDeque<Seal>,
    /// Segments that were trimmed: their files become spares, or go.
    trimmed: Vec<Arc<Segment>>,
    space: Space,
    closed: bool,
}

impl State {
    /// How many spares an append may choose from.
    fn spares_for(&self, urgency: Urgency) -> usize {
        match urgency {
            Urgency::Ordinary => self.spares.len().saturating_sub(SPARES_RESERVED),
            Urgency::Reserved => self.spares.len(),
        }
    }

    /// True when the disk is full and nothing is under way that may change that.
    fn is_hopeless(&self) -> bool {
        self.space == Space::Full && !self.busy && self.trimmed.is_empty()
    }

    /// It is time to see whether a full disk has room again.
    fn try_again(&mut self) {
        if self.space == Space::Full {
            self.space = Space::TryAgain;
        }
    }
}

/// What is to be done, and the spares that are ready. Its lock is never held during I/O.
#[derive(Debug)]
pub(crate) struct Upkeep {
    state: Mutex<State>,
    work: Condvar,
    done: Condvar,
    environment: Environment,
    log_id: u128,
    segment_bytes: u64,
    spares_wanted: usize,
}

/// What a log starts its upkeep with.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) log_id: u128,
    pub(crate) segment_bytes: u64,
    pub(crate) spares_wanted: usize,
    pub(crate) next_ordinal: u64,
    pub(crate) spares: VecDeque<Spare>,
    pub(crate) seals: VecDeque<Seal>,
}

impl Upkeep {
    pub(crate) fn new(environment: Environment, start: Start) -> Self {
        let state = State {
            spares: start.spares,
            busy: false,
            awaited: false,
            next_ordinal: start.next_ordinal,
            seals: start.seals,
            trimmed: Vec::new(),
            space: Space::Enough,
            closed: false,
        };
        Self {
            state: Mutex::new(state),
            work: Condvar::new(),
            done: Condvar::new(),
            environment,
            log_id: start.log_id,
            segment_bytes: start.segment_bytes,
            spares_wanted: start.spares_wanted,
        }
    }

    /// Size of new segments.
    pub(crate) fn segment_bytes(&self) -> u64 {
        self.segment_bytes
    }

    /// Takes the next spare without waiting; `None` when one is still to be made.
    pub(crate) fn try_take_spare(&self, urgency: Urgency) -> Option<Result<Spare, NoSpare>> {
        let mut state = lock(&self.state);
        if state.closed {
            return Some(Err(NoSpare::Closed));
        }
        if state.spares_for(urgency) == 0 {
            return state.is_hopeless().then_some(Err(NoSpare::Full));
        }
        let spare = state.spares.pop_front()?;
        self.work.notify_one();
        Some(Ok(spare))
    }

    /// Waits until the upkeep thread has done something, if a spare is still to be made.
    pub(crate) fn wait_for_spare(&self, urgency: Urgency) {
        let mut state = lock(&self.state);
        if state.spares_for(urgency) == 0 && !state.is_hopeless() && !state.closed {
            state.awaited = true;
            self.work.notify_one();
            drop(self.done.wait(state).expect("no holder of this lock panics"));
        }
    }

    /// Waits until fewer footers are unwritten than may be.
    pub(crate) fn wait_until_caught_up(&self) {
        let mut state = lock(&self.state);
        while SEALS_PENDING_MAX <= state.seals.len() && !state.closed {
            state = self.done.wait(state).expect("no holder of this lock panics");
        }
    }

    /// Has a footer written.
    pub(crate) fn seal(&self, seal: Seal) {
        lock(&self.state).seals.push_back(seal);
        self.work.notify_one();
    }

    /// Has the files of trimmed segments used again or removed.
    pub(crate) fn trimmed(&self, segments: Vec<Arc<Segment>>) {
        let mut state = lock(&self.state);
        state.trimmed.extend(segments);
        state.try_again();
        drop(state);
        self.work.notify_one();
    }

    /// Looks again whether the disk has room, if it had none.
    pub(crate) fn retry(&self) {
        lock(&self.state).try_again();
    }

    /// True while no further spare can be made.
    pub(crate) fn is_full(&self) -> bool {
        lock(&self.state).space != Space::Enough
    }

    /// Ends all waiting.
    pub(crate) fn close(&self) {
        lock(&self.state).closed = true;
        self.work.notify_all();
        self.done.notify_all();
    }

    /// Does one piece of work.
    ///
    /// # Errors
    /// When the disk failed other than by being full: the log must stop.
    pub(crate) fn run_one(&self) -> io::Result<Ran> {
        let Some(job) = self.next_job() else { return Ok(Ran::Nothing) };
        let ran = match job {
            Job::Spare { ordinal, reuse } => {
                self.make_spare(ordinal, reuse.as_ref()).map(|()| Ran::Other)
            }
            Job::Seal(seal) => self.write_footer(&seal).map(|()| Ran::Footer),
            Job::Discard(segment) => self.discard(&segment).map(|()| Ran::Other),
        };
        self.done.notify_all();
        ran
    }

    /// Writes one footer; false when none is to be written.
    pub(crate) fn run_one_seal(&self) -> io::Result<bool> {
        let seal = lock(&self.state).seals.pop_front();
        seal.map_or(Ok(false), |seal| self.write_footer(&seal).map(|()| true))
    }

    /// Waits, as the upkeep thread, for work; false when the log is closed.
    pub(crate) fn wait_for_work(&self) -> bool {
        let mut state = lock(&self.state);
        loop {
            if state.closed {
                return false;
            }
            if self.has_work(&state) {
                return true;
            }
            if state.space == Space::Full {
                let retry = Duration::from_millis(FULL_RETRY_MS);
                let waited = self.work.wait_timeout(state, retry);
                let timed_out;
                (state, timed_out) = waited.expect("no holder of this lock panics");
                if timed_out.timed_out() {
                    state.try_again();
                }
            } else {
                state = self.work.wait(state).expect("no holder of this lock panics");
            }
        }
    }

    fn has_work(&self, state: &State) -> bool {
        !state.seals.is_empty() || !state.trimmed.is_empty() || self.is_short(state)
    }

    /// True when a spare is to be made now.
    fn is_short(&self, state: &State) -> bool {
        state.space != Space::Full && !state.busy && state.spares.len() < self.spares_wanted
    }

    fn next_job(&self) -> Option<Job> {
        let mut state = lock(&self.state);
        if state.closed {
            return None;
        }
        // A spare that is waited for comes first. Else the footers, after which retention may leave a file
        // that can be used again.
        let is_urgent = state.awaited || state.spares.is_empty();
        if self.is_short(&state) && (is_urgent || state.seals.is_empty()) {
            state.awaited = false;
            let free = |segment: &Arc<Segment>| Arc::strong_count(segment) == 1;
            let reuse = state.trimmed.iter().position(free).map(|at| state.trimmed.remove(at));
            state.busy = true;
            return Some(Job::Spare { ordinal: state.next_ordinal, reuse });
        }
        if let Some(seal) = state.seals.pop_front() {
            return Some(Job::Seal(seal));
        }
        let discard = state.trimmed.pop();
        state.busy = discard.is_some();
        discard.map(Job::Discard)
    }

    /// Makes the spare `ordinal`, out of a trimmed segment if there is one that nobody reads.
    fn make_spare(&self, ordinal: u64, reuse: Option<&Arc<Segment>>) -> io::Result<()> {
        let header =
            SegmentHeader { log_id: self.log_id, ordinal, nonce: self.environment.entropy.draw() };
        let mut reuse = reuse;
        let made = match reuse {
            Some(old) if self.is_whole(old)? => self.reuse(&header, &old.name()),
            // It was cut short by a recovery: a new one is as cheap.
            Some(old) => self.environment.storage.remove(&old.name()).and_then(|()| {
                reuse = None;
                create(&self.environment, &header, self.segment_bytes)
            }),
            None => create(&self.environment, &header, self.segment_bytes),
        };
        let mut state = lock(&self.state);
        state.busy = false;
        match made {
            Ok(file) => {
                state.next_ordinal = ordinal + 1;
                state.spares.push_back(Spare { header, file });
                state.space = Space::Enough;
                Ok(())
            }
            Err(error) if is_full(&error) => {
                state.space = Space::Full;
                // What could not be used again this time is still there, to be tried or to go.
                state.trimmed.extend(reuse.cloned());
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Removes the file of a trimmed segment, which may make room for a spare.
    fn discard(&self, segment: &Segment) -> io::Result<()> {
        let storage = &self.environment.storage;
        storage.remove(&segment.name())?;
        storage.sync_folder()?;
        let mut state = lock(&self.state);
        state.busy = false;
        state.try_again();
        Ok(())
    }

    /// True when a file has all the bytes of a segment.
    fn is_whole(&self, segment: &Segment) -> io::Result<bool> {
        Ok(self.segment_bytes <= self.environment.storage.open(&segment.name())?.len()?)
    }

    /// Gives the file of a trimmed segment a new header and then its new name.
    fn reuse(&self, header: &SegmentHeader, old_name: &str) -> io::Result<Arc<dyn StorageFile>> {
        let storage = &self.environment.storage;
        let file = storage.open(old_name)?;
        header.write(file.as_ref())?;
        file.set_len(self.segment_bytes)?;
        // Not to be tried again on the same file, whatever the failure is called.
        file.sync_data().map_err(io::Error::other)?;
        storage.rename(old_name, &file_name(header.ordinal))?;
        if !is_planted(Bug::ForgetFolderSync) {
            sync_names(storage.as_ref())?;
        }
        Ok(file)
    }

    /// Writes a footer. A full disk is no harm: opening reads the segment instead. A failed sync is.
    fn write_footer(&self, seal: &Seal) -> io::Result<()> {
        let file = self.environment.storage.open(&seal.segment.name())?;
        let header = &seal.segment.header;
        let len_min = match seal.len {
            FileLen::Keep => self.segment_bytes,
            FileLen::Cut => 0,
        };
        match seal.footer.write(file.as_ref(), header, len_min) {
            Err(error) if is_full(&error) => Ok(()),
            Err(error) => Err(error),
            Ok(()) => {
                file.sync_data()?;
                // From now on the footer has it, and memory does not grow with the log.
                seal.segment.drop_index();
                Ok(())
            }
        }
    }
}

/// What [`Upkeep::run_one`] did.
#[derive(Debug)]
pub(crate) enum Ran {
    /// There was nothing to do.
    Nothing,
    /// A footer was written.
    Footer,
    /// Something else.
    Other,
}

/// Makes a segment file that is zero from its header to its end, so that no later write has to ask the
/// file system for space. Removes it again when the disk is full.
pub(crate) fn create(
    environment: &Environment,
    header: &SegmentHeader,
    segment_bytes: u64,
) -> io::Result<Arc<dyn StorageFile>> {
    let storage = &environment.storage;
    let name = file_name(header.ordinal);
    let file = storage.create(&name)?;
    let filled = fill(file.as_ref(), segment_bytes)
        .and_then(|()| header.write(file.as_ref()))
        .and_then(|()| file.sync_data());
    if let Err(error) = filled {
        storage.remove(&name)?;
        return Err(error);
    }
    if !is_planted(Bug::ForgetFolderSync) {
        sync_names(storage.as_ref())?;
    }
    Ok(file)
}

/// Syncs the folder. Whatever the failure is called, it is no lack of space that passes: names that a
/// failed sync has lost are not written by a later one.
fn sync_names(storage: &dyn Storage) -> io::Result<()> {
    storage.sync_folder().map_err(io::Error::other)
}

fn fill(file: &dyn StorageFile, segment_bytes: u64) -> io::Result<()> {
    let zeros = vec![0; ZERO_BYTES];
    let mut at = SEGMENT_HEADER_BYTES as u64;
    let mut synced = 0;
    while at < segment_bytes {
        let count = usize::try_from(segment_bytes - at).unwrap_or(ZERO_BYTES).min(ZERO_BYTES);
        write_all_at(file, &zeros[..count], at)?;
        at += count as u64;
        if ZERO_SYNC_BYTES <= at - synced && at < segment_bytes {
            file.sync_data()?;
            synced = at;
        }
    }
    Ok(())
}
