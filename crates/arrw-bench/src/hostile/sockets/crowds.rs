//! Many WebSockets at once: that say nothing, answer nothing, read nothing, or come and go.

use std::sync::Arc;

use arrw_wire::centrifuge::{
    Command, ConnectRequest, Encoding, Request, RpcRequest, SubscribeRequest,
};
use arrw_wire::websocket::Compression;
use tokio::time::sleep;

use super::super::ground::{ENDED, Ground, Held, crowd};
use super::super::limits::{
    ADDRESS_CONNECTIONS, BEYOND, BURST, BURST_EVERY, CONNECTIONS, HELD, IDLE_SOCKETS, PUBLISHERS,
    READERS_EVERY, SLOW_HEADS, SLOW_READERS,
};
use super::super::shot::Fire;
use super::super::slow::Slow;
use super::commands::silent;
use super::strike::Strike;
use crate::wire::{Cut, Heard, Manner, Wire};

/// The status of a connection for which there is no room.
const NO_ROOM: u16 = 503;
/// Characters that a slow reader has come back to it, and how often.
const ECHO_TEXT: usize = 60_000;
const ECHOES: u32 = 8;

/// Upgraded, and nothing more.
pub(super) async fn idle(ground: Arc<Ground>) -> Held {
    loop {
        crowd(Arc::clone(&ground), IDLE_SOCKETS, |ground, number| async move {
            silent(number).fire(&ground).await;
        })
        .await;
        if ground.is_over() {
            return Held::new();
        }
    }
}

/// Requests for a WebSocket, byte by byte.
pub(super) async fn upgrades(ground: Arc<Ground>) -> Held {
    crowd(ground, SLOW_HEADS, |ground, _number| async move {
        loop {
            let begin = b"GET /connection/websocket HTTP/1.1\r\nhost: localhost\r\n\
                upgrade: websocket\r\nconnection: upgrade\r\nx-slow: ";
            Slow::dripping("a request for a WebSocket", begin, &[408, ENDED]).run(&ground).await;
            if ground.is_over() {
                return;
            }
            sleep(HELD).await;
        }
    })
    .await;
    Held::new()
}

/// Answers no ping.
pub(super) async fn no_pongs(ground: Arc<Ground>) -> Held {
    loop {
        crowd(Arc::clone(&ground), IDLE_SOCKETS, |ground, number| async move {
            let strike = Strike::new("a client that answers no ping", Vec::new(), &[3012]);
            strike.without_pongs().from(number).fire(&ground).await;
        })
        .await;
        if ground.is_over() {
            return Held::new();
        }
    }
}

/// More WebSockets than the server may have, from several addresses.
pub(super) async fn too_many(ground: Arc<Ground>) -> Held {
    loop {
        crowd(Arc::clone(&ground), CONNECTIONS + BEYOND, one_of_too_many).await;
        if ground.is_over() {
            return Held::new();
        }
        // Others may come in here.
        sleep(HELD).await;
    }
}

/// More WebSockets than one address may have.
pub(super) async fn of_one_address(ground: Arc<Ground>) -> Held {
    loop {
        crowd(Arc::clone(&ground), ADDRESS_CONNECTIONS + BEYOND, |ground, _number| {
            one_of_too_many(ground, 5)
        })
        .await;
        if ground.is_over() {
            return Held::new();
        }
        sleep(HELD).await;
    }
}

async fn one_of_too_many(ground: Arc<Ground>, number: usize) {
    let opened = Wire::open(ground.address, manner(number)).await;
    let right = &[NO_ROOM, ENDED, 3012];
    match opened {
        Ok(mut wire) => {
            ground.connected();
            let (mut frame, connect) = (Vec::new(), ConnectRequest::default());
            Command { id: 1, what: Request::Connect(connect) }.append(wire.encoding, &mut frame);
            drop(wire.say(&frame).await);
            // It answers no ping, and is ended for that.
            let code = loop {
                match wire.hear(&mut frame).await {
                    Ok(Heard::Closed(code)) => break code.unwrap_or(ENDED),
                    Ok(Heard::Message) => (),
                    Err(_) => break ENDED,
                }
            };
            ground.answered_with("one WebSocket of too many", code, right);
        }
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            ground.connected();
            ground.answered_with("one WebSocket of too many", NO_ROOM, right);
        }
        Err(_) => ground.answered_with("one WebSocket of too many", ENDED, right),
    }
}

fn manner(number: usize) -> Manner {
    let number = u32::try_from(number).unwrap_or(0);
    let encoding = if number.is_multiple_of(2) { Encoding::Json } else { Encoding::Protobuf };
    Manner { number, encoding, compression: Compression::Off, is_narrow: false }
}

/// Connects and subscribes to much, is gone at once, and comes back.
pub(super) async fn storm(ground: Arc<Ground>) -> Held {
    let mut number = 0;
    loop {
        for _ in 0..BURST / 2 {
            number += 1;
            if let Ok(mut wire) = Wire::open(ground.address, manner(number)).await {
                ground.connected();
                ground.asked(1);
                drop(wire.say(&join(wire.encoding)).await);
                wire.cut(if number.is_multiple_of(3) { Cut::End } else { Cut::Reset });
            } else {
                ground.unreached();
            }
        }
        if ground.is_over() {
            return Held::new();
        }
        sleep(BURST_EVERY * 2).await;
    }
}

/// Connect, and the channels of the good publishers from their beginning.
fn join(encoding: Encoding) -> Vec<u8> {
    let mut frame = Vec::new();
    let connect = ConnectRequest::default();
    Command { id: 1, what: Request::Connect(connect) }.append(encoding, &mut frame);
    for number in 1..=PUBLISHERS {
        let channel = format!("good.{number}").into();
        let subscribe = SubscribeRequest { channel, recover: true, ..Default::default() };
        Command { id: 2, what: Request::Subscribe(subscribe) }.append(encoding, &mut frame);
    }
    frame
}

/// Follows busy channels from their beginning, has much come back to it as well, and reads nothing. They stay open: that the server
/// lets go of them is looked at behind the attack.
pub(super) async fn slow(ground: Arc<Ground>) -> Held {
    let mut held = Held::new();
    while !ground.is_over() || held.is_empty() {
        for number in 0..SLOW_READERS {
            let manner = Manner { is_narrow: true, ..manner(number) };
            let Ok(mut wire) = Wire::open(ground.address, manner).await else {
                ground.unreached();
                continue;
            };
            ground.connected();
            ground.asked(1);
            let join = join(wire.encoding);
            drop(wire.say(&join).await);
            let text = format!("\"{}\"", "x".repeat(ECHO_TEXT));
            for id in 0..ECHOES {
                let mut frame = Vec::new();
                let call = RpcRequest { data: text.as_bytes(), method: "echo".into() };
                Command { id: 10 + id, what: Request::Rpc(call) }.append(wire.encoding, &mut frame);
                drop(wire.say(&frame).await);
            }
            held.push(wire.into_stream());
        }
        sleep(READERS_EVERY).await;
    }
    held
}
