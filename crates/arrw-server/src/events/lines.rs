//! NDJSON: lines that are committed as they come.

use arrw::bus_limits::PRODUCER_NUMBER_MAX;
use arrw::{PublishError, RuleError};
use axum::http::{HeaderMap, HeaderValue};
use bytes::{Bytes, BytesMut};
use tokio::task::yield_now;

use super::incoming::Incoming;
use super::publish::{Tally, first_fault, publish_all, with_events};
use super::taking::Taking;
use crate::app::App;
use crate::body::Inflow;
use crate::counters::Limit;
use crate::limits::{CHUNK_BYTES_MAX, CHUNK_LINES_MAX, LINE_FAULTS_MAX};
use crate::planted::{Bug, is_planted};
use crate::problem::{Code, Problem};

/// Who numbers the events of a body.
const PRODUCER: &str = "arrw-producer";

/// The number of the body's first event.
const PRODUCER_SEQ: &str = "arrw-producer-seq";

/// What becomes of a body with a line that cannot be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnError {
    /// It ends there.
    Stop,
    /// It goes on behind it, and the answer says which lines were left out.
    Continue,
}

/// Publishes the lines of a body, and answers behind the last commit.
///
/// What has arrived is committed together, within bounds; the next bytes are taken from the socket only
/// when that is done. All lines before a wrong one stay committed.
pub(super) async fn publish(
    (app, taking): (&App, Taking<'_>),
    on_error: OnError,
    headers: &HeaderMap,
    inflow: &mut Inflow,
) -> Result<(Tally, Faults), Problem> {
    let mut upload = Upload {
        app,
        taking,
        producer: Producer::of(headers)?,
        on_error,
        line: 1,
        tally: Tally::default(),
        faults: Faults::default(),
    };
    let mut lines = Lines::default();
    loop {
        let taken = lines.take_in(inflow).await;
        let is_last = taken.map_err(|problem| upload.counted(problem))?;
        while let Some(chunk) = lines.next_chunk(is_last) {
            upload.chunk(&chunk).await?;
            // Much may come out of few bytes, and lines without an event wait for nothing.
            yield_now().await;
        }
        if app.limits.line_bytes < lines.bytes() {
            // Nobody knows where it ends, so there is no going on behind it.
            return Err(upload.end_at(upload.line, too_long(app)));
        }
        if is_last {
            return Ok((upload.tally, upload.faults));
        }
    }
}

pub(crate) fn too_long(app: &App) -> Problem {
    let detail = format!("it has more than {} bytes", app.limits.line_bytes);
    Problem::new(Code::TooLarge, detail).at_limit(Limit::LineBytes)
}

/// Whether a request says that its events are numbered.
pub(super) fn is_numbered(headers: &HeaderMap) -> bool {
    headers.contains_key(PRODUCER) || headers.contains_key(PRODUCER_SEQ)
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
                Ok(next) if (1..=PRODUCER_NUMBER_MAX).contains(&next) => {
                    Ok(Some(Self { name, next }))
                }
                Ok(_) | Err(_) => {
                    let detail = format!(
                        "`{PRODUCER_SEQ}` is `{seq}`, and must be a number from 1 to {PRODUCER_NUMBER_MAX}"
                    );
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
    taking: Taking<'a>,
    producer: Option<Producer>,
    on_error: OnError,
    /// The number of the next line.
    line: u64,
    tally: Tally,
    faults: Faults,
}

/// Lines that were left out.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    count: u64,
    /// The first of them, at most [`LINE_FAULTS_MAX`].
    first: Vec<(u64, Problem)>,
}

impl Faults {
    /// Notes one more.
    pub(crate) fn add(&mut self, app: &App, line: u64, problem: Problem) {
        app.counters.refused(problem.refused());
        self.count += 1;
        if self.first.len() < LINE_FAULTS_MAX {
            self.first.push((line, problem));
        }
    }

    /// The members that an answer has besides those of a publish.
    pub(crate) fn to_json(&self) -> String {
        let line = |(line, problem): &(u64, Problem)| {
            let detail = serde_json::Value::from(problem.detail());
            format!(r#"{{"line":{line},"code":"{}","detail":{detail}}}"#, problem.code().name())
        };
        let lines: Vec<String> = self.first.iter().map(line).collect();
        format!(r#","failed":{},"errors":[{}]"#, self.count, lines.join(","))
    }
}

impl Upload<'_> {
    fn counted(&self, problem: Problem) -> Problem {
        problem.count(self.tally.count)
    }

    fn end_at(&self, line: u64, problem: Problem) -> Problem {
        problem.within(&format!("line {line}")).at_line(line, self.tally.count)
    }

    /// A line cannot be published: ends it, or notes that and goes on, as the client asked.
    fn fault(&mut self, line: u64, problem: Problem) -> Result<(), Problem> {
        if self.on_error == OnError::Stop {
            return Err(self.end_at(line, problem));
        }
        self.faults.add(self.app, line, problem);
        if let Some(producer) = &mut self.producer {
            producer.next += 1;
        }
        Ok(())
    }

    /// Publishes the lines of a chunk, up to one that is wrong and ends it.
    async fn chunk(&mut self, chunk: &[u8]) -> Result<(), Problem> {
        let (mut incoming, mut numbers) = (Vec::new(), Vec::new());
        for text in chunk.split_inclusive(|byte| *byte == b'\n') {
            let text = text.trim_ascii();
            if !text.is_empty() {
                let event = if self.app.limits.line_bytes < text.len() {
                    Err(too_long(self.app))
                } else {
                    self.taking.event(text)
                };
                match event {
                    Ok(event) => {
                        incoming.push(event);
                        numbers.push(self.line);
                    }
                    Err(problem) => {
                        // Numbered lines are published in their order, and so are those before the end.
                        if self.producer.is_some() || self.on_error == OnError::Stop {
                            self.publish(&incoming, &numbers).await?;
                            (incoming, numbers) = (Vec::new(), Vec::new());
                        }
                        self.fault(self.line, problem)?;
                    }
                }
            }
            self.line += 1;
        }
        self.publish(&incoming, &numbers).await
    }

    /// Publishes events, up to one that cannot be and ends it. `numbers` are those of their lines.
    async fn publish(&mut self, incoming: &[Incoming<'_>], numbers: &[u64]) -> Result<(), Problem> {
        let mut from = 0;
        while from < incoming.len() {
            match self.batch(&incoming[from..]).await {
                Ok(()) => return Ok(()),
                Err(Failed::Event(at, problem)) => {
                    // Those before it are fine by themselves.
                    let at = from + at;
                    match self.batch(&incoming[from..at]).await {
                        Ok(()) => (),
                        Err(Failed::Event(..) | Failed::Together(_)) => {
                            self.one_by_one(&incoming[from..at], &numbers[from..at]).await?;
                        }
                        Err(Failed::Whole(problem)) => return Err(self.counted(problem)),
                    }
                    self.fault(numbers[at], problem)?;
                    from = at + 1;
                }
                // It is we who made a batch of them.
                Err(Failed::Together(_)) => {
                    return self.one_by_one(&incoming[from..], &numbers[from..]).await;
                }
                Err(Failed::Whole(problem)) => return Err(self.counted(problem)),
            }
        }
        Ok(())
    }

    async fn one_by_one(
        &mut self,
        incoming: &[Incoming<'_>],
        numbers: &[u64],
    ) -> Result<(), Problem> {
        for (event, line) in incoming.iter().zip(numbers) {
            match self.batch(std::slice::from_ref(event)).await {
                Ok(()) => (),
                Err(Failed::Event(_, problem) | Failed::Together(problem)) => {
                    self.fault(*line, problem)?;
                }
                Err(Failed::Whole(problem)) => return Err(self.counted(problem)),
            }
        }
        Ok(())
    }

    async fn batch(&mut self, incoming: &[Incoming<'_>]) -> Result<(), Failed> {
        if incoming.is_empty() {
            return Ok(());
        }
        let all = incoming;
        let is_left_out = is_planted(Bug::LeaveOutALine) && 1 < all.len();
        let incoming = &all[..all.len() - usize::from(is_left_out)];
        let publish = match &self.producer {
            Some(_) if is_planted(Bug::ForgetProducer) => publish_all(self.app, incoming),
            None => publish_all(self.app, incoming),
            Some(Producer { name, next }) => with_events(incoming, |events| {
                let publish = self.app.bus.publish_from(name, *next, events);
                publish.map_err(|error| first_fault(self.app, events, &error))
            }),
        };
        let publish = publish.map_err(|(at, problem)| Failed::Event(at, problem))?;
        match publish.await {
            Ok(published) => {
                self.tally.add(&published);
                self.tally.count += u64::from(is_left_out);
                if let Some(producer) = &mut self.producer {
                    producer.next += all.len() as u64;
                }
                Ok(())
            }
            Err(PublishError::Rule(
                error @ (RuleError::IdConflict { .. }
                | RuleError::PartlyPublished { .. }
                | RuleError::RepeatedId { .. }),
            )) => Err(Failed::Together(Problem::from(&error))),
            Err(error) => Err(Failed::Whole(self.app.refuse(&error))),
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

/// Bytes that are cut into chunks of whole lines.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    buffer: BytesMut,
    /// Up to here there is no end of a line.
    looked_at: usize,
}

impl Lines {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Takes in what comes next of a body and all that is there then, within bounds; true at its end.
    pub(crate) async fn take_in(&mut self, inflow: &mut Inflow) -> Result<bool, Problem> {
        let more = inflow.next().await?;
        let is_last = more.is_none();
        if let Some(bytes) = more {
            self.push(&bytes);
        }
        while self.bytes() < CHUNK_BYTES_MAX
            && let Some(bytes) = inflow.next_ready()?
        {
            self.push(&bytes);
        }
        inflow.hold(self.bytes())?;
        Ok(is_last)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.buffer.len()
    }

    /// The next complete lines within the bounds of a chunk; at the end also one that has no end.
    pub(crate) fn next_chunk(&mut self, is_last: bool) -> Option<Bytes> {
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
