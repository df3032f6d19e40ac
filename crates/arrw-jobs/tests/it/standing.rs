//! Standing orders: each slot and each event has its job once, live, replayed and from a checkpoint.

use std::sync::Arc;

use arrw_jobs::{
    Claim, Command, Cron, Done, Interval, JobId, Jobs, Misfire, NewJob, NewOrder, OnDuplicate,
    Order, OrderChange, OrderKind, Refused, Rule, Schedule, Told, Trip, Tripped, Turn, UniqueBy,
    Zone,
};
use arrw_log::{Batch, Epoch, Frame, Place, Seq, Timestamp};

const SECOND: u64 = 1_000_000;
const START: u64 = 1_000_000 * SECOND;

/// The jobs and the log that they were made of.
struct Live {
    jobs: Jobs,
    frames: Vec<Frame>,
    next: u64,
}

impl Live {
    fn new() -> Self {
        let mut jobs = Jobs::default();
        jobs.record_changes();
        Self { jobs, frames: Vec::new(), next: 1 }
    }

    /// Runs commands at a time, and sees that what is made of the log, and taken back, is the same.
    fn run(&mut self, second: u64, commands: &[Command]) -> Vec<Result<Done, Refused>> {
        let time = Timestamp::from_micros(START + second * SECOND);
        self.jobs.advance(time);
        let before = self.jobs.digest();
        let place = Place { seq: Seq::new(self.next), time };
        let decide = |jobs: &mut Jobs| {
            let mut made = Batch::new();
            let mut turn = Turn::new(jobs, place, 0, &mut made);
            let answers: Vec<_> = commands.iter().map(|command| turn.run(command)).collect();
            drop(turn);
            (answers, made)
        };
        let (first, _) = decide(&mut self.jobs);
        self.jobs.take_back(0);
        assert_eq!(self.jobs.digest(), before, "taken back");
        let (answers, made) = decide(&mut self.jobs);
        assert_eq!(answers, first);
        self.jobs.keep_changes();
        if !made.is_empty() {
            let (records, first) = (made.records(), Seq::new(self.next));
            let bytes: usize = made.iter().map(|it| it.payload().len()).sum();
            let most: usize = commands.iter().map(Command::bytes_max).sum();
            assert!(bytes <= most, "{bytes} of {most}");
            self.frames.push(Frame::in_memory(made, first, time, Epoch::from_random(1)));
            self.next += u64::from(records);
        }
        self.check();
        answers
    }

    fn check(&self) {
        let mut again = Jobs::default();
        for frame in &self.frames {
            frame.records().for_each(|record| again.apply(&record));
        }
        again.advance(self.jobs.now());
        assert_eq!(again.digest(), self.jobs.digest(), "replayed");
        let bytes = self.jobs.encode();
        let decoded = Jobs::decode(&bytes).unwrap();
        assert_eq!(decoded.digest(), self.jobs.digest(), "from a checkpoint");
        assert_eq!(decoded.next_slot(), self.jobs.next_slot());
        assert!((0..bytes.len()).all(|len| Jobs::decode(&bytes[..len]).is_none()));
    }

    /// Gives slots that have come their jobs; answers what became of each.
    fn fire(&mut self, second: u64) -> Vec<Result<Done, Refused>> {
        let due = self.jobs.due_slots(Timestamp::from_micros(START + second * SECOND), 9);
        self.run(second, &due)
    }

    fn schedule(&self, name: &str) -> Arc<Order> {
        self.jobs.order(OrderKind::Schedule, name).unwrap()
    }

    /// The payload of the newest record.
    fn newest(&self) -> String {
        let record = self.frames.last().unwrap().records().last().unwrap();
        String::from_utf8(record.payload().to_vec()).unwrap()
    }
}

fn every(step: &str, misfire: Misfire, job: &NewJob<'_>) -> OrderChange {
    let anchor = Timestamp::from_micros(START);
    let when = Schedule::Interval(Interval::parse(step, anchor).unwrap());
    put(Rule::Schedule { when, misfire }, job)
}

fn put(rule: Rule, job: &NewJob<'_>) -> OrderChange {
    OrderChange::Put(Arc::new(NewOrder::new(rule, job, Timestamp::from_micros(START)).unwrap()))
}

fn on(filter: &str, job: &NewJob<'_>) -> OrderChange {
    put(Rule::Trigger { filter: filter.to_owned() }, job)
}

fn change(kind: OrderKind, name: &str, change: OrderChange) -> Command {
    Command::Order { kind, name: name.to_owned(), change, bytes: 4_096 }
}

fn schedule(name: &str, it: OrderChange) -> Command {
    change(OrderKind::Schedule, name, it)
}

fn trigger(name: &str, it: OrderChange) -> Command {
    change(OrderKind::Trigger, name, it)
}

