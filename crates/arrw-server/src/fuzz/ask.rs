//! Requests that are put to the router: bodies of every route that has one.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arrw::{Clock, Db, Entropy, Environment, MemoryStorage, NewEvent, Options, Start, Timestamp};
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Frame;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Input, Outcome, Target, check_len, seeds, text_of};
use crate::Refusal;
use crate::app::App;
use crate::guard::Sites;
use crate::keys::Keys;
use crate::limits::Limits;
use crate::routes;

pub(super) const NDJSON: Target = Target {
    name: "server-ndjson",
    what: "lines of events: the same answer and the same events wherever the body is cut",
    run: ndjson,
    seeds: || {
        seeds(&[
            "\0\u{7}{\"topic\":\"a\",\"data\":1}\n\n{\"topic\":\"b\",\"data\":2,\"id\":\"x\"}\r\n{\"topic\":\"b\",\"data\":2,\"id\":\"x\"}",
            "\u{1}\u{3}{\"topic\":\"a\",\"data\":1}\nnot JSON\n{\"topic\":\"~.a\",\"data\":2}\n{\"topic\":\"c\",\"data\":3}\n",
            "\u{3}\u{5}{\"topic\":\"a\",\"data\":1}\n{\"topic\":\"a b\"}\n{\"topic\":\"c\",\"data\":3}\n",
        ])
    },
    words: &[
        "\n",
        "{\"topic\":\"a\",\"data\":1}\n",
        "\"id\":\"x\"",
        "\"id\":\"y\"",
        "~.",
        "\r\n",
        "{}",
    ],
};

pub(super) const BATCH: Target = Target {
    name: "server-batch",
    what: "body of a batch: all of it or nothing, and the same again says the same",
    run: batch,
    seeds: || {
        seeds(&[
            r#"{"events":[{"topic":"a","data":1},{"topic":"b","data":2,"id":"x"}]}"#,
            r#"{"events":[{"topic":"a","data":1}],"acknowledge":[{"consumer":"c","generation":1,"position":"E:1"}]}"#,
            r#"{"events":[],"acknowledge":[{"consumer":"c","generation":1,"position":"E:1"}],"expect_last":"E:3"}"#,
        ])
    },
    words: &[
        "\"events\":",
        "\"acknowledge\":",
        "\"expect_last\":\"E:3\"",
        "E:",
        "{\"topic\":\"a\",\"data\":1}",
        "[]",
        "null",
        "\"id\":\"x\"",
    ],
};

pub(super) const CONTROL: Target = Target {
    name: "server-control",
    what: "bodies and paths of the control routes: done and shown, or refused with a reason",
    run: control,
    seeds: || {
        seeds(&[
            "\0\u{1}d{\"filter\":\"a.>\",\"after\":\"earliest\"}",
            "\u{1}\u{1}c{\"generation\":1,\"position\":\"E:2\"}",
            "\u{2}\u{1}c{\"after\":\"latest\"}",
            "\u{3}\u{3}a.>{\"age_max_ms\":1000,\"count_max\":5}",
            "\u{4}\u{1}c",
            "\u{5}\u{1}a",
            "\u{6}\u{1}c?generation=1&limit=2",
            "\u{7}\u{1}a",
        ])
    },
    words: &[
        "\"filter\":",
        "\"after\":",
        "\"generation\":",
        "\"position\":\"E:1\"",
        "\"age_max_ms\":",
        "\"bytes_max\":",
        "?",
        "%2F",
        "E:",
        "null",
    ],
};

/// How long a page may wait for an event.
const PAGE_WAIT: Duration = Duration::from_millis(5);

/// What stands for the epoch in inputs.
pub(super) const EPOCH: &str = "E:";

/// The same time and the same random numbers for every run.
#[derive(Debug)]
struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_700_000_000_000_000)
    }
}

impl Entropy for Fixed {
    fn draw(&self) -> u64 {
        0x00c0_ffee
    }
}

