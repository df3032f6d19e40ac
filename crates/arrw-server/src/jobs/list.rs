//! `GET /v1/jobs`: the jobs of a queue, a page of them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use arrw::{Cursor, JobId, JobState, JobStatus, Payload, Priority, Timestamp};
use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;

use super::outgoing::JobOut;
use super::show::payload;
use crate::app::App;
use crate::consumers::blocking;
use crate::json;
use crate::keys::Grant;
use crate::limits::{Limits, PAGE_BYTES_MAX, SCANNED_JOBS_MAX};
use crate::problem::{Code, Problem};
use crate::query::Given;

/// The parameters of a list.
const PARAMETERS: &[&str] = &["queue", "state", "kind", "tag", "limit", "after", "include"];

/// Which jobs are wanted, of one queue.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) queue: String,
    /// `None` for all.
    pub(super) state: Option<JobState>,
    pub(super) kind: Option<String>,
    pub(super) tag: Option<String>,
    pub(super) after: Option<Place>,
    pub(super) limit: usize,
}

/// Where a list goes on: behind this job of this state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    state: JobState,
    cursor: Cursor,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cursor { priority, due, job } = self.cursor;
        write!(f, "{}.{}.{}.{job}", self.state.name(), priority.name(), due.micros())
    }
}

impl FromStr for Place {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let parse = || {
            let mut parts = text.split('.');
            let state = JobState::parse(parts.next()?)?;
            let priority = Priority::parse(parts.next()?)?;
            let due = Timestamp::from_micros(parts.next()?.parse().ok()?);
            let job = JobId::from_number(parts.next()?.parse().ok()?);
            let cursor = Cursor { priority, due, job };
            parts.next().is_none().then_some(Self { state, cursor })
        };
        parse().ok_or_else(|| {
            let detail = format!("`after` is {}, and no place in a list", json::shown(text));
            Problem::new(Code::Query, detail).hint("take it from `next` of the page before")
        })
    }
}

/// A list as it is asked for.
#[derive(Debug)]
struct Asked {
    scope: Scope,
    /// Whether to tell what the jobs were enqueued with.
    with_args: bool,
}

impl Asked {
    fn parse(text: Option<&str>, limits: &Limits) -> Result<Self, Problem> {
        let mut given = Given::parse(text, PARAMETERS)?;
        let missing =
            || Problem::new(Code::Query, "`queue` is missing").hint("`/v1/queues` lists them");
        let with_args = match given.take("include").as_deref() {
            None => false,
            Some("args") => true,
            Some(other) => {
                let detail = format!("`include` is {}", json::shown(other));
                return Err(Problem::new(Code::Query, detail).hint("write `args`, or leave it out"));
            }
        };
        let scope = Scope {
            queue: given.take("queue").ok_or_else(missing)?,
            state: given.take("state").map(|text| state(&text)).transpose()?,
            kind: given.take("kind"),
            tag: given.take("tag"),
            after: given.take("after").map(|text| text.parse()).transpose()?,
            limit: given.limit(limits)?,
        };
        Ok(Self { scope, with_args })
    }
}

/// The state of that name.
pub(super) fn state(text: &str) -> Result<JobState, Problem> {
    JobState::parse(text).ok_or_else(|| {
        let names = JobState::ALL.map(JobState::name).join("`, `");
        let detail = format!("`state` is {}", json::shown(text));
        Problem::new(Code::Query, detail).hint(format!("there are `{names}`"))
    })
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    request: Request,
) -> Result<Response, Problem> {
    let Asked { scope, with_args } = Asked::parse(request.uri().query(), &app.limits)?;
    grant.check_queue(&scope.queue)?;
    let place = app.take_page().await;
    let listed = blocking(app, move |app| {
        // Also when the client has gone meanwhile.
        let _place = place;
        let epoch = app.db.position().epoch;
        let mut out = b"{\"jobs\":[".to_vec();
        let mut count = 0;
        let next = scan(app, &scope, |status, read| {
            let mut read = read;
            if with_args && read.is_none() {
                read = payload(app, status)?;
            }
            if 0 < count {
                out.push(b',');
            }
            count += 1;
            let job = JobOut::new(status, epoch, read.as_ref().filter(|_| with_args));
            serde_json::to_writer(&mut out, &job).expect("texts and numbers are always JSON");
            Ok(out.len() < PAGE_BYTES_MAX)
        });
        let next = next?.map_or_else(|| "null".to_owned(), |next| format!("\"{next}\""));
        out.extend_from_slice(format!("],\"next\":{next}}}").as_bytes());
        Ok(json::of_bytes(out))
    });
    listed.await
}

/// Calls `each` with the jobs that are wanted, and with what they were enqueued with if that was read, until it answers
/// false, there are as many as may be, or enough were looked at. Answers where to go on; `None` at the end.
pub(super) fn scan(
    app: &App,
    scope: &Scope,
    mut each: impl FnMut(&JobStatus, Option<Payload>) -> Result<bool, Problem>,
) -> Result<Option<Place>, Problem> {
    let mut after = scope.after;
    let (mut count, mut left) = (0, SCANNED_JOBS_MAX);
    for state in JobState::ALL {
        let is_wanted = scope.state.is_none_or(|only| only == state);
        if !is_wanted || after.is_some_and(|place| state < place.state) {
            continue;
        }
        let cursor = after.filter(|place| place.state == state).map(|place| place.cursor);
        let max = if scope.is_filtered() { left } else { left.min(scope.limit - count) };
        for status in app.jobs.list(&scope.queue, state, cursor, max) {
            let place = Place { state, cursor: status.cursor() };
            (after, left) = (Some(place), left - 1);
            let Match::Yes(read) = scope.matches(app, &status)? else { continue };
            count += 1;
            if !each(&status, read)? || count == scope.limit {
                return Ok(after);
            }
        }
        if left == 0 {
            return Ok(after);
        }
    }
    Ok(None)
}

/// Whether a job is wanted, and what was read of it to see that.
enum Match {
    No,
    Yes(Option<Payload>),
}

impl Scope {
    fn is_filtered(&self) -> bool {
        self.kind.is_some() || self.tag.is_some()
    }

    fn matches(&self, app: &App, status: &JobStatus) -> Result<Match, Problem> {
        if self.kind.as_deref().is_some_and(|kind| kind != &*status.kind) {
            return Ok(Match::No);
        }
        let Some(tag) = self.tag.as_deref() else { return Ok(Match::Yes(None)) };
        let read = payload(app, status)?;
        let has_tag = read.as_ref().is_some_and(|read| read.tags().contains(&tag));
        Ok(if has_tag { Match::Yes(read) } else { Match::No })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_a_list_leads_back() {
        let text = "ready.high.1795608000000000.812";
        let place: Place = text.parse().unwrap();
        assert_eq!((place.state, place.cursor.priority), (JobState::Ready, Priority::High));
        assert_eq!((place.to_string().as_str(), place.cursor.job.get()), (text, 812));
        for wrong in
            ["", "ready", "ready.high.1", "ready.high.1.2.3", "gone.high.1.2", "ready.x.1.2"]
        {
            assert_eq!(wrong.parse::<Place>().unwrap_err().code(), Code::Query, "{wrong}");
        }
    }
}