fn made(answers: &[Result<Done, Refused>]) -> Vec<JobId> {
    let job = |answer: &Result<Done, Refused>| match answer {
        Ok(Done::Enqueued { job, is_new: true }) => Some(*job),
        _ => None,
    };
    answers.iter().filter_map(job).collect()
}

#[test]
fn each_slot_gets_one_job_which_names_it() {
    let mut live = Live::new();
    let job = NewJob { tags: &["t"], ..NewJob::new("q", "k", "{\"a\":1}") };
    live.run(5, &[schedule("nightly", every("10s", Misfire::Skip, &job))]);
    assert_eq!(live.jobs.next_slot(), Some(Timestamp::from_micros(START + 10 * SECOND)));
    assert_eq!(live.fire(9), []);
    let first = made(&live.fire(10));
    assert_eq!(first.len(), 1);
    assert_eq!(
        live.newest(),
        r#"{"schedule":"nightly","slot":"1970-01-12T13:46:50.000000Z","kind":"k","tags":["t"],"args":{"a":1}}"#
    );
    assert_eq!(live.fire(19), []);
    let again = Command::Fire { name: "nightly".to_owned(), bytes: 999 };
    assert_eq!(live.run(19, &[again]), [Ok(Done::Order)], "asked too early");
    assert_eq!(made(&live.fire(21)).len(), 1);
    let order = live.schedule("nightly");
    assert_eq!((order.made(), order.missed()), (2, 0));
    assert_eq!(order.args(), "{\"a\":1}");
    let runs: Vec<u64> = order
        .next_runs(live.jobs.now())
        .iter()
        .map(|slot| (slot.micros() - START) / SECOND)
        .collect();
    assert_eq!(runs, [30, 40, 50, 60, 70]);
    assert!(order.last().is_some_and(|job| live.jobs.get(job).is_some()));
}

#[test]
fn missed_slots_are_skipped_or_run_once_and_counted() {
    for (misfire, jobs, missed) in [(Misfire::Skip, 0, 100), (Misfire::RunOnce, 1, 99)] {
        let mut live = Live::new();
        let job = NewJob::new("q", "k", "1");
        live.run(0, &[schedule("s", every("100s", misfire, &job))]);
        let answers = live.fire(10_070);
        assert_eq!(made(&answers).len(), jobs, "{misfire:?}");
        let order = live.schedule("s");
        assert_eq!((order.made(), order.missed()), (jobs as u64, missed), "{misfire:?}");
        assert_eq!(live.fire(10_099), []);
        assert_eq!(made(&live.fire(10_100)).len(), 1);
    }
}

