//! A client of this interface, for the command line and for tests.

mod connection;
#[cfg(feature = "fuzz")]
pub(crate) mod fuzz;
mod messages;
mod reading;

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::Method;
use hyper::body::Incoming;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::timeout;

use crate::limits::SILENCE_MAX;
use connection::{Ask, Connection, Sender};
use messages::Parser;

pub use connection::{ClientError, Refusal};
pub use messages::{Message, Told};
pub use reading::value_of;

/// Asks one server, over one connection that is kept.
#[derive(Debug)]
pub struct Client {
    connection: Connection,
}

/// What a server answers to a publish.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Receipt {
    /// The life of the log; `None` when nothing was new.
    pub epoch: Option<String>,
    /// The first event.
    pub first: Option<u64>,
    /// The last event.
    pub last: Option<u64>,
    /// How many there are.
    pub count: u64,
}

/// A stream of events.
#[derive(Debug)]
pub struct Follow {
    server: String,
    /// The stream has its connection for itself.
    _kept: Option<Sender>,
    body: Incoming,
    parser: Parser,
    messages: VecDeque<Message>,
}

impl Client {
    /// A client of the server at `url`, such as `http://127.0.0.1:7650`. Connects when it is needed.
    ///
    /// # Errors
    /// When the address is none, or not of plain HTTP.
    pub fn new(url: &str) -> Result<Self, ClientError> {
        Ok(Self { connection: Connection::new(url, None)? })
    }

    /// The same, which also knows `https://` and trusts who these authorities vouch for: certificates in PEM, of
    /// authorities or of the server itself.
    ///
    /// # Errors
    /// When the address is none, or the file has no certificate.
    pub fn trusting(url: &str, authorities: &Path) -> Result<Self, ClientError> {
        Ok(Self { connection: Connection::new(url, Some(authorities))? })
    }

    /// Sends an API key with each request.
    #[must_use]
    pub fn with_key(mut self, key: String) -> Self {
        self.connection.set_key(key);
        self
    }

    /// Waits this long for an answer to begin.
    #[must_use]
    pub fn waiting(mut self, time_max: Duration) -> Self {
        self.connection.set_patience(time_max);
        self
    }

    /// Asks a route that answers JSON, which is `null` when the answer has no body; what in it is nested too deep is a text
    /// ([`value_of`]). `target` is a path and its query; `body` is JSON.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn call(
        &mut self,
        method: &str,
        target: &str,
        body: Option<String>,
    ) -> Result<Value, ClientError> {
        let text = self.call_text(method, target, body).await?;
        if text.trim().is_empty() {
            return Ok(Value::Null);
        }
        value_of(&text).map_err(|error| ClientError::Foreign {
            server: self.connection.server().to_owned(),
            why: error.to_string(),
        })
    }

    /// The same, of a route that answers any text.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn call_text(
        &mut self,
        method: &str,
        target: &str,
        body: Option<String>,
    ) -> Result<String, ClientError> {
        let foreign =
            |why: String| ClientError::Foreign { server: self.connection.server().to_owned(), why };
        let method = Method::from_bytes(method.as_bytes()).map_err(|it| foreign(it.to_string()))?;
        let content_type = if body.is_some() { "application/json" } else { "" };
        let body = body.unwrap_or_default().into();
        let ask = Ask { method, target, content_type, headers: &[], body };
        let answer = self.connection.ask(ask).await?;
        let bytes = self.connection.whole(answer).await?;
        String::from_utf8(bytes.to_vec()).map_err(|error| ClientError::Foreign {
            server: self.connection.server().to_owned(),
            why: error.to_string(),
        })
    }

    /// A page of events as lines, and the position of the next one. `target` is a path and its query.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn lines(&mut self, target: &str) -> Result<(Bytes, String), ClientError> {
        let accept = [("accept", "application/x-ndjson".to_owned())];
        let answer = self.connection.ask(Ask::get(target, &accept)).await?;
        let next = answer.headers().get("arrw-next").and_then(|next| next.to_str().ok());
        let next = next.map(str::to_owned).ok_or_else(|| ClientError::Foreign {
            server: self.connection.server().to_owned(),
            why: "it says not where to go on".to_owned(),
        })?;
        Ok((self.connection.whole(answer).await?, next))
    }

    /// Publishes what a JSON text says: one event, or an array of them as one batch.
    ///
    /// # Errors
    /// [`ClientError`]; after any but `Refused` it may have been published.
    pub async fn publish(&mut self, json: impl Into<Bytes>) -> Result<Receipt, ClientError> {
        self.post("application/json", json.into(), &[]).await
    }

    /// Publishes lines of JSON, one event each, with additional headers.
    ///
    /// # Errors
    /// As [`publish`](Self::publish); what was committed before a refusal stays.
    pub async fn publish_lines(
        &mut self,
        lines: impl Into<Bytes>,
        headers: &[(&'static str, String)],
    ) -> Result<Receipt, ClientError> {
        self.post("application/x-ndjson", lines.into(), headers).await
    }

    async fn post(
        &mut self,
        content_type: &'static str,
        body: Bytes,
        headers: &[(&'static str, String)],
    ) -> Result<Receipt, ClientError> {
        let ask = Ask { method: Method::POST, target: "/v1/events", content_type, headers, body };
        let answer = self.connection.ask(ask).await?;
        self.connection.json(answer).await
    }

    /// The position behind the last record of the log.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn position(&mut self) -> Result<String, ClientError> {
        #[derive(Deserialize)]
        struct Page {
            next: String,
        }
        let answer = self.connection.ask(Ask::get("/v1/events?after=latest&limit=1", &[])).await?;
        let page: Page = self.connection.json(answer).await?;
        Ok(page.next)
    }

    /// Follows the events that a filter wants, from `earliest`, `latest` or behind a position.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn follow(&mut self, filter: &str, after: &str) -> Result<Follow, ClientError> {
        let filter = utf8_percent_encode(filter, NON_ALPHANUMERIC);
        let target = format!("/v1/events/stream?filter={filter}");
        let position = [("last-event-id", after.to_owned())];
        let answer = self.connection.ask(Ask::get(&target, &position)).await?;
        Ok(Follow {
            server: self.connection.server().to_owned(),
            _kept: self.connection.release(),
            body: answer.into_body(),
            parser: Parser::default(),
            messages: VecDeque::new(),
        })
    }
}

impl Follow {
    /// The next message; `None` when the server ended the stream in order.
    ///
    /// # Errors
    /// When the connection is lost, or silent for [`SILENCE_MAX`].
    pub async fn next(&mut self) -> Result<Option<Message>, ClientError> {
        let lost = |why: String| ClientError::Lost { server: self.server.clone(), why };
        loop {
            if let Some(message) = self.messages.pop_front() {
                return Ok(Some(message));
            }
            match timeout(SILENCE_MAX, self.body.frame()).await {
                Ok(None) => return Ok(None),
                Ok(Some(Ok(frame))) => {
                    let bytes = frame.into_data().unwrap_or_default();
                    let is_fine = self.parser.push(&bytes, &mut self.messages);
                    is_fine.map_err(|why| lost(why.to_owned()))?;
                }
                Ok(Some(Err(error))) => return Err(lost(error.to_string())),
                Err(_) => return Err(lost(format!("silent for {} s", SILENCE_MAX.as_secs()))),
            }
        }
    }
}
