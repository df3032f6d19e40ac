//! `arrwdb token`: tokens by which clients of WebSockets are known, to try the server out, and taking tokens back.

use std::io::{self, BufRead, Read, Write};
use std::path::PathBuf;

use arrw::{Clock, SystemClock};
use arrw_server::limits::TOKEN_KEY_BYTES_MAX;
use arrw_server::{NewToken, Revocation, RevocationFile, Revoked, Secret, TokenSettings};
use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::exit::{Advised, Exit};
use super::report::Report;
use super::settings::{Flags, Settings};
use super::text;

/// Where a server looks for what is revoked when nothing else is said.
pub(crate) const REVOCATIONS_DEFAULT: &str = "./arrwdb-revoked.json";

/// Make tokens of WebSocket clients, and take tokens back
///
/// A token (JWT) says who its client is. Applications make their own, in whatever language they are written.
#[derive(Debug, Subcommand)]
#[command(verbatim_doc_comment)]
pub(crate) enum Command {
    Create(Create),
    Revoke(Revoke),
}

impl Command {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        match self {
            Self::Create(command) => command.run(),
            Self::Revoke(command) => command.run(),
        }
    }
}

// Not a doc comment: it would become the text of each command that has it.
// Whose settings.
#[derive(Debug, Args)]
struct Place {
    /// File of the server's settings, in TOML [default: ./arrwdb.toml if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Place {
    fn tokens(&self) -> anyhow::Result<TokenSettings> {
        let flags = Flags { file: self.config.clone(), said: Vec::new() };
        Ok(Settings::read(&flags)?.config.clients.tokens)
    }
}

/// Where the secret comes from that a token is signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SecretFrom {
    /// `client.token.hmac_secret_key`, of the file or of the environment
    Settings,
    /// The first line of the standard input
    Stdin,
}

/// Make a token and print it
///
/// It is signed by HS256 with the secret of the settings, and has their audience and issuer. With a channel it is
/// for a subscription, without one for a connection.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb token create --user 42
  $ arrwdb token create --user 42 --channel news --expires-in 10m --info '{\"name\": \"Ann\"}'"
)]
pub(crate) struct Create {
    /// Whose it is; an empty text for nobody in particular
    #[arg(long, value_name = "USER")]
    user: String,
    /// The channel that may be subscribed to with it
    #[arg(long, value_name = "CHANNEL", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    channel: Option<String>,
    /// How long it is good: a number with s, m, h or d behind it, or `never`
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = lifetime)]
    expires_in: Lifetime,
    /// What others are told of who has it, as JSON
    #[arg(long, value_name = "JSON", value_parser = info)]
    info: Option<Value>,
    /// Its id, by which it can be revoked
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Where the secret is
    #[arg(long, value_enum, default_value_t = SecretFrom::Settings)]
    secret_from: SecretFrom,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

impl Create {
    fn run(self) -> anyhow::Result<Exit> {
        let mut settings = self.place.tokens()?;
        match self.secret_from {
            SecretFrom::Stdin => settings.hmac_secret_key = Some(secret_of_stdin()?),
            SecretFrom::Settings if settings.hmac_secret_key.is_none() => {
                return Err(Advised {
                    what: "there is no `client.token.hmac_secret_key` to sign it with".to_owned(),
                    help: "set it in the file, or as ARRWDB_CLIENT_TOKEN_HMAC_SECRET_KEY; `openssl rand -hex 32` draws one"
                        .to_owned(),
                }
                .into());
            }
            SecretFrom::Settings => (),
        }
        let now = now();
        let new = NewToken {
            user: self.user,
            channel: self.channel,
            issued_at: now,
            expires_at: self.expires_in.after(now),
            id: self.id,
            info: self.info,
        };
        let token = new.signed(&settings)?;
        let said = if self.json {
            json!({ "token": token, "user": new.user, "channel": new.channel, "expires_at": new.expires_at })
                .to_string()
        } else {
            token
        };
        io::stdout().lock().write_all(format!("{said}\n").as_bytes())?;
        Ok(Exit::Fine)
    }
}

