//! A client that follows channels over all lives of the server, is cut and stalls, and goes on where it was.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrw_wire::centrifuge::{
    Answer, Command, ConnectRequest, Encoding, News, Publication, Replies, Reply, Request,
    RpcRequest, SubscribeRequest, SubscribeResult,
};
use arrw_wire::websocket::Compression;
use tokio::sync::watch::Receiver;
use tokio::time::timeout;

use super::super::limits::{ANSWER_TIME_MAX, LOOK_EVERY};
use super::super::lives::{Life, Phase, Watch};
use super::field::{Field, Stage};
use super::limits::{ECHO_TEXT, ECHOES, STALL_MS_MAX};
use super::payload;
use crate::history::{Followed, Follower, Resume};
use crate::random::Random;
use crate::wire::{Cut, Heard, Manner, Wire};

/// The id of the command that connects, and of the first that subscribes.
const CONNECT: u32 = 1;
const FIRST_SUBSCRIBE: u32 = 2;
/// The id of calls whose answers fill the socket.
const ECHO: u32 = 1_000;

/// Where a client is in one of its channels.
#[derive(Debug)]
struct Place {
    name: String,
    /// What it goes on from; `None` before its first subscription.
    position: Option<(Box<str>, u64)>,
    /// From where this connection asked to go on.
    asked: Option<u64>,
}

/// A client.
#[derive(Debug)]
pub(super) struct Following {
    manner: Manner,
    random: Random,
    field: Arc<Field>,
    watch: Watch,
    stage: Receiver<Stage>,
    places: Vec<Place>,
    follower: Follower,
    /// Subscriptions of this connection that were not answered.
    open: usize,
    /// The life of the server in which it was cut, and not by itself.
    cut_in: u64,
    has_joined: bool,
    has_reached: bool,
}

/// How a connection ended.
enum End {
    /// Nothing more is to be done.
    Over,
    /// The client cut it.
    Again,
    /// It was cut, as by a kill.
    Gone,
    /// There was no server.
    Nobody,
}

/// What happens to a connection.
#[derive(Clone, Copy)]
enum Fate {
    Cut(Cut),
    Stall,
}

impl Following {
    pub(super) fn new(
        manner: Manner,
        channels: Vec<u32>,
        random: Random,
        (field, watch): (Arc<Field>, Watch),
    ) -> Self {
        let place =
            |channel: &u32| Place { name: payload::channel(*channel), position: None, asked: None };
        let places = channels.iter().map(place).collect();
        let followed =
            channels.into_iter().map(|channel| Followed { channel, ..Followed::default() });
        let name = format!("client {}", manner.number);
        let follower = Follower { name, followed: followed.collect(), ..Follower::default() };
        Self {
            manner,
            random,
            stage: field.stage(),
            field,
            watch,
            places,
            follower,
            open: 0,
            cut_in: 0,
            has_joined: false,
            has_reached: false,
        }
    }

    /// Follows until it is told to go.
    pub(super) async fn run(mut self) -> Follower {
        let mut number = 0;
        while let Some(life) = self.watch.behind(number).await {
            number = life.number;
            loop {
                match self.connect(life).await {
                    End::Over => return self.follower,
                    End::Again => (),
                    // If the server goes on, it cut the connection.
                    End::Gone => self.cut_in = number,
                    End::Nobody => break,
                }
            }
        }
        self.follower
    }

