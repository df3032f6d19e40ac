//! The least program that does the work of appending: a bare group-commit log.
//!
//! A queue, one thread that writes what is there with one write and one sync, and files that another
//! thread fills with zeros ahead of need. It checks nothing, indexes nothing and cannot be read.

use std::fs::File;
use std::future::poll_fn;
use std::io;
use std::mem;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::thread::{self, JoinHandle};

use crate::disk::zeroed;

/// Bytes of a record: its payload alone.
pub(crate) const RECORD_BYTES: usize = 128;
/// Bytes before the records of one write: their number and the first's place.
const HEADER_BYTES: usize = 16;
/// As the log's segments.
const FILE_BYTES: u64 = 64 * 1024 * 1024;

type Record = [u8; RECORD_BYTES];

/// Where the answer to one caller is left. Each caller has one append at a time, so one will do.
#[derive(Debug, Default)]
struct Slot(Mutex<(Option<u64>, Option<Waker>)>);

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<(Record, Arc<Slot>)>,
    writer_waits: bool,
    closed: bool,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    work: Condvar,
}

/// A bare group-commit log.
#[derive(Debug)]
pub(crate) struct Floor {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<io::Result<Wrote>>>,
}

/// What a floor has written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wrote {
    pub(crate) records: u64,
    pub(crate) writes: u64,
    /// How often it went on to the next file.
    pub(crate) rolls: u64,
}

impl Floor {
    /// Starts one in an empty folder.
    pub(crate) fn start(folder: &Path) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        // One in the channel and one in the filler's hands: two spares, as the log has.
        let (filled, files) = sync_channel(1);
        let folder = folder.to_owned();
        thread::Builder::new().name("floor-filler".to_owned()).spawn(move || {
            for number in 0_u64.. {
                let path: PathBuf = folder.join(format!("{number:010}.floor"));
                if filled.send(zeroed(&path, FILE_BYTES)).is_err() {
                    return;
                }
            }
        })?;
        let theirs = Arc::clone(&shared);
        let writer = thread::Builder::new().name("floor-writer".to_owned());
        let writer = writer.spawn(move || {
            let wrote = write(&theirs, &files);
            lock(&theirs.queue).closed = true;
            wrote
        })?;
        Ok(Self { shared, writer: Some(writer) })
    }

    /// One caller.
    pub(crate) fn caller(&self) -> Caller {
        Caller { shared: Arc::clone(&self.shared), slot: Arc::default() }
    }

    /// Stops it once nobody waits, and answers what it has written.
    pub(crate) fn stop(mut self) -> io::Result<Wrote> {
        lock(&self.shared.queue).closed = true;
        self.shared.work.notify_one();
        let writer = self.writer.take().expect("it is stopped once");
        writer.join().expect("the floor's writer does not panic")
    }
}

/// One of those who append to a [`Floor`].
#[derive(Debug)]
pub(crate) struct Caller {
    shared: Arc<Shared>,
    slot: Arc<Slot>,
}

impl Caller {
    /// Appends a record and waits until it is synced; answers its place.
    pub(crate) async fn append(&mut self, record: &Record) -> u64 {
        self.put(record);
        poll_fn(|context| {
            let mut slot = lock(&self.slot.0);
            match slot.0.take() {
                Some(place) => Poll::Ready(place),
                None => {
                    slot.1 = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    fn put(&self, record: &Record) {
        let mut queue = lock(&self.shared.queue);
        queue.waiting.push((*record, Arc::clone(&self.slot)));
        let wake = mem::take(&mut queue.writer_waits);
        drop(queue);
        if wake {
            self.shared.work.notify_one();
        }
    }
}

/// The writer: takes all that waits, writes it, syncs it, answers. Ends when closed.
fn write(shared: &Shared, files: &Receiver<io::Result<File>>) -> io::Result<Wrote> {
    let next_file = || files.recv().map_err(|_gone| io::Error::from(io::ErrorKind::BrokenPipe))?;
    let (mut file, mut at, mut wrote) = (next_file()?, 0, Wrote::default());
    let (mut batch, mut bytes) = (Vec::new(), Vec::new());
    loop {
        let mut queue = lock(&shared.queue);
        while queue.waiting.is_empty() {
            if queue.closed {
                return Ok(wrote);
            }
            queue.writer_waits = true;
            queue = shared.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.writer_waits = false;
        mem::swap(&mut queue.waiting, &mut batch);
        drop(queue);

        bytes.clear();
        bytes.extend_from_slice(&(batch.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&wrote.records.to_le_bytes());
        debug_assert_eq!(bytes.len(), HEADER_BYTES);
        for (record, _) in &batch {
            bytes.extend_from_slice(record);
        }
        if FILE_BYTES < at + bytes.len() as u64 {
            (file, at) = (next_file()?, 0);
            wrote.rolls += 1;
        }
        file.write_all_at(&bytes, at)?;
        file.sync_data()?;
        at += bytes.len() as u64;
        wrote.writes += 1;
        for (_, slot) in batch.drain(..) {
            wrote.records += 1;
            let mut slot = lock(&slot.0);
            slot.0 = Some(wrote.records);
            let waker = slot.1.take();
            drop(slot);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
