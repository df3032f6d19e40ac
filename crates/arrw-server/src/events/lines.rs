//! NDJSON: lines that are committed as they come.

use arrw::{PublishError, RuleError};
use axum::http::{HeaderMap, HeaderValue};
use bytes::{Bytes, BytesMut};

use super::incoming::Incoming;
use super::publish::{Tally, commit, first_fault, publish_all, with_events};
use crate::app::App;
use crate::body::Inflow;
use crate::keys::Grant;
use crate::limits::{CHUNK_BYTES_MAX, CHUNK_LINES_MAX, LINE_BYTES_MAX};
use crate::problem::{Code, Problem};

/// Who numbers the events of a body.
const PRODUCER: &str = "arrw-producer";

/// The number of the body's first event.
const PRODUCER_SEQ: &str = "arrw-producer-seq";

/// Publishes the lines of a body, and answers behind the last commit.
///
/// What has arrived is committed together, within bounds; the next bytes are taken from the socket only
/// when that is done. All lines before a wrong one stay committed.
pub(super) async fn publish(
    (app, grant): (&App, &Grant),
    headers: &HeaderMap,
    inflow: &mut Inflow,
) -> Result<Tally, Problem> {
    let mut upload =
        Upload { app, grant, producer: Producer::of(headers)?, line: 1, tally: Tally::default() };
    let mut lines = Lines::default();
    loop {
        let more = inflow.next().await.map_err(|problem| upload.counted(problem))?;
        let is_last = more.is_none();
        if let Some(bytes) = more {
            lines.push(&bytes);
        }
        while lines.bytes() < CHUNK_BYTES_MAX
            && let Some(bytes) = inflow.next_ready().map_err(|problem| upload.counted(problem))?
        {
            lines.push(&bytes);
        }
        while let Some(chunk) = lines.next_chunk(is_last) {
            upload.chunk(&chunk).await?;
        }
        if LINE_BYTES_MAX < lines.bytes() {
            let detail = format!("line {} has more than {LINE_BYTES_MAX} bytes", upload.line);
            let problem = Problem::new(Code::TooLarge, detail);
            return Err(problem.at_line(upload.line, upload.tally.count));
        }
        if is_last {
            return Ok(upload.tally);
        }
    }
}

/// A source that numbers its events.
#[derive(Debug)]
struct Producer {
    name: String,
    /// The number of the next event.
    next: u64,
}

impl Producer {
    fn of(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
        let name = headers.get(PRODUCER).map(text);
        match (name, headers.get(PRODUCER_SEQ).map(text)) {
            (None, None) => Ok(None),
            (Some(name), Some(seq)) => match seq.parse() {
                Ok(next) if 0 < next => Ok(Some(Self { name, next })),
                Ok(_) | Err(_) => {
                    let detail =
                        format!("`{PRODUCER_SEQ}` is `{seq}`, and must be a number from 1");
                    Err(Problem::new(Code::Producer, detail))
                }
            },
            (Some(_), None) | (None, Some(_)) => {
                let detail = format!("`{PRODUCER}` and `{PRODUCER_SEQ}` must both be there");
                Err(Problem::new(Code::Producer, detail))
            }
        }
    }
}

/// A body whose lines are published.
struct Upload<'a> {
    app: &'a App,
    grant: &'a Grant,
    producer: Option<Producer>,
    /// The number of the next line.
    line: u64,
    tally: Tally,
}

