//! Clients that read over all lives of the server, each resuming where it was cut off.

use std::net::SocketAddr;
use std::sync::Arc;

use super::event::{FILTER, Given};
use super::lives::{Ground, NoAnswer, Watch};
use super::page::Page;
use crate::connection::{Connection, find, get};
use crate::history::Stream;
use crate::random::Random;

/// How events are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// `GET /v1/events/stream`, resumed by `Last-Event-ID`.
    Follow,
    /// `GET /v1/events`, page after page, with a wait at the tail.
    Pages,
}

/// A reader of all events from the first to one of the last writer.
#[derive(Debug)]
pub(super) struct Reader {
    way: Way,
    random: Random,
    ground: Arc<Ground>,
    watch: Watch,
    last_writer: u32,
    position: Option<String>,
    stream: Stream,
    is_done: bool,
    /// The life that it reads in, and whether it saw something in it.
    life: u64,
    has_seen: bool,
}

impl Reader {
    pub(super) fn new(
        (name, way): (String, Way),
        random: Random,
        (ground, watch): (Arc<Ground>, Watch),
        last_writer: u32,
    ) -> Self {
        let stream = Stream { name, ..Stream::default() };
        let (position, is_done) = (None, false);
        let (life, has_seen) = (0, false);
        Self { way, random, ground, watch, last_writer, position, stream, is_done, life, has_seen }
    }

    /// Reads until the last writer's event.
    pub(super) async fn run(mut self) -> Stream {
        let mut number = 0;
        while let Some(life) = self.watch.behind(number).await {
            number = life.number;
            let before = self.stream.events.len();
            (self.life, self.has_seen) = (number, false);
            let ended = self.read_life(life.address).await;
            if 0 < before && before < self.stream.events.len() {
                self.stream.resumed += 1;
            }
            match ended {
                Ok(()) | Err(NoAnswer::GivenUp) => break,
                // That is the kill; what came before it counts.
                Err(NoAnswer::Cut) => (),
                Err(NoAnswer::Silent) => {
                    self.accuse("was told nothing, not even that the server is there");
                    break;
                }
            }
        }
        self.stream
    }

    /// Reads in one life of the server, over several connections: some it ends by itself.
    async fn read_life(&mut self, address: SocketAddr) -> Result<(), NoAnswer> {
        while !self.is_done {
            let connection = Connection::open(address).await.map_err(|_gone| NoAnswer::Cut)?;
            let answers = self.random.up_to(200);
            match self.way {
                Way::Follow => self.follow(connection, address, answers).await?,
                Way::Pages => self.turn_pages(connection, address, answers).await?,
            }
        }
        Ok(())
    }

    async fn follow(
        &mut self,
        mut connection: Connection,
        address: SocketAddr,
        chunks: u64,
    ) -> Result<(), NoAnswer> {
        let target = format!("/v1/events/stream?filter={FILTER}&after=earliest");
        let resume = self.position.as_ref().map(|id| format!("last-event-id: {id}\r\n"));
        let request = get(address, &target, &resume.unwrap_or_default());
        self.watch.wait(connection.send(&request)).await?;
        let status = self.watch.wait(connection.begin_stream()).await?;
        if status != 200 {
            return Err(self.accuse(&format!("was answered {status} for {:?}", self.position)));
        }
        let mut text = Vec::new();
        for _ in 0..chunks {
            text.extend_from_slice(self.watch.wait(connection.chunk()).await?);
            let mut used = 0;
            while let Some(len) = find(&text[used..], b"\n\n") {
                self.take_message(&text[used..used + len])?;
                used += len + 2;
            }
            text.drain(..used);
            if self.is_done {
                break;
            }
        }
        Ok(())
    }

    /// A message of a stream.
    fn take_message(&mut self, message: &[u8]) -> Result<(), NoAnswer> {
        let Ok(message) = str::from_utf8(message) else {
            return Err(self.accuse("was sent what is no text"));
        };
        let (mut id, mut name, mut data) = (None, "", "");
        for line in message.lines() {
            match line.split_once(": ") {
                Some(("id", value)) => id = Some(value),
                Some(("event", value)) => name = value,
                Some(("data", value)) => data = value,
                // Comments, and how long a browser waits.
                Some(_) | None => (),
            }
        }
        match name {
            "" if data.is_empty() => (),
            "" => match serde_json::from_str::<Given<'_>>(data) {
                Ok(given) => self.take(&given),
                Err(error) => return Err(self.accuse(&format!("was sent `{data}`: {error}"))),
            },
            "progress" => (),
            other => return Err(self.accuse(&format!("was sent `{other}`: {data}"))),
        }
        self.position = id.map(ToOwned::to_owned).or(self.position.take());
        Ok(())
    }

    async fn turn_pages(
        &mut self,
        mut connection: Connection,
        address: SocketAddr,
        pages: u64,
    ) -> Result<(), NoAnswer> {
        for _ in 0..pages {
            let after = self.position.as_deref().unwrap_or("earliest");
            let (limit, wait) = (self.random.up_to(1000), self.random.below(2000));
            let target =
                format!("/v1/events?filter={FILTER}&after={after}&limit={limit}&wait_ms={wait}");
            let answer = self.watch.ask(&mut connection, &get(address, &target, "")).await?;
            let page = match answer.success().and_then(Page::read) {
                Ok(page) => page,
                Err(error) => return Err(self.accuse(&format!("`{target}`: {error}"))),
            };
            page.events.iter().for_each(|given| self.take(given));
            self.position = Some(page.next);
            if self.is_done {
                break;
            }
        }
        Ok(())
    }

    fn take(&mut self, given: &Given<'_>) {
        if !std::mem::replace(&mut self.has_seen, true) {
            self.ground.note(self.life, |events| events.seen_by += 1);
        }
        let (seq, event) = given.seen(self.ground.seed);
        self.stream.events.push((seq, event));
        self.is_done |= event.writer == self.last_writer;
    }

    fn accuse(&self, what: &str) -> NoAnswer {
        self.ground.accuse(format!("{} {what}", self.stream.name));
        NoAnswer::GivenUp
    }
}