fn secret_of_stdin() -> anyhow::Result<Secret> {
    let mut line = Vec::new();
    let most = TOKEN_KEY_BYTES_MAX as u64 + 2;
    io::stdin().lock().take(most).read_until(b'\n', &mut line)?;
    Ok(Secret::new(line.trim_ascii_end())?)
}

fn info(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))
}

/// Take tokens back that are still good
///
/// A server takes note of it within a second: it lets nobody in with such a token.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    group(ArgGroup::new("which").required(true).args(["user", "id", "all"])),
    after_help = "\
Examples:
  $ arrwdb token revoke --user 42 --expires-in 1d
  $ arrwdb token revoke --id 4fTq0aZ81bXc"
)]
pub(crate) struct Revoke {
    /// All of this user that were made until now
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// The one with this id (`jti`)
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// All of everybody that were made until now
    #[arg(long)]
    all: bool,
    /// How long such tokens are good at most: then the revocation is forgotten
    #[arg(long, value_name = "TIME", default_value = "never", value_parser = lifetime)]
    expires_in: Lifetime,
    #[command(flatten)]
    report: Report,
    #[command(flatten)]
    place: Place,
}

impl Revoke {
    fn run(self) -> anyhow::Result<Exit> {
        let Some(path) = self.place.tokens()?.revocations else {
            return Err(Advised {
                what: "there is no file of revoked tokens".to_owned(),
                help: "name one as `client.token.revocations`".to_owned(),
            }
            .into());
        };
        let now = now();
        // Of this second, too: more of them may come until it is over.
        let before = now + 1;
        let (revoked, which) = match (self.user, self.id) {
            (Some(user), _) => {
                let which = format!("all tokens of the user `{user}` are revoked");
                (Revoked::User { user, before }, which)
            }
            (None, Some(id)) => {
                let which = format!("the token with the id `{id}` is revoked");
                (Revoked::Id(id), which)
            }
            (None, None) => (Revoked::All { before }, "all tokens are revoked".to_owned()),
        };
        let until = self.expires_in.after(now);
        let mut file = RevocationFile::load(&path)?;
        file.revoke(Revocation { revoked, until }, now)?;
        let count = text::count(file.count() as u64, "revocation");
        let said = format!("{which}; `{}` has {count}", path.display());
        self.report
            .say(&said, &json!({ "file": path, "revocations": file.count(), "until": until }))
    }
}

fn now() -> u64 {
    SystemClock.now().micros() / 1_000_000
}

/// How long something is good, in seconds; `None` for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lifetime(Option<u64>);

impl Lifetime {
    fn after(self, now: u64) -> Option<u64> {
        self.0.map(|seconds| now.saturating_add(seconds))
    }
}

/// A hundred years, in seconds.
const LIFETIME_MAX: u64 = 100 * 366 * 86_400;

fn lifetime(text: &str) -> Result<Lifetime, String> {
    if text == "never" {
        return Ok(Lifetime(None));
    }
    let units = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];
    let read = |(unit, seconds): (char, u64)| {
        text.strip_suffix(unit)?.parse::<u64>().ok()?.checked_mul(seconds)
    };
    let seconds = units.into_iter().find_map(read).filter(|it| (1..=LIFETIME_MAX).contains(it));
    let wrong =
        "it must be a number with s, m, h or d behind it, such as `90s` or `1h`, or `never`";
    seconds.map(|seconds| Lifetime(Some(seconds))).ok_or_else(|| wrong.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_has_a_unit() {
        let check = |text: &str, expected: Option<Option<u64>>| {
            assert_eq!(lifetime(text).ok().map(|it| it.0), expected, "{text}");
        };
        check("90s", Some(Some(90)));
        check("5m", Some(Some(300)));
        check("1h", Some(Some(3_600)));
        check("30d", Some(Some(2_592_000)));
        check("never", Some(None));
        for wrong in
            ["", "1", "h", "0s", "-1h", "1.5h", "1 h", "1w", "36601d", "18446744073709551615d"]
        {
            check(wrong, None);
        }
    }
}
