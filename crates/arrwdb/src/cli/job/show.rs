//! `arrwdb job show` and `job list`: what is known of jobs.

use std::io::{self, Write};

use arrw_server::value_of;
use clap::Args;
use serde_json::Value;

use super::STATES;
use crate::cli::answer::{Page, one_line};
use crate::cli::exit::Exit;
use crate::cli::remote::{Remote, block_on, escaped};
use crate::cli::table::{Table, number, text_of};

/// Show one job, and what happened to it
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb job show $(arrwdb job enqueue mail welcome)
  $ arrwdb job show $(arrwdb job enqueue mail welcome) --json"
)]
pub(crate) struct Show {
    /// Its number
    job: u64,
    /// Print it as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Show {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let mut client = self.remote.client()?;
        block_on(async {
            let json = client.call_text("GET", &format!("/v1/jobs/{}", self.job), None).await?;
            let mut out = io::stdout().lock();
            if self.json {
                writeln!(out, "{}", one_line(&json))?;
                return Ok(Exit::Fine);
            }
            let job = value_of(&json)?;
            Table::of_members(&job, &["history", "history_is_whole"]).print(&mut out)?;
            print_history(&job, &mut out)?;
            Ok(Exit::Fine)
        })
    }
}

/// Prints what happened to a job, the newest first.
fn print_history(job: &Value, out: &mut impl Write) -> io::Result<()> {
    let mut table = Table::new(&["TIME", "STATE", "ATTEMPT", "WORKER", "ERROR OR PROGRESS"]);
    for change in job["history"].as_array().into_iter().flatten() {
        let cancelling = if change["cancelling"] == true { ", cancelling" } else { "" };
        table.row([
            text_of(&change["time"]),
            format!("{}{cancelling}", text_of(&change["state"])),
            number(&change["attempt"]),
            text_of(&change["worker"]),
            told(change),
        ]);
    }
    writeln!(out)?;
    table.print(out)?;
    if job["history_is_whole"] == false {
        writeln!(out, "(older changes are not told)")?;
    }
    Ok(())
}

/// The error of an attempt; else how far it was, if it said so.
fn told(change: &Value) -> String {
    let progress = &change["progress"];
    match (&change["error"], progress["current"].as_u64()) {
        (error @ Value::String(_), _) => text_of(error),
        (_, Some(current)) => {
            let total = progress["total"].as_u64().map(|total| format!("/{total}"));
            let message = progress["message"].as_str().unwrap_or_default();
            format!("{current}{} {message}", total.unwrap_or_default()).trim_end().to_owned()
        }
        (_, None) => String::new(),
    }
}

/// List the jobs of a queue
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb job list mail
  $ arrwdb job list mail --state dead --kind welcome --json"
)]
pub(crate) struct List {
    /// The queue
    queue: String,
    /// Only those in this state
    #[arg(long, value_parser = STATES)]
    state: Option<String>,
    /// Only those of this kind
    #[arg(long)]
    kind: Option<String>,
    /// Only those with this tag
    #[arg(long)]
    tag: Option<String>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    /// Print one line of JSON a job, with its args
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

impl List {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let mut client = self.remote.client()?;
        block_on(async {
            let mut out = io::stdout().lock();
            let head = ["JOB", "STATE", "KIND", "PRIORITY", "ATTEMPT", "OF", "SINCE OR AT"];
            let mut table = Table::new(&head);
            let (mut left, mut after) = (self.limit, String::new());
            while 0 < left {
                let target = self.target(left.min(1_000), &after);
                let json = client.call_text("GET", &target, None).await?;
                let page = Page::read(&json, "jobs")?;
                for job in page.items {
                    left = left.saturating_sub(1);
                    if self.json {
                        writeln!(out, "{}", one_line(job.get()))?;
                    } else {
                        table.row(row(&value_of(job.get())?));
                    }
                }
                match page.next {
                    Some(next) => after = next,
                    None => break,
                }
            }
            table.print(&mut out)?;
            Ok(Exit::Fine)
        })
    }

    fn target(&self, limit: usize, after: &str) -> String {
        let mut target = format!("/v1/jobs?queue={}&limit={limit}", escaped(&self.queue));
        let given = [("state", &self.state), ("kind", &self.kind), ("tag", &self.tag)];
        for (name, value) in given {
            if let Some(value) = value {
                target.push_str(&format!("&{name}={}", escaped(value)));
            }
        }
        if self.json {
            target.push_str("&include=args");
        }
        if !after.is_empty() {
            target.push_str(&format!("&after={}", escaped(after)));
        }
        target
    }
}

fn row(job: &Value) -> [String; 7] {
    let times = ["run_at", "ready_at", "finished_at"];
    let time = times.into_iter().map(|name| &job[name]).find(|time| time.is_string());
    [
        number(&job["job"]),
        text_of(&job["state"]),
        text_of(&job["kind"]),
        text_of(&job["priority"]),
        number(&job["attempt"]),
        number(&job["max_attempts"]),
        text_of(time.unwrap_or(&Value::Null)),
    ]
}
