//! `POST /v1/jobs`: one job, an array that is all or nothing, or lines.

use std::sync::Arc;

use arrw::{Enqueued, JobsError, NewJob};
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use serde::Serialize;
use serde_json::value::RawValue;

use super::incoming::Incoming;
use crate::app::App;
use crate::auth::now;
use crate::body::Inflow;
use crate::json;
use crate::keys::Grant;
use crate::ndjson::{self, OnError, Progress, Upload};
use crate::problem::{Code, Problem};
use crate::query::Query;

#[derive(Debug, Serialize)]
pub(crate) struct EnqueuedOut {
    job: u64,
    new: bool,
}

impl From<&Enqueued> for EnqueuedOut {
    fn from(enqueued: &Enqueued) -> Self {
        Self { job: enqueued.job.get(), new: enqueued.is_new }
    }
}

pub(crate) async fn enqueue(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let query = Query::parse(head.uri.query(), &["on_error"], &app.limits)?;
    let mut inflow = app.inflow(body);
    let answered = match are_lines(&head.headers) {
        Ok(true) => lines((&app, &grant), OnError::of(&query), &mut inflow).await,
        Ok(false) => whole((&app, &grant), &head.headers, &mut inflow).await,
        Err(problem) => Err(problem),
    };
    match answered {
        Ok(response) => Ok(response),
        Err(problem) => {
            inflow.discard().await;
            Err(problem)
        }
    }
}

fn are_lines(headers: &HeaderMap) -> Result<bool, Problem> {
    let given = headers.get(header::CONTENT_TYPE).map_or("", |it| it.to_str().unwrap_or("?"));
    match json::essence(given).as_str() {
        "application/json" => Ok(false),
        lines if ndjson::CONTENT_TYPES.contains(&lines) => Ok(true),
        _ => Err(Problem::new(Code::ContentType, format!("the content type is `{given}`")).hint(
            "send `content-type: application/json` for a job or an array of them, \
             `application/x-ndjson` for one job a line",
        )),
    }
}

/// Enqueues a body that is one JSON value.
async fn whole(
    (app, grant): (&App, &Grant),
    headers: &HeaderMap,
    inflow: &mut Inflow,
) -> Result<Response, Problem> {
    let body = inflow.json(headers, &app.limits).await?;
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'[') {
        let job = take(grant, &body)?;
        let enqueued = store(app, &[job]).await.map_err(Failed::into_problem)?;
        let first = enqueued.first().map(EnqueuedOut::from);
        return Ok(json::answer(&first));
    }
    let elements: Vec<&RawValue> =
        serde_json::from_slice(&body).map_err(|error| json::refusal(Code::Job, &error))?;
    if elements.is_empty() {
        return Err(Problem::new(Code::EmptyBatch, "there is no job"));
    }
    let mut jobs = Vec::with_capacity(elements.len());
    for (at, element) in elements.into_iter().enumerate() {
        let job = take(grant, element.get().as_bytes());
        jobs.push(job.map_err(|problem| problem.within(&nth(at)))?);
    }
    let enqueued = store(app, &jobs).await.map_err(|failed| match failed {
        Failed::Job(at, problem) => problem.within(&nth(at)),
        Failed::Whole(problem) => problem,
    })?;
    let jobs: Vec<EnqueuedOut> = enqueued.iter().map(EnqueuedOut::from).collect();
    Ok(json::answer(&serde_json::json!({ "jobs": jobs })))
}

/// How a job of an array is named.
pub(crate) fn nth(at: usize) -> String {
    format!("job {} of the array", at + 1)
}

/// Reads a job that may be enqueued.
pub(crate) fn take<'a>(grant: &Grant, json: &'a [u8]) -> Result<Incoming<'a>, Problem> {
    let job = Incoming::parse(json, now())?;
    grant.check_queue(job.queue())?;
    Ok(job)
}

/// Why jobs were not enqueued.
enum Failed {
    /// This one cannot be.
    Job(usize, Problem),
    /// For a reason that is none of theirs.
    Whole(Problem),
}

impl Failed {
    fn of(app: &App, error: &JobsError) -> Self {
        match error {
            JobsError::Job { index, .. } | JobsError::Refused { index, .. } => {
                Self::Job(*index, Problem::from(error))
            }
            JobsError::TooMany { .. } => Self::Whole(
                Problem::from(error).hint("send NDJSON (`content-type: application/x-ndjson`)"),
            ),
            JobsError::Wrong(_) | JobsError::Append(_) | _ => Self::Whole(app.refuse(error)),
        }
    }

