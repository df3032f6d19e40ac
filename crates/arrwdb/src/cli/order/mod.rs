//! `arrwdb cron` and `arrwdb trigger`: what has jobs enqueued by itself, at times or on events.

mod cron;
mod job;
mod trigger;

use std::io::{self, Write};

use arrw_server::value_of;
use clap::Args;
use serde_json::Value;

pub(crate) use cron::Command as CronCommand;
pub(crate) use trigger::Command as TriggerCommand;

use super::answer::{Page, one_line};
use super::exit::Exit;
use super::remote::{Remote, block_on, escaped};
use super::report::Report;
use super::table::Table;

/// Which of both a command is about.
#[derive(Clone, Copy, Debug)]
enum Of {
    Schedule,
    Trigger,
}

// Not doc comments on the struct: they would become the text of each command that has it.
// Which one, and how it is told.
#[derive(Debug, Args)]
pub(super) struct One {
    /// Its name
    name: String,
    #[command(flatten)]
    report: Report,
    #[command(flatten)]
    remote: Remote,
}

// How all are listed.
#[derive(Debug, Args)]
pub(super) struct All {
    /// Print one line of JSON each
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

// Which one is shown.
#[derive(Debug, Args)]
pub(super) struct Shown {
    /// Its name
    name: String,
    /// Print it as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Of {
    fn name(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Trigger => "trigger",
        }
    }

    fn target(self, name: &str) -> String {
        format!("/v1/{}s/{}", self.name(), escaped(name))
    }

    /// Puts one, and says what it is then.
    fn put(
        self,
        (name, body): (&str, String),
        report: Report,
        remote: &Remote,
    ) -> anyhow::Result<Exit> {
        let mut client = remote.client()?;
        block_on(async {
            let put = client.call("PUT", &self.target(name), Some(body)).await?;
            report.say(&self.sentence(name, &put), &put)
        })
    }

    /// Pauses or resumes one, and says what it is then.
    fn change(self, one: &One, what: &str) -> anyhow::Result<Exit> {
        let mut client = one.remote.client()?;
        block_on(async {
            let target = format!("{}/{what}", self.target(&one.name));
            let changed = client.call("POST", &target, None).await?;
            one.report.say(&self.sentence(&one.name, &changed), &changed)
        })
    }

    fn remove(self, one: &One) -> anyhow::Result<Exit> {
        let mut client = one.remote.client()?;
        block_on(async {
            client.call("DELETE", &self.target(&one.name), None).await?;
            let removed = serde_json::json!({ "name": one.name, "removed": true });
            let text = format!("{} `{}` is removed; its jobs stay", self.name(), one.name);
            one.report.say(&text, &removed)
        })
    }

    fn show(self, shown: &Shown) -> anyhow::Result<Exit> {
        let mut client = shown.remote.client()?;
        block_on(async {
            let json = client.call_text("GET", &self.target(&shown.name), None).await?;
            let mut out = io::stdout().lock();
            if shown.json {
                writeln!(out, "{}", one_line(&json))?;
                return Ok(Exit::Fine);
            }
            let order = value_of(&json)?;
            Table::of_members(&order, &["next_runs"]).print(&mut out)?;
            for (at, slot) in order["next_runs"].as_array().into_iter().flatten().enumerate() {
                let head = if at == 0 { "\nNEXT RUNS\n" } else { "" };
                writeln!(out, "{head}{}", slot.as_str().unwrap_or("-"))?;
            }
            Ok(Exit::Fine)
        })
    }

    /// Lists all, as rows of a table whose head is given.
    fn list<const N: usize>(
        self,
        all: &All,
        head: [&str; N],
        row: fn(&Value) -> [String; N],
    ) -> anyhow::Result<Exit> {
        let mut client = all.remote.client()?;
        block_on(async {
            let mut out = io::stdout().lock();
            let mut table = Table::new(&head);
            let name = self.name();
            let first = format!("/v1/{name}s?limit=1000");
            let mut target = first.clone();
            loop {
                let json = client.call_text("GET", &target, None).await?;
                let page = Page::read(&json, &format!("{name}s"))?;
                for order in page.items {
                    if all.json {
                        writeln!(out, "{}", one_line(order.get()))?;
                    } else {
                        table.row(row(&value_of(order.get())?));
                    }
                }
                match page.next {
                    Some(next) => target = format!("{first}&after={}", escaped(&next)),
                    None => break,
                }
            }
            table.print(&mut out)?;
            Ok(Exit::Fine)
        })
    }

    /// What one does now.
    fn sentence(self, name: &str, order: &Value) -> String {
        let does = match (self, &order["paused"], &order["next_runs"][0]) {
            (_, Value::Bool(true), _) => "is paused".to_owned(),
            (Self::Schedule, _, Value::String(next)) => format!("runs next at {next}"),
            (Self::Schedule, ..) => "runs no more".to_owned(),
            (Self::Trigger, ..) => {
                format!("waits for `{}`", order["filter"].as_str().unwrap_or("-"))
            }
        };
        format!("{} `{name}` {does}", self.name())
    }
}

/// Whether one has jobs enqueued now, for a table.
fn runs(order: &Value) -> String {
    if order["paused"] == true { "paused" } else { "yes" }.to_owned()
}
