//! `GET /v1/events`: a page of events, and where the next one starts.

use std::sync::Arc;
use std::time::Duration;

use arrw::{Encoder, Events, Policy, Position, Seq, Start, Subscription, SubscriptionError};
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::cloud;
use crate::app::App;
use crate::keys::Grant;
use crate::limits::PAGE_BYTES_MAX;
use crate::ndjson;
use crate::planted::{Bug, is_planted};
use crate::problem::{Code, Problem};
use crate::query::Query;

/// The parameters that a page may be asked for with.
const PARAMETERS: &[&str] = &["filter", "after", "limit", "wait_ms"];

/// In answers of lines: where the next page starts.
const NEXT: &str = "arrw-next";

/// In answers of CloudEvents: the gaps.
const GAPS: &str = "arrw-gaps";

/// The content type of an array of CloudEvents.
const CLOUD_BATCH: &str = "application/cloudevents-batch+json";

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    request: Request,
) -> Result<Response, Problem> {
    let query = Query::parse(request.uri().query(), PARAMETERS, &app.limits)?;
    grant.check_filter(&query.filter)?;
    let start = query.after.unwrap_or(Start::Earliest);
    let subscription = app
        .bus
        .subscribe_with(&query.filter, start, Policy::Durable)
        .map_err(|error| Problem::from(&error))?;
    answer(&app, request.headers(), subscription, (query.limit, query.wait)).await
}

/// Answers a page of what a subscription has; when that is nothing, waits for it.
pub(crate) async fn answer(
    app: &App,
    headers: &HeaderMap,
    mut subscription: Subscription,
    (limit, wait): (usize, Duration),
) -> Result<Response, Problem> {
    let mut page = Page::new(Form::of(headers), limit, subscription.position());
    (page, subscription) = collect(app, page, subscription).await?;
    if page.count == 0 && page.gaps.is_empty() && !wait.is_zero() {
        let waiting = async {
            tokio::select! {
                first = subscription.recv() => Some(first),
                () = app.closing() => None,
            }
        };
        if let Ok(Some(first)) = timeout(wait, waiting).await {
            page.take(first.transpose())?;
            (page, subscription) = collect(app, page, subscription).await?;
        }
    }
    Ok(page.into_response(subscription.position()))
}

/// Reads what is there, on a thread that may wait for the disk.
async fn collect(
    app: &App,
    mut page: Page,
    mut subscription: Subscription,
) -> Result<(Page, Subscription), Problem> {
    let place = app.take_page().await;
    let reading = spawn_blocking(move || {
        // Also when the client has gone meanwhile.
        let _place = place;
        while !page.is_full() && page.take(subscription.try_next().transpose())? {}
        Ok((page, subscription))
    });
    reading.await.unwrap_or_else(|error| Err(Problem::new(Code::Internal, error.to_string())))
}

/// How the answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Json,
    Lines,
    /// An array of CloudEvents.
    Cloud,
}

impl Form {
    fn of(headers: &HeaderMap) -> Self {
        let accepts = headers.get_all(header::ACCEPT).iter();
        let wants_lines = accepts
            .filter_map(|accept| accept.to_str().ok())
            .any(|accept| ndjson::CONTENT_TYPES.iter().any(|it| accept.contains(it)));
        let mut accepts = headers.get_all(header::ACCEPT).iter();
        let is_cloud = |it: &HeaderValue| it.to_str().is_ok_and(|it| it.contains(CLOUD_BATCH));
        match (wants_lines, accepts.any(is_cloud)) {
            (true, _) => Self::Lines,
            (false, true) => Self::Cloud,
            (false, false) => Self::Json,
        }
    }

    /// What stands before the first event. It is written first, as pages are large and not to be copied.
    fn begin(self) -> &'static [u8] {
        match self {
            Self::Json => b"{\"events\":[",
            Self::Lines => b"",
            Self::Cloud => b"[",
        }
    }
}

