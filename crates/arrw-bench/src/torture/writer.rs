//! A client that writes over all lives of the server, and notes each write and its answer.

use std::net::SocketAddr;
use std::sync::Arc;

use serde::Deserialize;

use super::event::{self, FILTER};
use super::limits::{BATCH_MAX, LINES_MAX};
use super::lives::{Ground, NoAnswer, Phase, Watch};
use super::page::{Page, seq_of};
use crate::connection::{Connection, JSON, NDJSON, get, request};
use crate::history::{Answer, Form, Sent, Written};
use crate::random::Random;

/// The header of a condition, and the code with which one is refused that is not met.
const EXPECT_LAST: &str = "arrw-expect-last";
const LATER_RECORDS: &str = "ARW0041";

/// Every so many conditional writes one is made while nobody else writes: beside others hardly any is met.
const ALONE_EVERY: u64 = 8;

/// A writer; all its writes have one form.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) number: u32,
    pub(super) form: Form,
    pub(super) random: Random,
    pub(super) ground: Arc<Ground>,
    pub(super) watch: Watch,
}

/// What the server answers.
#[derive(Debug, Deserialize)]
struct Receipt {
    first: Option<u64>,
    last: Option<u64>,
    count: u64,
}

impl Writer {
    /// Writes until the last round is over; answers all writes in their order.
    pub(super) async fn run(mut self) -> Vec<Sent> {
        let mut writes: Vec<Sent> = Vec::new();
        let mut number = 0;
        let ground = Arc::clone(&self.ground);
        while let Some(life) = self.watch.behind(number).await {
            number = life.number;
            let Ok(mut connection) = Connection::open(life.address).await else { continue };
            loop {
                // A producer goes on with what it was not answered; others never know whether it is there.
                let open = writes.len().checked_sub(1).filter(|last| self.is_open(&writes[*last]));
                let at = match open {
                    Some(at) => at,
                    None if self.watch.phase() != Phase::Torture => return writes,
                    None => {
                        ground.due().await;
                        writes.push(self.draw(writes.last()));
                        writes.len() - 1
                    }
                };
                let is_alone =
                    self.form == Form::Conditional && self.random.below(ALONE_EVERY) == 0;
                let written = if is_alone {
                    let _alone = ground.alone().await;
                    self.write(&mut connection, life.address, &mut writes[at]).await
                } else {
                    let _others = ground.beside_others().await;
                    self.write(&mut connection, life.address, &mut writes[at]).await
                };
                match written {
                    Ok(()) => (),
                    Err(NoAnswer::Cut) => break,
                    Err(NoAnswer::Silent) => {
                        self.accuse("was never answered, and the connection was there");
                        return writes;
                    }
                    Err(NoAnswer::GivenUp) => return writes,
                }
            }
        }
        writes
    }

    fn is_open(&self, sent: &Sent) -> bool {
        self.form == Form::Producer && sent.answer.is_none()
    }

    /// The next write.
    fn draw(&mut self, before: Option<&Sent>) -> Sent {
        let number = before.map_or(1, |sent| sent.first.number + sent.count);
        let count = match self.form {
            Form::Single => 1,
            Form::Batch | Form::Conditional => self.random.up_to(BATCH_MAX),
            Form::Lines | Form::Producer => self.random.up_to(LINES_MAX),
        };
        let first = Written { writer: self.number, number };
        let sent_at = self.ground.now();
        Sent { form: self.form, first, count, expected: None, sent_at, answer: None }
    }

    async fn write(
        &self,
        connection: &mut Connection,
        address: SocketAddr,
        sent: &mut Sent,
    ) -> Result<(), NoAnswer> {
        let mut condition = String::new();
        if self.form == Form::Conditional {
            let (position, seq) = self.tail(connection, address).await?;
            condition = format!("{EXPECT_LAST}: {position}\r\n");
            sent.expected = Some(seq);
        }
        let request = to_request(sent, &condition, self.ground.seed, address);
        let answer = self.watch.ask(connection, &request).await?;
        let at = self.ground.now();
        if self.form == Form::Conditional && answer.is_refused_with(LATER_RECORDS) {
            sent.answer = Some(Answer { at, count: 0, place: None });
            self.ground.note(self.watch.number(), |events| events.unmet += 1);
            return Ok(());
        }
        let receipt = answer.success().and_then(|body| Ok(serde_json::from_slice(body)?));
        let Receipt { first, last, count } = match receipt {
            Ok(receipt) => receipt,
            Err(error) => {
                self.accuse(&error.to_string());
                return Err(NoAnswer::GivenUp);
            }
        };
        let is_right = match self.form {
            Form::Single | Form::Batch | Form::Lines | Form::Conditional => count == sent.count,
            Form::Producer => count <= sent.count,
        };
        let place = first.zip(last);
        if !is_right || place.is_some() != (0 < count) {
            self.accuse(&format!("was answered with {count} events of {}", sent.count));
            return Err(NoAnswer::GivenUp);
        }
        sent.answer = Some(Answer { at, count, place });
        if self.form == Form::Conditional {
            self.ground.note(self.watch.number(), |events| events.met += 1);
        }
        self.ground.acknowledge();
        Ok(())
    }

    /// The last position, and its seq.
    async fn tail(
        &self,
        connection: &mut Connection,
        address: SocketAddr,
    ) -> Result<(String, u64), NoAnswer> {
        let target = format!("/v1/events?filter={FILTER}&after=latest");
        let answer = self.watch.ask(connection, &get(address, &target, "")).await?;
        let next = answer.success().and_then(Page::read).map(|page| page.next);
        match next.and_then(|next| seq_of(&next).map(|seq| (next, seq))) {
            Ok(tail) => Ok(tail),
            Err(error) => {
                self.accuse(&format!("`{target}`: {error}"));
                Err(NoAnswer::GivenUp)
            }
        }
    }

    fn accuse(&self, what: &str) {
        self.ground.accuse(format!("a write of writer {}: {what}", self.number));
    }
}

fn to_request(sent: &Sent, condition: &str, seed: u64, address: SocketAddr) -> Vec<u8> {
    let Sent { form, first, count, .. } = sent;
    let numbers = first.number..first.number + count;
    let events: Vec<String> =
        numbers.map(|number| event::json(seed, Written { number, writer: first.writer })).collect();
    let (headers, body) = match form {
        Form::Single => (JSON.to_owned(), events.concat()),
        Form::Batch | Form::Conditional => {
            (JSON.to_owned() + condition, format!("[{}]", events.join(",")))
        }
        Form::Lines => (NDJSON.to_owned(), events.join("\n")),
        Form::Producer => {
            let Written { writer, number } = first;
            let producer =
                format!("arrw-producer: torture-{writer}\r\narrw-producer-seq: {number}\r\n");
            (NDJSON.to_owned() + &producer, events.join("\n"))
        }
    };
    request(address, "POST /v1/events", &headers, body.as_bytes())
}

/// Publishes one event of a writer that writes nothing else.
pub(super) async fn publish_one(
    address: SocketAddr,
    ground: &Arc<Ground>,
    watch: &Watch,
    writer: u32,
) -> Result<Sent, NoAnswer> {
    let mut connection = Connection::open(address).await.map_err(|_gone| NoAnswer::Cut)?;
    let mut one = Writer {
        number: writer,
        form: Form::Single,
        random: Random::new(0),
        ground: Arc::clone(ground),
        watch: watch.clone(),
    };
    let mut sent = one.draw(None);
    one.write(&mut connection, address, &mut sent).await?;
    Ok(sent)
}
