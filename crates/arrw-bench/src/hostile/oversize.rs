//! Requests that are too large: heads, addresses, bodies, lines, and what comes out of compressed ones.

use std::io::Write;
use std::sync::{Arc, LazyLock};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::bombs::{GZIP_HEAD, Run, ZEROS, ZEROS_BYTES, zstd};
use super::ground::{ENDED, Ground};
use super::ledger::Form;
use super::limits::{BOMB_BYTES, LONG_LINE_BYTES};
use super::request::{
    JSON, LAST_CHUNK, NDJSON, chunk, chunked, event, get, head, post, promised, publish,
};
use super::shot::{Draft, REFUSED, Shot, TAKEN};

pub(super) const DRAFTS: &[Draft] = &[
    large_header,
    many_headers,
    long_address,
    large_json,
    large_json_in_chunks,
    large_batch,
    large_control_body,
    long_line,
    long_line_in_chunks,
    gzip_of_json,
    gzip_of_a_line,
    zstd_of_json,
    zstd_of_a_line,
    many_event_headers,
    many_events,
    long_names,
    blank_lines,
    wrong_lines,
];

const HEAD_TOO_LARGE: &[u16] = &[431, ENDED];
/// An answer may be lost to a client that goes on sending when its connection is cut.
const TOO_LARGE: &[u16] = &[413, ENDED];

const MIB: u64 = 1024 * 1024;
/// A body that is above the bound of 4 MiB.
const OVER: usize = 5 * 1024 * 1024;
/// Bytes of a piece that is sent again and again.
const PIECE: u64 = 64 * 1024;

static SPACES: LazyLock<Arc<[u8]>> = LazyLock::new(|| vec![b' '; 64 * 1024].into());
static SPACES_CHUNK: LazyLock<Arc<[u8]>> = LazyLock::new(|| chunk(&**SPACES).into());

fn large_header(ground: &Ground) -> Shot {
    let header = format!("x: {}\r\n", "a".repeat(1024 * 1024));
    Shot::new("a header of 1 MiB", head(ground, "GET /livez", header), HEAD_TOO_LARGE)
}

fn many_headers(ground: &Ground) -> Shot {
    let headers = "a: b\r\n".repeat(10_000);
    Shot::new("10,000 headers", head(ground, "GET /livez", headers), HEAD_TOO_LARGE)
}

fn long_address(ground: &Ground) -> Shot {
    let target = format!("/{}", "a".repeat(1_000_000));
    Shot::new("an address of 1 MB", get(ground, &target), &[414, 431, ENDED])
}

fn large_json(ground: &Ground) -> Shot {
    let body = event(&ground.enter(Form::Whole, 0), 1) + &" ".repeat(OVER);
    Shot::new("5 MiB of JSON", publish(ground, JSON, body), TOO_LARGE)
}

fn large_json_in_chunks(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Whole, 0);
    Shot::new("5 MiB of JSON in chunks", chunked(ground, JSON), TOO_LARGE)
        .then(chunk(event(&topic, 1)))
        .again(&SPACES_CHUNK, 5 * MIB / PIECE)
        .then(LAST_CHUNK)
        .writes(topic)
}

fn large_batch(ground: &Ground) -> Shot {
    let event = event(&ground.enter(Form::Whole, 0), 1);
    let body = format!(r#"{{"events":[{event}]{}}}"#, " ".repeat(OVER));
    Shot::new("a batch of 5 MiB", post(ground, "/v1/batch", JSON, body), TOO_LARGE)
}

fn large_control_body(ground: &Ground) -> Shot {
    let body = " ".repeat(OVER);
    let request = head(ground, "PUT /v1/consumers/x", format!("content-length: {OVER}\r\n"));
    Shot::new("5 MiB for a consumer", request, TOO_LARGE).then(body)
}

fn long_line(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Lines, 1);
    let line = event(&topic, 1) + "\n";
    let bytes = line.len() as u64 + LONG_LINE_BYTES;
    Shot::new("a line of 100 MiB", promised(ground, NDJSON, bytes), TOO_LARGE)
        .then(line)
        .again(&XS, LONG_LINE_BYTES / PIECE)
        .writes(topic)
}

/// A piece of a line that is not blank.
static XS: LazyLock<Arc<[u8]>> = LazyLock::new(|| vec![b'x'; 64 * 1024].into());
static X_CHUNK: LazyLock<Arc<[u8]>> = LazyLock::new(|| chunk(&**XS).into());

