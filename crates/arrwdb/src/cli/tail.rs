//! `arrwdb tail`: prints events as they come.

use std::io::{self, Write};
use std::time::Duration;

use anyhow::Context;
use arrw_server::{Client, ClientError, Message, Refusal, Told};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::exit::Exit;
use super::remote::{Remote, block_on};

/// How long to wait before the first try to reach a server again that has gone; each further wait is twice
/// as long, up to the second number.
const AGAIN_AFTER: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// Print events as they come
///
/// Without --json a line has time, seq, topic and data. When the server goes away it waits for it and goes
/// on behind the last event, so each is printed once.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb tail --after earliest --limit 2
  $ arrwdb tail 'orders.>' --after 0 --limit 1 --json"
)]
pub(crate) struct Tail {
    /// Topics: `*` is one token, a final `>` the rest
    #[arg(default_value = ">")]
    pub(super) filter: String,
    /// Where to start: `earliest`, `latest`, a seq, a position as the answers have it, or a time
    /// (2026-01-31T23:59:59Z)
    #[arg(long, value_name = "POSITION", default_value = "latest")]
    pub(super) after: String,
    /// End after so many
    #[arg(long, value_name = "N", default_value_t = u64::MAX, hide_default_value = true)]
    pub(super) limit: u64,
    /// Print each event as one line of JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) remote: Remote,
}

impl Tail {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        self.run_for(None)
    }

    /// The same, of what becomes of one job only if one is given.
    pub(super) fn run_for(self, job: Option<OneJob>) -> anyhow::Result<Exit> {
        let client = self.remote.client()?;
        block_on(async {
            Following { after: self.after.clone(), left: self.limit, client, tail: &self, job }
                .run()
                .await?;
            Ok(Exit::Fine)
        })
    }
}

/// A job that is followed to its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct OneJob {
    pub(super) job: u64,
    /// The seq of its newest event when it was asked for: one that was dead before may have been retried.
    pub(super) newest: u64,
}

impl OneJob {
    /// Whether an event tells of it.
    fn is_of(self, event: &JobEvent<'_>) -> bool {
        // The first one is the job.
        event.seq == self.job || event.data.as_ref().and_then(|data| data.job) == Some(self.job)
    }

    /// Whether there is no more to tell behind this event of it.
    fn ends_with(self, event: &JobEvent<'_>) -> bool {
        let state = event.topic.rsplit('.').next().unwrap_or_default();
        self.newest <= event.seq && ["completed", "dead", "cancelled"].contains(&state)
    }
}

/// What of an event says which job it is about.
#[derive(Deserialize)]
struct JobEvent<'a> {
    seq: u64,
    topic: &'a str,
    data: Option<JobData>,
}

#[derive(Deserialize)]
struct JobData {
    job: Option<u64>,
}

/// How far it has come.
struct Following<'a> {
    tail: &'a Tail,
    client: Client,
    /// Where the next connection starts.
    after: String,
    /// Events that are still to be printed.
    left: u64,
    /// The job that they are about; `None` for all events.
    job: Option<OneJob>,
}

