//! Fills a log quickly: batches with many in flight.

use std::collections::VecDeque;
use std::io::Write;
use std::path::Path;

use arrw_log::{Append, Batch, Log, NewRecord};

use super::{PAYLOAD, TOPIC};

/// Records of one batch.
const BATCH_RECORDS: usize = 100;
/// Batches on their way at once.
const IN_FLIGHT: usize = 64;
/// Answers between two looks at how much there is.
const LOOK_EVERY: u64 = 64;

/// Keeps batches in flight.
struct Filler<'a> {
    log: &'a Log,
    batch: Batch,
    in_flight: VecDeque<Append>,
    answered: u64,
}

impl<'a> Filler<'a> {
    fn new(log: &'a Log) -> anyhow::Result<Self> {
        let mut batch = Batch::new();
        for _ in 0..BATCH_RECORDS {
            batch.push(NewRecord { topic: TOPIC, payload: &PAYLOAD, ..NewRecord::default() })?;
        }
        Ok(Self { log, batch, in_flight: VecDeque::new(), answered: 0 })
    }

    /// Starts batches and waits for the oldest.
    fn step(&mut self) -> anyhow::Result<()> {
        while self.in_flight.len() < IN_FLIGHT {
            self.in_flight.push_back(self.log.append(self.batch.clone()).start());
        }
        self.answer()
    }

    fn answer(&mut self) -> anyhow::Result<()> {
        if let Some(append) = self.in_flight.pop_front() {
            append.wait()?;
            self.answered += 1;
        }
        Ok(())
    }

    /// Steps until the log holds `bytes` of frames.
    fn fill_to(&mut self, bytes: u64) -> anyhow::Result<()> {
        loop {
            self.step()?;
            if self.answered.is_multiple_of(LOOK_EVERY) && bytes <= self.log.stats().bytes {
                return Ok(());
            }
        }
    }
}

/// Appends until the log holds `bytes` of frames.
pub(super) fn fill(log: &Log, bytes: u64) -> anyhow::Result<()> {
    let mut filler = Filler::new(log)?;
    filler.fill_to(bytes)?;
    while !filler.in_flight.is_empty() {
        filler.answer()?;
    }
    Ok(())
}

/// Opens the log in `folder`, appends until it holds `bytes` of frames, prints `ready` to `out`, and goes
/// on appending until this process is killed. It is the part of `log.open` that is killed.
///
/// # Errors
/// When the log or the disk fails.
pub fn fill_until_killed(folder: &Path, bytes: u64, out: &mut dyn Write) -> anyhow::Result<()> {
    let log = Log::open(folder)?;
    let mut filler = Filler::new(&log)?;
    filler.fill_to(bytes)?;
    out.write_all(b"ready\n")?;
    out.flush()?;
    loop {
        filler.step()?;
    }
}
