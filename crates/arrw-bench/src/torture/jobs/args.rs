//! Jobs that tell who enqueued them, with a text that follows from the seed.

use arrw::JobState;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::history::{Task, Transition, Written};
use crate::torture::event;

/// The queues of all jobs.
pub(super) const QUEUES: [&str; 2] = ["torture-a", "torture-b"];

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

#[derive(Debug, Deserialize)]
struct Args<'a> {
    c: u32,
    n: u64,
    x: &'a str,
}

/// Whose job has these args; nobody's when they are not what was sent.
pub(super) fn task(seed: u64, json: &str) -> Option<Task> {
    let Args { c, n, x } = serde_json::from_str(json).ok()?;
    let task = Task { client: c, number: n };
    (x == text(seed, task)).then_some(task)
}

/// An event on a topic of jobs.
#[derive(Debug, Deserialize)]
pub(super) struct Given<'a> {
    seq: u64,
    topic: &'a str,
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
}

impl<'a> Given<'a> {
    /// What happened; `None` when the topic names no state.
    pub(super) fn transition(&self, seed: u64) -> Option<Transition> {
        let (queue, state) = self.topic.strip_prefix("jobs.")?.rsplit_once('.')?;
        let state = JobState::parse(state).filter(|_| QUEUES.contains(&queue))?;
        let task = self.data.args.and_then(|args| task(seed, args.get()));
        Some(Transition { seq: self.seq, job: self.data.job.unwrap_or(self.seq), state, task })
    }

    /// Who has it, if somebody has.
    pub(super) fn worker(&self) -> Option<&'a str> {
        self.data.worker
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn args_that_were_changed_are_nobodys() {
        let sent = Task { client: 3, number: 14 };
        let args = json(5, sent);
        assert_eq!((task(5, &args), task(6, &args)), (Some(sent), None));
        assert_eq!(task(5, &args.replace("\"n\":14", "\"n\":15")), None);
        assert_eq!(task(5, "null"), None);
        let check = |topic: &str, expected: Option<(JobState, u64)>| {
            let json = format!(r#"{{"seq":7,"topic":"{topic}","data":{{"job":2,"worker":"w"}}}}"#);
            let given: Given<'_> = serde_json::from_str(&json).unwrap();
            assert_eq!(given.worker(), Some("w"));
            assert_eq!(given.transition(5).map(|it| (it.state, it.job)), expected);
        };
        check("jobs.torture-a.leased", Some((JobState::Leased, 2)));
        check("jobs.torture-c.leased", None);
        check("jobs.torture-a.lent", None);
    }
}
