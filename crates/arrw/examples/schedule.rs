//! Jobs that nobody enqueues by hand: at times, by a schedule, and on events, by a trigger.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use arrw::{
    Attempt, Cron, Failure, JobArgs, Misfire, NewEvent, NewJob, OrderChange, OrderKind, Schedule,
    Zone, testing,
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Report {
    of: String,
}

impl JobArgs for Report {
    const KIND: &'static str = "report";
}

/// What a trigger's job gets: what stands in the trigger, and the event.
#[derive(Serialize, Deserialize)]
struct Greet {
    language: String,
    event: SignedUp,
}

#[derive(Serialize, Deserialize)]
struct SignedUp {
    seq: u64,
    data: User,
}

#[derive(Serialize, Deserialize)]
struct User {
    name: String,
}

impl JobArgs for Greet {
    const KIND: &'static str = "greet";
}

async fn report(report: Report, _: Attempt) -> Result<(), Failure> {
    println!("report of {}", report.of);
    Ok(())
}

async fn greet(Greet { language, event }: Greet, _: Attempt) -> Result<(), Failure> {
    println!("greeting for {} in {language}, of event {}", event.data.name, event.seq);
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // In memory and on a clock that is set by hand, so that a day is over at once: it is 2026-01-01, midnight UTC.
    let (db, clock) = testing::db()?;
    let jobs = db.jobs();
    let worker = jobs.worker("worker-1").queue("work").on(report).on(greet).build()?;

    let when =
        Schedule::Cron { cron: Cron::parse("30 2 * * *")?, zone: Zone::parse("Europe/Berlin")? };
    let job = NewJob::new("work", Report::KIND, r#"{"of": "yesterday"}"#);
    jobs.put_schedule("nightly", when, Misfire::RunOnce, &job)?.wait()?;
    let nightly = jobs.schedule("nightly").ok_or("it was put")?;
    for slot in nightly.next_runs(db.now()) {
        println!("due at {}", arrw::rfc3339(slot));
    }
    clock.advance(Duration::from_secs(24 * 3_600));
    while jobs.schedule("nightly").is_some_and(|it| it.made() == 0) {
        // Who minds the time looks again within a second of real time.
        std::thread::yield_now();
    }
    worker.run_due()?;
    jobs.change_order(OrderKind::Schedule, "nightly", OrderChange::Pause)?.wait()?;

    let job = NewJob::new("work", Greet::KIND, r#"{"language": "en"}"#);
    jobs.put_trigger("welcome", "users.signed-up", &job)?.wait()?;
    for name in ["ada", "grace"] {
        let data = format!(r#"{{"name": "{name}"}}"#);
        db.bus().publish(NewEvent::new("users.signed-up", data.as_bytes()))?.wait()?;
    }
    while jobs.trigger("welcome").is_some_and(|it| it.made() < 2) {
        std::thread::yield_now();
    }
    worker.run_due()?;
    Ok(())
}
