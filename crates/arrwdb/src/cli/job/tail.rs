//! `arrwdb job tail`: prints what becomes of jobs as it happens.

use clap::Args;

use super::STATES;
use crate::cli::exit::{Advised, Exit};
use crate::cli::remote::{Remote, block_on};
use crate::cli::tail::{self, OneJob};

/// Print what becomes of jobs as it happens
///
/// Each change of a job is an event on `jobs.QUEUE.STATE`. Without --json a line has time, seq, topic and data.
/// When the server goes away it waits for it and goes on. With --job it begins where that job was enqueued, and ends
/// when the job is completed, dead or cancelled.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb job tail --after earliest --limit 2
  $ arrwdb job tail --job $(arrwdb job enqueue mail welcome) --limit 1
  $ arrwdb job tail mail --after earliest --limit 1 --json"
)]
pub(crate) struct Tail {
    /// The queue; all of them when it is not given
    queue: Option<String>,
    /// Only this job, by its number
    #[arg(long, value_name = "JOB", conflicts_with_all = ["queue", "state"])]
    job: Option<u64>,
    /// Only changes to this state
    #[arg(long, value_parser = STATES)]
    state: Option<String>,
    /// Where to start: `earliest`, `latest` (the default without --job), a seq, a position as the answers have it, or a
    /// time (2026-01-31T23:59:59Z)
    #[arg(long, value_name = "POSITION")]
    after: Option<String>,
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
        if let Some(job) = self.job {
            return self.follow(job);
        }
        if let Some(queue) = self.queue.as_ref().filter(|queue| queue.contains('.')) {
            let what = format!("`{queue}` is no queue: the name of one has no dot");
            let help = "`arrwdb queue list` shows them; a state is named with --state".to_owned();
            return Err(Advised { what, help }.into());
        }
        let part = |given: Option<String>, all: &str| given.unwrap_or_else(|| all.to_owned());
        let filter = format!("jobs.{}.{}", part(self.queue, "*"), part(self.state, "*"));
        let Self { after, limit, json, remote, .. } = self;
        tail::Tail { filter, after: part(after, "latest"), limit, json, remote }.run()
    }

    /// Follows one job to its end.
    fn follow(self, job: u64) -> anyhow::Result<Exit> {
        let Self { after, limit, json, remote, .. } = self;
        let mut client = remote.client()?;
        let shown =
            block_on(async { Ok(client.call("GET", &format!("/v1/jobs/{job}"), None).await?) })?;
        let newest = shown["history"][0]["position"].as_str().unwrap_or_default();
        let newest = newest.split_once(':').and_then(|(_epoch, seq)| seq.parse().ok());
        let one = OneJob { job, newest: newest.unwrap_or(job) };
        let filter = format!("jobs.{}.*", shown["queue"].as_str().unwrap_or("*"));
        let after = after.unwrap_or_else(|| job.saturating_sub(1).to_string());
        tail::Tail { filter, after, limit, json, remote }.run_for(Some(one))
    }
}