    fn into_problem(self) -> Problem {
        match self {
            Self::Job(_, problem) | Self::Whole(problem) => problem,
        }
    }
}

/// Enqueues jobs, all or none, and waits for the disk.
async fn store(app: &App, incoming: &[Incoming<'_>]) -> Result<Vec<Enqueued>, Failed> {
    let enqueuing = {
        let tags: Vec<Vec<&str>> = incoming.iter().map(Incoming::tag_refs).collect();
        let both = incoming.iter().zip(&tags);
        let jobs: Vec<NewJob<'_>> = both.map(|(job, tags)| job.new_job(tags)).collect();
        app.jobs.enqueue_all(&jobs).map_err(|error| Failed::of(app, &error))?
    };
    enqueuing.await.map_err(|error| Failed::of(app, &error))
}

/// What became of the lines of a body.
#[derive(Debug, Default)]
struct Tally {
    count: u64,
    new: u64,
    /// The jobs of the first line and of the last.
    ends: Option<(u64, u64)>,
}

impl Tally {
    fn add(&mut self, enqueued: &[Enqueued]) {
        for one in enqueued {
            self.count += 1;
            self.new += u64::from(one.is_new);
            let job = one.job.get();
            self.ends = Some((self.ends.map_or(job, |(first, _)| first), job));
        }
    }

    /// With further members, each behind a comma.
    fn to_json(&self, more: &str) -> String {
        let Self { count, new, ends } = self;
        let (first, last) = match ends {
            Some((first, last)) => (first.to_string(), last.to_string()),
            None => ("null".to_owned(), "null".to_owned()),
        };
        format!(r#"{{"count":{count},"new":{new},"first":{first},"last":{last}{more}}}"#)
    }
}

/// A body whose lines are enqueued.
struct Lines<'a> {
    progress: Progress<'a>,
    grant: &'a Grant,
    tally: Tally,
}

/// Enqueues the lines of a body, as events are published.
async fn lines(
    (app, grant): (&App, &Grant),
    on_error: OnError,
    inflow: &mut Inflow,
) -> Result<Response, Problem> {
    let progress = Progress::new(app, on_error);
    let mut upload = Lines { progress, grant, tally: Tally::default() };
    ndjson::take_all(&mut upload, inflow).await?;
    let json = upload.tally.to_json(&upload.progress.to_json());
    Ok(json::of_bytes(json.into_bytes()))
}

impl Upload for Lines<'_> {
    fn progress(&self) -> &Progress<'_> {
        &self.progress
    }

    fn count(&self) -> u64 {
        self.tally.count
    }

    async fn chunk(&mut self, chunk: &[u8]) -> Result<(), Problem> {
        let (mut jobs, mut numbers) = (Vec::new(), Vec::new());
        for (number, line) in self.progress.lines(chunk) {
            match line.and_then(|json| take(self.grant, json)) {
                Ok(job) => {
                    jobs.push(job);
                    numbers.push(number);
                }
                Err(problem) => {
                    // Those before it come before it, also when it ends here.
                    self.enqueue(&jobs, &numbers).await?;
                    (jobs, numbers) = (Vec::new(), Vec::new());
                    self.progress.fault(number, problem, self.tally.count)?;
                }
            }
        }
        self.enqueue(&jobs, &numbers).await
    }
}

impl Lines<'_> {
    /// Enqueues jobs, up to one that cannot be and ends it. `numbers` are those of their lines.
    async fn enqueue(&mut self, jobs: &[Incoming<'_>], numbers: &[u64]) -> Result<(), Problem> {
        let mut from = 0;
        while from < jobs.len() {
            let mut to = jobs.len();
            // Those before one that is refused are fine by themselves, or another of them is refused then.
            let refused = loop {
                match store(self.progress.app, &jobs[from..to]).await {
                    Ok(enqueued) => {
                        self.tally.add(&enqueued);
                        break (to < jobs.len()).then_some(to);
                    }
                    Err(Failed::Job(0, _)) => break Some(from),
                    Err(Failed::Job(at, _)) => to = from + at,
                    Err(Failed::Whole(problem)) => return Err(problem.count(self.tally.count)),
                }
            };
            let Some(at) = refused else { return Ok(()) };
            match store(self.progress.app, &jobs[at..=at]).await {
                // What was in its way has gone meanwhile.
                Ok(enqueued) => self.tally.add(&enqueued),
                Err(Failed::Job(_, problem)) => {
                    self.progress.fault(numbers[at], problem, self.tally.count)?;
                }
                Err(Failed::Whole(problem)) => return Err(problem.count(self.tally.count)),
            }
            from = at + 1;
        }
        Ok(())
    }
}
