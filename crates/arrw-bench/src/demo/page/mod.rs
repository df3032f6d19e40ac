//! The page: its files, the figures while the server is away, and the button.

mod assets;
mod guard;

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    HeaderValue, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::sync::Semaphore;

use super::board::{QUEUES, lock};
use super::limits::{HEAD_TIME_MAX, PAGES_MAX};
use super::show::{FIGURES, Show};
use super::summary::{self, Summary};
use assets::Assets;

type Answer = Response<Full<Bytes>>;

/// What is behind the page.
struct Page {
    show: Arc<Show>,
    assets: Assets,
    address: SocketAddr,
    policy: HeaderValue,
}

/// Answers requests until the task is ended.
pub(super) async fn serve(listener: TcpListener, show: Arc<Show>) {
    let board = Arc::clone(&show.board);
    if let Err(error) = answer_all(listener, show).await {
        board.accuse(format!("the page cannot be served: {error:#}"));
    }
}

async fn answer_all(listener: TcpListener, show: Arc<Show>) -> anyhow::Result<()> {
    let address = listener.local_addr()?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let policy = policy(show.board.server)?;
    let page = Arc::new(Page { show, assets: Assets::pack()?, address, policy });
    let places = Arc::new(Semaphore::new(PAGES_MAX));
    loop {
        let place = Arc::clone(&places).acquire_owned().await?;
        // One that is gone before it was there is no reason to stop.
        let Ok((stream, _)) = listener.accept().await else { continue };
        let page = Arc::clone(&page);
        tokio::spawn(async move {
            let answer = service_fn(move |request: Request<Incoming>| {
                let answer = page.answer(&request);
                async move { Ok::<_, Infallible>(answer) }
            });
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME_MAX);
            // How a browser leaves is its own affair.
            drop(http.serve_connection(TokioIo::new(stream), answer).await);
            drop(place);
        });
    }
}

/// The page takes everything from here, and follows the server.
fn policy(server: SocketAddr) -> anyhow::Result<HeaderValue> {
    let port = server.port();
    let policy = format!(
        "default-src 'self'; connect-src 'self' ws://127.0.0.1:{port} ws://localhost:{port}; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'"
    );
    Ok(policy.parse()?)
}

impl Page {
    fn answer<T>(&self, request: &Request<T>) -> Answer {
        let headers = request.headers();
        let mut answer = if guard::is_asked_by_its_name(headers, self.address) {
            self.route(request.method(), request.uri().path(), headers)
        } else {
            refuse(StatusCode::MISDIRECTED_REQUEST, "this is not a name of this machine\n")
        };
        let all = answer.headers_mut();
        all.insert(CONTENT_SECURITY_POLICY, self.policy.clone());
        all.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        all.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        all.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer
    }

    fn route(&self, method: &Method, path: &str, headers: &HeaderMap) -> Answer {
        let is_read = [Method::GET, Method::HEAD].contains(method);
        match path {
            "/kill" if method == Method::POST => self.kill(headers),
            "/kill" => refuse_method("POST"),
            _ if !is_read => refuse_method("GET, HEAD"),
            "/state" => self.state(headers),
            "/past" => self.past(headers),
            _ => match self.assets.find(path) {
                Some(file) if takes_gzip(headers) => {
                    packed(file.kind, Bytes::copy_from_slice(&file.gzip))
                }
                Some(file) => plain(file.kind, Bytes::from_static(file.plain)),
                None => refuse(StatusCode::NOT_FOUND, "there is nothing here\n"),
            },
        }
    }

    /// Kills the server, if the page asks for it.
    fn kill(&self, headers: &HeaderMap) -> Answer {
        if !guard::is_of_the_page(headers) {
            return refuse(StatusCode::FORBIDDEN, "only the page itself may do this\n");
        }
        if self.show.kill() {
            with_status(StatusCode::ACCEPTED, plain("text/plain", Bytes::from_static(b"killed\n")))
        } else {
            refuse(StatusCode::CONFLICT, "the server is away already\n")
        }
    }

    /// The figures of now: the page asks for them while the server cannot tell them.
    fn state(&self, headers: &HeaderMap) -> Answer {
        let last = self.show.last();
        // What is counted over time is that of the last telling.
        let now = Summary {
            n: last.n,
            rates: last.rates,
            p50_us: last.p50_us,
            p99_us: last.p99_us,
            ..summary::now(&self.show.board, last.totals)
        };
        json_answer(headers, &json!(now))
    }

    /// What there is to show, and the last minute.
    fn past(&self, headers: &HeaderMap) -> Answer {
        let board = &self.show.board;
        let past: Vec<_> = lock(&self.show.past)
            .iter()
            .map(|told| {
                let pending: u64 =
                    told.queues.iter().map(|queue| queue.ready + queue.running).sum();
                json!([
                    told.n,
                    told.at_ms,
                    told.rates.events,
                    told.rates.deliveries,
                    told.rates.jobs,
                    pending,
                    told.clients.connected,
                    told.p50_us,
                    told.p99_us
                ])
            })
            .collect();
        let plan = json!({
            "server": board.server.port(),
            "figures": FIGURES,
            "topics": board.texts.topics,
            "rate": self.show.rate,
            "queues": QUEUES.iter().map(|queue| queue.name).collect::<Vec<_>>(),
            "version": env!("CARGO_PKG_VERSION"),
        });
        json_answer(headers, &json!({ "plan": plan, "past": past }))
    }
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let taken = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|it| it.to_str().ok());
    taken.flat_map(|it| it.split(',')).any(|it| it.trim() == "gzip")
}

fn json_answer(headers: &HeaderMap, value: &serde_json::Value) -> Answer {
    let text = value.to_string().into_bytes();
    match assets::gzip(&text) {
        Ok(small) if takes_gzip(headers) => packed("application/json", Bytes::from(small)),
        Ok(_) | Err(_) => plain("application/json", Bytes::from(text)),
    }
}

fn plain(kind: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer.headers_mut().insert(VARY, HeaderValue::from_static("accept-encoding"));
    answer
}

fn packed(kind: &'static str, body: Bytes) -> Answer {
    let mut answer = plain(kind, body);
    answer.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    answer
}

fn refuse(status: StatusCode, why: &'static str) -> Answer {
    with_status(status, plain("text/plain", Bytes::from_static(why.as_bytes())))
}

fn refuse_method(allowed: &'static str) -> Answer {
    let mut answer = refuse(StatusCode::METHOD_NOT_ALLOWED, "not by this method\n");
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    answer
}

fn with_status(status: StatusCode, mut answer: Answer) -> Answer {
    *answer.status_mut() = status;
    answer
}
