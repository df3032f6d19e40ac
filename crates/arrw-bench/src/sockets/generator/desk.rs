//! Where all that connections receive is told, and answered where that is due.

use std::mem;
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use arrw_wire::centrifuge::{Answer, Reply, SubscribeResult};
use arrw_wire::websocket::Event;
use arrw_wire::websocket::deflate::Inflater;
use hdrhistogram::Histogram;

use super::super::order::Group;
use super::board::Board;
use super::commands;
use super::line::{self, Line};
use super::link::{Link, Position, Stage};
use crate::connection::find;
use crate::disk::nanos;

/// Bytes of a head that are taken in at most.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// What connections of one order say when they are there.
#[derive(Debug, Default)]
pub(super) struct Introductions {
    /// By the number of the connection; empty for none.
    pub(super) tokens: Vec<String>,
    /// By the same, modulo their number; empty for no subscription.
    pub(super) channels: Vec<String>,
    /// From where each goes on; empty for those that come for the first time.
    pub(super) positions: Vec<Position>,
}

/// What was told.
#[derive(Debug)]
pub(super) struct Desk {
    clock: Instant,
    pub(super) board: Board,
    /// Number of the last publication that was made.
    pub(super) published: u64,
    pub(super) introductions: Introductions,
    /// Connections of this order that may be used, and how long each of them took.
    pub(super) joined: u32,
    pub(super) joining: Histogram<u64>,
    /// Subscriptions that went on from where they were, and publications that came with them.
    pub(super) recovered: u64,
    pub(super) publications: u64,
    /// When a call was answered.
    pub(super) echoed: Option<u64>,
    frame: Vec<u8>,
}

