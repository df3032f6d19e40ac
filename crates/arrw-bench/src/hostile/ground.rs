//! What those who take part in an attack have in common: where the server is, how long to go on, what was seen.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpStream;
use tokio::time::sleep;

use super::answer::Answer;
use super::ledger::{Form, Ledger};
use super::limits::{BURST, BURST_EVERY, FAULTS_TOLD};
use crate::random::Random;

/// Runs so many of a client at once, begun in bursts, to their ends.
pub(super) async fn crowd<F>(ground: Arc<Ground>, count: usize, client: fn(Arc<Ground>, usize) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut tasks = Vec::with_capacity(count);
    for number in 0..count {
        tasks.push(tokio::spawn(client(Arc::clone(&ground), number)));
        if number % BURST == BURST - 1 {
            sleep(BURST_EVERY).await;
        }
    }
    for task in tasks {
        if let Err(error) = task.await {
            ground.accuse(&format!("the attack itself failed: {error}"));
        }
    }
}

/// Connections that stay open until the server has let go of them.
pub(super) type Held = Vec<TcpStream>;

/// Stands for the status of a connection that was ended without an answer.
pub(super) const ENDED: u16 = 0;

/// The refusals of a connection, and of a stream, for which there is no room: any request may get them.
const NO_ROOM: &[&str] = &["ARW0025", "ARW0019"];

/// One attack under way.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) address: SocketAddr,
    /// Of the log, for positions that are right but for their number.
    pub(super) epoch: String,
    attack: &'static str,
    is_over: AtomicBool,
    random: Mutex<Random>,
    ledger: Arc<Ledger>,
    seen: Mutex<Seen>,
}

/// What an attack saw.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Connections that were made, and those that could not be.
    pub(super) connections: u64,
    pub(super) unreached: u64,
    /// Requests of which something was sent.
    pub(super) requests: u64,
    /// Answers by status, [`ENDED`] for connections that were ended without one.
    pub(super) answers: BTreeMap<u16, u64>,
    /// What the server did that it must not: the first ones, and how many there were.
    pub(super) faults: Vec<String>,
    pub(super) fault_count: u64,
}

impl Seen {
    /// Adds what another attack saw.
    pub(super) fn add(&mut self, other: Self) {
        let Self { connections, unreached, requests, answers, faults, fault_count } = other;
        self.connections += connections;
        self.unreached += unreached;
        self.requests += requests;
        for (status, count) in answers {
            *self.answers.entry(status).or_default() += count;
        }
        self.faults.extend(faults);
        self.fault_count += fault_count;
    }

    /// Why it proves nothing, if so: nobody was reached, or not all of these statuses were seen.
    pub(super) fn is_too_little(&self, attack: &str, proof: &[u16]) -> Option<String> {
        if self.connections == 0 {
            return Some(format!("{attack}: the server was never reached"));
        }
        let missing: Vec<&u16> =
            proof.iter().filter(|status| !self.answers.contains_key(status)).collect();
        (!missing.is_empty()).then(|| format!("{attack}: was never answered with {missing:?}"))
    }
}

impl Ground {
    pub(super) fn new(
        (address, epoch): (SocketAddr, &str),
        attack: &'static str,
        random: Random,
        ledger: &Arc<Ledger>,
    ) -> Self {
        let (epoch, is_over) = (epoch.to_owned(), AtomicBool::new(false));
        let (random, ledger) = (Mutex::new(random), Arc::clone(ledger));
        Self { address, epoch, attack, is_over, random, ledger, seen: Mutex::default() }
    }

    /// True when the time of the attack is over.
    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// The time is over: what was begun comes to its end, and nothing new begins.
    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// A number below `end`, which is not 0.
    pub(super) fn below(&self, end: usize) -> usize {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        usize::try_from(random.below(end as u64)).unwrap_or_default()
    }

    /// A connection to the server.
    pub(super) async fn connect(&self) -> io::Result<TcpStream> {
        let connected = TcpStream::connect(self.address).await;
        let mut seen = self.lock();
        match connected {
            Ok(_) => seen.connections += 1,
            Err(_) => seen.unreached += 1,
        }
        drop(seen);
        connected
    }

    /// Counts a connection that was made otherwise.
    pub(super) fn connected(&self) {
        self.lock().connections += 1;
    }

    /// Counts a connection that could not be made otherwise.
    pub(super) fn unreached(&self) {
        self.lock().unreached += 1;
    }

