//! Readers that ask for much and read nothing, and streams beyond what there may be.

use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use super::ground::{ENDED, Ground, Held, crowd};
use super::ledger::Form;
use super::limits::{
    BALLAST_BYTES, BALLAST_EVENTS, BEYOND, BURST_EVERY, HELD, READERS_EVERY, RECEIVE_BYTES,
    SILENCE_MAX, SLOW_READERS, STREAMS,
};
use super::request::{JSON, event_with, get, publish};
use super::shot::{Ear, Fire, Shot, TAKEN};

/// Pages that one connection asks for at once: what the system takes in for it is far less.
const PAGES: usize = 4;

/// Connections that are owed pages of 4 MiB, or a stream of as much, and read nothing. They stay open: that
/// the server lets go of them is looked at behind the attack.
pub(super) async fn slow(ground: Arc<Ground>) -> Held {
    let text = "x".repeat(BALLAST_BYTES);
    for _ in 0..BALLAST_EVENTS {
        let topic = ground.enter(Form::Whole, 1);
        let event = event_with(&topic, &format!(r#""id":1,"text":"{text}""#));
        // One by one, so that nobody waits for a large write: what is measured is what comes of the readers.
        let shot = Shot::new("ballast", publish(&ground, JSON, event), TAKEN).writes(topic);
        shot.fire(&ground).await;
        sleep(BURST_EVERY).await;
    }
    let filter = "filter=hostile.slow-reader.*";
    let pages = get(&ground, &format!("/v1/events?{filter}&limit=1000")).repeat(PAGES);
    let stream = get(&ground, &format!("/v1/events/stream?{filter}&after=earliest"));
    let mut held = Held::new();
    while !ground.is_over() || held.is_empty() {
        for number in 0..SLOW_READERS {
            let request = if number.is_multiple_of(2) { &pages } else { &stream };
            match reader(&ground, request).await {
                Ok(stream) => held.push(stream),
                Err(error) => ground.accuse(&format!("a slow reader cannot begin: {error}")),
            }
        }
        sleep(READERS_EVERY).await;
    }
    held
}

/// A connection with little room for what comes.
async fn reader(ground: &Ground, request: &[u8]) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(RECEIVE_BYTES)?;
    let mut stream = socket.connect(ground.address).await?;
    ground.connected();
    // One that is turned away may be cut off here; it is as silent as the others.
    drop(stream.write_all(request).await);
    ground.asked(1);
    Ok(stream)
}

/// Opens more streams than there may be, holds them unread, and lets go of them.
pub(super) async fn streams(ground: Arc<Ground>) -> Held {
    loop {
        crowd(Arc::clone(&ground), STREAMS + BEYOND, |ground, _number| async move {
            let held = stream(&ground).await;
            sleep(HELD).await;
            drop(held);
        })
        .await;
        if ground.is_over() {
            return Held::new();
        }
    }
}

/// A stream of what the good clients publish, if there is a place for it.
async fn stream(ground: &Ground) -> Option<TcpStream> {
    const WHAT: &str = "a stream";
    let mut stream = ground.connect().await.ok()?;
    let (mut from, mut to) = stream.split();
    drop(to.write_all(&get(ground, "/v1/events/stream?filter=good.%3E")).await);
    ground.asked(1);
    let mut ear = Ear::default();
    let status = match timeout(SILENCE_MAX, ear.status(&mut from)).await {
        Ok(Ok(status)) => status,
        Ok(Err(fault)) => {
            ground.accuse(&format!("{WHAT}: {fault}"));
            return None;
        }
        Err(_) => {
            ground.accuse(&format!("{WHAT}: was neither answered nor cut off"));
            return None;
        }
    };
    ground.answered_with(WHAT, status.unwrap_or(ENDED), &[200, 503, ENDED]);
    (status == Some(200)).then_some(stream)
}
