//! A named consumer of all events: its one reader opens it again and again, over all lives of the server.

use std::net::SocketAddr;
use std::sync::Arc;

use serde::Deserialize;

use super::event::FILTER_PLAIN;
use super::lives::{Ground, NoAnswer, Watch};
use super::page::{Page, seq_of};
use crate::connection::{Connection, JSON, get, request};
use crate::history::{Consumer, Session};
use crate::random::Random;

/// What the server refuses the one that was fenced off with.
const FENCED: &str = "ARW0038";

/// The reader of a consumer.
#[derive(Debug)]
pub(super) struct Consuming {
    random: Random,
    ground: Arc<Ground>,
    watch: Watch,
    last_writer: u32,
    consumer: Consumer,
    is_made: bool,
    is_done: bool,
    /// The life that it reads in, and whether it saw something in it.
    life: u64,
    has_seen: bool,
}

/// What a consumer is.
#[derive(Debug, Deserialize)]
struct Status {
    cursor: String,
    generation: u64,
}

/// Where a session is.
struct Place {
    generation: u64,
    /// Behind what the next page begins.
    position: Option<String>,
}

impl Consuming {
    pub(super) fn new(
        name: String,
        random: Random,
        (ground, watch): (Arc<Ground>, Watch),
        last_writer: u32,
    ) -> Self {
        let consumer = Consumer { name, ..Consumer::default() };
        Self {
            random,
            ground,
            watch,
            last_writer,
            consumer,
            is_made: false,
            is_done: false,
            life: 0,
            has_seen: false,
        }
    }

    /// Reads and acknowledges until the last writer's event is acknowledged.
    pub(super) async fn run(mut self) -> Consumer {
        let mut number = 0;
        while let Some(life) = self.watch.behind(number).await {
            number = life.number;
            let before = self.seen();
            (self.life, self.has_seen) = (number, false);
            let ended = self.read_life(life.address).await;
            if 0 < before && before < self.seen() {
                self.consumer.resumed += 1;
            }
            match ended {
                Ok(()) | Err(NoAnswer::GivenUp) => break,
                // That is the kill; what came before it counts.
                Err(NoAnswer::Cut) => (),
                Err(NoAnswer::Silent) => {
                    self.accuse("was never answered, and the connection was there");
                    break;
                }
            }
        }
        self.consumer
    }

    fn seen(&self) -> usize {
        self.consumer.sessions.iter().map(|session| session.events.len()).sum()
    }

    /// Reads in one life of the server, in several sessions: each is fenced off by the next.
    async fn read_life(&mut self, address: SocketAddr) -> Result<(), NoAnswer> {
        let mut fenced: Option<(u64, String)> = None;
        loop {
            let mut connection = Connection::open(address).await.map_err(|_gone| NoAnswer::Cut)?;
            if !self.is_made {
                self.make(&mut connection, address).await?;
            }
            let mut place = self.open(&mut connection, address).await?;
            if let Some((generation, position)) = fenced.take() {
                self.try_fenced_off(&mut connection, address, generation, &position).await?;
            }
            if self.is_done {
                return Ok(());
            }
            for _ in 0..self.random.up_to(30) {
                self.turn_page(&mut connection, address, &mut place).await?;
                if self.is_done || self.random.below(2) == 0 {
                    self.acknowledge(&mut connection, address, &place).await?;
                }
                if self.is_done {
                    break;
                }
            }
            fenced = place.position.map(|position| (place.generation, position));
        }
    }

