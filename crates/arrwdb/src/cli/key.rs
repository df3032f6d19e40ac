//! `arrwdb key`: API keys of a server, in a file that the server reads again when it changes.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use arrw::{Clock, SystemClock, Timestamp};
use arrw_server::{KeyFile, KeyScope, NewKey};
use clap::{Args, Subcommand};
use serde_json::json;

use super::exit::Exit;
use super::report::Report;
use super::table::{Table, text_of};

/// Where a server looks for its keys when nothing else is said.
pub(crate) const FILE_DEFAULT: &str = "./arrwdb-keys.json";

/// Make, list, rotate and revoke API keys
///
/// A server that has a key asks every client for one. It takes note of a change within a second.
#[derive(Debug, Subcommand)]
#[command(verbatim_doc_comment)]
pub(crate) enum Command {
    Create(Create),
    List(List),
    Rotate(Rotate),
    Revoke(Revoke),
}

impl Command {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        match self {
            Self::Create(command) => command.run(),
            Self::List(command) => command.run(),
            Self::Rotate(command) => command.run(),
            Self::Revoke(command) => command.run(),
        }
    }
}

// Not a doc comment: it would become the text of each command that has it.
// Which file.
#[derive(Debug, Args)]
struct Place {
    /// File of the keys; the server's `--keys`
    #[arg(long, value_name = "FILE", env = "ARRWDB_KEYS", default_value = FILE_DEFAULT)]
    keys: PathBuf,
}

impl Place {
    fn load(&self) -> anyhow::Result<KeyFile> {
        Ok(KeyFile::load(&self.keys)?)
    }
}

/// Make a key and print it
///
/// Only a hash of it is stored: nobody can print it again.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb key create ops --scope admin
  $ arrwdb key create shop --scope read --scope publish --topic 'orders.>' --days 90"
)]
pub(crate) struct Create {
    /// Whose it is
    name: String,
    /// What it is good for: read, publish, work or admin; may be given several times
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    scopes: Vec<KeyScope>,
    /// Topics that it may read and publish, as a filter; all when it is not given
    #[arg(long = "topic", value_name = "FILTER")]
    topics: Vec<String>,
    /// Days after which it ends; it does not when it is not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=36_500))]
    days: Option<u64>,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

impl Create {
    fn run(self) -> anyhow::Result<Exit> {
        let mut file = self.place.load()?;
        let now = SystemClock.now();
        let expires = self.days.map(|days| after(now, Duration::from_secs(days * 86_400)));
        let Self { name, scopes, topics, .. } = self;
        let (id, key) = file.create(NewKey { name, scopes, topics, expires, now })?;
        say(&id, &key, self.json)
    }
}

fn say(id: &str, key: &str, is_json: bool) -> anyhow::Result<Exit> {
    let said = if is_json {
        json!({ "id": id, "key": key }).to_string()
    } else {
        // The key alone on stdout, so that `> file` makes a key file.
        io::stderr().lock().write_all(
            format!("note: this is the only time that key {id} is shown\n").as_bytes(),
        )?;
        key.to_owned()
    };
    io::stdout().lock().write_all(format!("{said}\n").as_bytes())?;
    Ok(Exit::Fine)
}

fn after(now: Timestamp, time: Duration) -> Timestamp {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    Timestamp::from_micros(now.micros().saturating_add(micros))
}

/// List the keys, without their secrets
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb key list
  $ arrwdb key list --json"
)]
pub(crate) struct List {
    /// Print one line of JSON a key
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

impl List {
    fn run(self) -> anyhow::Result<Exit> {
        let file = self.place.load()?;
        let mut out = io::stdout().lock();
        let mut table = Table::new(&["ID", "NAME", "SCOPES", "TOPICS", "CREATED", "ENDS"]);
        for (id, key) in file.keys() {
            let shown = json!({
                "id": id, "name": key.name, "scopes": key.scopes, "topics": key.topics,
                "created": key.created, "expires": key.expires,
            });
            if self.json {
                writeln!(out, "{shown}")?;
                continue;
            }
            let joined = |name: &str| {
                let all = shown[name].as_array().into_iter().flatten().map(text_of);
                all.collect::<Vec<_>>().join(" ")
            };
            let topics = if key.topics.is_empty() { "all".to_owned() } else { joined("topics") };
            table.row([
                id.clone(),
                text_of(&shown["name"]),
                joined("scopes"),
                topics,
                text_of(&shown["created"]),
                text_of(&shown["expires"]),
            ]);
        }
        table.print(&mut out)?;
        Ok(Exit::Fine)
    }
}

/// Give a key a new secret and print it; the old one is good for a while
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb key rotate 4fTq0aZ81bXc
  $ arrwdb key rotate 4fTq0aZ81bXc --grace-s 0"
)]
pub(crate) struct Rotate {
    /// The id of the key, as `key list` shows it
    id: String,
    /// Seconds that the old secret is still good: one day
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
    grace_s: u64,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

impl Rotate {
    fn run(self) -> anyhow::Result<Exit> {
        let mut file = self.place.load()?;
        let until = after(SystemClock.now(), Duration::from_secs(self.grace_s));
        let key = file.rotate(&self.id, until)?;
        say(&self.id, &key, self.json)
    }
}

/// Take a key away for good
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb key revoke 4fTq0aZ81bXc
  $ arrwdb key revoke 4fTq0aZ81bXc --keys /etc/arrwdb/keys.json"
)]
pub(crate) struct Revoke {
    /// The id of the key, as `key list` shows it
    id: String,
    #[command(flatten)]
    report: Report,
    #[command(flatten)]
    place: Place,
}

impl Revoke {
    fn run(self) -> anyhow::Result<Exit> {
        let mut file = self.place.load()?;
        let key = file.revoke(&self.id)?;
        let said = format!("key {} of `{}` is gone", self.id, text_of(&json!(key.name)));
        self.report.say(&said, &json!({ "revoked": self.id, "name": key.name }))
    }
}
