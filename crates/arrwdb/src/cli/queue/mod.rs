//! `arrwdb queue`: queues of jobs, and how they are run.

use std::io::{self, Write};

use clap::{Args, Subcommand};
use serde_json::Value;

use super::exit::Exit;
use super::job::STATES;
use super::listing::Listing;
use super::remote::{Remote, block_on, escaped};
use super::report::Report;
use super::table::{Table, number, text_of};

mod limit;

/// List queues, show, pause, resume and limit them
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List(List),
    Show(Show),
    Pause(Pause),
    Resume(Resume),
    Limit(limit::Limit),
}

impl Command {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        match self {
            Self::List(command) => command.run(),
            Self::Show(command) => command.run(),
            Self::Pause(command) => command.run(),
            Self::Resume(command) => command.run(),
            Self::Limit(command) => command.run(),
        }
    }
}

/// List queues and how many jobs they have
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb queue list
  $ arrwdb queue list --json"
)]
pub(crate) struct List {
    /// Print one line of JSON a queue
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

impl List {
    fn run(self) -> anyhow::Result<Exit> {
        let target = "/v1/queues?limit=1000".to_owned();
        let listing = Listing { target, after: "after", member: "queues", json: self.json };
        let head = ["QUEUE", "READY", "LEASED", "WAITING", "DEAD", "OLDEST MS", "RUNS"];
        listing.print(&self.remote, head, |queue| {
            let jobs = &queue["jobs"];
            let count = |state: &str| jobs[state].as_u64().unwrap_or(0);
            let waiting = count("scheduled") + count("retrying");
            [
                text_of(&queue["queue"]),
                number(&jobs["ready"]),
                number(&jobs["leased"]),
                waiting.to_string(),
                number(&jobs["dead"]),
                number(&queue["oldest_ready_ms"]),
                runs(queue).to_owned(),
            ]
        })
    }
}

/// Whether a queue gives out jobs now.
fn runs(queue: &Value) -> &'static str {
    match (&queue["paused"], &queue["closed"]) {
        (Value::Bool(true), _) => "paused",
        (_, Value::Bool(true)) => "at its limit",
        _ => "yes",
    }
}

/// Show one queue: its jobs by state, and its limits
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb queue show mail
  $ arrwdb queue show mail --json"
)]
pub(crate) struct Show {
    /// Its name
    queue: String,
    /// Print it as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Show {
    fn run(self) -> anyhow::Result<Exit> {
        let mut client = self.remote.client()?;
        block_on(async {
            let queue = client.call("GET", &target(&self.queue), None).await?;
            let mut out = io::stdout().lock();
            if self.json {
                writeln!(out, "{queue}")?;
                return Ok(Exit::Fine);
            }
            Table::of_members(&queue, &["jobs"]).print(&mut out)?;
            let mut table = Table::new(&["STATE", "JOBS"]);
            for state in STATES {
                table.row([state.to_owned(), number(&queue["jobs"][state])]);
            }
            writeln!(out)?;
            table.print(&mut out)?;
            Ok(Exit::Fine)
        })
    }
}

fn target(queue: &str) -> String {
    format!("/v1/queues/{}", escaped(queue))
}

/// Hand out no job of a queue; those that run go on
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb queue pause mail
  $ arrwdb queue pause reports --json"
)]
pub(crate) struct Pause {
    /// Its name
    queue: String,
    #[command(flatten)]
    report: Report,
    #[command(flatten)]
    remote: Remote,
}

impl Pause {
    fn run(self) -> anyhow::Result<Exit> {
        change(&self.remote, self.report, &self.queue, "pause")
    }
}

/// Hand out jobs of a queue again
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb queue resume mail
  $ arrwdb queue resume reports --json"
)]
pub(crate) struct Resume {
    /// Its name
    queue: String,
    #[command(flatten)]
    report: Report,
    #[command(flatten)]
    remote: Remote,
}

impl Resume {
    fn run(self) -> anyhow::Result<Exit> {
        change(&self.remote, self.report, &self.queue, "resume")
    }
}

/// Asks for a change and says how the queue is run after it.
fn change(remote: &Remote, report: Report, queue: &str, what: &str) -> anyhow::Result<Exit> {
    let mut client = remote.client()?;
    block_on(async {
        let target = format!("{}/{what}", target(queue));
        let changed = client.call("POST", &target, None).await?;
        let is = if changed["paused"] == true { "is paused" } else { "gives out jobs" };
        report.say(&format!("queue `{queue}` {is}"), &changed)
    })
}
