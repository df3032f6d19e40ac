//! `arrwdb torture check`: reads what a torture writer left.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use arrw_log::{Record, Seq, Start};
use clap::Args;

use super::payload::Name;
use crate::cli::exit::Exit;
use crate::cli::log::{next_frame, open_existing};

/// Read all records that torture writers left, and compute each payload again
///
/// Opens the log, as a start after a crash does, and prints `rec SEQ WRITER NUMBER ok|bad` for each record.
/// A record is bad when its payload is not what the seed gives, or when its batch is not whole. Ends with 65
/// when one is bad.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb torture writer --data ./fresh --seed 7 --records 100 > acks.txt && arrwdb torture check --data ./fresh --seed 7
  $ arrwdb torture writer --data ./clean --seed 8 --records 9 && arrwdb torture check --data ./clean --seed 8 > found.txt"
)]
pub(crate) struct Check {
    /// Folder of the log
    #[arg(long)]
    data: PathBuf,
    /// Seed that the writers were given
    #[arg(long)]
    seed: u64,
}

/// A record that was read, and is not printed before the next one shows whether its batch is whole.
#[derive(Debug)]
struct Read {
    seq: Seq,
    name: Option<Name>,
    ok: bool,
}

impl Read {
    fn new(record: &Record<'_>, seed: u64) -> Self {
        let name = Name::of(record.payload());
        let ok = name.is_some_and(|name| {
            name.fits(seed, record.payload())
                && record.topic() == format!("torture.{}", name.writer)
        });
        Self { seq: record.seq(), name, ok }
    }

    /// True when the batch goes on behind this record.
    fn is_open(&self) -> bool {
        self.name.and_then(Name::following).is_some()
    }

    /// True when `next` is the record of the same batch behind this one.
    fn is_continued_by(&self, next: &Self) -> bool {
        let following = self.name.and_then(Name::following);
        following.is_some() && following == next.name
    }
}

impl Check {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let log = open_existing(&self.data)?;
        let mut reader = log.reader(Start::Earliest)?;
        let mut out = BufWriter::new(io::stdout().lock());
        let mut last: Option<Read> = None;
        let mut bad = 0_u64;
        while let Some(frame) = next_frame(&mut reader)? {
            for record in frame.records() {
                let mut next = Read::new(&record, self.seed);
                match &mut last {
                    Some(last) if last.is_open() => {
                        let whole = last.is_continued_by(&next);
                        last.ok &= whole;
                    }
                    Some(_) | None => next.ok &= next.name.is_some_and(|name| name.index == 0),
                }
                bad += print(&mut out, last.replace(next).as_ref())?;
            }
        }
        if let Some(last) = &mut last {
            last.ok &= !last.is_open();
        }
        bad += print(&mut out, last.as_ref())?;
        out.flush()?;
        log.close()?;
        Ok(if bad == 0 { Exit::Fine } else { Exit::Damaged })
    }
}

/// Prints a record, and answers how many bad ones that were.
fn print(out: &mut impl Write, read: Option<&Read>) -> io::Result<u64> {
    let Some(Read { seq, name, ok }) = read else { return Ok(0) };
    let (writer, number) = name.map_or((0, 0), |name| (name.writer, name.number));
    writeln!(out, "rec {seq} {writer} {number} {}", if *ok { "ok" } else { "bad" })?;
    Ok(u64::from(!*ok))
}
