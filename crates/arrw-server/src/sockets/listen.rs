//! `/connection/uni_sse`: channels as server-sent events, for clients that only listen.
//!
//! The query `cf_connect` is a connect request in JSON; whom it may hear is said by its token, its personal channel, or, where no token
//! is needed, by its `subs`.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrw_wire::websocket::{Compression, Peer, Reader};
use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::body::Frame;

use super::connection::Connection;
use super::driver::{Drive, Pulled, Room};
use super::form::Form;
use super::session;
use crate::app::App;
use crate::guard;
use crate::keys::Grant;
use crate::problem::{Code, Problem};
use crate::query::Given;

/// What comes first, so that proxies pass on what follows.
const BEGIN: &[u8] = b"\r\n";

/// Answers with a stream that is open until one side ends it.
pub(crate) async fn sse(
    State(app): State<Arc<App>>,
    Extension(_grant): Extension<Arc<Grant>>,
    request: Request,
) -> Result<Response, Problem> {
    guard::check_site(&app.sites, request.headers())?;
    let mut given = Given::parse(request.uri().query(), &["cf_connect"])?;
    let connect = given.take("cf_connect").unwrap_or_else(|| "{}".to_owned());
    let place = app.take_stream()?;
    let hub = Arc::clone(&app.hub);
    let now = hub.now();
    let pulled = Arc::new(Pulled::default());
    let passed = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let passed = hub.access.proxies.keep(passed);
    let connection = Connection::new(&hub, Form::Events, Box::new(Arc::clone(&pulled)), passed)
        .map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
    let connection = Arc::new(connection);
    let reader = Reader::new(Peer::Client, Compression::Off, 0);
    let room = Room::Stream { _place: place };
    let drive = Drive::new(Arc::clone(&hub), Arc::clone(&connection), reader, Vec::new(), room);
    let command = format!("{{\"id\":1,\"connect\":{connect}}}");
    for work in session::receive(&hub, &connection, command.as_bytes(), now) {
        hub.spawn(work);
    }
    drop(tokio::spawn(drive));
    let mut response = Body::new(Pieces { pulled, is_begun: false }).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would otherwise hold events back until its buffer is full.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// The body of the answer.
struct Pieces {
    pulled: Arc<Pulled>,
    is_begun: bool,
}

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if !std::mem::replace(&mut self.is_begun, true) {
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(BEGIN)))));
        }
        self.pulled.poll_take(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        self.pulled.leave();
    }
}
