//! `arrwdb stats` and `arrwdb check`: how a server is, for people and for monitors.

use std::io::{self, Write};

use arrw_server::ClientError;
use clap::Args;
use serde_json::{Value, json};

use super::exit::Exit;
use super::remote::{Remote, block_on, escaped};
use super::table::{number, text_of};

/// The code of a refusal for want of any API key.
const KEY_MISSING: &str = "ARW0042";

/// Show what went through a server, and what is behind
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb stats
  $ arrwdb stats 'orders.>' --json"
)]
pub(crate) struct Stats {
    /// Only of these topics: `*` is one token, a final `>` the rest
    filter: Option<String>,
    /// Print them as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Stats {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let mut client = self.remote.client()?;
        block_on(async {
            let query = self.filter.as_deref().map(|filter| format!("?filter={}", escaped(filter)));
            let target = format!("/v1/stats{}", query.unwrap_or_default());
            let stats = client.call("GET", &target, None).await?;
            let mut out = io::stdout().lock();
            if self.json {
                writeln!(out, "{stats}")?;
            } else if self.filter.is_some() {
                writeln!(out, "topics     {}", number(&stats["topics"]))?;
                writeln!(out, "traffic    {}", traffic(&stats))?;
            } else {
                write_all(&mut out, &stats)?;
            }
            Ok(Exit::Fine)
        })
    }
}

fn write_all(out: &mut impl Write, stats: &Value) -> io::Result<()> {
    let log = &stats["log"];
    let seconds = stats["uptime_ms"].as_u64().unwrap_or(0) / 1000;
    writeln!(out, "server     {}, up for {seconds} s", text_of(&stats["version"]))?;
    writeln!(
        out,
        "log        seq {} to {}, {} bytes in {} segments",
        number(&log["first"]),
        log["tail"].as_u64().unwrap_or(1).saturating_sub(1),
        number(&log["bytes"]),
        number(&log["segments"])
    )?;
    writeln!(out, "durable    {}", traffic(&stats["durable"]))?;
    writeln!(out, "volatile   {}", traffic(&stats["volatile"]))?;
    writeln!(out, "refused    {}", number(&stats["refused"]))?;
    writeln!(out, "consumers  {}", number(&stats["consumers"]))?;
    writeln!(out, "clients    {} connections", number(&stats["connections"]))?;
    if log["disk_full"] == json!(true) {
        writeln!(out, "WARNING    the disk is full: nothing can be published")?;
    }
    if stats["alarm"].is_string() {
        writeln!(out, "ALARM      {}", text_of(&stats["alarm"]))?;
    }
    Ok(())
}

fn traffic(traffic: &Value) -> String {
    let pending = &traffic["pending"];
    format!(
        "{} published, {} delivered to {} subscriptions, {} errors; the slowest is {} records, {} bytes, {} ms behind",
        number(&traffic["published"]),
        number(&traffic["delivered"]),
        number(&traffic["subscriptions"]),
        number(&traffic["errors"]),
        number(&pending["records"]),
        number(&pending["bytes"]),
        number(&pending["age_ms"])
    )
}

/// Say whether a server is well, for monitors
///
/// Ends with 0 when it is ready, 1 when it answers and is not (its disk is full, a write has failed, an alarm
/// was raised), 69 when nobody answers. Without a key of a server that asks for one, it says nothing of alarms.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb check
  $ arrwdb check --json"
)]
pub(crate) struct Check {
    /// Print it as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Check {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let mut client = self.remote.client()?;
        block_on(async {
            let why = match client.call_text("GET", "/readyz", None).await {
                Ok(_) => match client.call("GET", "/v1/stats", None).await {
                    Ok(stats) => stats["alarm"].as_str().map(str::to_owned),
                    // Who has no key is told whether it is ready, and not of alarms.
                    Err(ClientError::Refused(refusal)) if refusal.code == KEY_MISSING => None,
                    Err(error) => return Err(error.into()),
                },
                Err(ClientError::Refused(refusal)) if 500 <= refusal.status => Some(refusal.detail),
                Err(error) => return Err(error.into()),
            };
            let line = match (&why, self.json) {
                (why, true) => json!({ "ready": why.is_none(), "why": why }).to_string(),
                (None, false) => "ready".to_owned(),
                (Some(why), false) => format!("not ready: {why}"),
            };
            io::stdout().lock().write_all(format!("{line}\n").as_bytes())?;
            Ok(if why.is_none() { Exit::Fine } else { Exit::NotReady })
        })
    }
}
