//! The commands that a generator sends, as frames.

use std::borrow::Cow;
use std::net::SocketAddr;

use arrw_wire::centrifuge::{
    Command, ConnectRequest, Encoding, PublishRequest, Request, RpcRequest, SubscribeRequest,
};

use super::line::NUMBER_DIGITS;
use super::link::Position;

/// Where the server takes WebSockets.
const PATH: &str = "/connection/websocket";
/// The key of the example of RFC 6455, and what a server must answer to it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &[u8] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// The method of calls that are answered with what they carry.
const ECHO: &str = "echo";

/// The request for a WebSocket.
pub(super) fn upgrade(server: SocketAddr) -> Vec<u8> {
    format!(
        "GET {PATH} HTTP/1.1\r\nhost: {server}\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
        sec-websocket-version: 13\r\nsec-websocket-key: {KEY}\r\n\r\n"
    )
    .into_bytes()
}

/// Whether this head of an answer makes a WebSocket.
pub(super) fn is_upgraded(head: &[u8]) -> bool {
    head.starts_with(b"HTTP/1.1 101 ") && crate::connection::find(head, ACCEPT).is_some()
}

/// Connect, and subscribe in the same frame, as clients do: ids 1 and 2.
pub(super) fn join(
    token: &str,
    channel: Option<&str>,
    from: Option<&Position>,
    frame: &mut Vec<u8>,
) {
    let connect =
        ConnectRequest { token: token.into(), name: "bench".into(), ..Default::default() };
    append(1, Request::Connect(connect), frame);
    if let Some(channel) = channel {
        let mut subscribe = SubscribeRequest { channel: channel.into(), ..Default::default() };
        if let Some(Position { epoch, offset }) = from {
            subscribe.recover = true;
            (subscribe.epoch, subscribe.offset) = (Cow::Borrowed(&**epoch), *offset);
        }
        append(2, Request::Subscribe(subscribe), frame);
    }
}

/// A publication.
pub(super) fn publish(id: u32, channel: &str, payload: &[u8], frame: &mut Vec<u8>) {
    let publish = PublishRequest { channel: channel.into(), data: payload, ..Default::default() };
    append(id, Request::Publish(publish), frame);
}

/// A call that is answered with what it carries.
pub(super) fn echo(id: u32, payload: &[u8], frame: &mut Vec<u8>) {
    append(id, Request::Rpc(RpcRequest { data: payload, method: ECHO.into() }), frame);
}

fn append(id: u32, what: Request<'_>, frame: &mut Vec<u8>) {
    Command { id, what }.append(Encoding::Json, frame);
}

/// A payload, whose number is put in again and again.
#[derive(Debug)]
pub(super) struct Payload(Vec<u8>);

impl Payload {
    /// A text of so many characters, the digits of a number at least.
    pub(super) fn new(bytes: u32) -> Self {
        let bytes = usize::try_from(bytes).unwrap_or(0).max(NUMBER_DIGITS);
        let mut json = vec![b'x'; bytes + 2];
        json[0] = b'"';
        json[bytes + 1] = b'"';
        Self(json)
    }

    /// It as JSON, with this number.
    pub(super) fn numbered(&mut self, number: u64) -> &[u8] {
        let mut rest = number;
        for digit in self.0[1..=NUMBER_DIGITS].iter_mut().rev() {
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_carries_its_number() {
        let mut payload = Payload::new(12);
        assert_eq!(payload.numbered(907), b"\"0000000907xx\"");
        assert_eq!(payload.numbered(1), b"\"0000000001xx\"");
    }

    #[test]
    fn a_client_that_returns_says_what_it_has() {
        let mut frame = Vec::new();
        let from = Position { epoch: "e".into(), offset: 4 };
        join("", Some("a:1"), Some(&from), &mut frame);
        assert_eq!(
            str::from_utf8(&frame).unwrap(),
            "{\"id\":1,\"connect\":{\"name\":\"bench\"}}\n\
            {\"id\":2,\"subscribe\":{\"channel\":\"a:1\",\"recover\":true,\"epoch\":\"e\",\"offset\":4}}"
        );
    }
}