/// A server's state, with three events and a consumer.
pub(super) fn app() -> Arc<App> {
    let (clock, entropy) = (Arc::new(Fixed), Arc::new(Fixed));
    let environment = Environment { storage: Arc::new(MemoryStorage::new()), clock, entropy };
    let mut options = Options::default();
    options.log.segment_bytes = 256 * 1024;
    let db = Db::open_with(environment, options).expect("memory can be opened");
    let bus = db.bus();
    bus.create_consumer("c", "a", Start::Earliest).expect("it is the first");
    bus.take_over_consumer("c").expect("it was just made");
    bus.publish(NewEvent::new("a", b"1"))
        .expect("it is an event")
        .wait()
        .expect("memory can be written");
    let keys = Keys::open(None).expect("there is no file");
    let address = "127.0.0.1:7650".parse().expect("it is an address");
    let sites = Sites::new(address, Vec::new(), Vec::new());
    // Nobody waits for an event that does not come.
    let limits = Limits { page_wait: PAGE_WAIT, ..Limits::default() };
    // No folder can be made there, so that nothing is written.
    Arc::new(App::new(db, sites, keys, limits).with_backups("/dev/null/backups".into()))
}

/// A runtime for one input.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().build().expect("the system has a thread").block_on(future)
}

/// A body that comes in pieces.
pub(super) struct Pieces(Vec<Bytes>);

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop().map(|piece| Ok(Frame::data(piece))))
    }
}

/// What a server answered.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) json: Value,
}

impl Answer {
    pub(super) fn is_fine(&self) -> bool {
        self.status < 300
    }
}

/// Asks a server, and checks what holds for every answer.
pub(super) async fn ask(
    app: &Arc<App>,
    line: (&str, &str),
    content_type: &str,
    pieces: Pieces,
) -> Option<Answer> {
    let (method, target) = line;
    let request = Request::builder().method(method).uri(target).header("host", "localhost");
    let request = request.header("content-type", content_type).body(Body::new(pieces)).ok()?;
    let service = TowerToHyperService::new(routes::router(Arc::clone(app)));
    let answer = service.call(request).await.unwrap_or_else(|never| match never {});
    let (head, body) = answer.into_parts();
    let body = body.collect().await.expect("an answer does not break off").to_bytes();
    check_answer(head.status.as_u16(), &head.headers, &body);
    let json = serde_json::from_slice(&body).unwrap_or_default();
    Some(Answer { status: head.status.as_u16(), json })
}

/// What holds for the body of every answer that is not a stream.
pub(super) fn check_answer(status: u16, headers: &HeaderMap, body: &[u8]) {
    assert_ne!(status, 500, "{}", String::from_utf8_lossy(body));
    let content_type = headers.get("content-type").map(|it| it.to_str().unwrap_or_default());
    if content_type == Some("application/problem+json") {
        assert!(400 <= status, "a problem of status {status}");
        let refusal: Refusal =
            serde_json::from_slice(body).expect("the client reads every problem");
        assert!(!refusal.detail.is_empty() && !refusal.code.is_empty(), "{refusal:?}");
        check_len(body);
    } else if content_type == Some("application/json") {
        assert!(
            serde_json::from_slice::<&RawValue>(body).is_ok(),
            "{}",
            String::from_utf8_lossy(body)
        );
    }
}

pub(super) fn outcome(answers: &[&Answer]) -> Outcome {
    let statuses: Vec<u8> = answers.iter().flat_map(|it| it.status.to_le_bytes()).collect();
    let code = answers.last().and_then(|it| it.json["code"].as_str()).unwrap_or_default();
    let way =
        u64::from_le_bytes(*[&statuses[..], &[0; 8]].concat().first_chunk().expect("it has 8"));
    let code: u64 = code.bytes().map(u64::from).fold(0, |sum, byte| sum * 31 + byte);
    let is_fine = answers.iter().any(|answer| answer.status < 300);
    if is_fine { Outcome::Accepted(way ^ code << 32) } else { Outcome::Refused(way ^ code << 32) }
}

