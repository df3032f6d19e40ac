//! The request that makes a WebSocket of a connection, checked and answered (RFC 6455, 4.2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

use super::deflate::Agreed;
use super::limits::OFFERS_MAX;
use super::parser::Compression;

/// What every key is joined with (RFC 6455, 1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The version of the protocol: there is no other.
pub const VERSION: &str = "13";

/// The parts of a request that matter.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a, H> {
    /// `GET`, as it was sent.
    pub method: &'a str,
    /// `HTTP/1.1`, as it was sent.
    pub version: &'a str,
    /// Names, in any case, and values, in the order in which they were sent.
    pub headers: H,
}

/// What we have to offer.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'p> {
    /// Names of subprotocols; the first that the client has too is taken. They are compared exactly.
    pub protocols: &'p [&'p str],
    /// Whether messages may be compressed.
    pub compression: Compression,
}

/// An answer of 101: three headers beside `Upgrade: websocket` and `Connection: Upgrade`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted<'p> {
    /// `Sec-WebSocket-Accept`.
    pub accept: String,
    /// `Sec-WebSocket-Protocol`, out of ours; none when the client has none of them.
    pub protocol: Option<&'p str>,
    /// `Sec-WebSocket-Extensions` is its [`response`](Agreed::response), if there is one.
    pub deflate: Option<Agreed>,
}

/// Why a request makes no WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// 405, with `Allow: GET`.
    #[error("a WebSocket begins with GET")]
    Method,
    /// 426: over HTTP/1.0 and HTTP/2 nothing is upgraded.
    #[error("a WebSocket begins with HTTP/1.1")]
    HttpVersion,
    /// 426: it asks for a plain answer.
    #[error("this address is for WebSockets: send `Upgrade: websocket`")]
    NoUpgrade,
    /// 400.
    #[error("`Connection` does not name `Upgrade`")]
    NoConnection,
    /// 426, with `Sec-WebSocket-Version: 13`.
    #[error("the version of the protocol is not 13: send one `Sec-WebSocket-Version: 13`")]
    Version,
    /// 400.
    #[error("there must be one `Sec-WebSocket-Key`, of 16 bytes as base64")]
    Key,
    /// 400: what follows would be read as frames.
    #[error("a request for a WebSocket has no body")]
    Body,
}

impl Refused {
    /// The status of the answer.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Method => 405,
            Self::HttpVersion | Self::NoUpgrade | Self::Version => 426,
            Self::NoConnection | Self::Key | Self::Body => 400,
        }
    }

    /// The header that the answer must have, if there is one. One of 426 has `Connection: Upgrade` as well.
    #[must_use]
    pub const fn header(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Method => Some(("allow", "GET")),
            Self::HttpVersion | Self::NoUpgrade => Some(("upgrade", "websocket")),
            Self::Version => Some(("sec-websocket-version", VERSION)),
            Self::NoConnection | Self::Key | Self::Body => None,
        }
    }
}

/// Checks a request for a WebSocket, and says what to answer. Bytes that came after the request are the first frames.
///
/// `Origin`, `Host` and who asks are for the caller to check.
///
/// # Errors
/// [`Refused`], with the first of its variants that is the case.
pub fn accept<'a, 'p>(
    request: Request<'a, impl IntoIterator<Item = (&'a str, &'a [u8])>>,
    ours: Offer<'p>,
) -> Result<Accepted<'p>, Refused> {
    let mut seen = Seen::new(ours);
    for (name, value) in request.headers {
        seen.take(name, value);
    }
    let checks = [
        (request.method == "GET", Refused::Method),
        (request.version == "HTTP/1.1", Refused::HttpVersion),
        (seen.has_upgrade, Refused::NoUpgrade),
        (seen.has_connection, Refused::NoConnection),
        (seen.version == Only::One(true), Refused::Version),
        (!seen.has_body, Refused::Body),
    ];
    if let Some((_, refused)) = checks.into_iter().find(|(holds, _)| !holds) {
        return Err(refused);
    }
    let Only::One(Some(key)) = seen.key else { return Err(Refused::Key) };
    let protocol = seen.protocol.and_then(|at| ours.protocols.get(at).copied());
    Ok(Accepted { accept: accept_of(key), protocol, deflate: seen.deflate })
}

