//! A job as JSON brings it in.

use std::borrow::Cow;

use arrw::{Backoff, JobState, NewJob, OnDuplicate, Plan, Priority, Timestamp, UniqueBy};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json;
use crate::limits::DELAY_MS_MAX;
use crate::planted::{Bug, is_planted};
use crate::problem::{Code, Problem};
use crate::rfc3339;

/// The members of a job.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form<'a> {
    #[serde(borrow)]
    queue: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    args: Option<&'a RawValue>,
    priority: Option<PriorityForm>,
    run_at: Option<String>,
    delay_ms: Option<u64>,
    max_attempts: Option<u16>,
    timeout_ms: Option<u32>,
    backoff: Option<BackoffForm>,
    unique: Option<UniqueForm>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    id: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PriorityForm {
    Urgent,
    High,
    Normal,
    Low,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[serde(expecting = "an object with a `type`")]
enum BackoffForm {
    Exponential { first_ms: u64, max_ms: u64 },
    Fixed { ms: u64 },
    List { ms: Vec<u64> },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object as `{\"key\":\"k\"}` or `{}`")]
struct UniqueForm {
    key: Option<String>,
    #[serde(default)]
    across_queues: bool,
    for_ms: Option<u64>,
    states: Option<Vec<StateForm>>,
    #[serde(default)]
    on_duplicate: DuplicateForm,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StateForm {
    Scheduled,
    Ready,
    Leased,
    Retrying,
    Completed,
    Dead,
    Cancelled,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DuplicateForm {
    #[default]
    Keep,
    Replace,
    Delay,
}

/// A job as it came, borrowed from the body where that is large.
#[derive(Debug)]
pub(crate) struct Incoming<'a> {
    form: Form<'a>,
    run_at: Option<Timestamp>,
    /// When its unique key is free again.
    until: Option<Timestamp>,
    plan: Plan,
}

impl<'a> Incoming<'a> {
    /// Reads one JSON object. `now` is what times in it count from.
    pub(super) fn parse(json: &'a [u8], now: Timestamp) -> Result<Self, Problem> {
        let form: Form<'a> = json::object(Code::Job, json)?;
        let for_ms = form.unique.as_ref().and_then(|unique| unique.for_ms);
        if form.id.is_some() && (form.delay_ms.is_some() || for_ms.is_some()) {
            let detail =
                "an `id` and a time that counts from now: the same again would be another job";
            return Err(Problem::new(Code::Job, detail)
                .hint("give the time as `run_at`, or leave the `id` or `for_ms` out"));
        }
        let run_at = match (&form.run_at, form.delay_ms) {
            (None, None) => None,
            (None, Some(ms)) => Some(later(now, "delay_ms", ms)?),
            (Some(text), None) => Some(time(text)?),
            (Some(_), Some(_)) => {
                let detail = "`run_at` and `delay_ms` are both there; give one of them";
                return Err(Problem::new(Code::Job, detail));
            }
        };
        let until = for_ms.map(|ms| later(now, "for_ms", ms)).transpose()?;
        if let Some([]) = form.unique.as_ref().and_then(|unique| unique.states.as_deref()) {
            return Err(Problem::new(Code::Job, "`states` names no state")
                .hint("leave it out: a job then holds its key until it is finished"));
        }
        let plan = plan(&form);
        Ok(Self { form, run_at, until, plan })
    }

    /// The member that says when it becomes ready, if one does.
    pub(super) fn time_member(&self) -> Option<&'static str> {
        let delay = self.form.delay_ms.map(|_ms| "delay_ms");
        delay.or(self.form.run_at.as_ref().map(|_time| "run_at"))
    }

    pub(crate) fn queue(&self) -> &str {
        &self.form.queue
    }

    /// Its tags as [`new_job`](Self::new_job) needs them.
    pub(crate) fn tag_refs(&self) -> Vec<&str> {
        self.form.tags.iter().map(String::as_str).collect()
    }

    /// The job to enqueue.
    pub(crate) fn new_job<'b>(&'b self, tags: &'b [&'b str]) -> NewJob<'b> {
        let Form { queue, kind, args, metadata, id, .. } = &self.form;
        NewJob {
            priority: self.form.priority.map(priority).unwrap_or_default(),
            run_at: self.run_at,
            plan: self.plan.clone(),
            unique: self.form.unique.as_ref().map(|unique| unique_by(unique, self.until)),
            tags,
            metadata: metadata.map(RawValue::get),
            id: id.as_deref().filter(|_| !is_planted(Bug::ForgetJobIds)),
            ..NewJob::new(queue, kind, args.map_or("null", RawValue::get))
        }
    }
}

fn plan(form: &Form<'_>) -> Plan {
    let default = Plan::default();
    Plan {
        max_attempts: form.max_attempts.unwrap_or(default.max_attempts),
        timeout_ms: form.timeout_ms.unwrap_or(default.timeout_ms),
        backoff: match &form.backoff {
            None => default.backoff,
            Some(BackoffForm::Exponential { first_ms, max_ms }) => {
                Backoff::Exponential { first_ms: *first_ms, max_ms: *max_ms }
            }
            Some(BackoffForm::Fixed { ms }) => Backoff::Fixed { ms: *ms },
            Some(BackoffForm::List { ms }) => Backoff::List { ms: ms.clone() },
        },
    }
}

fn priority(form: PriorityForm) -> Priority {
    match form {
        PriorityForm::Urgent => Priority::Urgent,
        PriorityForm::High => Priority::High,
        PriorityForm::Normal => Priority::Normal,
        PriorityForm::Low => Priority::Low,
    }
}

