//! What is not HTTP, not this HTTP, or made to be read differently by two.

use super::ground::{ENDED, Ground};
use super::ledger::Form;
use super::request::{JSON, LAST_CHUNK, chunk, chunked, event, get, head, publish};
use super::shot::{Draft, REFUSED, REFUSED_OR_ENDED, Shot, TAKEN};

pub(super) const DRAFTS: &[Draft] = &[
    bare_line_feeds,
    nul_in_a_header,
    nul_in_an_address,
    carriage_return_in_a_header,
    http_0_9,
    http_2,
    http_3,
    tls,
    rubbish,
    space_before_a_colon,
    folded_header,
    no_host,
    two_hosts,
    foreign_address,
    unknown_transfer_encoding,
    chunked_is_not_the_last,
    hidden_chunks,
    chunks_before_a_length,
    request_in_a_body,
    long_chunk_extension,
    many_trailers,
    unknown_expectation,
    options_of_all,
    connect,
    trace,
    long_method,
    websocket,
    foreign_site,
];

fn bare_line_feeds(_ground: &Ground) -> Shot {
    let request = "GET /livez HTTP/1.1\nhost: localhost\n\n";
    // RFC 9112 lets a server take them.
    Shot::new("bare line feeds", request, &[200, 400])
}

/// A head that is refused.
fn refused(ground: &Ground, what: &'static str, headers: &str) -> Shot {
    Shot::new(what, head(ground, "GET /livez", headers), REFUSED)
}

fn nul_in_a_header(ground: &Ground) -> Shot {
    refused(ground, "NUL in a header", "x: a\0b\r\n")
}

fn nul_in_an_address(ground: &Ground) -> Shot {
    Shot::new("NUL in an address", get(ground, "/li\0vez"), REFUSED)
}

fn carriage_return_in_a_header(ground: &Ground) -> Shot {
    refused(ground, "a bare carriage return in a header", "x: a\rb\r\n")
}

fn http_0_9(_ground: &Ground) -> Shot {
    Shot::new("HTTP/0.9", "GET /livez\r\n\r\n", REFUSED_OR_ENDED)
}

fn http_2(_ground: &Ground) -> Shot {
    Shot::new("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", REFUSED_OR_ENDED)
}

fn http_3(_ground: &Ground) -> Shot {
    let request = "GET /livez HTTP/3.0\r\nhost: localhost\r\n\r\n";
    Shot::new("HTTP/3.0", request, REFUSED_OR_ENDED)
}

fn tls(_ground: &Ground) -> Shot {
    let hello = [&b"\x16\x03\x01\x00\xf4\x01\x00\x00\xf0\x03\x03"[..], &[7; 240]].concat();
    Shot::new("a hello of TLS", hello, REFUSED_OR_ENDED)
}

fn rubbish(_ground: &Ground) -> Shot {
    let bytes: Vec<u8> = (0..=255).cycle().take(4096).collect();
    Shot::new("4 KiB of rubbish", bytes, REFUSED_OR_ENDED)
}

fn space_before_a_colon(ground: &Ground) -> Shot {
    refused(ground, "a space before a colon", "content-length : 5\r\n")
}

fn folded_header(ground: &Ground) -> Shot {
    refused(ground, "a folded header", "x: a\r\n b\r\n")
}

fn no_host(_ground: &Ground) -> Shot {
    Shot::new("no host", "GET /livez HTTP/1.1\r\n\r\n", &[400, 421])
}

fn two_hosts(ground: &Ground) -> Shot {
    let request = head(ground, "GET /livez", "host: evil.example\r\n");
    Shot::new("two hosts", request, &[400, 421])
}

fn foreign_address(_ground: &Ground) -> Shot {
    let request = "GET http://evil.example/livez HTTP/1.1\r\nhost: evil.example\r\n\r\n";
    Shot::new("the address of another host", request, &[400, 421])
}

