//! `arrwdb bench`: takes the figures that the documents quote.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};

use arrw_bench::{JobsPart, Kept, Load, Output, Plan, Sockets, SocketsPart, Standing, Weighed};

use super::exit::Exit;
use super::open_files;

/// Take the figures that the documents quote
#[derive(Debug, Subcommand)]
#[command(verbatim_doc_comment)]
pub(crate) enum Command {
    Seed(Seed),
    All(All),
    Log(Log),
    Bus(Bus),
    Http(Http),
    Jobs(Jobs),
    Sockets(OverSockets),
    LogFill(LogFill),
    BusWeigh(BusWeigh),
    JobsPart(OneOfJobs),
    HttpFloor(HttpFloor),
    SocketsPart(OneOfSockets),
}

/// Measure what the prototype measured, on the real thing, beside its figures and targets
///
/// Events, jobs and WebSockets, each alone and all at once, with subscribers that check what they get, real sockets, and
/// files that are synced. Needs 20,000 open files (`ulimit -n 20000`). Takes about eleven minutes, with --quick less than one. Exits
/// with 1 when something is lost, or below the prototype's own target, which leaves room on any machine.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb bench seed --quick
  $ arrwdb bench seed --report ./report --json figures.json
  $ arrwdb bench seed --compare figures.json --history bench/history.jsonl"
)]
pub(crate) struct Seed {
    #[command(flatten)]
    settings: Settings,
}

/// Measure all groups, one after the other, in one report
///
/// Takes about an hour and a half, with --quick a quarter of an hour. Needs 20,000 open files (`ulimit -n 20000`).
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb bench all --quick --report ./report
  $ arrwdb bench all --json figures.json --report ./report --peer ./venv/bin/python"
)]
pub(crate) struct All {
    /// Also measure uWebSockets, by this Python, which must have the package `socketify`
    #[arg(long, value_name = "PYTHON")]
    peer: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

/// Measure the log: append, read, open
///
/// Writes several GiB into a folder on a real disk and removes it at the end. Takes about eight minutes,
/// with --quick about one. The table goes to the standard output, progress to the standard error.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb bench log --quick
  $ arrwdb bench log --json figures.json --dir ./bench"
)]
pub(crate) struct Log {
    #[command(flatten)]
    settings: Settings,
}

/// Measure the event bus: publish, deliver, latency, filters, memory
///
/// Writes several GiB into a folder on a real disk and removes it at the end. Takes about seventeen minutes, ten
/// of them for the memory that a long time costs; with --quick about two. The table goes to the standard
/// output, progress to the standard error.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb bench bus --quick
  $ arrwdb bench bus --json figures.json --dir ./bench"
)]
pub(crate) struct Bus {
    #[command(flatten)]
    settings: Settings,
}

/// Measure the server: publish, follow, consumers, over HTTP
///
/// Starts this program as a server of its own, and loads it from here: both share the machine. Writes several
/// GiB into a folder on a real disk and removes it at the end. Takes about eight minutes, with --quick about
/// one. The table goes to the standard output, progress to the standard error.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb bench http --quick
  $ arrwdb bench http --json figures.json --dir ./bench"
)]
pub(crate) struct Http {
    #[command(flatten)]
    settings: Settings,
}

/// Measure the job queue: enqueue, claim, complete, latency
///
/// Writes several GiB into a folder on a real disk and removes it at the end. Takes about ten minutes, with --quick
/// about two. The table goes to the standard output, progress to the standard error.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb bench jobs --quick
  $ arrwdb bench jobs --json figures.json --dir ./bench"
)]
pub(crate) struct Jobs {
    #[command(flatten)]
    settings: Settings,
}

/// Measure WebSockets: connect, broadcast, steady load, calls, recovery
///
/// Starts this program as a server of its own and a generator of load in another process: both share the machine.
/// Needs 20,000 open files (`ulimit -n 20000`). Takes about forty minutes, with --quick about five. The table goes to the
/// standard output, progress to the standard error.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb bench sockets --quick
  $ arrwdb bench sockets accept echo --quick
  $ arrwdb bench sockets --json figures.json --dir ./bench --peer ./venv/bin/python"
)]
pub(crate) struct OverSockets {
    /// Figures to take, such as `echo` or `broadcast.burst` [default: all]
    #[arg(value_name = "FIGURE")]
    figures: Vec<String>,
    /// Also measure uWebSockets, by this Python, which must have the package `socketify`
    #[arg(long, value_name = "PYTHON")]
    peer: Option<PathBuf>,
    /// Load the floor in place of the server: to try the generator
    #[arg(long, hide = true)]
    floor_only: bool,
    #[command(flatten)]
    settings: Settings,
}

/// What all groups of figures may be told.
#[derive(Debug, Args)]
struct Settings {
    /// Run for a short time: 3 runs of 2 s each (of the group `seed` of 0.5 s) in place of 5 of 10 s
    #[arg(long)]
    quick: bool,
    /// Also write the figures to this file, as a JSON array
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Also make a page with plots: `index.html` in this folder, which needs nothing else
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Say how each figure stands to those of this file, which --json wrote; exit with 1 when one is worse by more than a
    /// fifth, beyond the noise of both
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Add the run to this file, a line of JSON each, and show the trend of its runs in the report
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
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

/// Use memory and say how much: the part of `bench bus` that needs a process of its own
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, hide = true)]
pub(crate) struct BusWeigh {
    folder: PathBuf,
    #[arg(value_enum)]
    what: What,
    #[arg(default_value_t = 0)]
    seconds: u64,
}

