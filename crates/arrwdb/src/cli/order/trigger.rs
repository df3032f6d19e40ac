//! `arrwdb trigger`: jobs that are enqueued on events.

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;

use super::job::Template;
use super::{All, Of, One, Shown, runs};
use crate::cli::exit::Exit;
use crate::cli::job::incoming::JobIn;
use crate::cli::remote::Remote;
use crate::cli::report::Report;
use crate::cli::table::{number, text_of};

/// Have a job enqueued for each event of some topics
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Put(Box<Put>),
    /// List triggers
    #[command(
        verbatim_doc_comment,
        after_help = "\
Examples:
  $ arrwdb trigger list
  $ arrwdb trigger list --json"
    )]
    List(All),
    /// Show one trigger
    #[command(
        verbatim_doc_comment,
        after_help = "\
Examples:
  $ arrwdb trigger show receipts
  $ arrwdb trigger show receipts --json"
    )]
    Show(Shown),
    /// Have a trigger enqueue nothing, until it is resumed
    #[command(
        verbatim_doc_comment,
        after_help = "\
Examples:
  $ arrwdb trigger pause receipts
  $ arrwdb trigger pause receipts --json"
    )]
    Pause(One),
    /// Have a trigger enqueue jobs again, for events from now on
    #[command(
        verbatim_doc_comment,
        after_help = "\
Examples:
  $ arrwdb trigger resume receipts
  $ arrwdb trigger resume receipts --json"
    )]
    Resume(One),
    /// Remove a trigger; its jobs stay
    #[command(
        verbatim_doc_comment,
        after_help = "\
Examples:
  $ arrwdb trigger remove receipts
  $ arrwdb trigger remove alarms --json"
    )]
    Remove(One),
}

impl Command {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        match self {
            Self::Put(command) => command.run(),
            Self::List(all) => {
                let head = ["NAME", "ON", "QUEUE", "KIND", "MADE", "LAST JOB", "RUNS"];
                Of::Trigger.list(&all, head, row)
            }
            Self::Show(shown) => Of::Trigger.show(&shown),
            Self::Pause(one) => Of::Trigger.change(&one, "pause"),
            Self::Resume(one) => Of::Trigger.change(&one, "resume"),
            Self::Remove(one) => Of::Trigger.remove(&one),
        }
    }
}

/// Make a trigger, or replace the one of that name
///
/// Each event from now on whose topic matches has exactly one job, with the event as the member `event` of its args.
/// A trigger that is replaced by one with the same filter goes on where it is.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb trigger put receipts --on 'orders.*' --queue mail receipt
  $ arrwdb trigger put alarms --on 'jobs.mail.dead' --queue pager page '{\"to\": \"ada\"}' --max-attempts 3 --json"
)]
pub(crate) struct Put {
    /// Its name
    name: String,
    /// Topics, as a filter: `orders.*` has one more word, `orders.>` any number of them
    #[arg(long, value_name = "FILTER")]
    on: String,
    #[command(flatten)]
    job: Template,
    #[command(flatten)]
    report: Report,
    #[command(flatten)]
    remote: Remote,
}

/// A trigger as a server takes it.
#[derive(Debug, Serialize)]
struct TriggerIn<'a> {
    filter: &'a str,
    job: JobIn<'a>,
}

impl Put {
    fn run(self) -> anyhow::Result<Exit> {
        let put = TriggerIn { filter: &self.on, job: self.job.job()? };
        let body = serde_json::to_string(&put)?;
        Of::Trigger.put((&self.name, body), self.report, &self.remote)
    }
}

fn row(trigger: &Value) -> [String; 7] {
    [
        text_of(&trigger["name"]),
        text_of(&trigger["filter"]),
        text_of(&trigger["queue"]),
        text_of(&trigger["job"]["kind"]),
        number(&trigger["made"]),
        number(&trigger["last_job"]),
        runs(trigger),
    ]
}