/// A publish whose body is in an encoding that it cannot be in.
fn encoded(ground: &Ground, what: &'static str, encoding: &str) -> Shot {
    let topic = ground.enter(Form::Whole, 0);
    let request = head(ground, "POST /v1/events", format!("{JSON}{encoding}\r\n"));
    let shot = Shot::new(what, request, &[400, 501, ENDED]);
    shot.then(chunk(event(&topic, 1))).then(LAST_CHUNK).writes(topic)
}

fn unknown_transfer_encoding(ground: &Ground) -> Shot {
    encoded(ground, "an unknown transfer encoding", "transfer-encoding: cow")
}

fn chunked_is_not_the_last(ground: &Ground) -> Shot {
    encoded(ground, "chunked, and then another encoding", "transfer-encoding: chunked, gzip")
}

fn hidden_chunks(ground: &Ground) -> Shot {
    encoded(ground, "chunked behind a vertical tab", "transfer-encoding: \x0bchunked")
}

fn chunks_before_a_length(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Whole, 1);
    let headers = format!("{JSON}transfer-encoding: chunked\r\ncontent-length: 4\r\n");
    let body = chunk(event(&topic, 1));
    Shot::new("chunks and a length", head(ground, "POST /v1/events", headers), &[200, 400])
        .then(body)
        .then(LAST_CHUNK)
        .writes(topic)
}

/// The length ends within the last chunk; what is behind it must not be answered as a request of its own.
fn request_in_a_body(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Whole, 0);
    let hidden = publish(ground, JSON, event(&topic, 1));
    let length = LAST_CHUNK.len() + hidden.len();
    let headers = format!("{JSON}content-length: {length}\r\ntransfer-encoding: chunked\r\n");
    // Not whole by its chunks, so refused; then the connection must be closed: RFC 9112, 6.3.
    Shot::new("a request in a body", head(ground, "POST /v1/events", headers), REFUSED)
        .then(LAST_CHUNK)
        .then(hidden)
        .of(2)
        .writes(topic)
}

fn long_chunk_extension(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Whole, 0);
    let body = format!("5;{}\r\n", "a".repeat(100_000));
    Shot::new("a chunk with an extension of 100 KB", chunked(ground, JSON), REFUSED_OR_ENDED)
        .then(body)
        .writes(topic)
}

fn many_trailers(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Whole, 0);
    let body = chunk(event(&topic, 1));
    let trailers = format!("0\r\n{}\r\n", "a: b\r\n".repeat(10_000));
    Shot::new("10,000 trailers", chunked(ground, JSON), REFUSED_OR_ENDED)
        .then(body)
        .then(trailers)
        .writes(topic)
}

fn unknown_expectation(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Whole, 1);
    let request = publish(ground, &format!("{JSON}expect: 200-maybe\r\n"), event(&topic, 1));
    // RFC 9110 lets a server pass it over.
    Shot::new("an unknown expectation", request, &[200, 417]).writes(topic)
}

fn options_of_all(ground: &Ground) -> Shot {
    Shot::new("OPTIONS *", head(ground, "OPTIONS *", ""), &[400, 404, 405])
}

fn connect(ground: &Ground) -> Shot {
    let request = head(ground, "CONNECT evil.example:443", "");
    Shot::new("CONNECT", request, &[400, 404, 405, 421])
}

fn trace(ground: &Ground) -> Shot {
    Shot::new("TRACE", head(ground, "TRACE /livez", ""), &[405])
}

fn long_method(ground: &Ground) -> Shot {
    let line = format!("{} /livez", "A".repeat(10_000));
    Shot::new("a method of 10,000 letters", head(ground, &line, ""), &[400, 405])
}

fn websocket(ground: &Ground) -> Shot {
    let headers = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n";
    Shot::new("an upgrade to nowhere", head(ground, "GET /livez", headers), TAKEN)
}

fn foreign_site(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Whole, 0);
    let headers = format!("{JSON}origin: http://evil.example\r\nsec-fetch-site: cross-site\r\n");
    let request = publish(ground, &headers, event(&topic, 1));
    Shot::new("a page of another site", request, &[403]).writes(topic)
}
