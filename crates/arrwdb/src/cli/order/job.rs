//! The job that others are made like, as arguments.

use clap::Args;

use crate::cli::exit::Advised;
use crate::cli::job::incoming::{self, JobIn, UniqueIn};

// Not a doc comment: it would become the text of each command that has it.
// The job that is enqueued each time.
#[derive(Debug, Args)]
pub(super) struct Template {
    /// The queue of its jobs
    #[arg(long)]
    queue: String,
    /// What is to be done
    kind: String,
    /// What its worker gets, as JSON
    args: Option<String>,
    /// Which come first: urgent, high, normal or low
    #[arg(long)]
    priority: Option<String>,
    /// How often each is tried, 1 to 1,000; 25 when it is not given
    #[arg(long, value_name = "N")]
    max_attempts: Option<u16>,
    /// Milliseconds that an attempt may take; no limit when it is not given
    #[arg(long, value_name = "N")]
    timeout_ms: Option<u32>,
    /// Only if there is none of this key, or of the same kind and args, that is not finished
    #[arg(long, value_name = "KEY", num_args = 0..=1, require_equals = true)]
    #[expect(clippy::option_option, reason = "it may be given without a value")]
    unique: Option<Option<String>>,
    /// A tag of each; may be given more than once
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
}

impl Template {
    pub(super) fn job(&self) -> Result<JobIn<'_>, Advised> {
        Ok(JobIn {
            queue: &self.queue,
            kind: &self.kind,
            args: incoming::args(self.args.as_deref())?,
            priority: self.priority.as_deref(),
            max_attempts: self.max_attempts,
            timeout_ms: self.timeout_ms,
            unique: self.unique.as_ref().map(|key| UniqueIn { key: key.as_deref() }),
            tags: &self.tags,
            ..JobIn::default()
        })
    }
}
