//! Publishes over all lives of the server, by HTTP and by commands, and notes each write and its answer.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use arrw_wire::centrifuge::{
    Answer, Command, ConnectRequest, PublishRequest, Replies, Reply, Request,
};
use serde::Deserialize;

use super::super::lives::{Life, NoAnswer, Phase, Watch};
use super::field::Field;
use super::follower::manner;
use super::limits::BATCH_MAX;
use super::payload;
use crate::connection::{Connection, JSON, request};
use crate::history::{Acknowledged, Publish, PublishForm, Written};
use crate::random::Random;
use crate::wire::{Heard, Wire};

/// A publisher; all its writes have one form.
#[derive(Debug)]
pub(super) struct Publisher {
    pub(super) number: u32,
    pub(super) form: PublishForm,
    pub(super) random: Random,
    pub(super) field: Arc<Field>,
    pub(super) watch: Watch,
}

#[derive(Debug, Deserialize)]
struct Answered<T> {
    result: T,
}

/// A place, as it is answered.
#[derive(Debug, Deserialize)]
struct At {
    offset: u64,
}

#[derive(Debug, Deserialize)]
struct Responses {
    responses: Vec<Answered<At>>,
}

#[derive(Debug, Deserialize)]
struct Receipt {
    count: usize,
}

impl Publisher {
    /// Publishes until the torture is over; answers all writes in their order.
    pub(super) async fn run(mut self) -> Vec<Publish> {
        let (mut writes, mut number) = (Vec::new(), 0);
        while let Some(life) = self.watch.behind(number).await {
            number = life.number;
            let ended = match self.form {
                PublishForm::Command => self.command(life, &mut writes).await,
                PublishForm::Single
                | PublishForm::Once
                | PublishForm::Broadcast
                | PublishForm::Batch => self.ask(life, &mut writes).await,
            };
            match ended {
                Ok(()) | Err(NoAnswer::GivenUp) => break,
                // That is the kill.
                Err(NoAnswer::Cut) => (),
                Err(NoAnswer::Silent) => {
                    self.accuse("was never answered, and the connection was there");
                    break;
                }
            }
        }
        writes
    }

    /// Publishes by HTTP in one life of the server.
    async fn ask(&mut self, life: Life, writes: &mut Vec<Publish>) -> Result<(), NoAnswer> {
        let mut connection = Connection::open(life.address).await.map_err(|_gone| NoAnswer::Cut)?;
        loop {
            // What has a key goes on with what was not answered; others never know whether it is there.
            let is_open = |last: &Publish| self.form == PublishForm::Once && last.answer.is_none();
            if !writes.last().is_some_and(is_open) {
                if self.watch.phase() != Phase::Torture {
                    return Ok(());
                }
                let channels = self.draw();
                self.field.due(channels.len()).await;
                self.begin(channels, writes);
            }
            let Some(write) = writes.last_mut() else { return Ok(()) };
            let request = self.request(write, life.address);
            let _others = self.field.ground.beside_others().await;
            let answer = self.watch.ask(&mut connection, &request).await?;
            let at = self.field.ground.now();
            let offsets = answer.success().and_then(|body| offsets(write, body));
            match offsets {
                Ok(offsets) => write.answer = Some(Acknowledged { at, offsets }),
                // What could not be done may be there or not.
                Err(_) if life.is_faulty => return Err(NoAnswer::Cut),
                Err(error) => return Err(self.accuse(&error.to_string())),
            }
            self.field.acknowledge(write.channels.len());
        }
    }

    /// Publishes by commands in one life of the server, several on their way at once.
    async fn command(&mut self, life: Life, writes: &mut Vec<Publish>) -> Result<(), NoAnswer> {
        let manner = manner(self.number);
        let mut wire = self.watch.wait(Wire::open(life.address, manner)).await?;
        let mut frame = Vec::new();
        let connect = Request::Connect(ConnectRequest::default());
        Command { id: 1, what: connect }.append(manner.encoding, &mut frame);
        wire.say(&frame).await.map_err(|_gone| NoAnswer::Cut)?;
        let mut next = 2;
        while self.watch.phase() == Phase::Torture {
            let count = usize::try_from(self.random.up_to(BATCH_MAX)).unwrap_or(1);
            self.field.due(count).await;
            let (first_id, first) = (next, writes.len());
            let ground = Arc::clone(&self.field.ground);
            let _others = ground.beside_others().await;
            for _ in 0..count {
                let channels = self.draw();
                self.begin(channels, writes);
                let Some(write) = writes.last() else { return Ok(()) };
                let data = payload::json(self.field.ground.seed, write.first);
                let channel = payload::channel(write.channels[0]);
                let (channel, data) = (channel.as_str().into(), data.as_bytes());
                let what = Request::Publish(PublishRequest { channel, data, ..Default::default() });
                frame.clear();
                Command { id: next, what }.append(manner.encoding, &mut frame);
                wire.say(&frame).await.map_err(|_gone| NoAnswer::Cut)?;
                next += 1;
            }
            let mut open = count;
            while open != 0 {
                let answered = self.watch.wait(answers(&mut wire)).await?;
                let at = self.field.ground.now();
                for (id, error) in answered {
                    if error.is_some() && life.is_faulty {
                        return Err(NoAnswer::Cut);
                    }
                    if let Some(error) = error {
                        return Err(self.accuse(&format!("was answered {error}")));
                    }
                    let place = id.checked_sub(first_id).and_then(|it| usize::try_from(it).ok());
                    let write = place.and_then(|place| writes.get_mut(first + place));
                    let Some(write) = write.filter(|write| write.answer.is_none()) else {
                        return Err(self.accuse(&format!("was answered {id}, which is not open")));
                    };
                    write.answer = Some(Acknowledged { at, offsets: Vec::new() });
                    self.field.acknowledge(1);
                    open -= 1;
                }
            }
        }
        Ok(())
    }

