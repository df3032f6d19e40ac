//! A client that follows one topic over a WebSocket, comes back by itself whenever it is cut off, and counts.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use arrw_wire::centrifuge::{
    Answer, Command, ConnectRequest, Encoding, News, Publication, Replies, Reply, Request,
    SubscribeRequest, SubscribeResult,
};
use arrw_wire::websocket::Compression;
use tokio::time::{sleep, timeout};

use super::board::Board;
use super::book::Book;
use super::limits::{ANSWER_TIME_MAX, AWAY_MS_FIRST, AWAY_MS_MAX, AWAY_MS_MIN};
use super::texts::Payload;
use crate::random::Random;
use crate::wire::{Heard, Manner, Wire};

/// The ids of its commands.
const CONNECT: u32 = 1;
const SUBSCRIBE: u32 = 2;

/// A client.
pub(super) struct Client {
    board: Arc<Board>,
    /// Its seat.
    at: usize,
    channel: String,
    manner: Manner,
    random: Random,
    /// The epoch of its topic; `None` before its first subscription.
    epoch: Option<Box<str>>,
    /// From publish to here, of the events of one message, in microseconds.
    times: Vec<u64>,
}

impl Client {
    /// The client of a seat. Half of them speak JSON, half Protobuf.
    pub(super) fn new(board: &Arc<Board>, at: usize) -> Self {
        let number = u32::try_from(at).unwrap_or(u32::MAX);
        let encoding = if number.is_multiple_of(2) { Encoding::Json } else { Encoding::Protobuf };
        let manner = Manner { number, encoding, compression: Compression::Off, is_narrow: false };
        let topic = board.seat(at).topic;
        Self {
            board: Arc::clone(board),
            at,
            channel: board.texts.topics[topic].clone(),
            manner,
            random: Random::new(at as u64),
            epoch: None,
            times: Vec::new(),
        }
    }

    /// Follows until all is over.
    pub(super) async fn run(mut self) {
        let (board, mut away_ms) = (Arc::clone(&self.board), AWAY_MS_FIRST);
        loop {
            let ended = tokio::select! {
                () = board.over() => return,
                ended = self.connection() => ended,
            };
            let was_here = self.board.seat(self.at).since.take().is_some();
            if let Err(error) = ended
                && error.kind() == io::ErrorKind::InvalidData
            {
                return self.board.accuse(format!("client {}: {error}", self.at));
            }
            // All were cut off at once: they come back one after the other, and those that find nobody wait longer.
            away_ms = if was_here { AWAY_MS_FIRST } else { (2 * away_ms).min(AWAY_MS_MAX) };
            let pause = AWAY_MS_MIN + self.random.below(away_ms - AWAY_MS_MIN);
            sleep(Duration::from_millis(pause)).await;
        }
    }

    /// One connection, from its first byte to its last.
    async fn connection(&mut self) -> io::Result<()> {
        let opened = timeout(ANSWER_TIME_MAX, self.open()).await;
        let mut wire = opened.map_err(|_elapsed| io::ErrorKind::TimedOut)??;
        let mut message = Vec::new();
        loop {
            if let Heard::Closed(code) = wire.hear(&mut message).await? {
                return Err(io::Error::other(format!("closed with {code:?}")));
            }
            for _ in 0..self.take(&message)? {
                wire.answer_ping().await?;
            }
        }
    }

    /// Connects and asks for all from where it was.
    async fn open(&mut self) -> io::Result<Wire> {
        let mut wire = Wire::open(self.board.server, self.manner).await.map_err(to_gone)?;
        let mut subscribe = SubscribeRequest {
            channel: self.channel.as_str().into(),
            positioned: true,
            recoverable: true,
            ..Default::default()
        };
        if let Some(epoch) = &self.epoch {
            subscribe.recover = true;
            subscribe.epoch = (**epoch).into();
            subscribe.offset = self.board.seat(self.at).book.offset();
        }
        let mut frame = Vec::new();
        let connect = ConnectRequest { name: "demo".into(), ..Default::default() };
        let encoding = self.manner.encoding;
        Command { id: CONNECT, what: Request::Connect(connect) }.append(encoding, &mut frame);
        Command { id: SUBSCRIBE, what: Request::Subscribe(subscribe) }.append(encoding, &mut frame);
        wire.say(&frame).await?;
        Ok(wire)
    }

    /// Takes a message; answers how many pings are in it.
    fn take(&mut self, message: &[u8]) -> io::Result<u32> {
        let mut pings = 0;
        for reply in Replies::new(self.manner.encoding, message) {
            let Reply { what, .. } = reply.map_err(|error| invalid(&error.to_string()))?;
            if let Answer::Ping = what {
                pings += 1;
            } else if let Answer::Subscribe(result) = &what {
                self.resume(result);
            } else if let Answer::Push(push) = &what
                && let News::Publication(publication) = &push.what
            {
                self.note(publication);
            } else if !matches!(what, Answer::Connect(_)) {
                // It was told that it has to go, or to wait: it comes again.
                return Err(io::Error::other(format!("was told {what:?}")));
            }
        }
        if !self.times.is_empty() {
            self.board.delivered(&self.times);
            self.times.clear();
        }
        Ok(pings)
    }

    /// Its subscription was answered.
    fn resume(&mut self, result: &SubscribeResult<'_>) {
        let now = self.board.now();
        let is_first = self.epoch.replace(result.epoch.as_ref().into()).is_none();
        let mut seat = self.board.seat(self.at);
        seat.has_resumed = result.recovered;
        if is_first {
            // Nobody else publishes here, so at the beginning both numbers are the same.
            seat.book = Book::begin(result.offset, result.offset);
        } else if result.recovered {
            seat.resumed += 1;
        } else {
            seat.unresumed += 1;
            seat.book.go_on_from(result.offset);
        }
        seat.since = Some(now);
        drop(seat);
        result.publications.iter().for_each(|publication| self.note(publication));
    }

    /// An event came.
    fn note(&mut self, publication: &Publication<'_>) {
        let payload = serde_json::from_slice::<Payload>(publication.data).ok();
        let number = payload.as_ref().map(|payload| payload.number);
        let is_new = self.board.seat(self.at).book.note(publication.offset, number);
        if let Some(payload) = payload.filter(|_| is_new) {
            self.times.push(self.board.now().saturating_sub(payload.at));
        }
    }
}

/// A handshake that fails is one with a server that goes away meanwhile.
fn to_gone(error: io::Error) -> io::Error {
    io::Error::other(error)
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}
