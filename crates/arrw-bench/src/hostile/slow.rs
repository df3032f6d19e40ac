//! Clients that take their time: heads and bodies byte by byte, connections that say nothing.

use std::sync::Arc;
use std::time::Instant;

use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::ground::{ENDED, Ground, Held};
use super::ledger::Form;
use super::limits::{DRIP_EVERY, HALF_OPEN, SILENCE_MAX, SLOW_BODIES, SLOW_HEADS};
use super::request::{JSON, NDJSON, chunked, event, head, promised};
use super::shot::Ear;

/// What a slow client does, again and again until the time is over.
#[derive(Debug)]
struct Slow {
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
    /// It says nothing more from the beginning.
    Now,
}

/// Makes a slow client of a number.
type Draft = fn(&Ground, usize) -> Slow;

/// Heads of requests, byte by byte: the server must end each at its deadline.
pub(super) async fn heads(ground: Arc<Ground>) -> Held {
    crowd(ground, SLOW_HEADS, |ground, _number| Slow {
        what: "a head byte by byte",
        begin: head(ground, "GET /livez", "x-slow: a")[..60].to_vec(),
        drip: (b"a", Until::Ended),
        answers: &[408, ENDED],
        topic: None,
    })
    .await
}

/// Bodies that come slowly, and those that stop.
pub(super) async fn bodies(ground: Arc<Ground>) -> Held {
    crowd(ground, SLOW_BODIES, |ground, number| {
        let until = if number.is_multiple_of(2) { Until::Over } else { Until::Now };
        let (form, most) = if number % 4 < 2 { (Form::Whole, 0) } else { (Form::Lines, 1) };
        let topic = ground.enter(form, most);
        let event = event(&topic, 1);
        let bytes = 1_000_000;
        let (begin, drip): (_, &[u8]) = match number % 4 {
            0 | 1 => (promised(ground, JSON, bytes), b" "),
            _ => (chunked(ground, NDJSON), b"1\r\n \r\n"),
        };
        let body = match form {
            Form::Whole => event,
            Form::Lines => format!("{:x}\r\n{event}\n\r\n", event.len() + 1),
        };
        let begin = [begin, body.into_bytes()].concat();
        let what = "a body byte by byte";
        Slow { what, begin, drip: (drip, until), answers: &[408], topic: Some(topic) }
    })
    .await
}

/// Connections that say nothing, or not enough.
pub(super) async fn half_open(ground: Arc<Ground>) -> Held {
    crowd(ground, HALF_OPEN, |_ground, number| {
        let begin: &[u8] = match number % 3 {
            0 => b"",
            1 => b"\r\n",
            // The beginning of a hello of TLS.
            _ => b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        };
        let what = "half a connection";
        let drip: (&[u8], Until) = (b"", Until::Now);
        Slow { what, begin: begin.to_vec(), drip, answers: &[400, 408, ENDED], topic: None }
    })
    .await
}

/// So many slow clients at once, each anew when the server has ended it.
async fn crowd(ground: Arc<Ground>, count: usize, draft: Draft) -> Held {
    let one = |ground: Arc<Ground>, number: usize| async move {
        loop {
            let slow = draft(&ground, number);
            slow.run(&ground).await;
            if ground.is_over() {
                return;
            }
        }
    };
    let tasks: Vec<_> =
        (0..count).map(|number| tokio::spawn(one(Arc::clone(&ground), number))).collect();
    for task in tasks {
        if let Err(error) = task.await {
            ground.accuse(&format!("the attack itself failed: {error}"));
        }
    }
    Held::new()
}

impl Slow {
    async fn run(&self, ground: &Ground) {
        let Ok(mut stream) = ground.connect().await else {
            // The system has no place for it: that is none of the server's doing.
            tokio::time::sleep(DRIP_EVERY).await;
            return;
        };
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
                Until::Now => false,
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
