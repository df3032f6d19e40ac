//! Bodies that end too early: the connection closes, or what came is not whole.

use super::ground::{ENDED, Ground};
use super::ledger::Form;
use super::oversize::gzip;
use super::request::{
    JSON, LAST_CHUNK, NDJSON, chunk, chunked, event, events, post, promised, publish,
};
use super::shot::{Draft, REFUSED, Shot, TAKEN};

pub(super) const DRAFTS: &[Draft] = &[
    object,
    object_left,
    object_but_for_a_byte,
    array,
    array_left,
    array_that_is_open,
    batch,
    batch_left,
    batch_that_is_open,
    lines,
    lines_left,
    lines_with_half_a_line,
    gzip_of_json,
    gzip_of_json_left,
    gzip_of_lines,
    middle_of_a_chunk,
    middle_of_a_chunk_left,
    between_chunks,
    last_chunk_without_an_end,
    lines_in_chunks,
    nothing,
];

/// The answer may be one that nobody hears.
const CUT: &[u16] = &[400, 408, ENDED];

/// A body of which only the first bytes come.
fn cut(ground: &Ground, what: &'static str, headers: &str, (body, bytes): (&[u8], usize)) -> Shot {
    let head = promised(ground, headers, body.len() as u64);
    Shot::new(what, head, CUT).then(&body[..bytes]).shut()
}

/// An object that is cut anywhere.
fn half_an_object(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Whole, 0);
    let body = event(&topic, 1);
    let bytes = ground.below(body.len());
    cut(ground, "a part of an object", JSON, (body.as_bytes(), bytes)).writes(topic)
}

fn object(ground: &Ground) -> Shot {
    half_an_object(ground)
}

fn object_left(ground: &Ground) -> Shot {
    half_an_object(ground).leave()
}

fn object_but_for_a_byte(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Whole, 0);
    let body = event(&topic, 1) + " ";
    let all_but_one = (body.as_bytes(), body.len() - 1);
    cut(ground, "an object but for a space behind it", JSON, all_but_one).writes(topic)
}

fn two_of_three(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Whole, 0);
    let body = format!("[{}]", events(&topic, 3, ","));
    let bytes = body.len() - 1 - ground.below(body.len() / 4);
    cut(ground, "an array cut behind its second event", JSON, (body.as_bytes(), bytes))
        .writes(topic)
}

fn array(ground: &Ground) -> Shot {
    two_of_three(ground)
}

fn array_left(ground: &Ground) -> Shot {
    two_of_three(ground).leave()
}

fn array_that_is_open(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Whole, 0);
    let body = format!("[{}", events(&topic, 3, ","));
    Shot::new("a whole body with an array that is open", publish(ground, JSON, body), REFUSED)
        .writes(topic)
}

fn half_a_batch(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Whole, 0);
    let body = format!(r#"{{"events":[{}]}}"#, events(&topic, 3, ","));
    let line = format!("content-length: {}\r\n", body.len());
    let head = super::request::head(ground, "POST /v1/batch", format!("{JSON}{line}"));
    Shot::new("a batch cut before its end", head, CUT)
        .then(&body.as_bytes()[..body.len() - 1])
        .shut()
        .writes(topic)
}

fn batch(ground: &Ground) -> Shot {
    half_a_batch(ground)
}

fn batch_left(ground: &Ground) -> Shot {
    half_a_batch(ground).leave()
}

fn batch_that_is_open(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Whole, 0);
    let body = format!(r#"{{"events":[{}]"#, events(&topic, 3, ","));
    let request = post(ground, "/v1/batch", JSON, body);
    Shot::new("a whole body with a batch that is open", request, REFUSED).writes(topic)
}

/// Three lines, of which the third has no end yet: two may be published.
fn two_lines(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Lines, 2);
    let body = events(&topic, 3, "\n") + "\n";
    let bytes = body.len() - 1 - ground.below(body.len() / 3 - 1);
    cut(ground, "lines cut in the last one", NDJSON, (body.as_bytes(), bytes)).writes(topic)
}

fn lines(ground: &Ground) -> Shot {
    two_lines(ground)
}

fn lines_left(ground: &Ground) -> Shot {
    two_lines(ground).leave()
}

fn lines_with_half_a_line(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Lines, 2);
    let body = format!("{}\n{{\"topic\":\"{topic}\",\"da", events(&topic, 2, "\n"));
    let request = publish(ground, NDJSON, body);
    Shot::new("a whole body with half a line", request, REFUSED).writes(topic)
}

const GZIP: &str = "content-encoding: gzip\r\n";

/// A whole body of half a stream of gzip.
fn half_a_gzip(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Whole, 0);
    let body = gzip((event(&topic, 1) + &" ".repeat(100)).as_bytes());
    // Without its checksum, so that all of the event comes out of it.
    let request = publish(ground, &format!("{JSON}{GZIP}"), &body[..body.len() - 8]);
    Shot::new("gzip without its end", request, REFUSED).writes(topic)
}

fn gzip_of_json(ground: &Ground) -> Shot {
    half_a_gzip(ground)
}

fn gzip_of_json_left(ground: &Ground) -> Shot {
    half_a_gzip(ground).leave()
}

fn gzip_of_lines(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Lines, 3);
    let body = gzip((events(&topic, 3, "\n") + "\n").as_bytes());
    let request = publish(ground, &format!("{NDJSON}{GZIP}"), &body[..body.len() - 8]);
    Shot::new("lines in gzip without its end", request, REFUSED).writes(topic)
}

/// A chunk that promises more than comes.
fn half_a_chunk(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Whole, 0);
    let body = format!("1000\r\n{}", event(&topic, 1));
    Shot::new("half a chunk", chunked(ground, JSON), CUT).then(body).shut().writes(topic)
}

fn middle_of_a_chunk(ground: &Ground) -> Shot {
    half_a_chunk(ground)
}

fn middle_of_a_chunk_left(ground: &Ground) -> Shot {
    half_a_chunk(ground).leave()
}

fn between_chunks(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Whole, 0);
    let body = chunk(event(&topic, 1));
    Shot::new("a chunk and no last one", chunked(ground, JSON), CUT).then(body).shut().writes(topic)
}

fn last_chunk_without_an_end(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Whole, 0);
    let body = chunk(event(&topic, 1));
    let last = &LAST_CHUNK[..LAST_CHUNK.len() - 2];
    Shot::new("a last chunk without its end", chunked(ground, JSON), CUT)
        .then(body)
        .then(last)
        .shut()
        .writes(topic)
}

fn lines_in_chunks(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Lines, 2);
    let third = event(&topic, 3);
    Shot::new("lines in chunks, and no last one", chunked(ground, NDJSON), CUT)
        .then(chunk(events(&topic, 2, "\n") + "\n"))
        .then(chunk(&third))
        .shut()
        .writes(topic)
}

fn nothing(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Lines, 0);
    let request = publish(ground, NDJSON, "");
    Shot::new("a body of no lines", request, TAKEN).writes(topic)
}