/// The value of `Sec-WebSocket-Accept` for a key.
#[must_use]
pub fn accept_of(key: &str) -> String {
    STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

/// A header that must be there once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Only<T> {
    Absent,
    One(T),
    Several,
}

impl<T> Only<T> {
    fn and(self, value: T) -> Self {
        match self {
            Self::Absent => Self::One(value),
            Self::One(_) | Self::Several => Self::Several,
        }
    }
}

/// What the headers say, taken one by one.
#[derive(Debug)]
struct Seen<'a, 'p> {
    ours: Offer<'p>,
    has_upgrade: bool,
    has_connection: bool,
    has_body: bool,
    /// Whether it is 13.
    version: Only<bool>,
    /// None when it is not 16 bytes.
    key: Only<Option<&'a str>>,
    /// The place of a subprotocol among ours.
    protocol: Option<usize>,
    deflate: Option<Agreed>,
    /// Subprotocols and extensions that were looked at.
    offers: usize,
}

impl<'a, 'p> Seen<'a, 'p> {
    fn new(ours: Offer<'p>) -> Self {
        Self {
            ours,
            has_upgrade: false,
            has_connection: false,
            has_body: false,
            version: Only::Absent,
            key: Only::Absent,
            protocol: None,
            deflate: None,
            offers: 0,
        }
    }

    fn take(&mut self, name: &str, value: &'a [u8]) {
        // What is not text is none of the values that are looked for.
        let value = trimmed(str::from_utf8(value).unwrap_or("\u{fffd}"));
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if is("upgrade") {
            self.has_upgrade |= has_token(value, "websocket");
        } else if is("connection") {
            self.has_connection |= has_token(value, "upgrade");
        } else if is("content-length") {
            self.has_body |= value != "0";
        } else if is("transfer-encoding") {
            self.has_body = true;
        } else if is("sec-websocket-version") {
            self.version = self.version.and(value == VERSION);
        } else if is("sec-websocket-key") {
            self.key = self.key.and(is_key(value).then_some(value));
        } else if is("sec-websocket-protocol") {
            value.split(',').for_each(|it| self.take_protocol(trimmed(it)));
        } else if is("sec-websocket-extensions") {
            value.split(',').for_each(|it| self.take_extension(it));
        }
    }

    fn take_protocol(&mut self, name: &str) {
        if !self.counts() {
            return;
        }
        let at = self.ours.protocols.iter().position(|ours| *ours == name);
        // Ours are in the order of our preference.
        self.protocol = match (self.protocol, at) {
            (Some(before), Some(at)) => Some(before.min(at)),
            (before, at) => before.or(at),
        };
    }

    /// The first offer is taken, or the first that lets us use the largest window: a client that has other offers behind one
    /// of a small window is served by these as well.
    fn take_extension(&mut self, offer: &str) {
        let has_best = self.deflate.is_some_and(|agreed| agreed.has_full_window());
        if !self.counts() || has_best || self.ours.compression != Compression::On {
            return;
        }
        if let Some(agreed) = Agreed::from_offer(offer)
            && (self.deflate.is_none() || agreed.has_full_window())
        {
            self.deflate = Some(agreed);
        }
    }

    /// True for the first offers.
    fn counts(&mut self) -> bool {
        self.offers = self.offers.saturating_add(1);
        self.offers <= OFFERS_MAX
    }
}

fn is_key(value: &str) -> bool {
    value.len() == 24 && STANDARD.decode(value).is_ok_and(|key| key.len() == 16)
}

fn has_token(list: &str, token: &str) -> bool {
    list.split(',').any(|it| trimmed(it).eq_ignore_ascii_case(token))
}

fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests;