/// Use memory and say how much, or fill a queue until killed: the parts of `bench jobs` that need a process of their own
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, hide = true)]
pub(crate) struct OneOfJobs {
    folder: PathBuf,
    #[arg(value_enum)]
    what: Part,
    #[arg(default_value_t = 0)]
    calls: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Part {
    Ready,
    Scheduled,
    Unique,
    Fill,
}

/// Answer every request with prepared bytes until killed: the floor of `bench http`
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, hide = true)]
pub(crate) struct HttpFloor {}

/// Be clients that obey orders on the standard input, or the least server: the parts of `bench sockets` that need a
/// process of their own
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, hide = true)]
pub(crate) struct OneOfSockets {
    #[arg(value_enum)]
    what: SocketPart,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SocketPart {
    Generator,
    Floor,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    Idle,
    Volatile,
    Durable,
    Slope,
}

impl Command {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        match self {
            Self::Seed(Seed { settings }) => {
                settings.run(("seed", "sockets-part"), arrw_bench::seed)
            }
            Self::All(All { peer, settings }) => {
                let sockets = Sockets { peer, ..Sockets::default() };
                settings.run(("all", "sockets-part"), |plan, output| {
                    arrw_bench::all(plan, &sockets, output)
                })
            }
            Self::Log(Log { settings }) => settings.run(("log", "log-fill"), arrw_bench::log),
            Self::Bus(Bus { settings }) => settings.run(("bus", "bus-weigh"), arrw_bench::bus),
            Self::Http(Http { settings }) => settings.run(("http", "http-floor"), arrw_bench::http),
            Self::Jobs(Jobs { settings }) => settings.run(("jobs", "jobs-part"), arrw_bench::jobs),
            Self::JobsPart(OneOfJobs { folder, what, calls }) => {
                let part = match what {
                    Part::Ready => JobsPart::Ready,
                    Part::Scheduled => JobsPart::Scheduled,
                    Part::Unique => JobsPart::Unique,
                    Part::Fill => JobsPart::Fill { calls },
                };
                arrw_bench::jobs_part(&folder, part, &mut io::stdout())?;
                Ok(Exit::Fine)
            }
            Self::Sockets(OverSockets { figures, peer, floor_only: is_floor_only, settings }) => {
                let sockets = Sockets { figures, peer, is_floor_only };
                let group = format!("sockets {}", sockets.figures.join(" "));
                settings.run((group.trim_end(), "sockets-part"), |plan, output| {
                    arrw_bench::sockets(plan, &sockets, output)
                })
            }
            Self::SocketsPart(OneOfSockets { what }) => {
                let part = match what {
                    SocketPart::Generator => SocketsPart::Generator,
                    SocketPart::Floor => SocketsPart::Floor,
                };
                arrw_bench::sockets_part(part, io::stdin(), &mut io::stdout())?;
                Ok(Exit::Fine)
            }
            Self::HttpFloor(HttpFloor {}) => {
                arrw_bench::answer_prepared(&mut io::stdout())?;
                Ok(Exit::Fine)
            }
            Self::BusWeigh(BusWeigh { folder, what, seconds }) => {
                let what = match what {
                    What::Idle => Weighed::Idle,
                    What::Volatile => Weighed::Volatile,
                    What::Durable => Weighed::Durable,
                    What::Slope => Weighed::Slope { seconds },
                };
                writeln!(io::stdout(), "{}", arrw_bench::weigh(&folder, what)?)?;
                Ok(Exit::Fine)
            }
            Self::LogFill(fill) => {
                arrw_bench::fill_until_killed(&fill.folder, fill.bytes, &mut io::stdout())?;
                Ok(Exit::Fine)
            }
        }
    }
}

impl Settings {
    /// Takes the figures of a group, of which a part is a process of its own.
    fn run(
        self,
        (group, child): (&str, &str),
        measure: impl FnOnce(&Plan, &mut Output<'_>) -> anyhow::Result<Standing>,
    ) -> anyhow::Result<Exit> {
        open_files::raise_limit();
        let program = std::env::current_exe().context("cannot find this program")?;
        let child = [program.into_os_string(), "bench".into(), child.into()];
        let mut command = format!("arrwdb bench {group}");
        if self.quick {
            command.push_str(" --quick");
        }
        let plan = Plan {
            folder: self.dir.unwrap_or_else(default_folder),
            load: if self.quick { Load::Quick } else { Load::Full },
            kept: Kept {
                json: self.json,
                report: self.report,
                compare: self.compare,
                history: self.history,
            },
            child: child.map(OsString::from).to_vec(),
            command,
        };
        let (mut report, mut progress) = (io::stdout(), io::stderr());
        let is_watched = progress.is_terminal();
        let mut output = Output { report: &mut report, progress: &mut progress, is_watched };
        Ok(match measure(&plan, &mut output)? {
            Standing::Good => Exit::Fine,
            Standing::Bad => Exit::Missed,
        })
    }
}

fn default_folder() -> PathBuf {
    let target = PathBuf::from("target");
    if target.is_dir() { target.join("bench") } else { PathBuf::from("arrwdb-bench") }
}
