//! `arrwdb topic`: which topics there are, and what is kept of them.

use std::io::{self, Write};

use arrw_server::value_of;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::answer::one_line;
use super::exit::{Advised, Exit};
use super::listing::Listing;
use super::remote::{Remote, block_on, escaped};
use super::report::Report;
use super::table::{number, text_of};

/// Show topics, set how long they are kept, purge them
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List(List),
    Show(Show),
    Retain(Retain),
    Purge(Purge),
}

impl Command {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        match self {
            Self::List(command) => command.run(),
            Self::Show(command) => command.run(),
            Self::Retain(command) => command.run(),
            Self::Purge(command) => command.run(),
        }
    }
}

/// List topics by name
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb topic list
  $ arrwdb topic list 'orders.>' --json"
)]
pub(crate) struct List {
    /// Topics: `*` is one token, a final `>` the rest
    #[arg(default_value = ">")]
    filter: String,
    /// Print one line of JSON a topic
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

impl List {
    fn run(self) -> anyhow::Result<Exit> {
        let target = format!("/v1/topics?filter={}&limit=1000", escaped(&self.filter));
        let listing = Listing { target, after: "after_topic", member: "topics", json: self.json };
        listing.print(&self.remote, ["TOPIC", "EVENTS EVER", "LAST SEQ"], |topic| {
            [text_of(&topic["topic"]), number(&topic["last_offset"]), number(&topic["last_seq"])]
        })
    }
}

/// Show one topic and its last event
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb topic show orders.created
  $ arrwdb topic show orders.created --json"
)]
pub(crate) struct Show {
    /// The topic
    topic: String,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Show {
    fn run(self) -> anyhow::Result<Exit> {
        let mut client = self.remote.client()?;
        block_on(async {
            let target = format!("/v1/topics/{}", escaped(&self.topic));
            let json = client.call_text("GET", &target, None).await?;
            let mut out = io::stdout().lock();
            if self.json {
                writeln!(out, "{}", one_line(&json))?;
                return Ok(Exit::Fine);
            }
            let topic = value_of(&json)?;
            writeln!(out, "topic      {}", text_of(&topic["topic"]))?;
            writeln!(out, "kept       {} events", number(&topic["events"]))?;
            writeln!(out, "ever       {} events", number(&topic["last_offset"]))?;
            for (pattern, policy) in topic["retention"].as_object().into_iter().flatten() {
                writeln!(out, "retention  {} {policy}", text_of(&json!(pattern)))?;
            }
            if topic["last"].is_object() {
                writeln!(out, "last       {}", topic["last"])?;
            }
            Ok(Exit::Fine)
        })
    }
}

/// Set how long the topics of a pattern are kept
///
/// A topic is kept as long as each of its policies allows. Without any bound the policy is taken away.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb topic retain 'logs.>' --age-ms 86400000
  $ arrwdb topic retain 'logs.>' --count 1000 --bytes 1048576"
)]
pub(crate) struct Retain {
    /// Topics: `*` is one token, a final `>` the rest
    pattern: String,
    /// Milliseconds that an event is kept
    #[arg(long, value_name = "MS")]
    age_ms: Option<u64>,
    /// Events of a topic that are kept
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Bytes of a topic's events that are kept
    #[arg(long, value_name = "N")]
    bytes: Option<u64>,
    #[command(flatten)]
    report: Report,
    #[command(flatten)]
    remote: Remote,
}

impl Retain {
    fn run(self) -> anyhow::Result<Exit> {
        let mut client = self.remote.client()?;
        block_on(async {
            let target = format!("/v1/retention/{}", escaped(&self.pattern));
            let mut policy = serde_json::Map::new();
            let bounds =
                [("age_max_ms", self.age_ms), ("count_max", self.count), ("bytes_max", self.bytes)];
            for (name, bound) in bounds {
                if let Some(bound) = bound {
                    policy.insert(name.to_owned(), bound.into());
                }
            }
            let policy = Value::Object(policy);
            let done = json!({ "pattern": self.pattern, "retention": policy });
            if policy == json!({}) {
                client.call("DELETE", &target, None).await?;
                let said = format!("`{}` has no retention any more", self.pattern);
                return self.report.say(&said, &done);
            }
            client.call("PUT", &target, Some(policy.to_string())).await?;
            self.report.say(&format!("`{}` is kept to {policy}", self.pattern), &done)
        })
    }
}

/// Remove all events that a topic has now
///
/// Nobody sees them any more. The topic's offsets go on.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb topic purge logs.debug --yes
  $ arrwdb topic purge 'sensors.7.raw' --yes"
)]
pub(crate) struct Purge {
    /// The topic
    topic: String,
    /// Do it: it cannot be taken back
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    report: Report,
    #[command(flatten)]
    remote: Remote,
}

impl Purge {
    fn run(self) -> anyhow::Result<Exit> {
        let mut client = self.remote.client()?;
        block_on(async {
            if !self.yes {
                let target = format!("/v1/topics/{}", escaped(&self.topic));
                let topic = client.call("GET", &target, None).await?;
                let events = number(&topic["events"]);
                let what = format!("this would remove {events} events of `{}`", self.topic);
                let help = "say --yes to remove them".to_owned();
                return Err(Advised { what, help }.into());
            }
            let target = format!("/v1/topics/{}/events", escaped(&self.topic));
            client.call("DELETE", &target, None).await?;
            let done = json!({ "topic": self.topic, "events": 0 });
            self.report.say(&format!("`{}` is empty", self.topic), &done)
        })
    }
}