/// The outcome of one answer, told apart by something else as well: at most 999.
pub(super) fn outcome_of(answer: &Answer, feature: usize) -> Outcome {
    // No status is so high, so it counts as no success.
    let status = 1_000 + u16::try_from(feature.min(999)).unwrap_or_default();
    outcome(&[&Answer { status, json: Value::Null }, answer])
}

pub(super) fn whole(body: &[u8]) -> Pieces {
    Pieces(vec![Bytes::copy_from_slice(body)])
}

/// A body in pieces of a size.
pub(super) fn cut(body: &[u8], size: usize) -> Pieces {
    let mut pieces: Vec<Bytes> = body.chunks(size).map(Bytes::copy_from_slice).collect();
    pieces.reverse();
    Pieces(pieces)
}

/// All events of a server, as a page.
async fn events(app: &Arc<App>) -> Value {
    let line = ("GET", "/v1/events?limit=1000&filter=*");
    ask(app, line, "", whole(b"")).await.expect("it is a request").json["events"].take()
}

fn ndjson(input: &[u8]) -> Outcome {
    let mut input = Input::new(input);
    let (flags, size) = (input.byte(), usize::from(input.byte()).max(1));
    let body = input.rest();
    let target = if flags & 1 == 1 { "/v1/events?on_error=continue" } else { "/v1/events" };
    block_on(async {
        let mut both = Vec::new();
        for pieces in [whole(body), cut(body, size)] {
            let app = app();
            let answer = ask(&app, ("POST", target), "application/x-ndjson", pieces).await;
            both.push((answer.expect("it is a request"), events(&app).await));
        }
        assert_eq!(both[0], both[1], "in pieces of {size}");
        outcome(&[&both[0].0])
    })
}

fn batch(input: &[u8]) -> Outcome {
    block_on(async {
        let app = app();
        let epoch = format!("{}:", app.db.position().epoch);
        let body = text_of(input).replace(EPOCH, &epoch);
        let before = events(&app).await;
        let line = ("POST", "/v1/batch");
        let first = ask(&app, line, "application/json", whole(body.as_bytes())).await;
        let first = first.expect("it is a request");
        let count = |events: &Value| events.as_array().map_or(0, Vec::len);
        let added = count(&events(&app).await) - count(&before);
        let told = first.json["count"].as_u64().unwrap_or_default();
        if first.status < 300 {
            // A page ends before there are more than it may have.
            assert!(added as u64 <= told, "{added} events, and {told} are told of");
        } else {
            assert_eq!(added, 0, "it was refused, and events are there: {first:?}");
        }
        let again = ask(&app, line, "application/json", whole(body.as_bytes())).await;
        outcome(&[&first, &again.expect("it is a request")])
    })
}

fn control(input: &[u8]) -> Outcome {
    let mut input = Input::new(input);
    let (route, name) = (input.byte() % 8, input.text());
    block_on(async {
        let app = app();
        let epoch = format!("{}:", app.db.position().epoch);
        let body = text_of(input.rest()).replace(EPOCH, &epoch);
        let (method, target) = match route {
            0 => ("PUT", format!("/v1/consumers/{name}")),
            1 => ("POST", format!("/v1/consumers/{name}/ack")),
            2 => ("POST", format!("/v1/consumers/{name}/reset")),
            3 => ("PUT", format!("/v1/retention/{name}")),
            4 => ("POST", format!("/v1/consumers/{name}/open")),
            5 => ("GET", format!("/v1/topics/{name}")),
            6 => ("GET", format!("/v1/consumers/{name}/events{body}")),
            _ => ("DELETE", format!("/v1/topics/{name}/events")),
        };
        let line = (method, target.as_str());
        let asked = ask(&app, line, "application/json", whole(body.as_bytes())).await;
        let Some(answer) = asked else { return Outcome::refused(&[usize::from(route)]) };
        if route == 0 && answer.status < 300 {
            let shown = ask(&app, ("GET", &target), "", whole(b"")).await;
            assert_eq!(
                shown.map(|it| it.json["filter"].clone()),
                Some(answer.json["filter"].clone())
            );
        }
        outcome_of(&answer, usize::from(route))
    })
}
