//! `POST /v1/jobs/{job}/complete` and the like, and `POST /v1/jobs/finish`: how leases end, or go on.

use std::sync::Arc;

use arrw::{
    Command, Detail, Done, Finish, Job, JobAnswers, JobId, JobOutcome, JobState, Position,
    PositionError, Refused, Token, jobs_limits,
};
use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::change;
use super::claim::{NextForm, Wish, claimed};
use super::incoming::check_delay;
use super::outgoing::ClaimedOut;
use crate::app::App;
use crate::json;
use crate::keys::Grant;
use crate::limits::FINISH_JOBS_MAX;
use crate::part::Part;
use crate::planted::{Bug, is_planted};
use crate::problem::{Code, Problem};

/// How a lease ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Ending {
    Complete,
    Fail,
    Snooze,
    Discard,
    Release,
}

/// The body of one ending.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EndForm {
    token: Option<String>,
    result: Option<Box<RawValue>>,
    error: Option<String>,
    retry_in_ms: Option<u64>,
    for_ms: Option<u64>,
    claim: Option<NextForm>,
}

/// One of many endings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with `job`, `token` and `outcome`")]
pub(crate) struct EndingForm {
    job: u64,
    token: String,
    outcome: Ending,
    result: Option<Box<RawValue>>,
    error: Option<String>,
    retry_in_ms: Option<u64>,
    for_ms: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FinishForm {
    finish: Vec<EndingForm>,
    claim: Option<NextForm>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExtendForm {
    token: String,
    lease_ms: Option<u64>,
}

/// The end of a lease as it was asked for.
#[derive(Debug)]
struct Wanted {
    token: String,
    ending: Ending,
    result: Option<Box<RawValue>>,
    error: Option<String>,
    retry_in_ms: Option<u64>,
    for_ms: Option<u64>,
}

impl Ending {
    /// The one that is the last part of a path.
    fn of_path(path: &str) -> Option<Self> {
        match path.rsplit('/').next()? {
            "complete" => Some(Self::Complete),
            "fail" => Some(Self::Fail),
            "snooze" => Some(Self::Snooze),
            "discard" => Some(Self::Discard),
            "release" => Some(Self::Release),
            _ => None,
        }
    }

    /// The members that it may have besides the token.
    fn members(self) -> &'static [&'static str] {
        match self {
            Self::Complete => &["result"],
            Self::Fail => &["error", "retry_in_ms"],
            Self::Snooze => &["for_ms"],
            Self::Discard => &["error"],
            Self::Release => &[],
        }
    }
}

impl Wanted {
    /// What the engine is to do.
    fn command(&self, job: JobId, token: Token) -> Result<Command, Problem> {
        let given = [
            ("result", self.result.is_some()),
            ("error", self.error.is_some()),
            ("retry_in_ms", self.retry_in_ms.is_some()),
            ("for_ms", self.for_ms.is_some()),
        ];
        let known = self.ending.members();
        if let Some((name, _)) = given.iter().find(|(name, is)| *is && !known.contains(name)) {
            let hint = match known {
                [] => "leave it out".to_owned(),
                known => format!("there are `{}`", known.join("`, `")),
            };
            let detail = format!("`{name}` says nothing here");
            return Err(Problem::new(Code::Job, detail).hint(hint));
        }
        if let Some(ms) = self.retry_in_ms {
            check_delay("retry_in_ms", ms)?;
        }
        let outcome = match self.ending {
            Ending::Complete => JobOutcome::Complete,
            Ending::Fail => JobOutcome::Fail { retry_in_ms: self.retry_in_ms },
            Ending::Snooze => {
                let missing = || Problem::new(Code::Job, "`for_ms` is missing");
                let for_ms = self.for_ms.ok_or_else(missing)?;
                check_delay("for_ms", for_ms)?;
                JobOutcome::Snooze { for_ms }
            }
            Ending::Discard => JobOutcome::Discard,
            Ending::Release => JobOutcome::Release,
        };
        let detail = match (&self.result, &self.error) {
            (Some(result), _) => {
                Detail::result(result.get()).map_err(|error| Problem::from(&error))?
            }
            (None, Some(error)) => Detail::error(error),
            (None, None) => Detail::default(),
        };
        Ok(Command::Finish(Finish { job, token, outcome, detail }))
    }
}

/// What proves a lease. One of another life of the log is over.
pub(super) fn token(app: &App, job: JobId, text: &str) -> Result<Token, Problem> {
    let position: Position = text.parse().map_err(|_other: PositionError| {
        Problem::new(Code::Job, format!("{} is not a token", json::shown(text)))
            .hint("take it from the answer to a claim")
    })?;
    if position.epoch != app.db.position().epoch {
        let state = app.jobs.get(job).map_or("of another life of the log", |it| it.state.name());
        return Err(Problem::from(&Refused::Stale { job, state }));
    }
    if is_planted(Bug::AnyToken)
        && let Some(status) = app.jobs.get(job)
    {
        return Ok(Token::new(status.last));
    }
    Ok(Token::new(position.seq))
}

/// What became of one of many.
#[derive(Debug, Serialize)]
struct ResultOut {
    job: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorOut>,
}

#[derive(Debug, Serialize)]
struct ErrorOut {
    code: &'static str,
    detail: String,
}

impl ResultOut {
    fn new(job: u64, answer: Result<JobState, Problem>) -> Self {
        let (state, error) = match answer {
            Ok(state) => (Some(state.name()), None),
            Err(problem) => {
                let (code, detail) = (problem.code().name(), problem.detail().to_owned());
                (None, Some(ErrorOut { code, detail }))
            }
        };
        Self { job, state, error }
    }
}

/// The answer to one ending, and with a claim the next jobs.
#[derive(Debug, Serialize)]
struct EndedOut<'a> {
    #[serde(flatten)]
    result: ResultOut,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jobs: Option<Vec<ClaimedOut<'a>>>,
}