    /// Counts requests of which something was sent.
    pub(super) fn asked(&self, requests: usize) {
        self.lock().requests += requests as u64;
    }

    /// Counts an answer, or a connection that was ended without one, and looks whether it is one of those that
    /// are right. Any request may find no room.
    pub(super) fn answered(&self, what: &str, answer: Option<&Answer>, right: &[u16]) {
        let status = answer.map_or(ENDED, |answer| answer.status);
        self.count(status);
        let code = answer.and_then(|answer| answer.code.as_deref());
        let has_no_room = code.is_some_and(|code| NO_ROOM.contains(&code));
        if !right.contains(&status) && !has_no_room {
            let answer = answer.map_or("nothing".to_owned(), ToString::to_string);
            self.accuse(&format!("{what}: was answered {answer}, and not one of {right:?}"));
        }
    }

    /// The same, of an answer of which nothing but the status is known.
    pub(super) fn answered_with(&self, what: &str, status: u16, right: &[u16]) {
        self.count(status);
        if !right.contains(&status) {
            self.accuse(&format!("{what}: was answered {status}, and not one of {right:?}"));
        }
    }

    fn count(&self, status: u16) {
        *self.lock().answers.entry(status).or_default() += 1;
    }

    /// Enters a request and answers the topic of its events: see [`Ledger::enter`].
    pub(super) fn enter(&self, form: Form, most: u64) -> String {
        self.ledger.enter(self.attack, form, most)
    }

    /// Notes how many events of a request were published, as the server says.
    pub(super) fn settle(&self, what: &str, topic: &str, answer: &Answer) {
        let count = match (answer.status, answer.count) {
            (200, None) => return self.accuse(&format!("{what}: no `count` in {answer}")),
            (_, count) => count.unwrap_or(0),
        };
        if !self.ledger.settle(topic, count) {
            self.accuse(&format!("{what}: cannot be that many events: {answer}"));
        }
    }

    /// Says that the server did what it must not.
    pub(super) fn accuse(&self, fault: &str) {
        let mut seen = self.lock();
        seen.fault_count += 1;
        if seen.faults.len() < FAULTS_TOLD {
            seen.faults.push(format!("{}: {fault}", self.attack));
        }
    }

    /// What was seen so far.
    pub(super) fn seen(&self) -> Seen {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ground() -> Ground {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        Ground::new((address, "e"), "x", Random::new(1), &Arc::default())
    }

    fn answer(status: u16, code: &str, count: Option<u64>) -> Answer {
        Answer { status, code: Some(code.to_owned()), count, said: String::new() }
    }

    #[test]
    fn an_answer_that_is_not_right_is_a_fault() {
        let check = |answer: Option<&Answer>, right: &[u16], faults: u64| {
            let ground = ground();
            ground.answered("a shot", answer, right);
            assert_eq!(ground.seen().fault_count, faults, "{answer:?} {right:?}");
        };
        check(Some(&answer(400, "ARW0001", None)), &[400, 413], 0);
        check(Some(&answer(200, "", None)), &[400, 413], 1);
        check(None, &[400], 1);
        check(None, &[400, ENDED], 0);
        check(Some(&answer(503, NO_ROOM[0], None)), &[400], 0);
        check(Some(&answer(503, "ARW0012", None)), &[400], 1);
    }

    #[test]
    fn a_count_that_cannot_be_is_a_fault() {
        let check = |form: Form, answer: &Answer, faults: u64| {
            let ground = ground();
            let topic = ground.enter(form, 2);
            ground.settle("a shot", &topic, answer);
            assert_eq!(ground.seen().fault_count, faults, "{form:?} {answer}");
        };
        check(Form::Whole, &answer(200, "", Some(2)), 0);
        check(Form::Whole, &answer(200, "", Some(1)), 1);
        check(Form::Whole, &answer(200, "", None), 1);
        check(Form::Whole, &answer(400, "ARW0001", None), 0);
        check(Form::Lines, &answer(400, "ARW0001", Some(1)), 0);
        check(Form::Lines, &answer(400, "ARW0001", Some(3)), 1);
    }

    #[test]
    fn too_little_proves_nothing() {
        let mut seen = Seen::default();
        assert!(seen.is_too_little("x", &[]).is_some());
        seen.connections = 1;
        assert!(seen.is_too_little("x", &[]).is_none());
        assert!(seen.is_too_little("x", &[400]).is_some());
        seen.answers.insert(400, 1);
        assert!(seen.is_too_little("x", &[400]).is_none());
    }
}
