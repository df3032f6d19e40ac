//! `arrwdb torture writer`: appends until it is killed, and says what was acknowledged.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use arrw_bench::Random;
use arrw_log::limits::{BATCH_RECORDS_MAX, RECORD_BYTES_MAX};
use arrw_log::{AppendError, Batch, Environment, FileStorage, Log, NewRecord, Options, Outcome};
use clap::Args;

use super::payload::{HEADER_BYTES, Name};
use crate::cli::exit::Exit;

/// Pause after an append that was refused, so that a full disk is not asked at full speed.
const REFUSED_PAUSE: Duration = Duration::from_millis(10);

/// Largest payload: what a record may hold, less its own header and topic.
const PAYLOAD_MAX: u64 = RECORD_BYTES_MAX as u64 - 1024;

/// Append batches until killed, and print each that was acknowledged
///
/// Prints, each with one write: `ack WRITER NUMBER FIRST_SEQ LAST_SEQ` for a batch that is on the disk, and
/// `fail WRITER NUMBER rejected|unknown` for one that was refused or may be. Writers count from 0, batches
/// from 1 in each run. Payloads follow from the seed. Ends with 0 after a clean close, and with 74 when a
/// write failed.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb torture writer --data ./torture --seed 7 --records 1000 > acks.txt
  $ timeout --signal=KILL 2 arrwdb torture writer --data ./torture --seed 8 --writers 16 > more.txt"
)]
pub(crate) struct Writer {
    /// Folder of the log
    #[arg(long)]
    data: PathBuf,
    /// Seed of all payloads and batch sizes
    #[arg(long)]
    seed: u64,
    /// Records that each writer appends; 0 goes on until killed
    #[arg(long, default_value_t = 0)]
    records: u64,
    /// Threads that append at once
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=4096))]
    writers: u32,
    /// Size of new segment files: small ones, so that there are many
    #[arg(long, default_value_t = 1024 * 1024)]
    segment_bytes: u64,
    /// Bytes of the largest payload, at least 24
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u64).range(HEADER_BYTES as u64..=PAYLOAD_MAX))]
    payload_max: u64,
    /// Records of the largest batch
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=i64::from(BATCH_RECORDS_MAX)))]
    batch_max: u32,
    /// Bytes of log to keep; older segments are used again. All are kept when it is not given
    #[arg(long)]
    keep_bytes: Option<u64>,
}

impl Writer {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let storage = FileStorage::new(&self.data)
            .with_context(|| format!("cannot make the folder `{}`", self.data.display()))?;
        let mut options = Options { segment_bytes: self.segment_bytes, ..Options::default() };
        options.retention.bytes_max = self.keep_bytes;
        let log = Log::open_with(Environment::with_storage(Arc::new(storage)), options)?;
        let ran: io::Result<()> = thread::scope(|scope| {
            let start = |writer| {
                let (command, log) = (&self, &log);
                scope.spawn(move || command.write(log, writer))
            };
            let threads: Vec<_> = (0..self.writers).map(start).collect();
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().expect("a writer does not panic"))
        });
        if log.poison().is_some() {
            return Ok(Exit::DiskFailed);
        }
        log.close()?;
        ran.context("cannot print what was acknowledged")?;
        Ok(Exit::Fine)
    }

    /// One writer: appends and reports until its records are there, or the log stops.
    fn write(&self, log: &Log, writer: u32) -> io::Result<()> {
        let mut sizes = Random::new(self.seed ^ u64::from(writer) << 32);
        let (mut number, mut written) = (0, 0);
        while self.records == 0 || written < self.records {
            number += 1;
            let drawn = 1 + sizes.below(u64::from(self.batch_max));
            let left = if self.records == 0 { drawn } else { self.records - written };
            let count = u32::try_from(drawn.min(left)).unwrap_or(self.batch_max);
            let error = match log.append(self.batch(writer, number, count)).wait() {
                Ok(committed) => {
                    written += u64::from(count);
                    let (first, last) = (committed.first, committed.last);
                    say(&format!("ack {writer} {number} {first} {last}\n"))?;
                    continue;
                }
                Err(error) => error,
            };
            let outcome = match error.outcome() {
                Outcome::Rejected => "rejected",
                Outcome::Unknown => "unknown",
            };
            say(&format!("fail {writer} {number} {outcome}\n"))?;
            if log.poison().is_some() || !matches!(error, AppendError::Full) {
                return Ok(());
            }
            pause();
        }
        Ok(())
    }

    fn batch(&self, writer: u32, number: u64, count: u32) -> Batch {
        let topic = format!("torture.{writer}");
        let payload_max = usize::try_from(self.payload_max).unwrap_or(usize::MAX);
        let mut batch = Batch::new();
        for index in 0..count {
            let name = Name { writer, number, index, count };
            let payload = name.payload(self.seed, payload_max);
            let record = NewRecord { topic: &topic, payload: &payload, ..NewRecord::default() };
            batch.push(record).expect("the options keep records and batches in their limits");
        }
        batch
    }
}

/// Prints a line with one write, so that a kill leaves it whole or not at all.
fn say(line: &str) -> io::Result<()> {
    // The lock hands a whole line to the system at once when nothing is buffered before it.
    io::stdout().lock().write_all(line.as_bytes())
}

fn pause() {
    #[expect(clippy::disallowed_methods, reason = "there is no event for space on a disk")]
    thread::sleep(REFUSED_PAUSE);
}