#[test]
fn a_schedule_is_paused_goes_on_is_replaced_runs_now_and_is_removed() {
    let mut live = Live::new();
    let job = NewJob::new("q", "k", "1");
    live.run(0, &[schedule("s", every("10s", Misfire::RunOnce, &job))]);
    live.run(5, &[schedule("s", OrderChange::Pause)]);
    assert_eq!(live.jobs.next_slot(), None);
    assert!(live.schedule("s").next_runs(live.jobs.now()).is_empty());
    assert_eq!(live.fire(25), []);
    live.run(25, &[schedule("s", OrderChange::Resume)]);
    assert_eq!(made(&live.fire(26)), [], "what was paused is not made up for");
    let now = live.run(26, &[schedule("s", OrderChange::RunNow)]);
    assert_eq!(made(&now).len(), 1);
    assert_eq!(live.newest(), r#"{"schedule":"s","kind":"k","args":1}"#);
    assert_eq!(made(&live.fire(30)).len(), 1, "its slots go on");

    let other = NewJob::new("q", "other", "2");
    live.run(31, &[schedule("s", every("10s", Misfire::RunOnce, &other))]);
    assert_eq!(live.schedule("s").made(), 2, "it is the same one");
    assert_eq!(made(&live.fire(40)).len(), 1);
    let claim = Claim::new("w", ["q"], 9).unwrap();
    let place = Place { seq: Seq::new(live.next), time: live.jobs.now() };
    let leased = Turn::new(&mut live.jobs, place, 0, &mut Batch::new()).claim(&claim, 0, 9);
    assert_eq!(leased.iter().map(|it| &*it.kind).collect::<Vec<_>>(), ["k", "k", "other"]);
    live.jobs.take_back(0);

    let when = Schedule::Cron { cron: Cron::parse("* * * * *").unwrap(), zone: Zone::UTC };
    let rule = Rule::Schedule { when, misfire: Misfire::RunOnce };
    live.run(1_000, &[schedule("s", put(rule, &other))]);
    assert_eq!(live.fire(1_001), [], "another rule begins when it is put");
    live.run(1_002, &[schedule("s", OrderChange::Remove)]);
    assert!(live.jobs.orders(OrderKind::Schedule, "", 9).is_empty());
    let gone = live.run(1_003, &[schedule("s", OrderChange::Pause)]);
    assert!(matches!(gone[..], [Err(Refused::NoOrder { .. })]), "{gone:?}");
}

#[test]
fn a_slot_whose_job_is_there_already_is_settled_all_the_same() {
    let mut live = Live::new();
    let unique = UniqueBy { on_duplicate: OnDuplicate::Keep, ..UniqueBy::default() };
    let job = NewJob { unique: Some(unique), ..NewJob::new("q", "k", "1") };
    live.run(0, &[schedule("s", every("10s", Misfire::Skip, &job))]);
    let first = made(&live.fire(10));
    let answers = live.fire(20);
    assert_eq!(answers, [Ok(Done::Enqueued { job: first[0], is_new: false })]);
    assert_eq!(live.fire(21), []);
    assert_eq!(live.schedule("s").made(), 1);
}

#[test]
fn an_event_gets_the_job_of_a_trigger_once() {
    let mut live = Live::new();
    let job = NewJob::new("q", "k", r#"{"to":"ada"}"#);
    live.run(0, &[trigger("t", on("orders.*", &job))]);
    let cursor = |live: &Live| live.jobs.order(OrderKind::Trigger, "t").unwrap().cursor();
    let begun = cursor(&live);
    assert_eq!(begun.get(), live.next - 1, "events from its record on");
    let trip = |live: &Live, after: Seq, events: &[u64], to: u64| {
        let order = live.jobs.order(OrderKind::Trigger, "t").unwrap();
        let event = |seq: &u64| {
            let job = order.job_for(&format!("{{\"seq\":{seq}}}")).unwrap();
            Tripped { event: Seq::new(*seq), depth: 1, job }
        };
        let jobs = events.iter().map(event).collect();
        let (name, to) = ("t".to_owned(), Seq::new(to));
        Command::Trip(Trip { name, after, to, jobs, bytes: order.bytes() })
    };
    live.next = 100;
    let command = trip(&live, begun, &[50, 60], 60);
    live.run(1, std::slice::from_ref(&command));
    assert_eq!((cursor(&live).get(), live.jobs.len()), (60, 2));
    assert_eq!(
        live.newest(),
        r#"{"trigger":"t","event":60,"depth":1,"kind":"k","args":{"to":"ada","event":{"seq":60}}}"#
    );
    // Whoever found them as well comes too late.
    live.run(2, &[command]);
    assert_eq!((cursor(&live).get(), live.jobs.len()), (60, 2));
    live.run(3, &[trip(&live, Seq::new(60), &[], 90)]);
    assert_eq!((cursor(&live).get(), live.jobs.len()), (90, 2), "nothing matched up to there");
    let told = live.frames.iter().flat_map(Frame::records).filter_map(|it| {
        Told::by(&it).map(|told| {
            let Told::Change(change) = told else { return 0 };
            change.depth
        })
    });
    assert_eq!(told.collect::<Vec<u8>>(), [1, 1]);
}

#[test]
fn an_event_is_put_into_the_args_of_its_job() {
    let order = |args: &str| {
        let mut live = Live::new();
        live.run(0, &[trigger("t", on("a.>", &NewJob::new("q", "k", args)))]);
        let order = live.jobs.order(OrderKind::Trigger, "t").unwrap();
        assert_eq!(order.args(), args);
        let job = order.job_for("7").unwrap();
        let payload = format!("{job:?}");
        payload.split("args\\\":").nth(1).unwrap().split("\" }").next().unwrap().replace('\\', "")
    };
    assert_eq!(order("null"), r#"{"event":7}}"#);
    assert_eq!(order("{}"), r#"{"event":7}}"#);
    assert_eq!(order("{ }"), r#"{"event":7}}"#);
    assert_eq!(order("{\"a\":{}}"), r#"{"a":{},"event":7}}"#);
}

#[test]
fn orders_that_cannot_be_are_refused() {
    let now = Timestamp::from_micros(START);
    let rule = || Rule::Trigger { filter: "a".to_owned() };
    let plain = NewJob::new("q", "k", "{}");
    let until = UniqueBy { until: Some(now), ..UniqueBy::default() };
    for job in [
        NewJob { id: Some("x"), ..plain.clone() },
        NewJob { run_at: Some(now), ..plain.clone() },
        NewJob { unique: Some(until), ..plain.clone() },
        NewJob { args: "[1]", ..plain.clone() },
        NewJob { queue: "a.b", ..plain.clone() },
    ] {
        assert!(NewOrder::new(rule(), &job, now).is_err(), "{job:?}");
    }
    let empty = Rule::Trigger { filter: String::new() };
    assert!(NewOrder::new(empty, &plain, now).is_err());
    let mut live = Live::new();
    let refused = live.run(0, &[trigger("a b", on("x", &plain)), trigger("t", on("x", &plain))]);
    assert!(matches!(refused[..], [Err(Refused::Invalid(_)), Ok(Done::Order)]), "{refused:?}");
    let refused = live.run(0, &[trigger("t", OrderChange::RunNow)]);
    assert!(matches!(refused[..], [Err(Refused::Invalid(_))]), "{refused:?}");
}
