//! `arrwdb job tail`: prints what becomes of jobs as it happens.

use clap::Args;

use crate::cli::exit::Exit;
use crate::cli::remote::Remote;
use crate::cli::tail;

/// Print what becomes of jobs as it happens
///
/// Each change of a job is an event on `jobs.QUEUE.STATE`. Without --json a line has time, seq, topic and data.
/// When the server goes away it waits for it and goes on.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb job tail --after earliest --limit 2
  $ arrwdb job tail mail --after earliest --limit 1 --json"
)]
pub(crate) struct Tail {
    /// The queue; all of them when it is not given
    queue: Option<String>,
    /// Only changes to this state
    #[arg(long, requires = "queue")]
    state: Option<String>,
    /// Where to start: `earliest`, `latest`, a seq, a position as the answers have it, or a time
    /// (2026-01-31T23:59:59Z)
    #[arg(long, value_name = "POSITION", default_value = "latest")]
    after: String,
    /// End after so many
    #[arg(long, value_name = "N", default_value_t = u64::MAX, hide_default_value = true)]
    limit: u64,
    /// Print each change as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Tail {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let filter = match (&self.queue, &self.state) {
            (Some(queue), Some(state)) => format!("jobs.{queue}.{state}"),
            (Some(queue), None) => format!("jobs.{queue}.>"),
            (None, _) => "jobs.>".to_owned(),
        };
        let Self { after, limit, json, remote, .. } = self;
        tail::Tail { filter, after, limit, json, remote }.run()
    }
}
