//! The commands of a generator, found by what stands before them: enough for its frames, and for no others.

use crate::connection::find;

/// What a command is about. Names and payloads are parts of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request<'a> {
    Connect,
    Subscribe {
        channel: &'a [u8],
    },
    Publish {
        channel: &'a [u8],
        data: &'a [u8],
    },
    Call {
        data: &'a [u8],
    },
    /// A pong, or what is not known.
    Other,
}

/// Id and request of a line.
pub(super) fn parse(line: &[u8]) -> (&[u8], Request<'_>) {
    let Some(rest) = line.strip_prefix(b"{\"id\":") else { return (b"0", Request::Other) };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (id, rest) = rest.split_at(digits);
    let request = if rest.starts_with(b",\"publish\":") {
        behind(rest, b"\"data\":").map(|data| {
            // Two brackets end the request and the command.
            let data = data.get(..data.len().saturating_sub(2)).unwrap_or_default();
            Request::Publish { channel: text(rest, b"\"channel\":\""), data }
        })
    } else if rest.starts_with(b",\"rpc\":") {
        behind(rest, b"\"data\":").map(|data| Request::Call { data: value(data) })
    } else if rest.starts_with(b",\"subscribe\":") {
        Some(Request::Subscribe { channel: text(rest, b"\"channel\":\"") })
    } else if rest.starts_with(b",\"connect\":") {
        Some(Request::Connect)
    } else {
        None
    };
    (id, request.unwrap_or(Request::Other))
}

fn behind<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    find(line, name).map(|at| &line[at + name.len()..])
}

/// A text without escapes.
fn text<'a>(line: &'a [u8], name: &[u8]) -> &'a [u8] {
    let rest = behind(line, name).unwrap_or_default();
    rest.split(|byte| *byte == b'"').next().unwrap_or_default()
}

/// A value that is a text without escapes.
fn value(rest: &[u8]) -> &[u8] {
    let end = rest.iter().skip(1).position(|byte| *byte == b'"');
    end.and_then(|end| rest.get(..end + 2)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use arrw_wire::centrifuge::{
        Command, ConnectRequest, Encoding, PublishRequest, Request as Asked, RpcRequest,
        SubscribeRequest,
    };

    use super::*;

    #[test]
    fn what_a_generator_sends_is_understood() {
        let check = |what: Asked<'_>, expected: Request<'_>| {
            let mut line = Vec::new();
            Command { id: 17, what }.append(Encoding::Json, &mut line);
            assert_eq!(parse(&line), (&b"17"[..], expected));
        };
        let (channel, data) = ("vol:a0", &b"\"0000000001xx\""[..]);
        let bytes = channel.as_bytes();
        check(
            Asked::Connect(ConnectRequest { token: "t".into(), ..Default::default() }),
            Request::Connect,
        );
        check(
            Asked::Subscribe(SubscribeRequest { channel: channel.into(), ..Default::default() }),
            Request::Subscribe { channel: bytes },
        );
        check(
            Asked::Publish(PublishRequest { channel: channel.into(), data, ..Default::default() }),
            Request::Publish { channel: bytes, data },
        );
        check(Asked::Rpc(RpcRequest { data, method: "echo".into() }), Request::Call { data });
        assert_eq!(parse(b"{}"), (&b"0"[..], Request::Other));
        assert_eq!(parse(b"{\"id\":3,\"history\":{}}"), (&b"3"[..], Request::Other));
    }
}
