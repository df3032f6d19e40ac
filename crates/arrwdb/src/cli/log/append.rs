//! `arrwdb log append`: each line of the input becomes a record.

use std::io::{self, BufRead, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use anyhow::Context;
use arrw_log::limits::RECORD_BYTES_MAX;
use arrw_log::{Batch, Environment, FileStorage, Log, NewRecord, Options, check_topic};
use clap::Args;

use crate::cli::exit::Exit;

/// Appends that may be unanswered at once: enough for one sync to serve many lines, few enough that a
/// failure leaves few lines in doubt.
const IN_FLIGHT_MAX: usize = 64;

/// Append each line of the standard input as a record
///
/// Prints the seq of each record once it is on the disk, in the order of the lines. Makes the log if there
/// is none. When it fails, lines whose seq was printed are in the log; up to 64 behind them may be.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ printf 'one\\ntwo\\n' | arrwdb log append ./data --topic greetings
  $ seq 1000 | arrwdb log append ./data --topic numbers > seqs.txt"
)]
pub(crate) struct Append {
    /// Folder of the log
    folder: PathBuf,
    /// Topic of the records
    #[arg(long)]
    topic: String,
    /// Size of new segment files; only tests need another than the default
    #[arg(long, value_name = "BYTES", default_value_t = Options::default().segment_bytes)]
    segment_bytes: u64,
}

/// What the reading thread hands over: an append that was started, or why it cannot go on.
type Started = anyhow::Result<arrw_log::Append>;

impl Append {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        check_topic(&self.topic)?;
        let storage = FileStorage::new(&self.folder)
            .with_context(|| format!("cannot make the folder `{}`", self.folder.display()))?;
        let options = Options { segment_bytes: self.segment_bytes, ..Options::default() };
        let log = Log::open_with(Environment::with_storage(Arc::new(storage)), options)?;
        // One more is held by each end.
        let (started, to_answer) = sync_channel(IN_FLIGHT_MAX - 2);
        let (writer, topic) = (log.clone(), self.topic);
        // It is not joined: when the log fails it may wait for a line that never comes.
        let reading = thread::Builder::new().name("arrwdb-stdin".to_owned());
        reading.spawn(move || append_lines(&writer, &topic, &started))?;
        let printed = print_answers(&to_answer);
        let closed = log.close();
        printed?;
        closed?;
        Ok(Exit::Fine)
    }
}

/// Starts an append for each line, until the end or until nobody wants to know.
fn append_lines(log: &Log, topic: &str, started: &SyncSender<Started>) {
    let mut input = io::stdin().lock();
    let mut number = 0_u64;
    loop {
        number += 1;
        let append = match next_line(&mut input) {
            Ok(None) => return,
            Ok(Some(line)) => {
                Batch::of(NewRecord { topic, payload: &line, ..NewRecord::default() })
                    .with_context(|| format!("cannot append line {number}"))
                    .map(|batch| log.append(batch).start())
            }
            Err(error) => Err(error).context("cannot read the standard input"),
        };
        let failed = append.is_err();
        if started.send(append).is_err() || failed {
            return;
        }
    }
}

/// The next line without its end; `None` behind the last. Takes in no more than a record may hold.
fn next_line(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let mut limited = input.take(RECORD_BYTES_MAX as u64 + 2);
    if limited.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    Ok(Some(line))
}

fn print_answers(to_answer: &Receiver<Started>) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    for append in to_answer {
        let committed = append?.wait()?;
        out.write_all(format!("{}\n", committed.first).as_bytes())?;
    }
    Ok(())
}