    /// The channels of the next write.
    fn draw(&mut self) -> Vec<u32> {
        let all = u64::from(self.field.channels);
        let first = self.random.below(all);
        let count = match self.form {
            PublishForm::Single | PublishForm::Once | PublishForm::Command => 1,
            PublishForm::Broadcast | PublishForm::Batch => self.random.up_to(BATCH_MAX).min(all),
        };
        // No channel twice: a broadcast has the same number in all of them.
        (first..first + count).map(|it| u32::try_from(it % all).unwrap_or(0)).collect()
    }

    /// A write begins.
    fn begin(&self, channels: Vec<u32>, writes: &mut Vec<Publish>) {
        let number = writes.last().map_or(1, |before| before.first.number + before.numbers());
        let first = Written { writer: self.number, number };
        let sent_at = self.field.ground.now();
        writes.push(Publish { form: self.form, first, channels, sent_at, answer: None });
    }

    fn request(&self, write: &Publish, address: SocketAddr) -> Vec<u8> {
        let Publish { form, first, channels, .. } = write;
        let names: Vec<String> =
            channels.iter().map(|channel| format!("\"{}\"", payload::channel(*channel))).collect();
        let json = |number| payload::json(self.field.ground.seed, Written { number, ..*first });
        let data = json(first.number);
        let (line, body) = match form {
            PublishForm::Single | PublishForm::Command => {
                ("POST /api/publish", format!(r#"{{"channel":{},"data":{data}}}"#, names[0]))
            }
            PublishForm::Once => {
                let key = format!("{}-{}", first.writer, first.number);
                let body = format!(
                    r#"{{"channel":{},"data":{data},"idempotency_key":"{key}"}}"#,
                    names[0]
                );
                ("POST /api/publish", body)
            }
            PublishForm::Broadcast => {
                let body = format!(r#"{{"channels":[{}],"data":{data}}}"#, names.join(","));
                ("POST /api/broadcast", body)
            }
            PublishForm::Batch => {
                let events: Vec<String> = (first.number..)
                    .zip(&names)
                    .map(|(number, name)| format!(r#"{{"topic":{name},"data":{}}}"#, json(number)))
                    .collect();
                ("POST /v1/events", format!("[{}]", events.join(",")))
            }
        };
        request(address, line, JSON, body.as_bytes())
    }

    fn accuse(&self, what: &str) -> NoAnswer {
        self.field.ground.accuse(format!("a write of publisher {} {what}", self.number));
        NoAnswer::GivenUp
    }
}

/// The offsets that an answer tells; none when it tells none.
fn offsets(write: &Publish, body: &[u8]) -> anyhow::Result<Vec<u64>> {
    let offsets: Vec<u64> = match write.form {
        PublishForm::Single | PublishForm::Once | PublishForm::Command => {
            let Answered { result: At { offset } } = serde_json::from_slice(body)?;
            vec![offset]
        }
        PublishForm::Broadcast => {
            let Answered { result: Responses { responses } } = serde_json::from_slice(body)?;
            responses.into_iter().map(|it| it.result.offset).collect()
        }
        PublishForm::Batch => {
            let Receipt { count } = serde_json::from_slice(body)?;
            anyhow::ensure!(count == write.channels.len(), "was answered with {count} events");
            return Ok(Vec::new());
        }
    };
    anyhow::ensure!(offsets.len() == write.channels.len(), "was answered with {offsets:?}");
    Ok(offsets)
}

/// The answers in the next message: each command, and the error when it failed.
async fn answers(wire: &mut Wire) -> io::Result<Vec<(u32, Option<String>)>> {
    let mut message = Vec::new();
    let (mut all, mut pings) = (Vec::new(), 0);
    if wire.hear(&mut message).await? != Heard::Message {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    for reply in Replies::new(wire.encoding, &message) {
        match reply {
            Ok(Reply { what: Answer::Ping, .. }) => pings += 1,
            Ok(Reply { what: Answer::Connect(_), .. }) => (),
            Ok(Reply { id, what: Answer::Publish }) => all.push((id, None)),
            Ok(Reply { id, what }) => all.push((id, Some(format!("{what:?}")))),
            Err(error) => all.push((0, Some(error.to_string()))),
        }
    }
    for _ in 0..pings {
        wire.answer_ping().await?;
    }
    Ok(all)
}
