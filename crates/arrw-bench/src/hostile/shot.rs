//! One request that no good client sends, what may come of it, and how such requests are fired.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::time::{sleep, timeout};

use super::answer::{self, Answer};
use super::ground::{ENDED, Ground, Held};
use super::limits::{LANES, SILENCE_MAX};

/// Room that is made for each read of an answer.
const READ_BYTES: usize = 16 * 1024;

/// A request on a connection of its own.
#[derive(Debug)]
pub(super) struct Shot {
    what: &'static str,
    parts: Vec<Part>,
    /// Statuses that are right, [`ENDED`] among them if it may be ended without an answer.
    answers: &'static [u16],
    /// How many answers to wait for.
    count: usize,
    /// The topic of its events, which is in the ledger.
    topic: Option<String>,
    end: End,
}

/// What is sent.
#[derive(Debug)]
enum Part {
    Once(Vec<u8>),
    /// The same bytes so many times.
    Again(Arc<[u8]>, u64),
}

/// What comes behind the last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The answer is waited for.
    Wait,
    /// The connection is closed for writing, and the answer waited for.
    Shut,
    /// The connection is closed.
    Leave,
}

impl Shot {
    /// A request that is answered with one of some statuses.
    pub(super) fn new(
        what: &'static str,
        bytes: impl Into<Vec<u8>>,
        answers: &'static [u16],
    ) -> Self {
        let parts = vec![Part::Once(bytes.into())];
        Self { what, parts, answers, count: 1, topic: None, end: End::Wait }
    }

    /// Goes on with these bytes, so many times.
    pub(super) fn again(mut self, bytes: &Arc<[u8]>, times: u64) -> Self {
        self.parts.push(Part::Again(Arc::clone(bytes), times));
        self
    }

    /// Goes on with these bytes.
    pub(super) fn then(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.parts.push(Part::Once(bytes.into()));
        self
    }

    /// Its events have this topic, which was entered in the ledger.
    pub(super) fn writes(mut self, topic: String) -> Self {
        self.topic = Some(topic);
        self
    }

    /// It is several requests.
    pub(super) fn of(mut self, requests: usize) -> Self {
        self.count = requests;
        self
    }

    /// Then the connection is closed for writing.
    pub(super) fn shut(mut self) -> Self {
        self.end = End::Shut;
        self
    }

    /// Then the connection is closed, and nobody hears the answer.
    pub(super) fn leave(mut self) -> Self {
        self.end = End::Leave;
        self
    }

    async fn send(&self, to: &mut WriteHalf<'_>) {
        for part in &self.parts {
            let (bytes, times): (&[u8], u64) = match part {
                Part::Once(bytes) => (bytes, 1),
                Part::Again(bytes, times) => (bytes, *times),
            };
            for _ in 0..times {
                // The server may have answered and ended the connection.
                if to.write_all(bytes).await.is_err() {
                    return;
                }
            }
        }
        if self.end == End::Shut {
            drop(to.shutdown().await);
        }
    }

    async fn fire_and_judge(self, ground: &Ground) {
        let Ok(mut stream) = ground.connect().await else { return };
        ground.asked(self.count);
        let (mut from, mut to) = stream.split();
        if self.end == End::Leave {
            let sent = timeout(SILENCE_MAX, self.send(&mut to)).await;
            if sent.is_err() {
                ground.accuse(&format!("{}: was neither taken in nor cut off", self.what));
            }
            return;
        }
        let hearing = hear(&mut from, self.count);
        let both = async { tokio::join!(self.send(&mut to), hearing).1 };
        match timeout(SILENCE_MAX, both).await {
            Ok(Ok(answers)) => self.judge(ground, &answers),
            Ok(Err(fault)) => ground.accuse(&format!("{}: {fault}", self.what)),
            Err(_) => ground.accuse(&format!("{}: was neither answered nor cut off", self.what)),
        }
    }

