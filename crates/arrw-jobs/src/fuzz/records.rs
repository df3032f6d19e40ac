//! The jobs, record by record, however odd the records are.

use arrw_log::{Batch, Epoch, Frame, Kind, NewRecord, Place, Seq, Timestamp};

use super::facts::{controls, encode, facts};
use super::{Input, Outcome, Target, orders};
use crate::command::{Claim, Command, Detail, Finish, Outcome as Ending};
use crate::control::QUEUE;
use crate::event::{CARRIED, FACT};
use crate::job::{JobId, State};
use crate::standing::{SCHEDULE, TRIGGER};
use crate::turn::{FORGOTTEN, Turn};
use crate::view::Jobs;

pub(super) const RECORDS: Target = Target {
    name: "jobs-records",
    what: "records: what they make holds together, is the same from a checkpoint, and what is taken back leaves no trace",
    run: records,
    seeds: records_seeds,
    words: &["jobs.a.ready", "jobs.a.scheduled", "jobs.a.leased", "jobs.b.dead", "jobs.b.retrying"],
};

const KINDS: [Kind; 6] = [Kind(0), QUEUE, FORGOTTEN, CARRIED, SCHEDULE, TRIGGER];

/// Log time that a record takes, for each of up to 65,535.
const STEP_MICROS: u64 = 20_000;

fn records(input: &[u8]) -> Outcome {
    let mut input = Input::new(input);
    let mut jobs = Jobs::default();
    let (mut seq, mut time) = (Seq::FIRST, Timestamp::from_micros(1));
    while !input.is_empty() {
        let kind = KINDS[usize::from(input.byte()) % KINDS.len()];
        time = Timestamp::from_micros(time.micros() + 1 + u64::from(input.short()) * STEP_MICROS);
        let (topic, key, fact, payload) = (input.text(), input.part(), input.part(), input.part());
        let headers: &[(&str, &[u8])] = if fact.is_empty() { &[] } else { &[(FACT, fact)] };
        let mut batch = Batch::new();
        if batch.push(NewRecord { kind, topic, key, headers, payload }).is_err() {
            continue;
        }
        let frame = Frame::in_memory(batch, seq, time, Epoch::from_random(1));
        frame.records().for_each(|record| jobs.apply(&record));
        seq = seq.next();
    }
    let known = jobs.len();
    holds_together(&jobs);
    try_all(&mut jobs, seq);
    Outcome::accepted(&[known, jobs.queues("", usize::MAX).len(), jobs.leases().count()])
}

/// Counts and lists are of the same jobs, and the bytes are the same jobs.
pub(super) fn holds_together(jobs: &Jobs) {
    let mut listed = 0;
    for queue in jobs.queues("", usize::MAX) {
        for state in State::ALL {
            let page = jobs.list(&queue.name, state, None, usize::MAX);
            assert_eq!(page.len(), queue.count(state).min(crate::limits::LISTED_MAX));
            assert!(page.iter().all(|it| jobs.get(it.job).as_ref() == Some(it)));
            listed += queue.count(state);
        }
    }
    assert_eq!(listed, jobs.len());
    let leases: usize =
        jobs.queues("", usize::MAX).iter().map(|queue| queue.count(State::Leased)).sum();
    assert_eq!(jobs.leases().count(), leases);
    let bytes = jobs.encode();
    let again = Jobs::decode(&bytes).expect("it was just written");
    assert_eq!((again.digest(), again.encode() == bytes), (jobs.digest(), true));
}

/// Time passes, and everything is asked of the jobs that can be; then it is taken back.
pub(super) fn try_all(jobs: &mut Jobs, seq: Seq) {
    for _ in 0..3 {
        jobs.advance(jobs.next_due().unwrap_or_default());
    }
    let time = jobs.now();
    jobs.record_changes();
    let digest = jobs.digest();
    let queues: Vec<String> =
        jobs.queues("", 60).into_iter().map(|queue| queue.name.to_string()).collect();
    let some = jobs.leases().map(|(job, token, _)| (job, token)).take(8);
    let leased: Vec<(JobId, crate::job::Token)> = some.collect();
    let mut made = Batch::new();
    let mut turn = Turn::new(jobs, Place { seq, time }, 0, &mut made);
    for (at, (job, token)) in leased.into_iter().enumerate() {
        let outcome = [Ending::Lost, Ending::Fail { retry_in_ms: None }, Ending::Complete][at % 3];
        let finish = Finish { job, token, outcome, detail: Detail::default() };
        assert!(turn.run(&Command::Finish(finish)).is_ok(), "a lease proves itself");
    }
    if let Ok(claim) = Claim::new("w", queues.iter().map(String::as_str), 8) {
        for leased in turn.claim(&claim, 1, 8) {
            let _either = turn.run(&Command::Cancel(leased.job));
            let _refused = turn.run(&Command::Delete(leased.job));
        }
    }
    drop(turn);
    holds_together(jobs);
    jobs.take_back(0);
    assert_eq!(jobs.digest(), digest);
    holds_together(jobs);
}

fn part(bytes: &[u8]) -> Vec<u8> {
    let len = u8::try_from(bytes.len()).expect("it is short");
    [&[len], bytes].concat()
}

/// A record in the form that is read here.
fn written(kind: u8, topic: &str, key: &[u8], fact: &[u8], payload: &[u8]) -> Vec<u8> {
    let parts = [part(topic.as_bytes()), part(key), part(fact), part(payload)].concat();
    [&[kind, 1, 0], &parts[..]].concat()
}

fn records_seeds() -> Vec<Vec<u8>> {
    let facts: Vec<Vec<u8>> = facts().iter().map(encode).collect();
    let job = |topic, fact: usize| written(0, topic, b"", &facts[fact], b"{}");
    let control = |at: usize| written(1, "", b"a", b"", &controls()[at].encode());
    let forgotten = written(2, "", b"", b"", &1_u64.to_le_bytes());
    let carried = written(3, "", b"", &facts[6], b"{}");
    let order = |kind, at: usize| written(kind, "", b"o", b"", &orders::seed(at));
    let new = [job("jobs.a.scheduled", 0), job("jobs.a.ready", 1), job("jobs.b.ready", 2)].concat();
    let leased = job("jobs.a.leased", 3);
    vec![
        new.clone(),
        [&new[..], &leased, &job("jobs.a.leased", 4)].concat(),
        [&new[..], &leased, &job("jobs.a.ready", 5), &leased].concat(),
        [&control(1)[..], &new, &leased, &job("jobs.a.dead", 5), &control(0)].concat(),
        [&new[..], &forgotten].concat(),
        [&new[..], &leased, &carried, &order(4, 0), &order(5, 2), &order(4, 1)].concat(),
    ]
}
