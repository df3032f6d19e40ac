//! A client that writes over all lives of the server, and notes each write and its answer.

use std::net::SocketAddr;
use std::sync::Arc;

use serde::Deserialize;

use super::event;
use super::limits::{BATCH_MAX, LINES_MAX};
use super::lives::{Ground, NoAnswer, Phase, Watch};
use crate::connection::{Connection, JSON, NDJSON, request};
use crate::history::{Answer, Form, Sent, Written};
use crate::random::Random;

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
                        writes.push(self.draw(writes.last()));
                        writes.len() - 1
                    }
                };
                match self.write(&mut connection, life.address, &mut writes[at]).await {
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
            Form::Batch => self.random.up_to(BATCH_MAX),
            Form::Lines | Form::Producer => self.random.up_to(LINES_MAX),
        };
        let first = Written { writer: self.number, number };
        Sent { form: self.form, first, count, sent_at: self.ground.now(), answer: None }
    }

    async fn write(
        &self,
        connection: &mut Connection,
        address: SocketAddr,
        sent: &mut Sent,
    ) -> Result<(), NoAnswer> {
        let request = to_request(sent, self.ground.seed, address);
        let answer = self.watch.wait(connection.ask(&request)).await?;
        let at = self.ground.now();
        let receipt = answer.success().and_then(|body| Ok(serde_json::from_slice(body)?));
        let Receipt { first, last, count } = match receipt {
            Ok(receipt) => receipt,
            Err(error) => {
                self.accuse(&error.to_string());
                return Err(NoAnswer::GivenUp);
            }
        };
        let is_right = match self.form {
            Form::Single | Form::Batch | Form::Lines => count == sent.count,
            Form::Producer => count <= sent.count,
        };
        let place = first.zip(last);
        if !is_right || place.is_some() != (0 < count) {
            self.accuse(&format!("was answered with {count} events of {}", sent.count));
            return Err(NoAnswer::GivenUp);
        }
        sent.answer = Some(Answer { at, count, place });
        self.ground.acknowledge();
        Ok(())
    }

    fn accuse(&self, what: &str) {
        self.ground.accuse(format!("a write of writer {}: {what}", self.number));
    }
}

fn to_request(sent: &Sent, seed: u64, address: SocketAddr) -> Vec<u8> {
    let Sent { form, first, count, .. } = sent;
    let numbers = first.number..first.number + count;
    let events: Vec<String> =
        numbers.map(|number| event::json(seed, Written { number, writer: first.writer })).collect();
    let (headers, body) = match form {
        Form::Single => (JSON.to_owned(), events.concat()),
        Form::Batch => (JSON.to_owned(), format!("[{}]", events.join(","))),
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