/// Events for one answer.
#[derive(Debug)]
struct Page {
    form: Form,
    limit: usize,
    encoder: Encoder,
    out: Vec<u8>,
    count: usize,
    gaps: Vec<(Seq, Seq)>,
    /// Where to go on, if the page was full before all that was read was in it.
    cut: Option<Position>,
}

impl Page {
    fn new(form: Form, limit: usize, position: Position) -> Self {
        let encoder = Encoder::new(position.epoch);
        let out = form.begin().to_vec();
        Self { form, limit, encoder, out, count: 0, gaps: Vec::new(), cut: None }
    }

    fn is_full(&self) -> bool {
        self.limit <= self.count || PAGE_BYTES_MAX <= self.out.len() || self.cut.is_some()
    }

    /// Takes in what was read; false when that was nothing.
    fn take(&mut self, read: Option<Result<Events, SubscriptionError>>) -> Result<bool, Problem> {
        match read {
            None => Ok(false),
            Some(Ok(events)) => {
                self.add(&events);
                Ok(true)
            }
            Some(Err(SubscriptionError::Gap { first, last })) => {
                if self.form == Form::Lines {
                    let gap = format!("{{\"gap\":{{\"first\":{first},\"last\":{last}}}}}\n");
                    self.out.extend_from_slice(gap.as_bytes());
                }
                self.gaps.push((first, last));
                Ok(true)
            }
            // What was read so far is answered; whoever goes on behind it is told.
            Some(Err(_)) if 0 < self.count => Ok(false),
            Some(Err(error)) => Err(Problem::from(&error)),
        }
    }

    fn add(&mut self, events: &Events) {
        let mut last = None;
        for event in events {
            if self.is_full() {
                let last =
                    last.map(|seq: Seq| if is_planted(Bug::CutTooFar) { seq.next() } else { seq });
                self.cut = last.map(|seq| Position { epoch: events.epoch(), seq });
                return;
            }
            if self.form != Form::Lines && 0 < self.count {
                self.out.push(b',');
            }
            let encoder = self.encoder.of(events.epoch());
            if self.form == Form::Cloud {
                let mut position = Vec::new();
                encoder.position(event.seq(), &mut position);
                cloud::write(&event, &String::from_utf8_lossy(&position), &mut self.out);
            } else {
                encoder.event(&event, &mut self.out);
            }
            if self.form == Form::Lines {
                self.out.push(b'\n');
            }
            self.count += 1;
            last = Some(event.seq());
        }
    }

    fn into_response(mut self, position: Position) -> Response {
        let next = self.cut.unwrap_or(position).to_string();
        let no_store = (header::CACHE_CONTROL, "no-store".to_owned());
        if self.form == Form::Cloud {
            self.out.push(b']');
            let content_type = (header::CONTENT_TYPE, CLOUD_BATCH.to_owned());
            let mut response = ([content_type, no_store], self.out).into_response();
            let headers = response.headers_mut();
            headers.insert(NEXT, next.parse().expect("a position is plain text"));
            if !self.gaps.is_empty() {
                let gaps = self.gaps.iter().map(|(first, last)| format!("{first}-{last}"));
                let gaps = gaps.collect::<Vec<_>>().join(",");
                headers.insert(GAPS, gaps.parse().expect("numbers are plain text"));
            }
            return response;
        }
        if self.form == Form::Lines {
            let content_type = (header::CONTENT_TYPE, "application/x-ndjson".to_owned());
            let mut response = ([content_type, no_store], self.out).into_response();
            let next = next.parse().expect("a position is plain text");
            response.headers_mut().insert(NEXT, next);
            return response;
        }
        let mut json = self.out;
        json.push(b']');
        if !self.gaps.is_empty() {
            let gap = |(first, last)| format!("{{\"first\":{first},\"last\":{last}}}");
            let gaps: Vec<String> = self.gaps.into_iter().map(gap).collect();
            json.extend_from_slice(format!(",\"gaps\":[{}]", gaps.join(",")).as_bytes());
        }
        json.extend_from_slice(format!(",\"next\":\"{next}\"}}").as_bytes());
        ([(header::CONTENT_TYPE, "application/json".to_owned()), no_store], json).into_response()
    }
}
