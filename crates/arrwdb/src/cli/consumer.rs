//! `arrwdb consumer`: named consumers, and how far behind they are.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::exit::Exit;
use super::listing::Listing;
use super::remote::{Remote, block_on, escaped};
use super::report::Report;
use super::table::{number, text_of};

/// Show, make, reset and delete named consumers
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List(List),
    Create(Create),
    Reset(Reset),
    Delete(Delete),
}

impl Command {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        match self {
            Self::List(command) => command.run(),
            Self::Create(command) => command.run(),
            Self::Reset(command) => command.run(),
            Self::Delete(command) => command.run(),
        }
    }
}

/// List consumers and what they have not acknowledged
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb consumer list
  $ arrwdb consumer list --json"
)]
pub(crate) struct List {
    /// Print one line of JSON a consumer
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

impl List {
    fn run(self) -> anyhow::Result<Exit> {
        // All are on one page, which has no next.
        let target = "/v1/consumers".to_owned();
        let listing = Listing { target, after: "", member: "consumers", json: self.json };
        let head = ["NAME", "FILTER", "CURSOR", "PENDING", "BYTES", "AGE MS"];
        listing.print(&self.remote, head, |consumer| {
            let pending = &consumer["pending"];
            [
                text_of(&consumer["name"]),
                text_of(&consumer["filter"]),
                text_of(&consumer["cursor"]),
                number(&pending["records"]),
                number(&pending["bytes"]),
                number(&pending["age_ms"]),
            ]
        })
    }
}

/// Make a consumer; the same again changes nothing
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb consumer create billing 'orders.*' --after earliest
  $ arrwdb consumer create mails 'users.>'"
)]
pub(crate) struct Create {
    /// Its name
    name: String,
    /// Topics: `*` is one token, a final `>` the rest
    filter: String,
    /// Where it starts: `earliest`, `latest`, a position as the answers have it, or a time
    #[arg(long, value_name = "POSITION", default_value = "latest")]
    after: String,
    #[command(flatten)]
    report: Report,
    #[command(flatten)]
    remote: Remote,
}

impl Create {
    fn run(self) -> anyhow::Result<Exit> {
        let body = json!({ "filter": self.filter, "after": self.after });
        let target = format!("/v1/consumers/{}", escaped(&self.name));
        change(&self.remote, self.report, ("PUT", &target), &body)
    }
}

/// Move the cursor of a consumer, also back; its reader is fenced off
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb consumer reset billing --after earliest
  $ arrwdb consumer reset billing --after 2026-01-31T00:00:00Z"
)]
pub(crate) struct Reset {
    /// Its name
    name: String,
    /// Where it goes on: `earliest`, `latest`, a position as the answers have it, or a time
    #[arg(long, value_name = "POSITION")]
    after: String,
    #[command(flatten)]
    report: Report,
    #[command(flatten)]
    remote: Remote,
}

impl Reset {
    fn run(self) -> anyhow::Result<Exit> {
        let target = format!("/v1/consumers/{}/reset", escaped(&self.name));
        change(&self.remote, self.report, ("POST", &target), &json!({ "after": self.after }))
    }
}

/// Asks for a change and says what the consumer is after it.
fn change(
    remote: &Remote,
    report: Report,
    (method, target): (&str, &str),
    body: &Value,
) -> anyhow::Result<Exit> {
    let mut client = remote.client()?;
    block_on(async {
        let consumer = client.call(method, target, Some(body.to_string())).await?;
        let said = format!(
            "consumer `{}` reads `{}` behind {}",
            text_of(&consumer["name"]),
            text_of(&consumer["filter"]),
            text_of(&consumer["cursor"])
        );
        report.say(&said, &consumer)
    })
}

/// Forget a consumer and let go of its history
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb consumer delete billing
  $ arrwdb consumer delete mails"
)]
pub(crate) struct Delete {
    /// Its name
    name: String,
    #[command(flatten)]
    report: Report,
    #[command(flatten)]
    remote: Remote,
}

impl Delete {
    fn run(self) -> anyhow::Result<Exit> {
        let mut client = self.remote.client()?;
        block_on(async {
            let target = format!("/v1/consumers/{}", escaped(&self.name));
            client.call("DELETE", &target, None).await?;
            let done = json!({ "deleted": self.name });
            self.report.say(&format!("consumer `{}` is gone", self.name), &done)
        })
    }
}
