//! A client that keeps to the protocol, and holds the server to it.

#![expect(clippy::wildcard_enum_match_arm, reason = "whatever else comes is wrong")]

use std::collections::BTreeMap;
use std::sync::Arc;

use arrw_wire::centrifuge::{
    Answer, Command, ConnectRequest, Encoding, News, Replies, Reply, Request, SubscribeRequest,
    SubscribeResult,
};
use arrw_wire::websocket::deflate::Inflater;
use arrw_wire::websocket::{Compression, Event, Head, Opcode, Peer, Reader, write};
use tokio::time::Instant;

use super::wire::Wire;

/// Where it is in a channel.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    pub(super) offset: u64,
    epoch: String,
    /// True once the server has answered that it is subscribed.
    is_subscribed: bool,
}

/// A client, over one connection after the other.
pub(super) struct Client {
    pub(super) number: u64,
    encoding: Encoding,
    pub(super) places: BTreeMap<String, Place>,
    /// The connection that it has.
    pub(super) line: Option<Line>,
    /// It answers no pings.
    pub(super) is_mute: bool,
    /// It takes nothing.
    pub(super) is_stalled: bool,
    /// When it last left something unread.
    pub(super) behind_at: Option<Instant>,
    pub(super) recovered: u64,
}

/// A connection as its client has it.
pub(super) struct Line {
    pub(super) wire: Arc<Wire>,
    reader: Reader,
    received: Vec<u8>,
    gathered: Vec<u8>,
    is_connected: bool,
}

impl Client {
    pub(super) fn new(number: u64, encoding: Encoding, channels: Vec<String>) -> Self {
        let places = channels.into_iter().map(|channel| (channel, Place::default())).collect();
        let (line, is_mute, is_stalled, recovered) = (None, false, false, 0);
        Self { number, encoding, places, line, is_mute, is_stalled, behind_at: None, recovered }
    }

    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Begins anew over a wire, and asks to be connected.
    pub(super) fn connect(&mut self, wire: Arc<Wire>) {
        self.places.values_mut().for_each(|place| place.is_subscribed = false);
        let reader = Reader::new(Peer::Server, Compression::Off, 1 << 20);
        let (received, gathered) = (Vec::new(), Vec::new());
        self.line = Some(Line { wire, reader, received, gathered, is_connected: false });
        self.say(&[Command { id: 1, what: Request::Connect(ConnectRequest::default()) }]);
    }

    /// Sends commands as one frame.
    pub(super) fn say(&self, commands: &[Command<'_>]) {
        let mut payload = Vec::new();
        commands.iter().for_each(|command| command.append(self.encoding, &mut payload));
        let opcode = match self.encoding {
            Encoding::Json => Opcode::Text,
            Encoding::Protobuf => Opcode::Binary,
        };
        let mut frame = Vec::new();
        write::masked_frame(Head::whole(opcode), [7, 1, 3, 5], &payload, &mut frame);
        self.line.iter().for_each(|line| line.wire.send(&frame));
    }

    /// Takes up to so many bytes of what came; answers the code of the close, when that was among it.
    ///
    /// # Errors
    /// What the server did that it must not.
    pub(super) fn take(
        &mut self,
        max: usize,
        payload: &impl Fn(&str, u64) -> Vec<u8>,
    ) -> Result<Option<u16>, String> {
        let Some(mut line) = self.line.take() else { return Ok(None) };
        line.received.extend(line.wire.take(max));
        if line.wire.has_more() {
            self.behind_at = Some(Instant::now());
        }
        let mut received = std::mem::take(&mut line.received);
        let mut inflater = Inflater::default();
        let (mut consumed, mut messages, mut closed) = (0, Vec::new(), None);
        loop {
            let read =
                line.reader.next(&mut received[consumed..], &mut line.gathered, &mut inflater);
            let read = read.map_err(|violation| format!("the server: {violation}"))?;
            consumed += read.consumed;
            match read.event {
                Event::More(_) => break,
                Event::Text(text) => messages.push(text.as_bytes().to_vec()),
                Event::Binary(bytes) => messages.push(bytes.to_vec()),
                Event::Ping(_) | Event::Pong(_) => (),
                Event::Close(close) => closed = Some(close.code.unwrap_or(1005)),
            }
        }
        line.received = received.split_off(consumed);
        self.line = Some(line);
        for message in messages {
            for reply in Replies::new(self.encoding, &message) {
                let reply = reply.map_err(|error| format!("a reply: {error}"))?;
                self.hear(&reply, payload)?;
            }
        }
        Ok(closed)
    }

    fn hear(
        &mut self,
        reply: &Reply<'_>,
        payload: &impl Fn(&str, u64) -> Vec<u8>,
    ) -> Result<(), String> {
        match &reply.what {
            Answer::Ping if self.is_mute => Ok(()),
            Answer::Ping => {
                self.say(&[Command { id: 0, what: Request::Pong }]);
                Ok(())
            }
            Answer::Connect(_) => {
                self.subscribe();
                Ok(())
            }
            Answer::Subscribe(result) => self.subscribed(reply.id, result),
            Answer::Publish => Ok(()),
            Answer::Push(push) => match &push.what {
                News::Publication(publication) => {
                    let place = self.places.get_mut(&*push.channel);
                    let place = place.ok_or(format!("{} was not asked for", push.channel))?;
                    if !place.is_subscribed {
                        return Err(format!("{} before its answer", push.channel));
                    }
                    if publication.offset != place.offset + 1 {
                        let (came, was) = (publication.offset, place.offset);
                        return Err(format!("{}: {came} came behind {was}", push.channel));
                    }
                    place.offset = publication.offset;
                    if *publication.data != payload(&push.channel, place.offset) {
                        return Err(format!("{}: {} is another", push.channel, place.offset));
                    }
                    Ok(())
                }
                other => Err(format!("nobody wanted {other:?}")),
            },
            other => Err(format!("nobody asked for {other:?}")),
        }
    }

    /// Subscribes to all its channels, from where it is in each.
    fn subscribe(&mut self) {
        self.line.iter_mut().for_each(|line| line.is_connected = true);
        let commands = self.places.iter().zip(10..).map(|((channel, place), id)| {
            let request = SubscribeRequest {
                channel: channel.into(),
                recover: !place.epoch.is_empty(),
                epoch: (&*place.epoch).into(),
                offset: place.offset,
                ..SubscribeRequest::default()
            };
            Command { id, what: Request::Subscribe(request) }
        });
        let commands: Vec<_> = commands.collect();
        self.say(&commands);
    }

    fn subscribed(&mut self, id: u32, result: &SubscribeResult<'_>) -> Result<(), String> {
        let at = usize::try_from(id).map_err(|error| error.to_string())? - 10;
        let (channel, place) = self.places.iter_mut().nth(at).ok_or("an answer to nothing")?;
        place.is_subscribed = true;
        if place.epoch.is_empty() {
            place.offset = result.offset;
        } else {
            if !result.recovered {
                return Err(format!("{channel} was not recovered from {}", place.offset));
            }
            self.recovered += 1;
        }
        place.epoch = result.epoch.clone().into_owned();
        Ok(())
    }

    /// True when it has all of each channel.
    pub(super) fn has_all(&self, ends: &BTreeMap<String, u64>) -> bool {
        let has = |(channel, place): (&String, &Place)| {
            place.is_subscribed && place.offset == ends[channel]
        };
        self.line.is_some() && self.places.iter().all(has)
    }

    pub(super) fn is_subscribed(&self) -> bool {
        self.line.is_some() && self.places.values().all(|place| place.is_subscribed)
    }
}
