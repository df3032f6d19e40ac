//! `arrwdb job enqueue`: puts a job into a queue.

use clap::Args;

use crate::cli::exit::{Advised, Exit};
use crate::cli::job::incoming::{self, JobIn, UniqueIn};
use crate::cli::remote::{Remote, block_on};
use crate::cli::report::Report;
use crate::cli::table::number;

/// Put a job into a queue, and print its number
///
/// It is on the server's disk then.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb job enqueue mail welcome '{\"to\": \"ada@example.org\"}'
  $ arrwdb job enqueue reports nightly --priority low --delay-ms 60000 --unique --json"
)]
pub(crate) struct Enqueue {
    /// Where it waits
    queue: String,
    /// What is to be done
    kind: String,
    /// What its worker gets, as JSON
    args: Option<String>,
    /// Which come first: urgent, high, normal or low
    #[arg(long)]
    priority: Option<String>,
    /// Milliseconds until it is ready
    #[arg(long, value_name = "N", conflicts_with = "run_at")]
    delay_ms: Option<u64>,
    /// When it is ready, as 2026-01-31T23:59:59Z
    #[arg(long, value_name = "TIME")]
    run_at: Option<String>,
    /// How often it is tried, 1 to 1,000; 25 when it is not given
    #[arg(long, value_name = "N")]
    max_attempts: Option<u16>,
    /// Milliseconds that an attempt may take; no limit when it is not given
    #[arg(long, value_name = "N")]
    timeout_ms: Option<u32>,
    /// Only if there is none of this key, or of the same kind and args, that is not finished
    #[arg(long, value_name = "KEY", num_args = 0..=1, require_equals = true)]
    #[expect(clippy::option_option, reason = "it may be given without a value")]
    unique: Option<Option<String>>,
    /// An id by which it is known: enqueueing it again within ten minutes changes nothing
    #[arg(long)]
    id: Option<String>,
    /// A tag of it; may be given more than once
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    #[command(flatten)]
    report: Report,
    #[command(flatten)]
    remote: Remote,
}

impl Enqueue {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let mut client = self.remote.client()?;
        let body = serde_json::to_string(&self.job()?)?;
        block_on(async {
            let enqueued = client.call("POST", "/v1/jobs", Some(body)).await?;
            self.report.say(&number(&enqueued["job"]), &enqueued)
        })
    }

    fn job(&self) -> Result<JobIn<'_>, Advised> {
        Ok(JobIn {
            queue: &self.queue,
            kind: &self.kind,
            args: incoming::args(self.args.as_deref())?,
            priority: self.priority.as_deref(),
            delay_ms: self.delay_ms,
            run_at: self.run_at.as_deref(),
            max_attempts: self.max_attempts,
            timeout_ms: self.timeout_ms,
            unique: self.unique.as_ref().map(|key| UniqueIn { key: key.as_deref() }),
            id: self.id.as_deref(),
            tags: &self.tags,
        })
    }
}