impl Desk {
    pub(super) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            clock: Instant::now(),
            board: Board::empty()?,
            published: 0,
            introductions: Introductions::default(),
            joined: 0,
            joining: Histogram::new(3)?,
            recovered: 0,
            publications: 0,
            echoed: None,
            frame: Vec::new(),
        })
    }

    /// Nanoseconds since this generator began.
    pub(super) fn now(&self) -> u64 {
        nanos(self.clock.elapsed())
    }

    /// Connections begin to join.
    pub(super) fn expect(&mut self, introductions: Introductions) {
        self.introductions = introductions;
        self.joining.reset();
        (self.joined, self.recovered, self.publications) = (0, 0, 0);
    }

    /// Takes what a connection received, with what was left before it. What is to be answered waits in the connection.
    pub(super) fn take(&mut self, link: &mut Link, received: &mut [u8]) -> anyhow::Result<()> {
        let now = self.now();
        let mut received = received;
        if link.stage == Stage::Upgrading {
            let Some(end) = find(received, b"\r\n\r\n") else {
                ensure!(received.len() < HEAD_BYTES_MAX, "the head of the answer has no end");
                received.clone_into(&mut link.rest);
                return Ok(());
            };
            let (head, rest) = received.split_at_mut(end + 4);
            if !commands::is_upgraded(head) {
                bail!("no WebSocket: {}", String::from_utf8_lossy(head).trim_end());
            }
            self.introduce(link);
            received = rest;
        }
        let mut gathered = mem::take(&mut link.gathered);
        // Nothing is compressed.
        let mut inflater = Inflater::default();
        loop {
            let read = link.reader.next(received, &mut gathered, &mut inflater);
            let read = read.context("the server broke the protocol of WebSockets")?;
            let consumed = read.consumed;
            match read.event {
                Event::More(_) => {
                    received = &mut received[consumed..];
                    break;
                }
                Event::Text(text) => self.frame(link, text.as_bytes(), now)?,
                Event::Ping(payload) => link.push_pong(payload),
                Event::Pong(_) => (),
                Event::Binary(_) => bail!("a frame of bytes came"),
                Event::Close(close) => bail!("closed by {:?} {}", close.code, close.reason),
            }
            received = &mut received[consumed..];
        }
        link.gathered = gathered;
        received.clone_into(&mut link.rest);
        Ok(())
    }

    /// Sends who it is, and what it subscribes to.
    fn introduce(&mut self, link: &mut Link) {
        let Introductions { tokens, channels, positions } = &self.introductions;
        let at = link.number as usize;
        let token = tokens.get(at).map_or("", String::as_str);
        let channel = (!channels.is_empty()).then(|| channels[at % channels.len()].as_str());
        self.frame.clear();
        commands::join(token, channel, positions.get(at), &mut self.frame);
        link.push_frame(&self.frame);
        link.id = 2;
        link.stage = Stage::Joining(1 + u8::from(channel.is_some()));
    }

    fn frame(&mut self, link: &mut Link, mut rest: &[u8], now: u64) -> anyhow::Result<()> {
        let mut shape = link.shape;
        while let Some(line) = line::next(&mut rest, &mut shape)? {
            match line {
                Line::Publication(number) => self.publication(link, number, now)?,
                Line::Ping => {
                    link.pings += 1;
                    if link.answers_pings {
                        link.push_frame(b"{}");
                    }
                }
                Line::Reply(reply) => self.reply(link, &reply, now)?,
            }
        }
        link.shape = shape;
        Ok(())
    }

    fn publication(&mut self, link: &mut Link, number: u64, now: u64) -> anyhow::Result<()> {
        let last = link.last;
        ensure!(last < number, "publication {number} came behind {last}");
        link.last = number;
        link.seen += 1;
        if link.missing != 0 {
            return self.missed(link, 1, now);
        }
        match link.group {
            Group::Readers => self.board.receive(number, now),
            Group::Stalled => Ok(()),
            Group::Publishers => bail!("a publisher got publication {number}"),
        }
    }

    fn reply(&mut self, link: &mut Link, reply: &Reply<'_>, now: u64) -> anyhow::Result<()> {
        if reply.id == 0 {
            return line::check_push(reply);
        }
        line::check_answer(reply)?;
        if let Answer::Publish = reply.what {
            let left = link.in_flight.checked_sub(1);
            link.in_flight = left.context("a publication was answered twice")?;
        } else if let Answer::Rpc(_) = reply.what {
            self.echoed = Some(now);
        } else if let Answer::Connect(result) = &reply.what {
            link.answers_pings = result.pong;
            self.join(link, now)?;
        } else if let Answer::Subscribe(result) = &reply.what {
            self.subscribed(link, result, now)?;
        } else {
            bail!("{:?} was not asked for", reply.what);
        }
        Ok(())
    }

    fn subscribed(
        &mut self,
        link: &mut Link,
        result: &SubscribeResult<'_>,
        now: u64,
    ) -> anyhow::Result<()> {
        if result.was_recovering {
            ensure!(
                result.recovered,
                "connection {} could not go on from where it was",
                link.number
            );
            self.recovered += 1;
            for publication in &result.publications {
                let number = publication.data.get(1..).and_then(line::number);
                let number = number.context("a publication has no number")?;
                ensure!(link.last < number, "publication {number} came behind {}", link.last);
                (link.last, link.seen) = (number, link.seen + 1);
            }
            self.missed(link, result.publications.len(), now)?;
        }
        link.position = Position { epoch: result.epoch.as_ref().into(), offset: result.offset };
        self.join(link, now)
    }

    /// So many publications came that a connection had missed.
    fn missed(&mut self, link: &mut Link, count: usize, now: u64) -> anyhow::Result<()> {
        let left = u32::try_from(count).ok().and_then(|count| link.missing.checked_sub(count));
        link.missing = left.context("more publications came than were missed")?;
        self.publications += count as u64;
        self.settle(link, now)
    }

    /// One of the replies to an introduction came.
    fn join(&mut self, link: &mut Link, now: u64) -> anyhow::Result<()> {
        let Stage::Joining(left @ 1..) = link.stage else { bail!("it joined twice") };
        link.stage = Stage::Joining(left - 1);
        self.settle(link, now)
    }

    /// It may be used when it has all replies, and all that it missed.
    fn settle(&mut self, link: &mut Link, now: u64) -> anyhow::Result<()> {
        if link.stage == Stage::Joining(0) && link.missing == 0 {
            link.stage = Stage::Joined;
            self.joined += 1;
            self.joining.record(now.saturating_sub(link.began))?;
        }
        Ok(())
    }
}
