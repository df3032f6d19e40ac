//! `arrwdb job cancel`, `retry`, `discard` and `delete`: what people do with jobs, one by one or with many.

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

use super::STATES;
use crate::cli::exit::Exit;
use crate::cli::remote::{Remote, block_on};
use crate::cli::report::Report;
use crate::cli::table::text_of;

// Not doc comments on the struct: they would become the text of each command that has it.
// Which jobs a command is about, and how it is told.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// Its number
    #[arg(required_unless_present = "queue", conflicts_with = "queue")]
    job: Option<u64>,
    /// In place of a number: all jobs of this queue that are in the state of --state
    #[arg(long, requires = "state")]
    queue: Option<String>,
    /// Only those in this state
    #[arg(long, requires = "queue", value_parser = STATES)]
    state: Option<String>,
    /// Only those of this kind
    #[arg(long, requires = "queue")]
    kind: Option<String>,
    /// Only those with this tag
    #[arg(long, requires = "queue")]
    tag: Option<String>,
    #[command(flatten)]
    report: Report,
    #[command(flatten)]
    remote: Remote,
}

/// Cancel a job, or all of a queue that are in a state
///
/// One that waits is cancelled at once. The worker of one that runs is told to let go of it.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb job cancel $(arrwdb job enqueue mail welcome)
  $ arrwdb job cancel --queue mail --state scheduled --kind welcome --json"
)]
pub(crate) struct Cancel {
    #[command(flatten)]
    which: Which,
}

impl Cancel {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        self.which.change(Action::Cancel)
    }
}

/// Have a job run now, or all of a queue that are in a state
///
/// One that is dead gets all its attempts again; one that waits for a time does not wait any more.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb job retry $(arrwdb job enqueue mail welcome --delay-ms 60000)
  $ arrwdb job retry --queue mail --state dead --kind welcome --json"
)]
pub(crate) struct Retry {
    #[command(flatten)]
    which: Which,
}

impl Retry {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        self.which.change(Action::Retry)
    }
}

/// Have a job that waits run no more: it is dead, and can be retried
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb job discard $(arrwdb job enqueue mail welcome)
  $ arrwdb job discard --queue mail --state retrying --tag old --json"
)]
pub(crate) struct Discard {
    #[command(flatten)]
    which: Which,
}

impl Discard {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        self.which.change(Action::Discard)
    }
}

/// Forget a job that does not run, or all of a queue that are in a state
///
/// Nothing is known of it then, and it cannot be brought back.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb job delete $(arrwdb job enqueue mail welcome)
  $ arrwdb job delete --queue mail --state dead --json"
)]
pub(crate) struct Delete {
    #[command(flatten)]
    which: Which,
}

impl Delete {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        self.which.change(Action::Delete)
    }
}

/// What is done with jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    Cancel,
    Retry,
    Discard,
    Delete,
}

/// Many jobs as a server takes them.
#[derive(Debug, Serialize)]
struct BulkIn<'a> {
    action: Action,
    queue: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

impl Action {
    /// How one job is asked for.
    fn request(self, job: u64) -> (&'static str, String) {
        match self {
            Self::Cancel => ("POST", format!("/v1/jobs/{job}/cancel")),
            Self::Retry => ("POST", format!("/v1/jobs/{job}/retry")),
            Self::Discard => ("POST", format!("/v1/jobs/{job}/discard")),
            Self::Delete => ("DELETE", format!("/v1/jobs/{job}")),
        }
    }

    /// What was done with many.
    fn done(self) -> &'static str {
        match self {
            Self::Cancel => "cancelled",
            Self::Retry => "retried",
            Self::Discard => "discarded",
            Self::Delete => "deleted",
        }
    }
}

impl Which {
    fn change(&self, action: Action) -> anyhow::Result<Exit> {
        match (self.job, &self.queue) {
            (Some(job), _) => self.one(action, job),
            (None, queue) => self.many(action, queue.as_deref().unwrap_or_default()),
        }
    }

    /// Asks for a change of one job, and says what it is after it.
    fn one(&self, action: Action, job: u64) -> anyhow::Result<Exit> {
        let mut client = self.remote.client()?;
        block_on(async {
            let (method, target) = action.request(job);
            let changed = client.call(method, &target, None).await?;
            if action == Action::Delete {
                let deleted = json!({ "job": job, "deleted": true });
                return self.report.say(&format!("job {job} is forgotten"), &deleted);
            }
            let state = text_of(&changed["state"]);
            let is_told = action == Action::Cancel && state == "leased";
            let told = if is_told { "; its worker is told to let go of it" } else { "" };
            self.report.say(&format!("job {job} is {state}{told}"), &changed)
        })
    }

    /// Asks for the same change of many, page by page, and says how many there were.
    fn many(&self, action: Action, queue: &str) -> anyhow::Result<Exit> {
        let mut client = self.remote.client()?;
        block_on(async {
            let (mut matched, mut done, mut after) = (0, 0, None);
            loop {
                let wish = BulkIn {
                    action,
                    queue,
                    state: self.state.as_deref(),
                    kind: self.kind.as_deref(),
                    tag: self.tag.as_deref(),
                    after,
                };
                let body = serde_json::to_string(&wish)?;
                let page = client.call("POST", "/v1/jobs/bulk", Some(body)).await?;
                let count = |name: &str| page[name].as_u64().unwrap_or(0);
                (matched, done) = (matched + count("matched"), done + count("done"));
                after = page["next"].as_str().map(str::to_owned);
                if after.is_none() {
                    break;
                }
            }
            self.report.say(&self.sentence(action, matched, done), &counts(matched, done))
        })
    }

    fn sentence(&self, action: Action, matched: u64, done: u64) -> String {
        let jobs = if matched == 1 { "job" } else { "jobs" };
        if action == Action::Cancel && self.state.as_deref() == Some("leased") {
            return format!("the workers of {done} of {matched} {jobs} are told to let go of them");
        }
        let refused = match matched - done.min(matched) {
            0 => String::new(),
            refused => format!("; the other {refused} cannot be"),
        };
        format!("{done} of {matched} {jobs} {}{refused}", action.done())
    }
}

fn counts(matched: u64, done: u64) -> Value {
    json!({ "matched": matched, "done": done, "refused": matched - done.min(matched) })
}
