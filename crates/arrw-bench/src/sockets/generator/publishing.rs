//! Publishes at its times, and waits until every reader has everything.

use std::time::Duration;

use anyhow::ensure;

use super::super::order::{Group, Pace, Published, Publishing};
use super::board::Board;
use super::commands::{self, Payload};
use super::{Generator, IDLE, flush, millis, names};
use crate::runs::float;

/// Commands of one publisher that are not answered, at most. Further ones wait, and count from when they were due.
/// A server may allow few that are not on the disk yet.
const IN_FLIGHT_MAX: u32 = 128;

/// An order to publish, under way.
#[derive(Debug)]
struct Work {
    channels: Vec<String>,
    /// Tokens of the publishers.
    publishers: Vec<usize>,
    pace: Pace,
    payload: Payload,
    commands: Vec<u8>,
    /// When the next one is due.
    due: u64,
    /// How many were published.
    done: usize,
    /// Tokens of those that have something to write.
    touched: Vec<usize>,
}

impl Generator {
    pub(super) fn publish(&mut self, what: &Publishing) -> anyhow::Result<Published> {
        let counts = (what.warm, what.events);
        self.desk.board = Board::new(self.desk.published + 1, counts, what.receivers)?;
        let begin = self.desk.now();
        let until = begin + millis(what.time_max_ms);
        let mut work = self.work(what, begin)?;
        loop {
            let wait = self.publish_due(&mut work)?;
            if self.is_published(&work) {
                break;
            }
            self.turn(wait)?;
            self.check_time(until, || self.desk.board.standing())?;
        }
        let board = &self.desk.board;
        let end = if what.receivers == 0 { self.desk.now() } else { board.ended() };
        Ok(Published {
            seconds: float(end.saturating_sub(board.begun())) / 1e9,
            receipts: board.receipts(),
            times: board.times(),
            stalls: board.stalls(),
        })
    }

    fn work(&mut self, what: &Publishing, begin: u64) -> anyhow::Result<Work> {
        let publishers = self.of(Group::Publishers).map(|(token, _)| usize::try_from(token));
        let publishers = publishers.collect::<Result<Vec<_>, _>>()?;
        let channels = names(&what.channels);
        ensure!(!publishers.is_empty() && !channels.is_empty(), "nobody to publish, or nowhere");
        Ok(Work {
            channels,
            publishers,
            pace: what.pace,
            payload: Payload::new(what.payload_bytes),
            commands: Vec::new(),
            due: begin,
            done: 0,
            touched: Vec::new(),
        })
    }

    /// Publishes all that is due; answers for how long there is nothing more to do.
    fn publish_due(&mut self, work: &mut Work) -> anyhow::Result<Duration> {
        let mut wait = IDLE;
        while !self.desk.board.is_published() {
            let now = self.desk.now();
            match work.pace {
                Pace::Burst => work.due = now,
                Pace::OneByOne if self.desk.board.is_received() => work.due = now,
                Pace::OneByOne => break,
                Pace::Every(_) if work.due <= now => (),
                Pace::Every(_) => {
                    wait = Duration::from_nanos(work.due - now);
                    break;
                }
            }
            if !self.publish_one(work) {
                break;
            }
        }
        for at in work.touched.drain(..) {
            if let Some(link) = self.links[at].as_mut() {
                flush(&self.poller, at as u64, link)?;
            }
        }
        Ok(wait)
    }

    /// False when the publisher of the next one has too many that are not answered.
    fn publish_one(&mut self, work: &mut Work) -> bool {
        let channel = work.done % work.channels.len();
        let at = work.publishers[channel % work.publishers.len()];
        let Some(link) = self.links[at].as_mut() else { return false };
        if link.in_flight == IN_FLIGHT_MAX {
            return false;
        }
        let number = self.desk.board.publish(work.due);
        self.desk.published = number;
        work.done += 1;
        if let Pace::Every(interval) = work.pace {
            work.due += interval;
        }
        link.id += 1;
        link.in_flight += 1;
        work.commands.clear();
        let payload = work.payload.numbered(number);
        commands::publish(link.id, &work.channels[channel], payload, &mut work.commands);
        link.push_frame(&work.commands);
        if work.touched.last() != Some(&at) {
            work.touched.push(at);
        }
        true
    }

    /// True when all is published, answered and received.
    fn is_published(&self, work: &Work) -> bool {
        let is_answered = |at: &usize| self.links[*at].as_ref().is_none_or(|it| it.in_flight == 0);
        let board = &self.desk.board;
        board.is_published() && board.is_received() && work.publishers.iter().all(is_answered)
    }
}