    /// One connection, from its first byte to its last.
    async fn connect(&mut self, life: Life) -> End {
        let Ok(mut wire) = self.watch.wait(Wire::open(life.address, self.manner)).await else {
            return End::Nobody;
        };
        let join = self.join();
        if wire.say(&join).await.is_err() {
            return End::Gone;
        }
        let begun = Instant::now();
        let mut next = self.draw(begun);
        let mut message = Vec::new();
        loop {
            if let Some(end) = self.look(life, begun) {
                wire.cut(Cut::Reset);
                return end;
            }
            let left = next.0.saturating_duration_since(Instant::now()).min(LOOK_EVERY);
            match timeout(left, wire.hear(&mut message)).await {
                Err(_nothing) => (),
                Ok(Ok(Heard::Message)) => match self.take(&message) {
                    Ok(pings) => {
                        for _ in 0..pings {
                            drop(wire.answer_ping().await);
                        }
                    }
                    Err(_) if life.is_faulty => return End::Gone,
                    Err(what) => return self.accuse(&what),
                },
                Ok(Ok(Heard::Closed(_))) if life.is_faulty => return End::Gone,
                Ok(Ok(Heard::Closed(code))) => {
                    return self.accuse(&format!("was closed with {code:?}"));
                }
                Ok(Err(error)) if error.kind() == std::io::ErrorKind::InvalidData => {
                    return self.accuse(&format!("was sent what is no WebSocket: {error}"));
                }
                Ok(Err(_gone)) => return End::Gone,
            }
            if Instant::now() < next.0 || self.watch.phase() != Phase::Torture {
                continue;
            }
            match next.1 {
                Fate::Cut(how) => {
                    self.follower.cuts += 1;
                    wire.cut(how);
                    return End::Again;
                }
                Fate::Stall => {
                    self.follower.stalls += 1;
                    if self.stall(&mut wire).await.is_err() {
                        return End::Gone;
                    }
                    next = self.draw(Instant::now());
                }
            }
        }
    }

    /// What happens to the connection next, and when.
    fn draw(&mut self, now: Instant) -> (Instant, Fate) {
        let time = Duration::from_millis(self.random.below(self.field.fate_ms_max + 1));
        let fate = match self.random.below(3) {
            0 => Fate::Cut(Cut::Reset),
            1 => Fate::Cut(Cut::End),
            _ => Fate::Stall,
        };
        (now + time, fate)
    }

    /// Connect, and all subscriptions from where they were, in one frame.
    fn join(&mut self) -> Vec<u8> {
        let (encoding, mut frame) = (self.manner.encoding, Vec::new());
        let what =
            Request::Connect(ConnectRequest { name: "torture".into(), ..Default::default() });
        Command { id: CONNECT, what }.append(encoding, &mut frame);
        for (id, place) in (FIRST_SUBSCRIBE..).zip(&mut self.places) {
            let mut subscribe = SubscribeRequest {
                channel: place.name.as_str().into(),
                positioned: true,
                recoverable: true,
                ..Default::default()
            };
            place.asked = place.position.as_ref().map(|(_, offset)| *offset);
            if let Some((epoch, offset)) = &place.position {
                subscribe.recover = true;
                (subscribe.epoch, subscribe.offset) = ((**epoch).into(), *offset);
            }
            Command { id, what: Request::Subscribe(subscribe) }.append(encoding, &mut frame);
        }
        self.open = self.places.len();
        frame
    }

    /// Has the server fill the socket, and reads nothing for a while.
    async fn stall(&mut self, wire: &mut Wire) -> std::io::Result<()> {
        let text = format!("\"{}\"", "x".repeat(ECHO_TEXT));
        for id in ECHO..ECHO + ECHOES {
            let mut frame = Vec::new();
            let call = RpcRequest { data: text.as_bytes(), method: "echo".into() };
            Command { id, what: Request::Rpc(call) }.append(wire.encoding, &mut frame);
            wire.say(&frame).await?;
        }
        let time = Duration::from_millis(self.random.up_to(STALL_MS_MAX));
        tokio::time::sleep(time).await;
        Ok(())
    }

