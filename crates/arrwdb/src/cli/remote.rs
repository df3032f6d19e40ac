//! What commands that ask a server share: its address, the runtime, an event on its way there.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;

use anyhow::Context;
use arrw_server::Client;
use clap::Args;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::runtime;

use super::exit::Advised;
use super::text;

/// The variable of the environment that names the server.
pub(crate) const VARIABLE: &str = "ARRWDB_SERVER";

// Not a doc comment: it would become the text of each command that has it.
// Which server is asked.
#[derive(Debug, Args)]
pub(crate) struct Remote {
    /// The server
    #[arg(
        long,
        value_name = "URL",
        env = VARIABLE,
        default_value = "http://127.0.0.1:7650"
    )]
    server: String,
    /// File with the API key, if the server asks for one; or set `ARRWDB_KEY`
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// File of the certificates to trust, in PEM, for a server of `https://`
    #[arg(long, value_name = "FILE", env = AUTHORITIES)]
    ca_file: Option<PathBuf>,
}

/// The environment's file of certificates to trust.
pub(crate) const AUTHORITIES: &str = "ARRWDB_CA_FILE";

/// The environment's API key. It is no option, as other users of a machine see those.
pub(crate) const KEY: &str = "ARRWDB_KEY";

impl Remote {
    /// The server as it was named.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        let client = match &self.ca_file {
            Some(authorities) => Client::trusting(&self.server, authorities)?,
            None => Client::new(&self.server)?,
        };
        let key = match &self.key_file {
            Some(file) => {
                let key = std::fs::read_to_string(file).map_err(|error| Advised {
                    what: format!("cannot read the key in `{}`: {error}", file.display()),
                    help: "name the file into which `arrwdb key create NAME > FILE` wrote it"
                        .to_owned(),
                });
                Some(key?)
            }
            None => key_of_environment(),
        };
        Ok(match key {
            Some(key) => client.with_key(key.trim().to_owned()),
            None => client,
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "a secret must not be an option of its own")]
fn key_of_environment() -> Option<String> {
    std::env::var(KEY).ok().filter(|key| !key.is_empty())
}

/// A part of a path or a query, with its escapes.
pub(crate) fn escaped(text: &str) -> impl std::fmt::Display {
    utf8_percent_encode(text, NON_ALPHANUMERIC)
}

/// Runs a command that waits for the network. Its own thread may read and print meanwhile.
pub(crate) fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let mut builder = runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).enable_all().build();
    runtime.context("cannot start the runtime")?.block_on(work)
}

/// An event as a server takes it.
#[derive(Debug, Default, Serialize)]
pub(crate) struct EventIn<'a> {
    pub(crate) topic: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) headers: BTreeMap<&'a str, &'a str>,
    #[serde(flatten)]
    pub(crate) data: Option<Data<'a>>,
}

/// What an event carries.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Data<'a> {
    Json { data: Cow<'a, RawValue> },
    Text { content_type: &'static str, data_base64: String },
}

/// How a line or an argument is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    Json,
    Text,
}

impl Reading {
    pub(crate) fn of(is_text: bool) -> Self {
        if is_text { Self::Text } else { Self::Json }
    }

    /// What the text is as the data of an event.
    pub(crate) fn data(self, text: &str) -> Result<Data<'_>, Advised> {
        match self {
            Self::Text => {
                let data_base64 = text::base64(text.as_bytes());
                Ok(Data::Text { content_type: "text/plain; charset=utf-8", data_base64 })
            }
            Self::Json => match serde_json::from_str::<&RawValue>(text) {
                Ok(data) => Ok(Data::Json { data: Cow::Borrowed(data) }),
                Err(error) => Err(Advised {
                    what: format!("`{}` is not JSON: {error}", shortened(text)),
                    help: "a JSON string has quotes of its own, as in '\"hello\"'; or send it as plain text with --text"
                        .to_owned(),
                }),
            },
        }
    }
}

/// The beginning of a text, for a message.
fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", &text[..end]).into(),
        None => text.into(),
    }
}
