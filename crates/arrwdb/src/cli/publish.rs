//! `arrwdb pub`: publishes events.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};

use anyhow::Context;
use arrw_server::{Client, Receipt};
use clap::Args;

use super::exit::{Advised, Exit};
use super::remote::{EventIn, Reading, Remote, block_on};

/// Publish events to a topic
///
/// Prints the seq of each once it is on the server's disk. Without DATA each line of the standard input is
/// an event; to publish many, `arrwdb import` is faster.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb pub orders.created '{\"total\": 7}' --key 42
  $ printf '{\"n\": 1}\\n{\"n\": 2}\\n' | arrwdb pub numbers
  $ arrwdb pub greetings.world 'hello world' --text --header lang=en"
)]
pub(crate) struct Pub {
    /// Topic of the events
    topic: String,
    /// The event's data, as JSON
    data: Option<String>,
    /// Its key
    #[arg(long)]
    key: Option<String>,
    /// A header of it; may be given more than once
    #[arg(long = "header", value_name = "NAME=VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// An id by which it is known: publishing it again within ten minutes changes nothing
    #[arg(long, requires = "data")]
    id: Option<String>,
    /// The data is plain text, not JSON
    #[arg(long)]
    text: bool,
    /// Print the whole answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Pub {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let mut client = self.remote.client()?;
        block_on(async {
            if let Some(data) = &self.data {
                self.publish(&mut client, data).await?;
                return Ok(Exit::Fine);
            }
            for (number, line) in (1_u64..).zip(io::stdin().lock().lines()) {
                let line = line.context("cannot read the standard input")?;
                let published = self.publish(&mut client, &line).await;
                published.with_context(|| format!("cannot publish line {number}"))?;
            }
            Ok(Exit::Fine)
        })
    }

    async fn publish(&self, client: &mut Client, data: &str) -> anyhow::Result<()> {
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let event = EventIn {
            topic: &self.topic,
            key: self.key.as_deref(),
            id: self.id.as_deref(),
            headers: headers.collect::<BTreeMap<_, _>>(),
            data: Some(Reading::of(self.text).data(data)?),
        };
        let receipt = client.publish(serde_json::to_vec(&event)?).await?;
        let line = if self.json { json(&receipt)? } else { seq(&receipt) };
        Ok(io::stdout().lock().write_all(format!("{line}\n").as_bytes())?)
    }
}

fn seq(receipt: &Receipt) -> String {
    receipt.last.map_or_else(|| "-".to_owned(), |seq| seq.to_string())
}

fn json(receipt: &Receipt) -> serde_json::Result<String> {
    serde_json::to_string(receipt)
}

pub(super) fn header(text: &str) -> Result<(String, String), Advised> {
    match text.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err(Advised {
            what: "there is no `=`".to_owned(),
            help: "write it as in `--header lang=en`".to_owned(),
        }),
    }
}
