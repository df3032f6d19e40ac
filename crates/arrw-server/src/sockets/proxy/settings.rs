//! What a server is told of back ends that are asked of clients.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use axum::http::{HeaderName, Uri, header};

use crate::limits::PROXY_TIME_MAX;
use crate::sockets::tokens::Secret;
use crate::tls::TlsError;

/// A back end that is asked of clients. Without an endpoint none is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxySettings {
    /// Where it is asked. Default none.
    pub endpoint: Option<Endpoint>,
    /// How long an answer may take. Default [`PROXY_TIME_MAX`].
    pub timeout: Duration,
    /// Headers of the client that are passed on. Default none.
    pub http_headers: Vec<PassedHeader>,
    /// Sent as `authorization: Bearer ..`, so that the back end knows who asks. Default none.
    pub secret: Option<Secret>,
    /// File of the authorities that an `https://` endpoint must be known by, in PEM. Default none.
    pub authorities: Option<PathBuf>,
}

impl Default for ProxySettings {
    fn default() -> Self {
        Self {
            endpoint: None,
            timeout: PROXY_TIME_MAX,
            http_headers: Vec::new(),
            secret: None,
            authorities: None,
        }
    }
}

/// A URL of `http://` or `https://`, with a host and without a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(pub(super) Uri);

/// A text that is no [`Endpoint`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write a URL such as `http://127.0.0.1:3000/connect`, without a user")]
pub struct NoEndpoint;

impl FromStr for Endpoint {
    type Err = NoEndpoint;

    fn from_str(text: &str) -> Result<Self, NoEndpoint> {
        let uri: Uri = text.parse().map_err(|_not_uri| NoEndpoint)?;
        let is_spoken = uri.scheme_str().is_some_and(|it| ["http", "https"].contains(&it));
        let authority = uri.authority().ok_or(NoEndpoint)?;
        let is_plain = !authority.as_str().contains('@') && !authority.host().is_empty();
        if is_spoken && is_plain { Ok(Self(uri)) } else { Err(NoEndpoint) }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Endpoint {
    pub(super) fn is_encrypted(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }
}

/// The name of a header that may be passed on: none that is about one connection or its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedHeader(pub(super) HeaderName);

/// A text that is no [`PassedHeader`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write the name of a header such as `cookie`, but none about the connection or the body")]
pub struct NotPassed;

/// Headers that a request has for itself.
const OWN: [HeaderName; 11] = [
    header::ACCEPT_ENCODING,
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::EXPECT,
    header::HOST,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

impl FromStr for PassedHeader {
    type Err = NotPassed;

    fn from_str(text: &str) -> Result<Self, NotPassed> {
        let name: HeaderName = text.parse().map_err(|_not_name| NotPassed)?;
        let is_own = ["keep-alive", "sec-websocket-", "proxy-"];
        let is_own = OWN.contains(&name) || is_own.iter().any(|it| name.as_str().starts_with(it));
        if is_own { Err(NotPassed) } else { Ok(Self(name)) }
    }
}

impl fmt::Display for PassedHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Settings by which a back end cannot be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// It is not known by whom its certificate must be vouched for.
    #[error(
        "`{group}.endpoint` is `https://`, and `{group}.authorities` is not set: name a file of the authorities to trust, such as `/etc/ssl/certs/ca-certificates.crt`"
    )]
    NoAuthorities {
        /// The group of the settings.
        group: &'static str,
    },
    /// Its file of authorities cannot be used.
    #[error(transparent)]
    Authorities(#[from] TlsError),
    /// Two things would be sent in one header.
    #[error(
        "`{group}.secret` is sent as `authorization`, which `{group}.http_headers` has too: take one of them away"
    )]
    Authorization {
        /// The group of the settings.
        group: &'static str,
    },
    /// The secret cannot stand in a header.
    #[error(
        "`{group}.secret` has characters that cannot be sent in a header: write letters, digits and signs alone"
    )]
    Secret {
        /// The group of the settings.
        group: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_whole_url() {
        for fine in ["http://127.0.0.1:3000/connect", "https://app.example/a?b=c", "http://[::1]"] {
            assert!(fine.parse::<Endpoint>().is_ok(), "{fine}");
        }
        for wrong in
            ["", "/connect", "app.example", "ftp://a", "http://", "http://u:p@a/", "unix:/a"]
        {
            assert_eq!(wrong.parse::<Endpoint>(), Err(NoEndpoint), "{wrong}");
        }
    }

    #[test]
    fn headers_of_one_connection_are_not_passed_on() {
        assert_eq!("Cookie".parse::<PassedHeader>().unwrap().to_string(), "cookie");
        for wrong in
            ["", "a b", "Host", "content-length", "sec-websocket-key", "proxy-authorization"]
        {
            assert_eq!(wrong.parse::<PassedHeader>(), Err(NotPassed), "{wrong}");
        }
    }
}
