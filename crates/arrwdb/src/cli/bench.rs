//! `arrwdb bench`: takes the figures that the documents quote.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};

use arrw_bench::{Load, Plan};

use super::exit::Exit;

/// Take the figures that the documents quote
#[derive(Debug, Subcommand)]
#[command(verbatim_doc_comment)]
pub(crate) enum Command {
    Log(Log),
    LogFill(LogFill),
}

/// Measure the log: append, read, open
///
/// Writes several GiB into a folder on a real disk and removes it at the end. Takes about eight minutes,
/// with --quick about two.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb bench log --quick
  $ arrwdb bench log --json figures.json --dir ./bench"
)]
pub(crate) struct Log {
    /// Run for a short time: 3 runs of 2 s each in place of 5 of 10 s
    #[arg(long)]
    quick: bool,
    /// Also write the figures to this file, as a JSON array
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Folder to work in, on a real disk [default: ./target/bench if there is a ./target, else ./arrwdb-bench]
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// Fill a log until this process is killed: the half of `bench log` that is killed
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, hide = true)]
pub(crate) struct LogFill {
    folder: PathBuf,
    /// Bytes of frames after which it prints `ready` and goes on
    #[arg(long)]
    bytes: u64,
}

impl Command {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        match self {
            Self::Log(log) => log.run(),
            Self::LogFill(fill) => {
                arrw_bench::fill_until_killed(&fill.folder, fill.bytes, &mut io::stdout())?;
                Ok(Exit::Fine)
            }
        }
    }
}

impl Log {
    fn run(self) -> anyhow::Result<Exit> {
        let program = std::env::current_exe().context("cannot find this program")?;
        let child = [program.into_os_string(), "bench".into(), "log-fill".into()];
        let mut command = "arrwdb bench log".to_owned();
        if self.quick {
            command.push_str(" --quick");
        }
        let plan = Plan {
            folder: self.dir.unwrap_or_else(default_folder),
            load: if self.quick { Load::Quick } else { Load::Full },
            json: self.json,
            filler: child.map(OsString::from).to_vec(),
            command,
        };
        arrw_bench::log(&plan, &mut io::stdout().lock())?;
        Ok(Exit::Fine)
    }
}

fn default_folder() -> PathBuf {
    let target = PathBuf::from("target");
    if target.is_dir() { target.join("bench") } else { PathBuf::from("arrwdb-bench") }
}