fn long_line_in_chunks(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Lines, 1);
    Shot::new("a line of 100 MiB in chunks", chunked(ground, NDJSON), TOO_LARGE)
        .then(chunk(event(&topic, 1) + "\n"))
        .again(&X_CHUNK, LONG_LINE_BYTES / PIECE)
        .then(LAST_CHUNK)
        .writes(topic)
}

/// More than a GiB of zeros in a MiB of gzip. Its end is never reached, so it may be wrong.
fn gzip_bomb(ground: &Ground, what: &'static str, content_type: &str) -> Shot {
    let pieces = BOMB_BYTES / ZEROS_BYTES;
    let bytes = (GZIP_HEAD.len() + 10) as u64 + pieces * ZEROS.len() as u64;
    let headers = format!("{content_type}content-encoding: gzip\r\n");
    Shot::new(what, promised(ground, &headers, bytes), TOO_LARGE)
        .then(GZIP_HEAD)
        .again(&ZEROS, pieces)
        .then([3, 0, 0, 0, 0, 0, 0, 0, 0, 0])
}

fn gzip_of_json(ground: &Ground) -> Shot {
    gzip_bomb(ground, "1.1 GiB in gzip, as JSON", JSON)
}

fn gzip_of_a_line(ground: &Ground) -> Shot {
    gzip_bomb(ground, "1.1 GiB in gzip, as a line", NDJSON)
}

fn in_zstd(
    ground: &Ground,
    (what, path): (&'static str, &str),
    content_type: &str,
    runs: &[Run<'_>],
    answers: &'static [u16],
) -> Shot {
    let headers = format!("{content_type}content-encoding: zstd\r\n");
    Shot::new(what, post(ground, path, &headers, zstd(runs)), answers)
}

fn zstd_of_json(ground: &Ground) -> Shot {
    let what = ("1.1 GiB in zstd, as JSON", "/v1/events");
    in_zstd(ground, what, JSON, &[Run::Byte(b' ', BOMB_BYTES)], TOO_LARGE)
}

fn zstd_of_a_line(ground: &Ground) -> Shot {
    let what = ("1.1 GiB in zstd, as a line", "/v1/events");
    in_zstd(ground, what, NDJSON, &[Run::Byte(b'x', BOMB_BYTES)], TOO_LARGE)
}

fn many_event_headers(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Whole, 0);
    let headers: Vec<String> = (0..300_000).map(|at| format!(r#""{at:x}":"""#)).collect();
    let headers = headers.join(",");
    let body = format!(r#"{{"topic":"{topic}","data":{{"id":1}},"headers":{{{headers}}}}}"#);
    Shot::new("an event with 300,000 headers", publish(ground, JSON, body), REFUSED).writes(topic)
}

fn many_events(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Whole, 0);
    let body = format!("[{}0]", "0,".repeat(1_000_000));
    let shot = Shot::new("an array of 1,000,000 numbers", publish(ground, JSON, body), REFUSED);
    shot.writes(topic)
}

/// Each of the lines may be as long as it is, and none is an event: what is told of them must be small.
fn long_names(ground: &Ground) -> Shot {
    let line = [Run::Text(b"{\""), Run::Byte(b'n', 3 * MIB), Run::Text(b"\":1}\n")];
    let what = ("40 wrong lines with names of 3 MiB", "/v1/events?on_error=continue");
    let topic = ground.enter(Form::Lines, 0);
    in_zstd(ground, what, NDJSON, &line.repeat(40), TAKEN).writes(topic)
}

fn blank_lines(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Lines, 0);
    let what = ("32 Mi blank lines in zstd", "/v1/events");
    in_zstd(ground, what, NDJSON, &[Run::Byte(b'\n', 32 * MIB)], TAKEN).writes(topic)
}

/// A million wrong lines in some KiB of gzip.
static WRONG_LINES: LazyLock<Vec<u8>> = LazyLock::new(|| gzip(&b"x\n".repeat(1_000_000)));

/// Some bytes in gzip.
pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.expect("a vector takes everything")
}

fn wrong_lines(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Lines, 0);
    let headers = format!("{NDJSON}content-encoding: gzip\r\n");
    let request = post(ground, "/v1/events?on_error=continue", &headers, &*WRONG_LINES);
    Shot::new("1,000,000 wrong lines in gzip", request, TAKEN).writes(topic)
}