/// The answer to many, and with a claim the next jobs.
#[derive(Debug, Serialize)]
struct FinishedOut<'a> {
    results: Vec<ResultOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jobs: Option<Vec<ClaimedOut<'a>>>,
}

/// Ends one lease in the way that its path names.
pub(crate) async fn end(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    Part(job): Part,
    request: Request,
) -> Result<Response, Problem> {
    let status = super::find(&app, &grant, super::number(&job)?)?;
    let job = status.job;
    let (head, body) = request.into_parts();
    let ending = Ending::of_path(head.uri.path())
        .ok_or_else(|| Problem::new(Code::NoSuchPath, "a lease does not end so"))?;
    let form: EndForm = json::read_large(&app, &head.headers, body).await?;
    let wish = form.claim.as_ref().map(|claim| claim.check(&grant)).transpose()?;
    let Some(text) = form.token.clone() else {
        return without_token(&app, &grant, (job, ending), &form).await;
    };
    let EndForm { result, error, retry_in_ms, for_ms, .. } = form;
    let wanted = Wanted { token: text, ending, result, error, retry_in_ms, for_ms };
    let command = wanted.command(job, token(&app, job, &wanted.token)?)?;
    let worker = wish.as_ref().map(|wish| wish.claim.worker().to_owned());
    let (answers, jobs) = run(&app, vec![command], wish).await?;
    let nothing = || Err(Problem::new(Code::Internal, "nothing was done").hint("please report it"));
    let answer = answers.into_iter().next().map_or_else(nothing, state_of);
    let Some(worker) = worker else {
        let result = ResultOut::new(job.get(), Ok(answer?));
        return Ok(json::answer(&EndedOut { result, worker: None, jobs: None }));
    };
    // Jobs were claimed all the same, so that it was refused is a part of the answer.
    let (result, jobs) = (ResultOut::new(job.get(), answer), Some(claimed(&app, &jobs)));
    Ok(json::answer(&EndedOut { result, worker: Some(&worker), jobs }))
}

/// Who has no lease may discard a job that waits, as whoever looks after jobs.
async fn without_token(
    app: &App,
    grant: &Grant,
    (job, ending): (JobId, Ending),
    form: &EndForm,
) -> Result<Response, Problem> {
    let says_more = [form.result.is_some(), form.error.is_some(), form.claim.is_some()];
    match ending {
        Ending::Discard if !says_more.contains(&true) => change::discard(app, grant, job).await,
        Ending::Complete | Ending::Fail | Ending::Snooze | Ending::Discard | Ending::Release => {
            Err(Problem::new(Code::Job, "`token` is missing")
                .hint("take it from the answer to a claim"))
        }
    }
}

