//! Jobs that tell who enqueued them, with a text that follows from the seed.

use std::borrow::Cow;

use arrw::{JobState, Priority};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::history::{Standing, Task, Told, Transition, Written};
use crate::torture::event;

/// The queues of all jobs. The last one is paused until the end.
pub(super) const QUEUES: [&str; 3] = ["torture-a", "torture-b", "torture-p"];

/// The client that stands for the schedule, and the one that stands for the trigger.
pub(super) const SCHEDULE: u32 = 5_001;
pub(super) const TRIGGER: u32 = 5_002;

/// The writer whose events trip the trigger.
pub(in crate::torture) const FOLLOWED: u32 = 1;

/// How an error begins that a worker tells.
pub(super) const ON_PURPOSE: &str = "on purpose ";

/// A filter that wants all that happens to jobs.
pub(super) const FILTER: &str = "jobs.%3E";

/// What all jobs are to do.
pub(super) const KIND: &str = "torture";

/// What a job is enqueued with, as JSON.
pub(super) fn json(seed: u64, task: Task) -> String {
    let Task { client, number } = task;
    let text = text(seed, task);
    format!(r#"{{"c":{client},"n":{number},"x":"{text}"}}"#)
}

fn text(seed: u64, task: Task) -> String {
    event::text(seed, Written { writer: task.client, number: task.number })
}

/// What tells a job of the schedule, and of the trigger, whose it is.
pub(super) fn standing_json(client: u32) -> String {
    format!(r#"{{"c":{client}}}"#)
}

#[derive(Debug, Deserialize)]
struct Args<'a> {
    c: u32,
    #[serde(default)]
    n: u64,
    #[serde(default)]
    x: &'a str,
    #[serde(borrow)]
    event: Option<&'a RawValue>,
}

/// Whose job has these args; nobody's when they are not what was sent. One of the trigger is numbered by its event; one of
/// the schedule does not tell its number.
pub(super) fn task(seed: u64, json: &str) -> Option<Task> {
    let Args { c, n, x, event } = serde_json::from_str(json).ok()?;
    let number = match event {
        Some(event) => {
            let (seq, written) =
                serde_json::from_str::<event::Given<'_>>(event.get()).ok()?.seen(seed);
            return (c == TRIGGER && written.writer == FOLLOWED)
                .then_some(Task { client: c, number: seq });
        }
        None if c == SCHEDULE => Standing::ANY,
        None => n,
    };
    let task = Task { client: c, number };
    (c == SCHEDULE || x == text(seed, task)).then_some(task)
}

/// What is told of the end of a lease, as its number.
pub(super) fn told(result: Option<&RawValue>, error: Option<&str>) -> Told {
    match (result, error) {
        (Some(result), _) => Told::Result(result.get().parse().ok()),
        (None, Some(error)) => {
            Told::Error(error.strip_prefix(ON_PURPOSE).and_then(|number| number.parse().ok()))
        }
        (None, None) => Told::Nothing,
    }
}

/// Microseconds since 1970 of a time as the server writes it: in UTC, with six digits behind the point.
pub(super) fn micros(time: &str) -> Option<u64> {
    let part = |at: std::ops::Range<usize>| time.get(at)?.parse::<u64>().ok();
    let (year, month, day) = (part(0..4)?, part(5..7)?, part(8..10)?);
    // Years begin in March, so that the day that is not always there is their last.
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let days =
        year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 719_469;
    let seconds = days * 86_400 + part(11..13)? * 3_600 + part(14..16)? * 60 + part(17..19)?;
    Some(seconds * 1_000_000 + part(20..26)?)
}

/// An event on a topic of jobs.
#[derive(Debug, Deserialize)]
pub(super) struct Given<'a> {
    seq: u64,
    topic: &'a str,
    time: &'a str,
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Debug, Deserialize)]
struct Data<'a> {
    /// Missing where it was enqueued: then it is the seq.
    job: Option<u64>,
    #[serde(borrow)]
    args: Option<&'a RawValue>,
    worker: Option<&'a str>,
    priority: Option<&'a str>,
    run_at: Option<&'a str>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    error: Option<Cow<'a, str>>,
    /// Of one of a schedule.
    slot: Option<&'a str>,
    /// Of one of a trigger.
    event: Option<u64>,
}

impl<'a> Given<'a> {
    /// What happened; `None` when the topic names no state.
    pub(super) fn transition(&self, seed: u64) -> Option<Transition> {
        let (queue, state) = self.topic.strip_prefix("jobs.")?.rsplit_once('.')?;
        let queue = QUEUES.iter().position(|known| *known == queue)?;
        let Data { job, args, priority, run_at, result, error, slot, event, .. } = &self.data;
        let task = args.and_then(|args| task(seed, args.get()));
        let task = match (task, slot, event) {
            (Some(task), Some(slot), None) if task.client == SCHEDULE => {
                Some(Task { number: micros(slot)?, ..task })
            }
            (Some(task), None, Some(event)) => (task.number == *event).then_some(task),
            (Some(task), None, None) if task.client == SCHEDULE || task.client == TRIGGER => None,
            (task, ..) => task,
        };
        Some(Transition {
            seq: self.seq,
            job: job.unwrap_or(self.seq),
            state: JobState::parse(state)?,
            task,
            time: micros(self.time)?,
            queue,
            priority: priority.map_or(Some(Priority::Normal), Priority::parse)?,
            run_at: run_at.and_then(micros),
            told: told(*result, error.as_deref()),
        })
    }

    /// Who has it, if somebody has.
    pub(super) fn worker(&self) -> Option<&'a str> {
        self.data.worker
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: &str = "2026-11-26T04:38:51.371877Z";

    #[test]
    fn a_time_is_read_as_it_is_written() {
        for text in ["1970-01-01T00:00:00.000001Z", "2024-02-29T23:59:59.999999Z", TIME] {
            let time = arrw::Timestamp::from_micros(micros(text).unwrap());
            assert_eq!(arrw_jobs::rfc3339(time), text);
        }
        assert_eq!(micros("soon"), None);
    }

    #[test]
    fn args_that_were_changed_are_nobodys() {
        let sent = Task { client: 3, number: 14 };
        let args = json(5, sent);
        assert_eq!((task(5, &args), task(6, &args)), (Some(sent), None));
        assert_eq!(task(5, &args.replace("\"n\":14", "\"n\":15")), None);
        assert_eq!(task(5, "null"), None);
        let check = |topic: &str, expected: Option<(JobState, u64)>| {
            let json = format!(
                r#"{{"seq":7,"topic":"{topic}","time":"{TIME}","data":{{"job":2,"worker":"w"}}}}"#
            );
            let given: Given<'_> = serde_json::from_str(&json).unwrap();
            assert_eq!(given.worker(), Some("w"));
            assert_eq!(given.transition(5).map(|it| (it.state, it.job)), expected);
        };
        check("jobs.torture-a.leased", Some((JobState::Leased, 2)));
        check("jobs.torture-c.leased", None);
        check("jobs.torture-a.lent", None);
    }
}