impl Following<'_> {
    async fn run(&mut self) -> anyhow::Result<()> {
        if !self.after.is_empty() && self.after.bytes().all(|byte| byte.is_ascii_digit()) {
            let position = self.client.position().await?;
            let epoch = position.split_once(':').map_or("", |(epoch, _)| epoch);
            self.after = format!("{epoch}:{}", self.after);
        }
        let (first, longest) = AGAIN_AFTER;
        let mut wait = first;
        let mut is_lost = false;
        while 0 < self.left {
            let followed = self.client.follow(&self.tail.filter, &self.after).await;
            match followed {
                Ok(mut follow) => {
                    if std::mem::take(&mut is_lost) {
                        note("the server is back")?;
                    }
                    wait = first;
                    while 0 < self.left {
                        match follow.next().await {
                            Ok(Some(message)) => self.handle(&message)?,
                            Ok(None) | Err(_) => break,
                        }
                    }
                    if self.left == 0 {
                        return Ok(());
                    }
                }
                Err(error) if is_final(&error, is_lost) => return Err(error.into()),
                Err(_) => (),
            }
            if !std::mem::replace(&mut is_lost, true) {
                note("the server has gone; waiting for it")?;
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(longest);
        }
        Ok(())
    }

    fn handle(&mut self, message: &Message) -> anyhow::Result<()> {
        match message.told {
            Told::Event if self.is_wanted(&message.data)? => {
                let line = if self.tail.json { message.data.clone() } else { line(&message.data)? };
                io::stdout().lock().write_all(format!("{line}\n").as_bytes())?;
                self.left = self.left.saturating_sub(1);
            }
            Told::Gap => {
                let gap: Gap = serde_json::from_str(&message.data).context("cannot read a gap")?;
                note(&format!("events {} to {} are gone", gap.first, gap.last))?;
            }
            Told::Error => {
                let refusal: Refusal = serde_json::from_str(&message.data)?;
                return Err(ClientError::Refused(Box::new(refusal)).into());
            }
            Told::Event | Told::Progress | Told::Other | _ => (),
        }
        self.after.clone_from(&message.position);
        Ok(())
    }

    /// Whether an event is printed. The last one of a job that is followed leaves room for no other.
    fn is_wanted(&mut self, json: &str) -> anyhow::Result<bool> {
        let Some(job) = self.job else { return Ok(true) };
        let event: JobEvent<'_> = serde_json::from_str(json).context("cannot read an event")?;
        let is_wanted = job.is_of(&event);
        if is_wanted && job.ends_with(&event) {
            self.left = 1;
        }
        Ok(is_wanted)
    }
}

/// True when trying again cannot help, or would hide that there never was a server.
fn is_final(error: &ClientError, was_there: bool) -> bool {
    match error {
        ClientError::Refused(refusal) => !refusal.retry,
        ClientError::Connect { .. } | ClientError::Lost { .. } => !was_there,
        ClientError::Address { .. } | ClientError::Foreign { .. } | _ => true,
    }
}

fn note(text: &str) -> io::Result<()> {
    io::stderr().lock().write_all(format!("note: {text}\n").as_bytes())
}

#[derive(Deserialize)]
struct Gap {
    first: u64,
    last: u64,
}

/// What a line for people needs of an event.
#[derive(Deserialize)]
struct EventOut<'a> {
    seq: u64,
    topic: &'a str,
    time: &'a str,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    data_base64: Option<&'a str>,
}

/// An event as a line for people. Text is shown as it is, save for what would move the cursor.
pub(super) fn line(json: &str) -> anyhow::Result<String> {
    let event: EventOut<'_> = serde_json::from_str(json).context("cannot read an event")?;
    let data = match (event.data, event.data_base64) {
        (Some(data), _) => data.get().to_owned(),
        (None, Some(base64)) => match STANDARD.decode(base64).map(String::from_utf8) {
            Ok(Ok(text)) if text.chars().all(|it| !it.is_control() || it == '\n') => {
                text.replace('\n', "\\n")
            }
            Ok(Ok(_) | Err(_)) | Err(_) => format!("base64:{base64}"),
        },
        (None, None) => String::new(),
    };
    let EventOut { seq, topic, time, .. } = event;
    Ok(without_controls(&format!("{time} {seq} {topic} {data}")))
}

/// The text with its control characters as JSON escapes them; in what is JSON they can stand in strings only.
fn without_controls(text: &str) -> String {
    let escaped = |it: char| match it.is_control() {
        true => format!("\\u{:04x}", u32::from(it)),
        false => it.to_string(),
    };
    if text.contains(char::is_control) {
        text.chars().map(escaped).collect()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_line_moves_the_cursor() {
        let json = "{\"seq\":7,\"topic\":\"a\",\"time\":\"t\",\"data\":\"\u{9b}2J\u{7f}\"}";
        assert_eq!(line(json).unwrap(), "t 7 a \"\\u009b2J\\u007f\"");
    }
}
