//! `arrwdb cron`: jobs that are enqueued at times.

use clap::{ArgGroup, Args, Subcommand};
use serde::Serialize;
use serde_json::Value;

use super::job::Template;
use super::{All, Of, One, Shown, runs};
use crate::cli::exit::Exit;
use crate::cli::job::incoming::JobIn;
use crate::cli::remote::{Remote, block_on};
use crate::cli::report::Report;
use crate::cli::table::{number, text_of};

/// Have jobs enqueued at times
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Put(Box<Put>),
    /// List schedules, and when each runs next
    #[command(
        verbatim_doc_comment,
        after_help = "\
Examples:
  $ arrwdb cron list
  $ arrwdb cron list --json"
    )]
    List(All),
    /// Show one schedule, and when it runs next
    #[command(
        verbatim_doc_comment,
        after_help = "\
Examples:
  $ arrwdb cron show nightly
  $ arrwdb cron show nightly --json"
    )]
    Show(Shown),
    /// Have a schedule enqueue nothing, until it is resumed
    #[command(
        verbatim_doc_comment,
        after_help = "\
Examples:
  $ arrwdb cron pause nightly
  $ arrwdb cron pause nightly --json"
    )]
    Pause(One),
    /// Have a schedule enqueue jobs again, from now on
    #[command(
        verbatim_doc_comment,
        after_help = "\
Examples:
  $ arrwdb cron resume nightly
  $ arrwdb cron resume nightly --json"
    )]
    Resume(One),
    /// Enqueue a job of a schedule now, and print its number
    ///
    /// It comes besides those of its times.
    #[command(
        verbatim_doc_comment,
        after_help = "\
Examples:
  $ arrwdb cron run nightly
  $ arrwdb cron run nightly --json"
    )]
    Run(One),
    /// Remove a schedule; its jobs stay
    #[command(
        verbatim_doc_comment,
        after_help = "\
Examples:
  $ arrwdb cron remove nightly
  $ arrwdb cron remove sweep --json"
    )]
    Remove(One),
}

impl Command {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        match self {
            Self::Put(command) => command.run(),
            Self::List(all) => {
                let head =
                    ["NAME", "TIMES", "ZONE", "QUEUE", "KIND", "NEXT", "MADE", "MISSED", "RUNS"];
                Of::Schedule.list(&all, head, row)
            }
            Self::Show(shown) => Of::Schedule.show(&shown),
            Self::Pause(one) => Of::Schedule.change(&one, "pause"),
            Self::Resume(one) => Of::Schedule.change(&one, "resume"),
            Self::Run(one) => run_now(&one),
            Self::Remove(one) => Of::Schedule.remove(&one),
        }
    }
}

/// Make a schedule, or replace the one of that name
///
/// Each of its times has exactly one job, also over restarts and where clocks change. A schedule that is replaced
/// by one with the same times goes on where it is; else it begins now.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    group = ArgGroup::new("times").required(true),
    after_help = "\
Examples:
  $ arrwdb cron put nightly --cron '30 2 * * *' --zone Europe/Berlin --queue reports nightly '{\"pages\": 2}'
  $ arrwdb cron put sweep --every 10min --queue upkeep sweep --unique --misfire run-once --json"
)]
pub(crate) struct Put {
    /// Its name
    name: String,
    /// Minute, hour, day, month and day of the week, as '30 2 * * MON-FRI'; or @hourly, @daily and the like
    #[arg(long, value_name = "TIMES", group = "times")]
    cron: Option<String>,
    /// Whose clock on the wall, as Europe/Berlin; UTC when it is not given
    #[arg(long, conflicts_with = "every")]
    zone: Option<String>,
    /// Equal steps from now on, as 90s, 10min or 24h
    #[arg(long, value_name = "STEP", group = "times")]
    every: Option<String>,
    /// What becomes of times that were missed because no server ran: nothing, or one job for the newest
    #[arg(long, value_parser = ["skip", "run-once"], default_value = "skip")]
    misfire: String,
    #[command(flatten)]
    job: Template,
    #[command(flatten)]
    report: Report,
    #[command(flatten)]
    remote: Remote,
}

/// A schedule as a server takes it.
#[derive(Debug, Serialize)]
struct ScheduleIn<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    cron: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    every: Option<&'a str>,
    misfire: &'a str,
    job: JobIn<'a>,
}

impl Put {
    fn run(self) -> anyhow::Result<Exit> {
        let body = serde_json::to_string(&ScheduleIn {
            cron: self.cron.as_deref(),
            zone: self.zone.as_deref(),
            every: self.every.as_deref(),
            misfire: if self.misfire == "run-once" { "run_once" } else { "skip" },
            job: self.job.job()?,
        })?;
        Of::Schedule.put((&self.name, body), self.report, &self.remote)
    }
}

fn run_now(one: &One) -> anyhow::Result<Exit> {
    let mut client = one.remote.client()?;
    block_on(async {
        let target = format!("{}/run", Of::Schedule.target(&one.name));
        let enqueued = client.call("POST", &target, None).await?;
        one.report.say(&number(&enqueued["job"]), &enqueued)
    })
}

fn row(schedule: &Value) -> [String; 9] {
    let times = if schedule["cron"].is_string() {
        text_of(&schedule["cron"])
    } else {
        format!("every {}", text_of(&schedule["every"]))
    };
    [
        text_of(&schedule["name"]),
        times,
        text_of(&schedule["zone"]),
        text_of(&schedule["queue"]),
        text_of(&schedule["job"]["kind"]),
        text_of(&schedule["next_runs"][0]),
        number(&schedule["made"]),
        number(&schedule["missed"]),
        runs(schedule),
    ]
}
