//! The bytes of a connection: requests as a client sends them, in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::ask::{app, block_on, check_answer};
use super::{Outcome, Target, seeds};
use crate::{routes, server};

pub(super) const HTTP: Target = Target {
    name: "server-http",
    what: "bytes of a connection: each request is answered, none with 500, and the connection ends",
    run: http,
    seeds: || {
        seeds(&[
            "GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\nGET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n",
            "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 22\r\n\r\n{\"topic\":\"a\",\"data\":1}",
            "POST /v1/events?on_error=continue HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\narrw-producer: p\r\narrw-producer-seq: 1\r\n\r\n17\r\n{\"topic\":\"a\",\"data\":1}\n\r\n0\r\n\r\n",
            "GET /v1/events?filter=a&limit=1 HTTP/1.1\r\nhost: 127.0.0.1:7650\r\naccept: application/x-ndjson\r\naccept-encoding: gzip\r\n\r\n",
            "GET /v1/events/stream?filter=a&after=earliest HTTP/1.1\r\nhost: localhost\r\nlast-event-id: earliest\r\n\r\n",
            "PUT /v1/consumers/d HTTP/1.1\r\nhost: localhost\r\ncontent-length: 14\r\n\r\n{\"filter\":\"a\"}GET /v1/consumers HTTP/1.1\r\nhost: localhost\r\n\r\n",
            "POST /v1/events HTTP/1.1\r\nhost: localhost\r\nce-specversion: 1.0\r\nce-id: 1\r\nce-source: s\r\nce-type: a\r\ncontent-length: 2\r\n\r\nhi",
            "DELETE /v1/topics/a/events HTTP/1.1\r\nhost: localhost\r\nx-request-id: 7\r\n\r\nGET /v1/stats?filter=* HTTP/1.1\r\nhost: localhost\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\nhost: localhost\r\norigin: http://localhost\r\nexpect: 100-continue\r\n\r\n",
        ])
    },
    words: &[
        "\r\n",
        "\r\n\r\n",
        "host: localhost\r\n",
        "GET ",
        "POST ",
        "PUT ",
        "DELETE ",
        "HEAD ",
        " HTTP/1.1\r\n",
        " HTTP/1.0\r\n",
        "transfer-encoding: chunked\r\n",
        "content-length: ",
        "content-encoding: gzip\r\n",
        "content-encoding: zstd\r\n",
        "accept: application/cloudevents-batch+json\r\n",
        "connection: close\r\n",
        "/v1/topics",
        "/v1/retention/a",
        "/v1/subscriptions",
        "/readyz",
        "/openapi.json",
        "0\r\n\r\n",
        "upgrade: h2c\r\n",
        "range: bytes=0-1\r\n",
        "arrw-expect-last: 0000000000c0ffee:3\r\n",
        "sec-fetch-site: cross-site\r\n",
        "?wait_ms=30000",
        "traceparent: ",
    ],
};

/// Bytes between the two ends of the connection.
const PIPE_BYTES: usize = 64 * 1024;

/// How long a connection may last whose client has gone. It ends at once: this only bounds a fault.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// How long a stream may say nothing before its client goes: a stream does not end by itself.
const STREAM_QUIET: Duration = Duration::from_millis(20);

/// What was answered on one connection.
#[derive(Debug, Default)]
struct Seen {
    /// In the order of the requests.
    statuses: Mutex<Vec<u16>>,
    is_stream: AtomicBool,
}

fn http(input: &[u8]) -> Outcome {
    let seen = Arc::new(Seen::default());
    let ended = block_on(async {
        let app = app();
        let router = watched(routes::router(Arc::clone(&app)), &seen);
        let (client, server) = duplex(PIPE_BYTES);
        let (mut answers, mut requests) = tokio::io::split(client);
        let sending = async {
            // A server that has enough of it does not take the rest.
            let _sent = requests.write_all(input).await;
            let _ended = requests.shutdown().await;
        };
        let reading = async {
            let mut piece = [0; 4096];
            loop {
                match timeout(STREAM_QUIET, answers.read(&mut piece)).await {
                    Ok(Ok(1..)) => (),
                    Ok(Ok(0) | Err(_)) => break,
                    Err(_) if seen.is_stream.load(Ordering::SeqCst) => break,
                    Err(_) => (),
                }
            }
        };
        let talking = async { tokio::join!(sending, reading) };
        let serving = server::answer(server, &app, router);
        let both = async {
            tokio::select! {
                _gone = talking => (),
                () = serving => (),
            }
        };
        timeout(ENDS_WITHIN, Box::pin(both)).await
    });
    assert!(ended.is_ok(), "the connection does not end");
    let statuses = seen.statuses.try_lock().expect("all is over").clone();
    let kinds = [2, 4, 5].map(|kind| statuses.iter().filter(|it| **it / 100 == kind).count());
    let last = statuses.last().copied().map_or(0, usize::from);
    if kinds[0] == 0 {
        return Outcome::Refused(last as u64 + 1_000 * kinds[1].min(9) as u64);
    }
    Outcome::Accepted(last as u64 + 1_000 * (kinds[0].min(9) + 10 * kinds[1].min(9)) as u64)
}

/// The same router; each answer is checked on its way.
fn watched(router: Router, seen: &Arc<Seen>) -> Router {
    let seen = Arc::clone(seen);
    router.layer(from_fn(move |request: Request, next: Next| {
        let seen = Arc::clone(&seen);
        async move {
            let response = next.run(request).await;
            seen.statuses.lock().await.push(response.status().as_u16());
            checked(response, &seen).await
        }
    }))
}

/// Takes in the body of an answer that ends by itself, and looks at it.
async fn checked(response: Response, seen: &Seen) -> Response {
    let is_stream =
        response.headers().get("content-type").is_some_and(|it| it == "text/event-stream");
    if is_stream {
        seen.is_stream.store(true, Ordering::SeqCst);
        return response;
    }
    let (head, body) = response.into_parts();
    let bytes = body.collect().await.expect("an answer does not break off").to_bytes();
    if !head.headers.contains_key("content-encoding") {
        check_answer(head.status.as_u16(), &head.headers, &bytes);
    }
    Response::from_parts(head, Body::from(bytes))
}
