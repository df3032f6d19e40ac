//! One kept connection to a server, and what can go wrong on it.

use std::fmt;
use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, Response, Uri, header};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::limits::{ANSWER_BYTES_MAX, ANSWER_TIME_MAX, CONNECT_TIME_MAX};
use crate::problem::cut;
use crate::tls::{self, TlsError};

/// The port of a server when its address has none.
const PORT_DEFAULT: u16 = 7650;

/// What hands requests to a connection.
pub(super) type Sender = SendRequest<Full<Bytes>>;

/// A request that was not answered as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The text is not the address of a server.
    #[error("`{url}` is not the address of a server: {why}")]
    Address {
        /// The text.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The authorities to trust cannot be read.
    #[error(transparent)]
    Authorities(#[from] TlsError),
    /// Nobody answers there.
    #[error("cannot connect to `{server}`")]
    Connect {
        /// The server.
        server: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The connection ended before the answer, so nobody can say what came of the request.
    #[error("lost the connection to `{server}`: {why}")]
    Lost {
        /// The server.
        server: String,
        /// How.
        why: String,
    },
    /// The server refused.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// What came is no answer of arrwDB.
    #[error("`{server}` does not answer as arrwDB does: {why}")]
    Foreign {
        /// The server.
        server: String,
        /// What it answered.
        why: String,
    },
}

/// What a server says when it refuses: problem details of RFC 9457.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, thiserror::Error)]
#[error("{detail} ({code})")]
pub struct Refusal {
    /// The status.
    pub status: u16,
    /// The stable code, such as `ARW0001`.
    pub code: String,
    /// What is wrong.
    pub detail: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether trying again helps.
    #[serde(default)]
    pub retry: bool,
    /// The line of the body that is wrong.
    pub line: Option<u64>,
    /// Events before it that were committed.
    pub count: Option<u64>,
}

/// A request.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    pub(super) target: &'a str,
    pub(super) content_type: &'static str,
    pub(super) headers: &'a [(&'static str, String)],
    pub(super) body: Bytes,
}

impl<'a> Ask<'a> {
    pub(super) fn get(target: &'a str, headers: &'a [(&'static str, String)]) -> Self {
        Self { method: Method::GET, target, content_type: "", headers, body: Bytes::new() }
    }
}

impl Ask<'_> {
    fn request(self, server: &str, key: Option<&str>) -> Result<Request<Full<Bytes>>, ClientError> {
        let authority = server.split_once("://").map_or(server, |(_, authority)| authority);
        let mut request = Request::builder().method(self.method).uri(self.target);
        request = request.header(header::HOST, authority);
        if !self.content_type.is_empty() {
            request = request.header(header::CONTENT_TYPE, self.content_type);
        }
        if let Some(key) = key {
            request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
        }
        for (name, value) in self.headers {
            request = request.header(*name, value);
        }
        request.body(Full::new(self.body)).map_err(|error| ClientError::Foreign {
            server: server.to_owned(),
            why: format!("cannot ask: {error}"),
        })
    }
}

/// A server and, once it was asked, the connection to it.
pub(super) struct Connection {
    server: String,
    key: Option<String>,
    /// With which connections are encrypted.
    tls: Option<TlsConnector>,
    host: String,
    port: u16,
    /// How long an answer may take to begin.
    patience: Duration,
    sender: Option<Sender>,
}

/// Without the key.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Connection {
    pub(super) fn new(url: &str, authorities: Option<&Path>) -> Result<Self, ClientError> {
        let wrong = |why| ClientError::Address { url: cut(url), why };
        let full = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let uri: Uri = full.parse().map_err(|_not_uri| wrong("write `http://HOST:PORT`"))?;
        let tls = match (uri.scheme_str(), authorities) {
            (Some("http"), _) => None,
            (Some("https"), Some(file)) => Some(tls::connector(file)?),
            (Some("https"), None) => {
                return Err(wrong("`https://` needs a file of the authorities to trust"));
            }
            _ => return Err(wrong("only `http://` and `https://` are spoken")),
        };
        let scheme = if tls.is_some() { "https" } else { "http" };
        if !["", "/"].contains(&uri.path()) || uri.query().is_some() {
            return Err(wrong("it must end behind the port"));
        }
        let host = uri.host().ok_or_else(|| wrong("it has no host"))?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let is_plain = |it: u8| it.is_ascii_alphanumeric() || b".-_:".contains(&it);
        let has_user = uri.authority().is_some_and(|it| it.as_str().contains('@'));
        if bare.is_empty() || has_user || !bare.bytes().all(is_plain) {
            return Err(wrong("write a name or an address, one of IPv6 in brackets, and no user"));
        }
        let port = uri.port_u16().unwrap_or(PORT_DEFAULT);
        let server = format!("{scheme}://{host}:{port}");
        let host = bare.to_owned();
        let patience = ANSWER_TIME_MAX;
        Ok(Self { server, key: None, tls, host, port, patience, sender: None })
    }

    /// Sends a key with each request.
    pub(super) fn set_key(&mut self, key: String) {
        self.key = Some(key);
    }