    fn judge(&self, ground: &Ground, answers: &[Answer]) {
        for answer in answers {
            ground.answered(self.what, Some(answer), self.answers);
        }
        let Some(first) = answers.first() else {
            return ground.answered(self.what, None, self.answers);
        };
        if let Some(topic) = &self.topic {
            ground.settle(self.what, topic, first);
        }
    }
}

/// Takes in answers, also when it is interrupted.
#[derive(Debug, Default)]
pub(super) struct Ear {
    heard: Vec<u8>,
}

impl Ear {
    /// The next answer; `None` when the connection ends without one.
    pub(super) async fn answer(
        &mut self,
        from: &mut ReadHalf<'_>,
    ) -> Result<Option<Answer>, String> {
        loop {
            if let Some((answer, bytes)) = answer::parse(&self.heard)? {
                self.heard.drain(..bytes);
                return Ok(Some(answer));
            }
            if !self.more(from).await {
                return match self.heard.is_empty() {
                    true => Ok(None),
                    false => Err("an answer was cut off".to_owned()),
                };
            }
        }
    }

    /// The status of an answer whose body has no end; `None` when the connection ends without one.
    pub(super) async fn status(&mut self, from: &mut ReadHalf<'_>) -> Result<Option<u16>, String> {
        loop {
            if let Some(status) = answer::parse_status(&self.heard)? {
                return Ok(Some(status));
            }
            if !self.more(from).await {
                return Ok(None);
            }
        }
    }

    async fn more(&mut self, from: &mut ReadHalf<'_>) -> bool {
        self.heard.reserve(READ_BYTES);
        from.read_buf(&mut self.heard).await.is_ok_and(|bytes| 0 < bytes)
    }
}

async fn hear(from: &mut ReadHalf<'_>, count: usize) -> Result<Vec<Answer>, String> {
    let (mut ear, mut answers) = (Ear::default(), Vec::new());
    while answers.len() < count {
        match ear.answer(from).await? {
            Some(answer) => answers.push(answer),
            None => break,
        }
    }
    Ok(answers)
}

/// Something that is sent, and of which is judged what comes of it.
pub(super) trait Fire: Send + 'static {
    /// Sends it, and judges what comes of it.
    fn fire(self, ground: &Ground) -> impl Future<Output = ()> + Send;
}

impl Fire for Shot {
    async fn fire(self, ground: &Ground) {
        self.fire_and_judge(ground).await;
    }
}

/// Makes a request of its own, with a topic that nobody else has.
pub(super) type Draft = fn(&Ground) -> Shot;

/// Fires each of some requests, from any of them on, and again and again until the time is over: each lane one every so often.
pub(super) async fn volley<T: Fire>(
    ground: Arc<Ground>,
    drafts: &'static [fn(&Ground) -> T],
    every: Duration,
) -> Held {
    let next = Arc::new(AtomicUsize::new(0));
    let begin = ground.below(drafts.len());
    let lane = |ground: Arc<Ground>, next: Arc<AtomicUsize>| async move {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if drafts.len() <= number && ground.is_over() {
                return;
            }
            drafts[(begin + number) % drafts.len()](&ground).fire(&ground).await;
            sleep(every).await;
        }
    };
    let lanes: Vec<_> =
        (0..LANES).map(|_| tokio::spawn(lane(Arc::clone(&ground), Arc::clone(&next)))).collect();
    for lane in lanes {
        if let Err(error) = lane.await {
            ground.accuse(&format!("the attack itself failed: {error}"));
        }
    }
    Held::new()
}

/// Right for what is refused by its form, by the server or already by HTTP.
pub(super) const REFUSED: &[u16] = &[400];
/// The same, when the server may also end the connection.
pub(super) const REFUSED_OR_ENDED: &[u16] = &[400, ENDED];
/// Right for what may be taken.
pub(super) const TAKEN: &[u16] = &[200];
