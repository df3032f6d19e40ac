//! The lines of a frame: publications are found where those before them stood, all else is read in full.

use anyhow::{Context, bail};
use arrw_wire::centrifuge::{Answer, Encoding, News, Replies, Reply};

/// Digits of the number with which each payload begins.
pub(in super::super) const NUMBER_DIGITS: usize = 10;
/// What stands before it.
const BEFORE_NUMBER: &[u8] = b"\"data\":\"";
/// How a push begins.
const PUSH: &[u8] = b"{\"push\"";
/// How the push of a publication ends.
const PUSH_END: &[u8] = b"}}}";

/// Where things stood in the last publication of a connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shape {
    /// Bytes of the line.
    line: usize,
    /// Where the number began in it.
    number: usize,
}

/// What a line says.
#[derive(Debug)]
pub(super) enum Line<'a> {
    /// The publication of this number.
    Publication(u64),
    /// The server asks whether we are there.
    Ping,
    /// All else.
    Reply(Box<Reply<'a>>),
}

/// Takes the next line of a frame; `None` at its end.
pub(super) fn next<'a>(rest: &mut &'a [u8], shape: &mut Shape) -> anyhow::Result<Option<Line<'a>>> {
    let frame = *rest;
    if frame.is_empty() {
        return Ok(None);
    }
    let is_push = frame.starts_with(PUSH);
    // A line of the same length is recognized by its end; a payload has no line break.
    let is_same = is_push
        && frame.get(..shape.line).is_some_and(|line| line.ends_with(PUSH_END))
        && matches!(frame.get(shape.line), None | Some(b'\n'));
    let end = if is_same {
        shape.line
    } else {
        frame.iter().position(|byte| *byte == b'\n').unwrap_or(frame.len())
    };
    let line = &frame[..end];
    *rest = frame.get(end + 1..).unwrap_or_default();
    if is_push {
        if let Some(number) = publication(line, shape) {
            return Ok(Some(Line::Publication(number)));
        }
    } else if line == b"{}" {
        return Ok(Some(Line::Ping));
    }
    reply(line).map(|reply| Some(Line::Reply(Box::new(reply))))
}

/// The number of the publication in a push, if it is one.
fn publication(line: &[u8], shape: &mut Shape) -> Option<u64> {
    let is_there = shape
        .number
        .checked_sub(BEFORE_NUMBER.len())
        .and_then(|at| line.get(at..shape.number))
        .is_some_and(|before| before == BEFORE_NUMBER);
    if !is_there {
        let found = line.windows(BEFORE_NUMBER.len()).position(|window| window == BEFORE_NUMBER)?;
        shape.number = found + BEFORE_NUMBER.len();
    }
    shape.line = line.len();
    number(line.get(shape.number..)?)
}

/// The number at the beginning of a payload.
pub(super) fn number(payload: &[u8]) -> Option<u64> {
    let digits = payload.first_chunk::<NUMBER_DIGITS>()?;
    digits.iter().try_fold(0, |number, byte| {
        byte.is_ascii_digit().then(|| number * 10 + u64::from(byte - b'0'))
    })
}

fn reply(line: &[u8]) -> anyhow::Result<Reply<'_>> {
    let text = || String::from_utf8_lossy(&line[..line.len().min(200)]).into_owned();
    let mut replies = Replies::new(Encoding::Json, line);
    let reply = replies.next().with_context(|| format!("an empty line before `{}`", text()))?;
    reply.with_context(|| format!("`{}` is no reply", text()))
}

/// A push that is no publication of ours is an error, which says what it is.
pub(super) fn check_push(reply: &Reply<'_>) -> anyhow::Result<()> {
    let Answer::Push(push) = &reply.what else { bail!("{:?} was not asked for", reply.what) };
    let channel = &push.channel;
    if let News::Unsubscribe(ended) = &push.what {
        bail!("the server ended the subscription to `{channel}`: {} {}", ended.code, ended.reason);
    }
    bail!("the server told `{channel}` {:?}", push.what)
}

/// An answer that says that a command failed is an error.
pub(super) fn check_answer(reply: &Reply<'_>) -> anyhow::Result<()> {
    let Answer::Error(error) = &reply.what else { return Ok(()) };
    bail!("command {} was answered by {} {}", reply.id, error.code, error.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(channel: &str, number: u64, offset: u64) -> String {
        let data = format!("{number:010}xxxxx");
        format!(
            r#"{{"push":{{"channel":"{channel}","pub":{{"data":"{data}","offset":{offset}}}}}}}"#
        )
    }

    #[test]
    fn lines_are_found_whatever_their_lengths() {
        let lines = [
            push("a", 1, 9),
            push("a", 2, 10),
            "{}".to_owned(),
            push("a", 3, 11),
            push("long", 4, 12),
            r#"{"id":7,"publish":{}}"#.to_owned(),
            push("a", 5, 1),
            push("a", 6, 2),
        ];
        let frame = lines.join("\n");
        let mut shape = Shape::default();
        let mut rest = frame.as_bytes();
        let mut seen = Vec::new();
        while let Some(line) = next(&mut rest, &mut shape).unwrap() {
            seen.push(match line {
                Line::Publication(number) => number.to_string(),
                Line::Ping => "ping".to_owned(),
                Line::Reply(reply) => format!("reply {}", reply.id),
            });
        }
        assert_eq!(seen, ["1", "2", "ping", "3", "4", "reply 7", "5", "6"]);
    }

    #[test]
    fn the_end_of_a_subscription_is_a_failure() {
        let line = br#"{"push":{"channel":"a","unsubscribe":{"code":2500,"reason":"gone"}}}"#;
        let mut rest = &line[..];
        let line = next(&mut rest, &mut Shape::default()).unwrap();
        let Some(Line::Reply(reply)) = line else { panic!("{line:?}") };
        let error = check_push(&reply).unwrap_err().to_string();
        assert!(error.contains("2500 gone"), "{error}");
    }

    #[test]
    fn an_error_of_the_server_is_a_failure() {
        let line = br#"{"id":3,"error":{"code":102,"message":"unknown channel"}}"#;
        let mut rest = &line[..];
        let line = next(&mut rest, &mut Shape::default()).unwrap();
        let Some(Line::Reply(reply)) = line else { panic!("{line:?}") };
        let error = check_answer(&reply).unwrap_err().to_string();
        assert!(error.contains("102 unknown channel"), "{error}");
    }
}