    /// Waits this long for an answer to begin.
    pub(super) fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// The server's address.
    pub(super) fn server(&self) -> &str {
        &self.server
    }

    /// Gives the kept connection away; the next request makes a new one.
    pub(super) fn release(&mut self) -> Option<Sender> {
        self.sender.take()
    }

    /// Asks, and returns the beginning of an answer that is no refusal.
    pub(super) async fn ask(&mut self, ask: Ask<'_>) -> Result<Response<Incoming>, ClientError> {
        let server = self.server.clone();
        let lost = |why: String| ClientError::Lost { server: server.clone(), why };
        let request = ask.request(&server, self.key.as_deref())?;
        let asked = self.sender().await?.try_send_request(request);
        let answer = match timeout(self.patience, asked).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(mut error)) => match error.take_message() {
                // The server had closed the kept connection, and nothing of this was sent.
                Some(request) => {
                    self.sender = None;
                    let asked = self.sender().await?.send_request(request).await;
                    asked.map_err(|error| lost(error.to_string()))?
                }
                None => return Err(lost(error.into_error().to_string())),
            },
            Err(_) => {
                return Err(lost(format!("no answer for {} s", self.patience.as_secs())));
            }
        };
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        let body = self.whole(answer).await?;
        match serde_json::from_slice::<Refusal>(&body) {
            Ok(refusal) => Err(ClientError::Refused(Box::new(refusal))),
            Err(_) => Err(ClientError::Foreign { server, why: status.to_string() }),
        }
    }

    /// The JSON of an answer.
    pub(super) async fn json<T: DeserializeOwned>(
        &mut self,
        answer: Response<Incoming>,
    ) -> Result<T, ClientError> {
        let body = self.whole(answer).await?;
        parsed(&body).map_err(|why| ClientError::Foreign { server: self.server.clone(), why })
    }

    pub(super) async fn whole(&mut self, answer: Response<Incoming>) -> Result<Bytes, ClientError> {
        let server = self.server.clone();
        let lost = |why: String| ClientError::Lost { server: server.clone(), why };
        let mut body = answer.into_body();
        let mut whole = BytesMut::new();
        loop {
            match timeout(ANSWER_TIME_MAX, body.frame()).await {
                Ok(None) => return Ok(whole.freeze()),
                Ok(Some(Ok(frame))) => {
                    whole.extend_from_slice(&frame.into_data().unwrap_or_default());
                }
                Ok(Some(Err(error))) => return Err(lost(error.to_string())),
                Err(_) => return Err(lost("its answer does not end".to_owned())),
            }
            if ANSWER_BYTES_MAX < whole.len() {
                return Err(lost("its answer is too large".to_owned()));
            }
        }
    }

    /// The kept connection, or a new one.
    async fn sender(&mut self) -> Result<&mut Sender, ClientError> {
        let failed = |source| ClientError::Connect { server: self.server.clone(), source };
        let kept = match self.sender.take() {
            // It is ready when the answer before was read, and not when the server has closed it.
            Some(mut kept) => kept.ready().await.is_ok().then_some(kept),
            None => None,
        };
        let sender = match kept {
            Some(kept) => kept,
            None => {
                let connecting = TcpStream::connect((self.host.as_str(), self.port));
                let stream = match timeout(CONNECT_TIME_MAX, connecting).await {
                    Ok(connected) => connected.map_err(failed)?,
                    Err(_) => return Err(failed(io::ErrorKind::TimedOut.into())),
                };
                stream.set_nodelay(true).map_err(failed)?;
                match &self.tls {
                    None => shake(stream).await.map_err(failed)?,
                    Some(tls) => {
                        let name = ServerName::try_from(self.host.clone());
                        let name = name.map_err(|error| failed(io::Error::other(error)))?;
                        let shaking = timeout(CONNECT_TIME_MAX, tls.connect(name, stream)).await;
                        let stream =
                            shaking.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
                        shake(stream.map_err(failed)?).await.map_err(failed)?
                    }
                }
            }
        };
        Ok(self.sender.insert(sender))
    }
}

/// Reads the JSON of an answer; the error is a text of bounded length.
pub(super) fn parsed<T: DeserializeOwned>(json: &[u8]) -> Result<T, String> {
    serde_json::from_slice(json).map_err(|error| cut(error.to_string()))
}

/// Begins to speak HTTP.
async fn shake<S>(stream: S) -> io::Result<Sender>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    // What goes wrong on it is told to whoever waits for an answer.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read() {
        let check = |url: &str, expected: &str| {
            assert_eq!(Connection::new(url, None).unwrap().server(), expected);
        };
        check("http://127.0.0.1:7650", "http://127.0.0.1:7650");
        check("localhost:80/", "http://localhost:80");
        check("db.example", "http://db.example:7650");
        check("http://[::1]:1", "http://[::1]:1");
        for url in [
            "",
            "https://a",
            "http://a/v1",
            "a b",
            "http://",
            "0[:]",
            "[]",
            "[[::1]]",
            "[@%:]",
            "a@b",
        ] {
            assert!(Connection::new(url, None).is_err(), "{url}");
        }
    }
}
