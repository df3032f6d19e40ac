//! Events of an NDJSON body: its lines, published as they come.

use arrw::bus_limits::PRODUCER_NUMBER_MAX;
use arrw::{PublishError, RuleError};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;

use super::incoming::Incoming;
use super::publish::{Tally, first_fault, publish_all, with_events};
use super::taking::Taking;
use crate::app::App;
use crate::body::Inflow;
use crate::ndjson::{self, OnError, Progress, Upload};
use crate::planted::{Bug, is_planted};
use crate::problem::{Code, Problem};

/// Who numbers the events of a body.
const PRODUCER: &str = "arrw-producer";

/// The number of the body's first event.
const PRODUCER_SEQ: &str = "arrw-producer-seq";

/// Publishes the lines of a body, and answers behind the last commit.
pub(super) async fn publish(
    (app, taking): (&App, Taking<'_>),
    on_error: OnError,
    headers: &HeaderMap,
    inflow: &mut Inflow,
) -> Result<Response, Problem> {
    let producer = Producer::of(headers)?;
    let progress = Progress::new(app, on_error);
    let mut upload = Lines { progress, taking, producer, tally: Tally::default() };
    ndjson::take_all(&mut upload, inflow).await?;
    Ok(upload.tally.into_response_with(&upload.progress.to_json()))
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
struct Lines<'a> {
    progress: Progress<'a>,
    taking: Taking<'a>,
    producer: Option<Producer>,
    tally: Tally,
}

impl Upload for Lines<'_> {
    fn progress(&self) -> &Progress<'_> {
        &self.progress
    }

    fn count(&self) -> u64 {
        self.tally.count
    }

    async fn chunk(&mut self, chunk: &[u8]) -> Result<(), Problem> {
        let (mut incoming, mut numbers) = (Vec::new(), Vec::new());
        for (number, line) in self.progress.lines(chunk) {
            match line.and_then(|json| self.taking.event(json)) {
                Ok(event) => {
                    incoming.push(event);
                    numbers.push(number);
                }
                Err(problem) => {
                    // Numbered lines are published in their order, and so are those before the end.
                    if self.producer.is_some() || self.progress.on_error == OnError::Stop {
                        self.publish(&incoming, &numbers).await?;
                        (incoming, numbers) = (Vec::new(), Vec::new());
                    }
                    self.fault(number, problem)?;
                }
            }
        }
        self.publish(&incoming, &numbers).await
    }
}

impl Lines<'_> {
    fn counted(&self, problem: Problem) -> Problem {
        problem.count(self.tally.count)
    }

    /// A line cannot be published: then its number is passed over.
    fn fault(&mut self, line: u64, problem: Problem) -> Result<(), Problem> {
        self.progress.fault(line, problem, self.tally.count)?;
        if let Some(producer) = &mut self.producer {
            producer.next += 1;
        }
        Ok(())
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
            Some(_) if is_planted(Bug::ForgetProducer) => publish_all(self.progress.app, incoming),
            None => publish_all(self.progress.app, incoming),
            Some(Producer { name, next }) => with_events(incoming, |events| {
                let publish = self.progress.app.bus.publish_from(name, *next, events);
                publish.map_err(|error| first_fault(self.progress.app, events, &error))
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
            Err(error) => Err(Failed::Whole(self.progress.app.refuse(&error))),
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