impl Upload<'_> {
    fn counted(&self, problem: Problem) -> Problem {
        problem.count(self.tally.count)
    }

    fn at_line(&self, line: u64, problem: Problem) -> Problem {
        problem.within(&format!("line {line}")).at_line(line, self.tally.count)
    }

    /// Publishes the lines of a chunk, or those before the first that is wrong.
    async fn chunk(&mut self, chunk: &[u8]) -> Result<(), Problem> {
        let (mut incoming, mut numbers) = (Vec::new(), Vec::new());
        let mut fault = None;
        for text in chunk.split_inclusive(|byte| *byte == b'\n') {
            let text = text.trim_ascii();
            if !text.is_empty() {
                let event = Incoming::parse(text);
                match event.and_then(|it| self.grant.check_topic(it.topic()).map(|()| it)) {
                    Ok(event) => incoming.push(event),
                    Err(problem) => {
                        fault = Some((self.line, problem));
                        break;
                    }
                }
                numbers.push(self.line);
            }
            self.line += 1;
        }
        if let Err((at, problem)) = self.publish(&incoming).await {
            return Err(match numbers.get(at) {
                Some(line) => self.at_line(*line, problem),
                None => self.counted(problem),
            });
        }
        match fault {
            None => Ok(()),
            Some((line, problem)) => Err(self.at_line(line, problem)),
        }
    }

    /// Publishes events; on failure, those before the one that the answer has the index of. Behind the last
    /// index when it is of none.
    async fn publish(&mut self, incoming: &[Incoming<'_>]) -> Result<(), (usize, Problem)> {
        if incoming.is_empty() {
            return Ok(());
        }
        match self.batch(incoming).await {
            Err(Failed::Event(at, problem)) => {
                // Those before it are fine by themselves.
                if let Err(failed) = self.batch(&incoming[..at]).await {
                    return Err(failed.at(incoming.len()));
                }
                Err((at, problem))
            }
            // It is we who made a batch of them.
            Err(Failed::Together(_)) => self.one_by_one(incoming).await,
            Err(failed @ Failed::Whole(_)) => Err(failed.at(incoming.len())),
            Ok(()) => Ok(()),
        }
    }

    async fn one_by_one(&mut self, incoming: &[Incoming<'_>]) -> Result<(), (usize, Problem)> {
        for at in 0..incoming.len() {
            self.batch(&incoming[at..=at]).await.map_err(|failed| failed.at(at))?;
        }
        Ok(())
    }

    async fn batch(&mut self, incoming: &[Incoming<'_>]) -> Result<(), Failed> {
        if incoming.is_empty() {
            return Ok(());
        }
        let publish = match &self.producer {
            None => publish_all(self.app, incoming),
            Some(Producer { name, next }) => with_events(incoming, |events| {
                let publish = self.app.bus.publish_from(name, *next, events);
                publish.map_err(|error| first_fault(self.app, events, &error))
            }),
        };
        let publish = publish.map_err(|(at, problem)| Failed::Event(at, problem))?;
        match commit(self.app, publish).await {
            Ok(published) => {
                self.tally.add(&published);
                if let Some(producer) = &mut self.producer {
                    producer.next += incoming.len() as u64;
                }
                Ok(())
            }
            Err(PublishError::Rule(
                error @ (RuleError::IdConflict { .. }
                | RuleError::PartlyPublished { .. }
                | RuleError::RepeatedId { .. }),
            )) => Err(Failed::Together(Problem::from(&error))),
            Err(error) => Err(Failed::Whole(Problem::from(&error))),
        }
    }
}

/// Why events were not published as one batch.
enum Failed {
    /// This one cannot be.
    Event(usize, Problem),
    /// Some of them were published before, or are the same.
    Together(Problem),
    /// For a reason that is none of theirs.
    Whole(Problem),
}

impl Failed {
    /// The problem, with the index to name.
    fn at(self, index: usize) -> (usize, Problem) {
        match self {
            Self::Event(_, problem) | Self::Together(problem) | Self::Whole(problem) => {
                (index, problem)
            }
        }
    }
}

/// Bytes that are cut into chunks of whole lines.
#[derive(Debug, Default)]
struct Lines {
    buffer: BytesMut,
    /// Up to here there is no end of a line.
    looked_at: usize,
}

impl Lines {
    fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    fn bytes(&self) -> usize {
        self.buffer.len()
    }

    /// The next complete lines within the bounds of a chunk; at the end also one that has no end.
    fn next_chunk(&mut self, is_last: bool) -> Option<Bytes> {
        let (mut end, mut from) = (0, self.looked_at);
        for _ in 0..CHUNK_LINES_MAX {
            let Some(at) = self.buffer[from..].iter().position(|byte| *byte == b'\n') else {
                break;
            };
            from += at + 1;
            if CHUNK_BYTES_MAX < from && 0 < end {
                break;
            }
            end = from;
        }
        if end == 0 && is_last {
            end = self.buffer.len();
        }
        self.looked_at = if end == 0 { self.buffer.len() } else { 0 };
        (0 < end).then(|| self.buffer.split_to(end).freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks into which chunks some pieces are cut: their lines and bytes.
    fn check(pieces: &[&[u8]], expected: &[(usize, usize)]) {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        let mut take = |lines: &mut Lines, is_last| {
            while let Some(chunk) = lines.next_chunk(is_last) {
                found.push((chunk.split_inclusive(|b| *b == b'\n').count(), chunk.len()));
            }
        };
        for piece in pieces {
            lines.push(piece);
            take(&mut lines, false);
        }
        take(&mut lines, true);
        assert_eq!(found, expected);
    }

    #[test]
    fn bytes_are_cut_at_lines() {
        check(&[], &[]);
        check(&[b"a\nb\n"], &[(2, 4)]);
        check(&[b"a\nb"], &[(1, 2), (1, 1)]);
        check(&[b"a", b"b", b"\nc", b"\n"], &[(1, 3), (1, 2)]);
        check(&["x\n".repeat(2500).as_bytes()], &[(1000, 2000), (1000, 2000), (500, 1000)]);
        let long = "y".repeat(CHUNK_BYTES_MAX - 1) + "\n";
        let text = format!("{long}{long}z\n");
        check(&[text.as_bytes()], &[(1, long.len()), (1, long.len()), (1, 2)]);
        let longer = "y".repeat(2 * CHUNK_BYTES_MAX) + "\nz\n";
        check(&[longer.as_bytes()], &[(1, longer.len() - 2), (1, 2)]);
    }
}