    /// Whether something is to be done beside reading.
    fn look(&mut self, life: Life, begun: Instant) -> Option<End> {
        if self.open == 0 {
            if self.cut_in == life.number && !life.is_faulty {
                return Some(self.accuse("was cut, and nobody had killed the server"));
            }
            if !std::mem::replace(&mut self.has_joined, true) {
                self.field.join();
            }
        } else if ANSWER_TIME_MAX < begun.elapsed() && !life.is_faulty {
            return Some(self.accuse("was not answered, and the connection was there"));
        }
        if self.watch.phase() == Phase::GivenUp {
            return Some(End::Over);
        }
        let stage = self.stage.borrow();
        match &*stage {
            Stage::Torture => None,
            Stage::Leave => Some(End::Over),
            Stage::Calm(ends) => {
                let is_at_end = |(place, followed): (&Place, &Followed)| {
                    let end = usize::try_from(followed.channel).ok().and_then(|at| ends.get(at));
                    place.position.as_ref().map(|(_, offset)| offset) >= end
                };
                let has_all = self.places.iter().zip(&self.follower.followed).all(is_at_end);
                if self.open == 0 && has_all && !self.has_reached {
                    self.has_reached = true;
                    self.field.reach();
                }
                None
            }
        }
    }

    /// Takes a message; answers how many pings are in it.
    fn take(&mut self, message: &[u8]) -> Result<u32, String> {
        let (mut pings, before) = (0, self.count());
        for reply in Replies::new(self.manner.encoding, message) {
            let Reply { id, what } =
                reply.map_err(|error| format!("was sent no reply: {error}"))?;
            if let Answer::Connect(_) | Answer::Rpc(_) = what {
                continue;
            }
            if let Answer::Ping = what {
                pings += 1;
            } else if let Answer::Subscribe(result) = &what {
                self.resume(id, result)?;
            } else if let Answer::Push(push) = &what
                && let News::Publication(publication) = &push.what
            {
                self.note(&push.channel, publication)?;
            } else {
                return Err(format!("was told, as an answer to command {id} or unasked: {what:?}"));
            }
        }
        self.field.deliver(self.count() - before);
        Ok(pings)
    }

    fn count(&self) -> u64 {
        self.follower.followed.iter().map(|it| it.seen.len() as u64).sum()
    }

    /// A subscription was answered.
    fn resume(&mut self, id: u32, result: &SubscribeResult<'_>) -> Result<(), String> {
        let at = id.checked_sub(FIRST_SUBSCRIBE).and_then(|at| usize::try_from(at).ok());
        let place = at.and_then(|at| Some((at, self.places.get_mut(at)?)));
        let (at, place) = place.ok_or_else(|| format!("was answered {id}, which it never sent"))?;
        let epoch: Box<str> = result.epoch.as_ref().into();
        place.position = Some((epoch.clone(), place.asked.unwrap_or(result.offset)));
        self.follower.followed[at].resumes.push(Resume {
            from: place.asked,
            is_recovered: result.recovered,
            offset: result.offset,
            epoch,
        });
        self.open = self.open.saturating_sub(1);
        let name = place.name.clone();
        result.publications.iter().try_for_each(|publication| self.note(&name, publication))
    }

    /// A publication came.
    fn note(&mut self, channel: &str, publication: &Publication<'_>) -> Result<(), String> {
        let at = self.places.iter().position(|place| place.name == channel);
        let at = at.ok_or_else(|| format!("was told of `{channel}`, which it does not follow"))?;
        let offset = publication.offset;
        let Some((_, position)) = &mut self.places[at].position else {
            return Err(format!("was told of `{channel}` before its answer"));
        };
        *position = offset;
        let event = payload::written(self.field.ground.seed, offset, publication.data);
        self.follower.followed[at].seen.push((offset, event));
        Ok(())
    }

    fn accuse(&self, what: &str) -> End {
        self.field.ground.accuse(format!("{} {what}", self.follower.name));
        End::Over
    }
}

/// How the clients of a torture connect: in both encodings, with and without compression, and some behind a narrow pipe.
pub(super) fn manner(number: u32) -> Manner {
    let encoding = if number.is_multiple_of(2) { Encoding::Json } else { Encoding::Protobuf };
    let compression = if number % 4 < 2 { Compression::Off } else { Compression::On };
    Manner { number, encoding, compression, is_narrow: number.is_multiple_of(3) }
}
