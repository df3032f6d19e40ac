//! Which requests make a WebSocket, and what is agreed on.

use super::*;

const PROTOCOLS: &[&str] = &["centrifuge-protobuf", "centrifuge-json"];
const OURS: Offer<'_> = Offer { protocols: PROTOCOLS, compression: Compression::On };
const PROTOCOL: &str = "Sec-WebSocket-Protocol";
const EXTENSIONS: &str = "Sec-WebSocket-Extensions";
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// The request of RFC 6455, 1.3, without its subprotocols.
const PLAIN: [(&str, &str); 4] = [
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", KEY),
    ("Sec-WebSocket-Version", "13"),
];

fn answer(
    line: [&str; 2],
    headers: &[(&'static str, &'static str)],
) -> Result<Accepted<'static>, Refused> {
    let headers = headers.iter().map(|&(name, value)| (name, value.as_bytes()));
    accept(Request { method: line[0], version: line[1], headers }, OURS)
}

fn with(more: &[(&'static str, &'static str)]) -> Result<Accepted<'static>, Refused> {
    answer(["GET", "HTTP/1.1"], &[&PLAIN[..], more].concat())
}

/// The plain request, one header of it replaced.
fn replaced(name: &'static str, value: &'static str) -> Result<Accepted<'static>, Refused> {
    let headers = PLAIN.map(|it| if it.0 == name { (name, value) } else { it });
    answer(["GET", "HTTP/1.1"], &headers)
}

fn without(name: &str) -> Result<Accepted<'static>, Refused> {
    let headers: Vec<_> = PLAIN.into_iter().filter(|it| it.0 != name).collect();
    answer(["GET", "HTTP/1.1"], &headers)
}

#[test]
fn the_request_of_the_rfc_is_accepted() {
    let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".to_owned();
    let expected = Accepted { accept, protocol: None, deflate: None };
    assert_eq!(with(&[]), Ok(expected.clone()));
    assert_eq!(with(&[("Content-Length", "0")]), Ok(expected.clone()));
    assert_eq!(replaced("Upgrade", "h2c, WebSocket"), Ok(expected.clone()));
    assert_eq!(replaced("Connection", "keep-alive ,\tupgrade"), Ok(expected));
}

#[test]
fn what_makes_no_web_socket_is_refused_with_its_status() {
    let check = |answer: Result<_, _>, expected: Refused, status| {
        assert_eq!((answer, expected.status()), (Err(expected), status));
    };
    check(answer(["POST", "HTTP/1.1"], &PLAIN), Refused::Method, 405);
    check(answer(["get", "HTTP/1.1"], &PLAIN), Refused::Method, 405);
    for version in ["HTTP/1.0", "HTTP/2.0", "http/1.1", ""] {
        check(answer(["GET", version], &PLAIN), Refused::HttpVersion, 426);
    }
    check(without("Upgrade"), Refused::NoUpgrade, 426);
    check(replaced("Upgrade", "websockets"), Refused::NoUpgrade, 426);
    check(replaced("Upgrade", "websocket/13"), Refused::NoUpgrade, 426);
    check(without("Connection"), Refused::NoConnection, 400);
    check(replaced("Connection", "no-upgrade"), Refused::NoConnection, 400);
    check(without("Sec-WebSocket-Version"), Refused::Version, 426);
    for version in ["8", "013", "13, 8", "130", ""] {
        check(replaced("Sec-WebSocket-Version", version), Refused::Version, 426);
    }
    check(with(&[("sec-websocket-version", "13")]), Refused::Version, 426);
    check(without("Sec-WebSocket-Key"), Refused::Key, 400);
    check(with(&[("Sec-Websocket-Key", KEY)]), Refused::Key, 400);
    let keys =
        ["", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZTE=", "dGhlIHNhbXBsZSBub25j!Q=="];
    for key in keys {
        check(replaced("Sec-WebSocket-Key", key), Refused::Key, 400);
    }
    check(with(&[("Content-Length", "5")]), Refused::Body, 400);
    check(with(&[("Transfer-Encoding", "chunked")]), Refused::Body, 400);
    assert_eq!(Refused::Version.header(), Some(("sec-websocket-version", "13")));
}

#[test]
fn a_value_that_is_not_text_is_none_of_ours() {
    let mut headers = PLAIN.map(|(name, value)| (name, value.as_bytes()));
    headers[0].1 = b"websocket\xff";
    let request = Request { method: "GET", version: "HTTP/1.1", headers };
    assert_eq!(accept(request, OURS), Err(Refused::NoUpgrade));
}

#[test]
fn of_the_subprotocols_the_first_of_ours_is_taken() {
    let check = |more, expected| assert_eq!(with(more).unwrap().protocol, expected);
    check(&[(PROTOCOL, "chat, centrifuge-json")], Some("centrifuge-json"));
    check(&[(PROTOCOL, "centrifuge-json,centrifuge-protobuf")], Some("centrifuge-protobuf"));
    check(
        &[(PROTOCOL, "centrifuge-protobuf"), (PROTOCOL, "centrifuge-json")],
        Some("centrifuge-protobuf"),
    );
    check(&[(PROTOCOL, "Centrifuge-JSON")], None);
    check(&[(PROTOCOL, "")], None);
}

#[test]
fn of_the_offers_the_first_that_can_be_done_is_taken() {
    let bits = |more: &[(&'static str, &'static str)]| {
        with(more).unwrap().deflate.map(|it| it.server_window_bits)
    };
    assert_eq!(bits(&[(EXTENSIONS, "permessage-deflate")]), Some(15));
    let first = "permessage-deflate; server_max_window_bits=8, permessage-deflate; server_max_window_bits=10";
    assert_eq!(bits(&[(EXTENSIONS, first)]), Some(10));
    let small = "permessage-deflate; server_max_window_bits=9";
    assert_eq!(bits(&[(EXTENSIONS, small), (EXTENSIONS, "permessage-deflate")]), Some(15));
    assert_eq!(bits(&[(EXTENSIONS, first), (EXTENSIONS, small)]), Some(10));
    assert_eq!(
        bits(&[(EXTENSIONS, "x-other, permessage-bzip2"), (EXTENSIONS, "permessage-deflate")]),
        Some(15)
    );
    assert_eq!(bits(&[(EXTENSIONS, "x-other")]), None);
    let headers = PLAIN.iter().chain(&[(EXTENSIONS, "permessage-deflate")]);
    let headers = headers.map(|&(name, value)| (name, value.as_bytes()));
    let off = Offer { compression: Compression::Off, ..OURS };
    let request = Request { method: "GET", version: "HTTP/1.1", headers };
    assert_eq!(accept(request, off).unwrap().deflate, None);
}

#[test]
fn of_very_many_offers_the_rest_is_passed_over() {
    let check = |before: usize, expected| {
        let list = "x,".repeat(before) + "centrifuge-json";
        let headers = PLAIN.iter().map(|&(name, value)| (name, value.as_bytes()));
        let headers = headers.chain([("sec-websocket-protocol", list.as_bytes())]);
        let request = Request { method: "GET", version: "HTTP/1.1", headers };
        assert_eq!(accept(request, OURS).unwrap().protocol, expected);
    };
    check(OFFERS_MAX - 1, Some("centrifuge-json"));
    check(OFFERS_MAX, None);
}
