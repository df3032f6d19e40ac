//! Clients that take their time: heads and bodies byte by byte, connections that say nothing.

use std::sync::Arc;
use std::time::Instant;

use tokio::io::AsyncWriteExt;
use tokio::time::{sleep, timeout};

use super::ground::{ENDED, Ground, Held, crowd};
use super::ledger::Form;
use super::limits::{
    DRIP_EVERY, HALF_OPEN, HELD, POKE_AFTER, SILENCE_MAX, SLOW_BODIES, SLOW_HEADS,
};
use super::request::{JSON, NDJSON, chunk, chunked, event, promised};
use super::shot::Ear;

/// What a slow client does, again and again until the time is over.
#[derive(Debug)]
pub(super) struct Slow {
    what: &'static str,
    /// What is sent at once.
    begin: Vec<u8>,
    /// What comes now and then behind it, and until when.
    drip: (&'static [u8], Until),
    /// Statuses that are right, 0 for an end without an answer.
    answers: &'static [u16],
    /// The topic of its events.
    topic: Option<String>,
}

/// How long a slow client goes on to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    /// Until the server ends it, which it must by itself.
    Ended,
    /// Until the time is over: it keeps to all deadlines. Then it says nothing more.
    Over,
    /// It says nothing from the beginning, until it must have been ended long ago.
    Now,
}

/// Heads of requests, byte by byte: the server must end each at its deadline.
pub(super) async fn heads(ground: Arc<Ground>) -> Held {
    crowd(ground, SLOW_HEADS, |ground, _number| async move {
        again_and_again(&ground, || Slow {
            what: "a head byte by byte",
            begin: b"GET /livez HTTP/1.1\r\nhost: localhost\r\nx-slow: ".to_vec(),
            drip: (b"a", Until::Ended),
            answers: &[408, ENDED],
            topic: None,
        })
        .await;
    })
    .await;
    Held::new()
}

/// Bodies that come slowly, and those that stop.
pub(super) async fn bodies(ground: Arc<Ground>) -> Held {
    crowd(ground, SLOW_BODIES, |ground, number| async move {
        again_and_again(&ground, || body(&ground, number)).await;
    })
    .await;
    Held::new()
}

/// A body of an event, or of lines of which the first is one, that does not come to its end.
fn body(ground: &Ground, number: usize) -> Slow {
    let until = if number.is_multiple_of(2) { Until::Over } else { Until::Now };
    let is_lines = 2 <= number % 4;
    let (form, most) = if is_lines { (Form::Lines, 1) } else { (Form::Whole, 0) };
    let topic = ground.enter(form, most);
    let event = event(&topic, 1);
    let (begin, drip): (Vec<u8>, &[u8]) = if is_lines {
        ([chunked(ground, NDJSON), chunk(event + "\n")].concat(), b"1\r\n \r\n")
    } else {
        ([promised(ground, JSON, 1_000_000), event.into_bytes()].concat(), b" ")
    };
    let what = "a body byte by byte";
    Slow { what, begin, drip: (drip, until), answers: &[408], topic: Some(topic) }
}

/// Connections that say nothing, or not enough.
pub(super) async fn half_open(ground: Arc<Ground>) -> Held {
    crowd(ground, HALF_OPEN, |ground, number| async move {
        let begin: &[u8] = match number % 3 {
            0 => b"",
            1 => b"\r\n",
            // The beginning of a hello of TLS.
            _ => b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        };
        let slow = || Slow::silent("half a connection", begin, &[400, 408, ENDED]);
        again_and_again(&ground, slow).await;
    })
    .await;
    Held::new()
}

/// A slow client, anew when the server has ended it, until the time is over.
async fn again_and_again(ground: &Ground, draft: impl Fn() -> Slow) {
    loop {
        draft().run(ground).await;
        if ground.is_over() {
            return;
        }
        sleep(HELD).await;
    }
}

impl Slow {
    /// One that says nothing behind its beginning.
    pub(super) fn silent(what: &'static str, begin: &[u8], answers: &'static [u16]) -> Self {
        let drip = (&b"\r\n"[..], Until::Now);
        Self { what, begin: begin.to_vec(), drip, answers, topic: None }
    }

    /// One that goes on byte by byte until the server ends it.
    pub(super) fn dripping(what: &'static str, begin: &[u8], answers: &'static [u16]) -> Self {
        Self { what, begin: begin.to_vec(), drip: (b"a", Until::Ended), answers, topic: None }
    }

    /// Goes on until the server has answered it or ended its connection, as it must.
    pub(super) async fn run(&self, ground: &Ground) {
        let Ok(mut stream) = ground.connect().await else { return };
        let (mut from, mut to) = stream.split();
        // The server may have turned it away already.
        drop(to.write_all(&self.begin).await);
        ground.asked(1);
        let (bytes, until) = self.drip;
        let (mut ear, mut since) = (Ear::default(), Instant::now());
        let heard = loop {
            if let Ok(heard) = timeout(DRIP_EVERY, ear.answer(&mut from)).await {
                break heard;
            }
            let drips = match until {
                Until::Ended => true,
                Until::Over => !ground.is_over(),
                Until::Now => POKE_AFTER < since.elapsed(),
            };
            if drips {
                drop(to.write_all(bytes).await);
            }
            if drips && until == Until::Over {
                since = Instant::now();
            }
            if SILENCE_MAX < since.elapsed() {
                let waited = SILENCE_MAX.as_secs();
                return ground.accuse(&format!("{}: was not ended for {waited} s", self.what));
            }
        };
        let answer = match heard {
            Ok(answer) => answer,
            Err(fault) => return ground.accuse(&format!("{}: {fault}", self.what)),
        };
        ground.answered(self.what, answer.as_ref(), self.answers);
        if let (Some(topic), Some(answer)) = (&self.topic, &answer) {
            ground.settle(self.what, topic, answer);
        }
    }
}