    /// Makes it; whoever is not answered makes it again.
    async fn make(
        &mut self,
        connection: &mut Connection,
        address: SocketAddr,
    ) -> Result<(), NoAnswer> {
        let line = format!("PUT /v1/consumers/{}", self.consumer.name);
        let body = format!(r#"{{"filter":"{FILTER_PLAIN}","after":"earliest"}}"#);
        let request = request(address, &line, JSON, body.as_bytes());
        let answer = self.watch.ask(connection, &request).await?;
        if let Err(error) = answer.success() {
            return Err(self.accuse(&format!("cannot be made: {error}")));
        }
        self.is_made = true;
        Ok(())
    }

    /// Begins a session.
    async fn open(
        &mut self,
        connection: &mut Connection,
        address: SocketAddr,
    ) -> Result<Place, NoAnswer> {
        let line = format!("POST /v1/consumers/{}/open", self.consumer.name);
        let answer = self.watch.ask(connection, &request(address, &line, "", b"")).await?;
        let status = answer.success().and_then(|body| Ok(serde_json::from_slice::<Status>(body)?));
        let status = status.and_then(|status| Ok((seq_of(&status.cursor)?, status.generation)));
        match status {
            Ok((cursor, generation)) => {
                self.consumer.sessions.push(Session { cursor, ..Session::default() });
                Ok(Place { generation, position: None })
            }
            Err(error) => Err(self.accuse(&format!("cannot be opened: {error}"))),
        }
    }

    async fn turn_page(
        &mut self,
        connection: &mut Connection,
        address: SocketAddr,
        place: &mut Place,
    ) -> Result<(), NoAnswer> {
        let (limit, wait) = (self.random.up_to(1000), self.random.below(500));
        let after = place.position.as_ref().map(|position| format!("&after={position}"));
        let target = format!(
            "/v1/consumers/{}/events?generation={}&limit={limit}&wait_ms={wait}{}",
            self.consumer.name,
            place.generation,
            after.unwrap_or_default()
        );
        let answer = self.watch.ask(connection, &get(address, &target, "")).await?;
        let page = match answer.success().and_then(Page::read) {
            Ok(page) => page,
            Err(error) => return Err(self.accuse(&format!("`{target}`: {error}"))),
        };
        for given in &page.events {
            if !std::mem::replace(&mut self.has_seen, true) {
                self.ground.note(self.life, |events| events.seen_by += 1);
            }
            let (seq, event) = given.seen(self.ground.seed);
            self.is_done |= event.writer == self.last_writer;
            if let Some(session) = self.consumer.sessions.last_mut() {
                session.events.push((seq, event));
            }
        }
        place.position = Some(page.next);
        Ok(())
    }

    /// Acknowledges all that this session has seen.
    async fn acknowledge(
        &mut self,
        connection: &mut Connection,
        address: SocketAddr,
        place: &Place,
    ) -> Result<(), NoAnswer> {
        let Some(position) = &place.position else { return Ok(()) };
        let seq = match seq_of(position) {
            Ok(seq) => seq,
            Err(error) => return Err(self.accuse(&error.to_string())),
        };
        if let Some(session) = self.consumer.sessions.last_mut() {
            session.asked = session.asked.max(seq);
        }
        let request = self.acknowledgement(address, place.generation, position);
        let answer = self.watch.ask(connection, &request).await?;
        if answer.status() != 204 {
            let said = String::from_utf8_lossy(answer.body).into_owned();
            return Err(self.accuse(&format!("may not acknowledge `{position}`: {said}")));
        }
        if let Some(session) = self.consumer.sessions.last_mut() {
            session.acknowledged = session.acknowledged.max(seq);
        }
        Ok(())
    }

    /// Whoever was fenced off by a later opening must not acknowledge any more.
    async fn try_fenced_off(
        &mut self,
        connection: &mut Connection,
        address: SocketAddr,
        generation: u64,
        position: &str,
    ) -> Result<(), NoAnswer> {
        let request = self.acknowledgement(address, generation, position);
        let answer = self.watch.ask(connection, &request).await?;
        if answer.is_refused_with(FENCED) {
            return Ok(());
        }
        let said = format!("{} {}", answer.status(), String::from_utf8_lossy(answer.body));
        Err(self.accuse(&format!("let generation {generation} in, which was fenced off: {said}")))
    }

    fn acknowledgement(&self, address: SocketAddr, generation: u64, position: &str) -> Vec<u8> {
        let line = format!("POST /v1/consumers/{}/ack", self.consumer.name);
        let body = format!(r#"{{"generation":{generation},"position":"{position}"}}"#);
        request(address, &line, JSON, body.as_bytes())
    }

    fn accuse(&self, what: &str) -> NoAnswer {
        self.ground.accuse(format!("{} {what}", self.consumer.name));
        NoAnswer::GivenUp
    }
}