/// Ends many leases, each for itself.
pub(crate) async fn finish(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let form: FinishForm = json::read_large(&app, &head.headers, body).await?;
    check_count(&form.finish).map_err(|problem| problem.hint("send them in several requests"))?;
    let wish = form.claim.as_ref().map(|claim| claim.check(&grant)).transpose()?;
    let (mut results, mut commands, mut places) = (Vec::new(), Vec::new(), Vec::new());
    for (at, item) in form.finish.into_iter().enumerate() {
        let number = item.job;
        match of_item(&app, &grant, item) {
            Ok(command) => {
                commands.push(command);
                places.push(at);
                results.push(ResultOut { job: number, state: None, error: None });
            }
            // A key for other queues is no matter of one job.
            Err(problem) if problem.code() == Code::TopicForbidden => return Err(problem),
            Err(problem) => results.push(ResultOut::new(number, Err(problem))),
        }
    }
    let worker = wish.as_ref().map(|wish| wish.claim.worker().to_owned());
    let given_back = is_planted(Bug::GiveBackTheLast).then(|| give_back_the_last(&mut commands));
    let (mut answers, jobs) = run(&app, commands, wish).await?;
    if let (Some(Some(state)), Some(answer)) = (given_back, answers.last_mut()) {
        *answer = state;
    }
    for (at, answer) in places.into_iter().zip(answers) {
        results[at] = ResultOut::new(results[at].job, state_of(answer));
    }
    let jobs_out = worker.is_some().then(|| claimed(&app, &jobs));
    Ok(json::answer(&FinishedOut { results, worker: worker.as_deref(), jobs: jobs_out }))
}

/// Refuses more ends of leases than a request may have.
pub(crate) fn check_count(finish: &[EndingForm]) -> Result<(), Problem> {
    if finish.len() <= FINISH_JOBS_MAX {
        return Ok(());
    }
    let detail = format!("`finish` has {} jobs, and may have {FINISH_JOBS_MAX}", finish.len());
    Err(Problem::new(Code::TooLarge, detail))
}

/// The command that ends a lease of a queue that the key covers.
pub(crate) fn of_item(app: &App, grant: &Grant, item: EndingForm) -> Result<Command, Problem> {
    let EndingForm { job, token: text, outcome, result, error, retry_in_ms, for_ms } = item;
    let job = super::find(app, grant, JobId::from_number(job))?.job;
    let wanted = Wanted { token: text, ending: outcome, result, error, retry_in_ms, for_ms };
    wanted.command(job, token(app, job, &wanted.token)?)
}

/// Makes the last of several completions a release, and says what would have been answered.
fn give_back_the_last(commands: &mut [Command]) -> Option<Result<Done, Refused>> {
    let [_, .., Command::Finish(finish)] = commands else { return None };
    let is_complete = matches!(finish.outcome, JobOutcome::Complete);
    if is_complete {
        finish.outcome = JobOutcome::Release;
    }
    is_complete.then_some(Ok(Done::Job { job: finish.job, state: JobState::Completed }))
}

/// Has commands done, each for itself, and claims the next jobs in the same commit if that is wished.
async fn run(
    app: &App,
    commands: Vec<Command>,
    wish: Option<Wish>,
) -> Result<(JobAnswers, Vec<Job>), Problem> {
    let Some(Wish { claim, lease_ms }) = wish else {
        if commands.is_empty() {
            return Ok((JobAnswers::new(), Vec::new()));
        }
        let running = app.jobs.run(commands, true).map_err(|error| Problem::from(&error))?;
        return Ok((running.await.map_err(|error| app.refuse(&error))?, Vec::new()));
    };
    let mut claiming = app.jobs.claim_now_for(claim, lease_ms).after(commands);
    let jobs = (&mut claiming).await.map_err(|error| app.refuse(&error))?;
    Ok((claiming.answers(), jobs))
}

fn state_of(answer: Result<Done, Refused>) -> Result<JobState, Problem> {
    match answer {
        Ok(Done::Job { state, .. }) => Ok(state),
        Ok(Done::Enqueued { .. } | Done::Queue | Done::Order) => {
            Err(Problem::new(Code::Internal, "something else was done").hint("please report it"))
        }
        Err(refused) => Err(Problem::from(&refused)),
    }
}

/// The worker is at work on it still: its leases are good for as long as it may be silent again.
pub(crate) async fn extend(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    Part(job): Part,
    request: Request,
) -> Result<Response, Problem> {
    let status = super::find(&app, &grant, super::number(&job)?)?;
    let (head, body) = request.into_parts();
    let form: ExtendForm = json::read(&app, &head.headers, body).await?;
    let job = status.job;
    let token = token(&app, job, &form.token)?;
    // As it is now: the body may have taken its time.
    let status = super::find(&app, &grant, job)?;
    let worker = status.worker.as_deref().filter(|_| status.last == token.seq());
    let Some(worker) = worker else {
        return Err(Problem::from(&Refused::Stale { job, state: status.state.name() }));
    };
    let lease_ms = form.lease_ms.unwrap_or(jobs_limits::LEASE_MS_DEFAULT);
    let cancelling = app.jobs.heartbeat(worker, lease_ms).contains(&job);
    Ok(json::answer(&serde_json::json!({ "job": job.get(), "cancelling": cancelling })))
}
