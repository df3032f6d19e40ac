//! `arrwdb job cancel` and `job retry`: what people do with a job.

use clap::Args;

use crate::cli::exit::Exit;
use crate::cli::remote::{Remote, block_on};
use crate::cli::report::Report;
use crate::cli::table::text_of;

/// Cancel a job
///
/// One that waits is cancelled at once. The worker of one that runs is told to let go of it.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb job cancel $(arrwdb job enqueue mail welcome)
  $ arrwdb job cancel $(arrwdb job enqueue mail welcome) --json"
)]
pub(crate) struct Cancel {
    /// Its number
    job: u64,
    #[command(flatten)]
    report: Report,
    #[command(flatten)]
    remote: Remote,
}

impl Cancel {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        change(&self.remote, self.report, self.job, "cancel")
    }
}

/// Have a job run now
///
/// One that is dead gets all its attempts again; one that waits for a time does not wait any more.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb job retry $(arrwdb job enqueue mail welcome --delay-ms 60000)
  $ arrwdb job retry $(arrwdb job enqueue mail welcome) --json"
)]
pub(crate) struct Retry {
    /// Its number
    job: u64,
    #[command(flatten)]
    report: Report,
    #[command(flatten)]
    remote: Remote,
}

impl Retry {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        change(&self.remote, self.report, self.job, "retry")
    }
}

/// Asks for a change and says what the job is after it.
fn change(remote: &Remote, report: Report, job: u64, what: &str) -> anyhow::Result<Exit> {
    let mut client = remote.client()?;
    block_on(async {
        let changed = client.call("POST", &format!("/v1/jobs/{job}/{what}"), None).await?;
        let state = text_of(&changed["state"]);
        let told = if what == "cancel" && state == "leased" {
            "; its worker is told to let go of it"
        } else {
            ""
        };
        report.say(&format!("job {job} is {state}{told}"), &changed)
    })
}