fn unique_by(form: &UniqueForm, until: Option<Timestamp>) -> UniqueBy<'_> {
    let default = UniqueBy::default();
    let bit = |state: &StateForm| 1_u8 << (state_of(*state) as u8);
    let bits = |states: &Vec<StateForm>| states.iter().map(bit).fold(0, |all, bit| all | bit);
    UniqueBy {
        key: form.key.as_deref(),
        across_queues: form.across_queues,
        until,
        states: form.states.as_ref().map_or(default.states, bits),
        on_duplicate: match form.on_duplicate {
            DuplicateForm::Keep => OnDuplicate::Keep,
            DuplicateForm::Replace => OnDuplicate::Replace,
            DuplicateForm::Delay => OnDuplicate::Delay,
        },
    }
}

fn state_of(form: StateForm) -> JobState {
    match form {
        StateForm::Scheduled => JobState::Scheduled,
        StateForm::Ready => JobState::Ready,
        StateForm::Leased => JobState::Leased,
        StateForm::Retrying => JobState::Retrying,
        StateForm::Completed => JobState::Completed,
        StateForm::Dead => JobState::Dead,
        StateForm::Cancelled => JobState::Cancelled,
    }
}

/// So many milliseconds from now.
fn later(now: Timestamp, name: &'static str, ms: u64) -> Result<Timestamp, Problem> {
    check_delay(name, ms)?;
    Ok(Timestamp::from_micros(now.micros().saturating_add(ms.saturating_mul(1_000))))
}

/// Refuses to put a job off for longer than anybody means to.
pub(super) fn check_delay(name: &'static str, ms: u64) -> Result<(), Problem> {
    if ms <= DELAY_MS_MAX {
        return Ok(());
    }
    let detail = format!("`{name}` is {ms}, and may be {DELAY_MS_MAX} at most: ten years");
    Err(Problem::new(Code::Job, detail))
}

fn time(text: &str) -> Result<Timestamp, Problem> {
    rfc3339::parse(text).ok_or_else(|| {
        let detail = format!("`run_at` is {}, and no time of RFC 3339", json::shown(text));
        Problem::new(Code::Job, detail).hint("write it as 2026-01-31T23:59:59Z")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_000_000);

    #[test]
    fn a_job_is_read_with_all_its_members() {
        let json = br#"{"queue":"mail","kind":"welcome","args":{"to": 1},"priority":"high",
            "delay_ms":5,"max_attempts":3,"timeout_ms":9,"backoff":{"type":"list","ms":[1,2]},
            "unique":{"key":"k","for_ms":7,"states":["ready","dead"],"on_duplicate":"replace"},
            "tags":["a","b"],"metadata":{"trace":1}}"#;
        let incoming = Incoming::parse(json, NOW).unwrap();
        let tags = incoming.tag_refs();
        let job = incoming.new_job(&tags);
        assert_eq!((job.queue, job.kind, job.args), ("mail", "welcome", r#"{"to": 1}"#));
        assert_eq!(
            (job.priority, job.run_at),
            (Priority::High, Some(Timestamp::from_micros(1_005_000)))
        );
        let backoff = Backoff::List { ms: vec![1, 2] };
        assert_eq!(job.plan, Plan { max_attempts: 3, timeout_ms: 9, backoff });
        let unique = job.unique.unwrap();
        assert_eq!((unique.key, unique.states), (Some("k"), 0b0010_0010));
        assert_eq!(unique.until, Some(Timestamp::from_micros(1_007_000)));
        assert_eq!(unique.on_duplicate, OnDuplicate::Replace);
        assert_eq!((job.tags, job.metadata), (&["a", "b"][..], Some(r#"{"trace":1}"#)));
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let incoming = Incoming::parse(br#"{"queue":"q","kind":"k"}"#, NOW).unwrap();
        assert_eq!(incoming.new_job(&[]), NewJob::new("q", "k", "null"));
        let json = br#"{"queue":"q","kind":"k","unique":{}}"#;
        let incoming = Incoming::parse(json, NOW).unwrap();
        assert_eq!(incoming.new_job(&[]).unique, Some(UniqueBy::default()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let check = |members: &str, code: Code, part: &str| {
            let json = format!(r#"{{"queue":"q","kind":"k"{members}}}"#);
            let problem = Incoming::parse(json.as_bytes(), NOW).unwrap_err();
            assert_eq!(problem.code(), code, "{problem:?}");
            let json = String::from_utf8(problem.to_json()).unwrap();
            assert!(json.contains(part), "{json}");
        };
        check(r#","prio":1"#, Code::Job, "unknown field `prio`");
        check(r#","priority":"top""#, Code::Job, "`top`");
        check(r#","run_at":"soon""#, Code::Job, "RFC 3339");
        check(r#","run_at":"2026-01-31T23:59:59Z","delay_ms":1"#, Code::Job, "both");
        check(r#","delay_ms":999999999999999"#, Code::Job, "ten years");
        check(r#","delay_ms":1,"id":"a""#, Code::Job, "run_at");
        check(r#","unique":{"for_ms":1},"id":"a""#, Code::Job, "for_ms");
        check(r#","unique":{"states":[]}"#, Code::Job, "no state");
        check(r#","backoff":{"type":"fixed","ms":1,"x":1}"#, Code::Job, "`x`");
        check(",", Code::NotJson, "JSON");
    }
}
