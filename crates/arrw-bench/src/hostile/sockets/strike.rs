//! One WebSocket of a client that means harm: what it sends, and what may come of it.

use std::io::{self, ErrorKind};
use std::time::Duration;

use arrw_wire::centrifuge::{Answer, Command, ConnectRequest, Encoding, Replies, Request};
use arrw_wire::websocket::{Compression, Head, Opcode, write};
use tokio::time::timeout;

use super::super::ground::{ENDED, Ground};
use super::super::limits::SILENCE_MAX;
use super::super::shot::Fire;
use crate::wire::{Heard, Manner, Wire};

/// What frames are masked with.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
/// Stands for a command that was answered with a result.
pub(super) const TAKEN: u16 = 200;
/// Stands for a close without a code.
const NO_CODE: u16 = 1005;

/// How far a connection is before the harm begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// There is a WebSocket.
    Upgraded,
    /// The connect command was sent as well.
    Connected,
}

/// What one client sends.
#[derive(Debug)]
pub(super) struct Strike {
    what: &'static str,
    opening: Opening,
    manner: Manner,
    bytes: Vec<u8>,
    times: u32,
    /// Codes of errors and closes that are right, [`TAKEN`] for a result, [`ENDED`] for an end without a code.
    right: &'static [u16],
    /// How many answers to wait for; 0 for the end of the connection.
    answers: usize,
    answers_pings: bool,
}

impl Strike {
    /// Sends these bytes once it is connected; the server ends the connection with one of these codes.
    pub(super) fn new(what: &'static str, bytes: Vec<u8>, right: &'static [u16]) -> Self {
        let manner = Manner {
            number: 0,
            encoding: Encoding::Json,
            compression: Compression::Off,
            is_narrow: false,
        };
        let (opening, times, answers) = (Opening::Connected, 1, 0);
        Self { what, opening, manner, bytes, times, right, answers, answers_pings: true }
    }

    /// Sends them before the connect command.
    pub(super) fn early(self) -> Self {
        Self { opening: Opening::Upgraded, ..self }
    }

    /// By the protocol in Protobuf.
    pub(super) fn protobuf(mut self) -> Self {
        self.manner.encoding = Encoding::Protobuf;
        self
    }

    /// On a connection that takes compressed messages.
    pub(super) fn compressed(mut self) -> Self {
        self.manner.compression = Compression::On;
        self
    }

    /// From an address that follows from a number.
    pub(super) fn from(mut self, number: usize) -> Self {
        self.manner.number = u32::try_from(number).unwrap_or(0);
        self
    }

    /// Sends them so many times, or until the connection is ended.
    pub(super) fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }

    /// It is done when so many commands were answered.
    pub(super) fn answered(self, answers: usize) -> Self {
        Self { answers, ..self }
    }

    /// Answers no ping.
    pub(super) fn without_pongs(self) -> Self {
        Self { answers_pings: false, ..self }
    }

    async fn play(&self, ground: &Ground, wire: &mut Wire) {
        if self.opening == Opening::Connected {
            let (mut frame, connect) = (Vec::new(), ConnectRequest::default());
            Command { id: 1, what: Request::Connect(connect) }.append(wire.encoding, &mut frame);
            drop(wire.say(&frame).await);
        }
        let (mut message, mut count) = (Vec::new(), 0);
        for _ in 0..self.times {
            // The server may have ended the connection.
            if wire.send_bytes(&self.bytes).await.is_err() {
                break;
            }
            while let Ok(heard) = timeout(Duration::ZERO, wire.hear(&mut message)).await {
                if self.take(ground, wire, (heard, &message), &mut count).await {
                    return;
                }
            }
        }
        loop {
            let heard = wire.hear(&mut message).await;
            if self.take(ground, wire, (heard, &message), &mut count).await {
                return;
            }
        }
    }

    /// Judges what was heard; true when nothing more is waited for.
    async fn take(
        &self,
        ground: &Ground,
        wire: &mut Wire,
        (heard, message): (io::Result<Heard>, &[u8]),
        count: &mut usize,
    ) -> bool {
        match heard {
            Ok(Heard::Closed(code)) => {
                ground.answered_with(self.what, code.unwrap_or(NO_CODE), self.right);
                return true;
            }
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                ground.accuse(&format!("{}: was sent what is no WebSocket: {error}", self.what));
                return true;
            }
            Err(_ended) => {
                ground.answered_with(self.what, ENDED, self.right);
                return true;
            }
            Ok(Heard::Message) => (),
        }
        for reply in Replies::new(wire.encoding, message) {
            let what = match reply {
                Ok(reply) => reply.what,
                Err(error) => {
                    ground.accuse(&format!("{}: was sent no reply: {error}", self.what));
                    return true;
                }
            };
            if what == Answer::Ping && self.answers_pings {
                drop(wire.answer_ping().await);
            }
            if let Answer::Ping | Answer::Push(_) | Answer::Connect(_) = what {
                continue;
            }
            let told = if let Answer::Error(error) = what {
                u16::try_from(error.code).unwrap_or(u16::MAX)
            } else {
                TAKEN
            };
            ground.answered_with(self.what, told, self.right);
            *count += 1;
        }
        self.answers != 0 && self.answers <= *count
    }
}

impl Fire for Strike {
    async fn fire(self, ground: &Ground) {
        let opened = Wire::open(ground.address, self.manner).await;
        let Ok(mut wire) = opened else {
            // Beside many others there may be no room.
            return ground.unreached();
        };
        ground.connected();
        ground.asked(1);
        if timeout(SILENCE_MAX, self.play(ground, &mut wire)).await.is_err() {
            ground.accuse(&format!("{}: was neither answered nor ended", self.what));
        }
    }
}

/// A message of text in one frame.
pub(super) fn text(payload: &str) -> Vec<u8> {
    frame(Head::whole(Opcode::Text), payload.as_bytes())
}

/// A message of bytes in one frame.
pub(super) fn binary(payload: &[u8]) -> Vec<u8> {
    frame(Head::whole(Opcode::Binary), payload)
}

/// A frame.
pub(super) fn frame(head: Head, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 16);
    write::masked_frame(head, MASK, payload, &mut out);
    out
}
