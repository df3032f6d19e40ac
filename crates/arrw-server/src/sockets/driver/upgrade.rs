//! Makes a WebSocket of a connection, or says why not.

use std::sync::Arc;

use arrw_wire::centrifuge::Encoding;
use arrw_wire::websocket::deflate::Agreed;
use arrw_wire::websocket::handshake::{self, Offer, Refused};
use arrw_wire::websocket::{Compression, Peer, Reader};
use axum::http::HeaderValue;
use httparse::{EMPTY_HEADER, Status};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::{Drive, Room};
use crate::admission::{Place, answer_once};
use crate::app::App;
use crate::guard;
use crate::limits::HEADERS_MAX;
use crate::problem::{Code, Problem};
use crate::sockets::connection::Connection;
use crate::sockets::form::Form;
use crate::sockets::link::Link;
use crate::sockets::proxy::Passed;

const PROTOBUF: &str = "centrifuge-protobuf";
const JSON: &str = "centrifuge-json";

/// Parameters of the query by which a client asks for Protobuf, for those that cannot name a subprotocol.
const PROTOBUF_QUERIES: [&str; 2] = ["cf_protocol=protobuf", "format=protobuf"];

/// What was agreed on.
#[derive(Debug)]
struct Agreement {
    answer: String,
    form: Form,
    compression: Compression,
    passed: Option<Box<Passed>>,
}

/// Answers a request for a WebSocket, and drives the connection if there is one then.
pub(crate) async fn upgrade<S: AsyncWrite + Unpin>(
    mut stream: S,
    (head, behind): (&[u8], Vec<u8>),
    app: &Arc<App>,
    place: Place,
    into_link: impl FnOnce(S) -> Box<dyn Link>,
) {
    let agreed = place.visitor().ask().map_err(crate::admission::NoRoom::problem);
    let agreed = agreed.and_then(|()| agree(app, head));
    let agreement = match agreed {
        Ok(agreement) => agreement,
        Err(problem) => {
            app.counters.answered(problem.code().status());
            app.counters.refused(problem.refused());
            app.hub.figures.refused_handshake();
            let answer = answer_once(&problem);
            // Whoever does not read it is cut off.
            drop(timeout(app.limits.head, stream.write_all(&answer)).await);
            drop(timeout(app.limits.head, stream.shutdown()).await);
            return;
        }
    };
    let written = timeout(app.limits.head, stream.write_all(agreement.answer.as_bytes())).await;
    if !matches!(written, Ok(Ok(()))) {
        return;
    }
    app.counters.answered(101);
    let hub = Arc::clone(&app.hub);
    let connection =
        match Connection::new(&hub, agreement.form, into_link(stream), agreement.passed) {
            Ok(connection) => connection,
            Err(error) => return tracing::error!(%error, "the system has no randomness"),
        };
    let bytes_max = u32::try_from(hub.limits.message_bytes).unwrap_or(u32::MAX);
    let reader = Reader::new(Peer::Client, agreement.compression, bytes_max);
    let room = Room::Socket { _place: place };
    drop(tokio::spawn(Drive::new(hub, Arc::new(connection), reader, behind, room)));
}

/// Checks a request, and makes the answer of one that may pass.
fn agree(app: &App, head: &[u8]) -> Result<Agreement, Problem> {
    let mut headers = [EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let parsed = request.parse(head);
    if !matches!(parsed, Ok(Status::Complete(_))) {
        return Err(Problem::new(Code::Handshake, "the request cannot be read")
            .hint("send a request of HTTP/1.1 with at most 64 header fields"));
    }
    if app.is_closing() {
        return Err(Problem::new(Code::Closing, "the server stops").hint("connect again"));
    }
    check_sites(app, request.headers)?;
    let compression = if app.hub.has_compression { Compression::On } else { Compression::Off };
    let ours = Offer { protocols: &[PROTOBUF, JSON], compression };
    let method = request.method.unwrap_or_default();
    let version = if request.version == Some(1) { "HTTP/1.1" } else { "HTTP/1.0" };
    let fields = request.headers.iter().map(|header| (header.name, header.value));
    let accepted = handshake::accept(handshake::Request { method, version, headers: fields }, ours)
        .map_err(refusal)?;
    // One deflated message is shared by all: whoever has room for less of it gets none.
    let deflate = accepted.deflate.filter(Agreed::has_full_window);
    let query = request.path.and_then(|path| path.split_once('?')).map_or("", |(_, query)| query);
    let asks = query.split('&').any(|part| PROTOBUF_QUERIES.contains(&part));
    let is_protobuf = accepted.protocol == Some(PROTOBUF) || asks;
    let encoding = if is_protobuf { Encoding::Protobuf } else { Encoding::Json };
    let mut answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
         sec-websocket-accept: {}\r\n",
        accepted.accept
    );
    if let Some(protocol) = accepted.protocol {
        answer.push_str(&format!("sec-websocket-protocol: {protocol}\r\n"));
    }
    if let Some(deflate) = &deflate {
        answer.push_str(&format!("sec-websocket-extensions: {}\r\n", deflate.response()));
    }
    answer.push_str("\r\n");
    let compression = if deflate.is_some() { Compression::On } else { Compression::Off };
    let form = Form::of(encoding, deflate.is_some());
    let passed = request.headers.iter().map(|header| (header.name, header.value));
    let passed = app.hub.access.proxies.keep(passed);
    Ok(Agreement { answer, form, compression, passed })
}

/// Refuses a name that is not ours, and pages of other sites that are not listed.
fn check_sites(app: &App, headers: &[httparse::Header<'_>]) -> Result<(), Problem> {
    let all = |name: &'static str| {
        headers.iter().filter(move |it| it.name.eq_ignore_ascii_case(name)).map(|it| it.value)
    };
    let hosts: Vec<&[u8]> = all("host").collect();
    let host = match hosts[..] {
        [host] => str::from_utf8(host).ok(),
        _ => None,
    };
    guard::check_name(&app.sites, host)?;
    let origins: Vec<&[u8]> = all("origin").collect();
    let origin = match origins[..] {
        [] => None,
        [origin] => HeaderValue::from_bytes(origin).ok(),
        // A browser sends one.
        _ => Some(HeaderValue::from_static("null")),
    };
    guard::check_page(&app.sites, all("sec-fetch-site").next(), origin.as_ref())
}

fn refusal(refused: Refused) -> Problem {
    let code = match refused {
        Refused::Method => Code::Method,
        Refused::HttpVersion | Refused::NoUpgrade | Refused::Version => Code::UpgradeRequired,
        Refused::NoConnection | Refused::Key | Refused::Body => Code::Handshake,
        _ => Code::Handshake,
    };
    Problem::new(code, refused.to_string())
        .hint("use a client of WebSockets, such as one of Centrifuge")
}
