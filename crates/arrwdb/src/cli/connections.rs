//! `arrwdb connections`: who follows channels, and how far each is.

use std::io::{self, Write};

use clap::{Args, Subcommand};

use super::exit::Exit;
use super::listing::Listing;
use super::remote::{Remote, block_on, escaped};
use super::report::Report;
use super::table::{Table, number, text_of};

/// List connections that follow channels, show and end them
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List(List),
    Show(Show),
    Kick(Kick),
}

impl Command {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        match self {
            Self::List(command) => command.run(),
            Self::Show(command) => command.run(),
            Self::Kick(command) => command.run(),
        }
    }
}

/// List connections: whose they are, what they were sent, and what waits for them
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb connections list
  $ arrwdb connections list --user 42 --json"
)]
pub(crate) struct List {
    /// Those of this user alone
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Print one line of JSON a connection
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

impl List {
    fn run(self) -> anyhow::Result<Exit> {
        let mut target = "/v1/connections?limit=1000".to_owned();
        if let Some(user) = &self.user {
            target.push_str(&format!("&user={}", escaped(user)));
        }
        let head = ["CLIENT", "USER", "PROTOCOL", "AGE S", "CHANNELS", "MESSAGES", "WAITING BYTES"];
        let listing = Listing { target, after: "after", member: "connections", json: self.json };
        listing.print(&self.remote, head, |it| {
            [
                text_of(&it["client"]),
                text_of(&it["user"]),
                text_of(&it["protocol"]),
                number(&it["age_s"]),
                number(&it["subscriptions"]),
                number(&it["sent_messages"]),
                number(&it["waiting_bytes"]),
            ]
        })
    }
}

/// Show one connection and its channels
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb connections show f8a18550-50a7-48a1-ac9c-da732ab69365
  $ arrwdb connections show f8a18550-50a7-48a1-ac9c-da732ab69365 --json"
)]
pub(crate) struct Show {
    /// The id that its client was told
    client: String,
    /// Print it as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Show {
    fn run(self) -> anyhow::Result<Exit> {
        let mut client = self.remote.client()?;
        block_on(async {
            let found = client.call("GET", &target(&self.client), None).await?;
            let mut out = io::stdout().lock();
            if self.json {
                writeln!(out, "{found}")?;
                return Ok(Exit::Fine);
            }
            Table::of_members(&found, &["channels"]).print(&mut out)?;
            let mut table = Table::new(&["CHANNEL", "OFFSET", "LAG", "PACE"]);
            for it in found["channels"].as_array().into_iter().flatten() {
                table.row([
                    text_of(&it["channel"]),
                    number(&it["offset"]),
                    number(&it["lag"]),
                    text_of(&it["pace"]),
                ]);
            }
            writeln!(out)?;
            table.print(&mut out)?;
            Ok(Exit::Fine)
        })
    }
}

/// End a connection; its client does not come back by itself
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb connections kick f8a18550-50a7-48a1-ac9c-da732ab69365
  $ arrwdb connections kick f8a18550-50a7-48a1-ac9c-da732ab69365 --json"
)]
pub(crate) struct Kick {
    /// The id that its client was told
    client: String,
    #[command(flatten)]
    report: Report,
    #[command(flatten)]
    remote: Remote,
}

impl Kick {
    fn run(self) -> anyhow::Result<Exit> {
        let mut client = self.remote.client()?;
        block_on(async {
            client.call("DELETE", &target(&self.client), None).await?;
            let json = serde_json::json!({ "ended": self.client });
            self.report.say(&format!("ended {}", self.client), &json)
        })
    }
}

fn target(client: &str) -> String {
    format!("/v1/connections/{}", escaped(client))
}
