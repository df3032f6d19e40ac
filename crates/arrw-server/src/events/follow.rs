//! `GET /v1/events/stream`: Server-Sent Events that resume.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use arrw::{Encoder, Events, Policy, Position, Seq, Start, Subscription, SubscriptionError};
use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::body::Frame;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;
use tokio::time::{Instant, Sleep, sleep};

use super::sharing::{Chunk, Member};
use crate::app::App;
use crate::keys::Grant;
use crate::limits::{CATCH_UP_RECORDS, HEARTBEAT_EVERY, RETRY_MS, STREAM_CHUNK_BYTES};
use crate::planted::{Bug, is_planted};
use crate::problem::{Code, Problem};
use crate::query::{Query, start};

/// The parameters that a stream may be asked for with.
const PARAMETERS: &[&str] = &["filter", "after"];

pub(crate) async fn stream(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    request: Request,
) -> Result<Response, Problem> {
    let query = Query::parse(request.uri().query(), PARAMETERS, &app.limits)?;
    grant.check_filter(&query.filter)?;
    let after = last_event_id(request.headers())?.or(query.after).unwrap_or(Start::Latest);
    let place = app.take_stream()?;
    let subscription = app
        .bus
        .subscribe_with(&query.filter, after, Policy::Durable)
        .map_err(|error| Problem::from(&error))?;
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // nginx would otherwise hold events back until its buffer is full.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    let member = app.sharing.join(subscription.topic_filter());
    let closing = ended(app, grant);
    let closing = async move {
        closing.await;
        // Given back when the stream goes, or here, which is its end as well.
        drop(place);
    };
    let body = Body::new(EventStream::new(subscription, member, Box::pin(closing)));
    Ok((headers, body).into_response())
}

/// Waits until the server stops, or the key of the stream is not good any more.
async fn ended(app: Arc<App>, grant: Arc<Grant>) {
    tokio::select! {
        () = app.closing() => (),
        () = app.keys.wait_until_bad(&grant) => (),
    }
}

/// Where a browser left off. It wins over the address, which stays that of the first request.
pub(super) fn last_event_id(headers: &HeaderMap) -> Result<Option<Start>, Problem> {
    let Some(id) = headers.get("last-event-id").filter(|id| !id.is_empty()) else {
        return Ok(None);
    };
    let wrong = || Problem::new(Code::Query, "`Last-Event-ID` is not text");
    let text = id.to_str().map_err(|_not_text| wrong())?;
    let start = start(text).map_err(|problem| problem.within("`Last-Event-ID`"))?;
    let Start::After(position) = start else { return Ok(Some(start)) };
    let seq = match position.seq {
        seq if is_planted(Bug::SkipOnResume) => seq.next(),
        seq if is_planted(Bug::RepeatOnResume) => Seq::new(seq.get().saturating_sub(1)),
        seq => seq,
    };
    Ok(Some(Start::After(Position { seq, ..position })))
}

/// The body of a stream. It is asked for more only when the socket took what it gave, so a slow client
/// holds a chunk here and [`CONNECTION_BUFFER_BYTES`](crate::limits::CONNECTION_BUFFER_BYTES) below.
struct EventStream {
    subscription: Subscription,
    /// Of the streams with the same filter.
    member: Member,
    encoder: Encoder,
    /// Events of which the first `given` are written.
    current: Option<(Events, usize)>,
    closing: Pin<Box<dyn Future<Output = ()> + Send>>,
    heartbeat: Pin<Box<Sleep>>,
    /// When something was given last.
    given_at: Instant,
    /// The position that the client knows.
    told: Position,
    state: Phase,
}

/// Where a stream is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It has said nothing.
    New,
    Open,
    Ended,
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("EventStream");
        shown.field("told", &self.told).field("state", &self.state).finish_non_exhaustive()
    }
}

impl EventStream {
    fn new(
        subscription: Subscription,
        member: Member,
        closing: Pin<Box<dyn Future<Output = ()> + Send>>,
    ) -> Self {
        let told = subscription.position();
        Self {
            encoder: Encoder::new(told.epoch),
            subscription,
            member,
            current: None,
            closing,
            heartbeat: Box::pin(sleep(HEARTBEAT_EVERY)),
            given_at: Instant::now(),
            told,
            state: Phase::New,
        }
    }

    /// What the client is told first: how soon to come back, and where it stands, so that it can come back
    /// to there before any event.
    fn greeting(&self) -> Vec<u8> {
        let mut out = format!("retry: {RETRY_MS}\n").into_bytes();
        self.progress(&mut out);
        out
    }

    /// That all up to a position was looked at. It has data, as clients do not take note of it otherwise.
    fn progress(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(
            format!("event: progress\nid: {}\ndata: {{}}\n\n", self.told).as_bytes(),
        );
    }

    /// What is said when there was nothing to say for a while.
    fn beat(&mut self) -> Vec<u8> {
        let position = self.subscription.position();
        let mut out = Vec::new();
        if position == self.told {
            out.extend_from_slice(b": still here\n\n");
        } else {
            self.told = position;
            self.progress(&mut out);
        }
        out
    }

    /// Writes events until the chunk is full.
    fn write_current(&mut self) -> Option<Bytes> {
        let (events, given) = self.current.take()?;
        let encoder = self.encoder.of(events.epoch());
        let chunk =
            self.member.chunk(events.shared_key(), given, || encode(encoder, &events, given));
        events.were_seen(chunk.given as u64);
        self.told = Position { epoch: events.epoch(), seq: chunk.last };
        if chunk.has_more {
            self.current = Some((events, chunk.given));
        }
        Some(chunk.bytes)
    }

    /// Says that events are gone. The stream then goes on behind them.
    fn gap(&mut self, first: Seq, last: Seq) -> Vec<u8> {
        self.told.seq = last;
        format!("event: gap\nid: {}\ndata: {{\"first\":{first},\"last\":{last}}}\n\n", self.told)
            .into_bytes()
    }

    /// Says why it cannot go on, and ends.
    fn fail(&mut self, error: &SubscriptionError) -> Vec<u8> {
        self.state = Phase::Ended;
        let mut out = b"event: error\ndata: ".to_vec();
        out.extend_from_slice(&Problem::from(error).to_json());
        out.extend_from_slice(b"\n\n");
        out
    }

    /// The next events of the subscription, which may have to read the disk.
    fn poll_events(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Events>, SubscriptionError>> {
        let is_behind = CATCH_UP_RECORDS < self.subscription.pending();
        let can_give_way = || Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread;
        if is_behind && can_give_way() {
            return block_in_place(|| self.subscription.poll_next(context));
        }
        self.subscription.poll_next(context)
    }

    /// The next bytes; `None` at the end.
    fn poll_bytes(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        match self.state {
            Phase::New => {
                self.state = Phase::Open;
                return Poll::Ready(Some(self.greeting().into()));
            }
            Phase::Ended => return Poll::Ready(None),
            Phase::Open => (),
        }
        if self.closing.as_mut().poll(context).is_ready() {
            self.state = Phase::Ended;
            return Poll::Ready(None);
        }
        if self.current.is_none() {
            match self.poll_events(context) {
                Poll::Ready(Ok(Some(events))) => self.current = Some((events, 0)),
                Poll::Ready(Ok(None)) => {
                    self.state = Phase::Ended;
                    return Poll::Ready(None);
                }
                Poll::Ready(Err(SubscriptionError::Gap { first, last })) => {
                    return Poll::Ready(Some(self.gap(first, last).into()));
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Some(self.fail(&error).into())),
                Poll::Pending => {
                    ready!(self.poll_heartbeat(context));
                    return Poll::Ready(Some(self.beat().into()));
                }
            }
        }
        Poll::Ready(self.write_current())
    }

    /// Ready when nothing was given for the time of a heartbeat.
    fn poll_heartbeat(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.heartbeat.as_mut().poll(context));
            // Set anew here only, so that a busy stream does not pay for it with each event.
            let due = self.given_at + HEARTBEAT_EVERY;
            let is_due = due <= Instant::now();
            let next = if is_due { Instant::now() + HEARTBEAT_EVERY } else { due };
            self.heartbeat.as_mut().reset(next);
            if is_due {
                return Poll::Ready(());
            }
        }
    }
}

/// Writes the events behind the first `given` until the chunk is full.
fn encode(encoder: &Encoder, events: &Events, mut given: usize) -> Chunk {
    let mut out = Vec::with_capacity(1024);
    let mut rest = events.iter().skip(given).peekable();
    let mut last = events.position().seq;
    while out.len() < STREAM_CHUNK_BYTES
        && let Some(event) = rest.next()
    {
        out.extend_from_slice(b"id: ");
        encoder.position(event.seq(), &mut out);
        out.extend_from_slice(b"\ndata: ");
        encoder.event(&event, &mut out);
        out.extend_from_slice(b"\n\n");
        (given, last) = (given + 1, event.seq());
    }
    let has_more = rest.peek().is_some();
    Chunk { bytes: out.into(), given, last, has_more }
}

impl hyper::body::Body for EventStream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = ready!(self.poll_bytes(context));
        self.given_at = Instant::now();
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use arrw::{Db, Environment, MemoryStorage, NewEvent};
    use tokio::time::advance;

    use super::*;
    use crate::events::Sharing;

    fn stream(db: &Db, filter: &str, start: Start) -> EventStream {
        let subscription = db.bus().subscribe(filter, start).unwrap();
        let member = Arc::new(Sharing::default()).join(subscription.topic_filter());
        EventStream::new(subscription, member, Box::pin(std::future::pending()))
    }

    /// What it gives now; `None` when that is nothing.
    fn given(stream: &mut EventStream) -> Option<String> {
        let mut context = Context::from_waker(Waker::noop());
        match stream.poll_bytes(&mut context) {
            Poll::Ready(bytes) => Some(String::from_utf8(bytes.unwrap().to_vec()).unwrap()),
            Poll::Pending => None,
        }
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_has_one_chunk_made_for_it() {
        let db = Db::in_memory().unwrap();
        let events = vec![NewEvent::new("a", b"\"0123456789\""); 5000];
        db.bus().publish_all(&events).unwrap().wait().unwrap();
        let mut stream = stream(&db, "a", Start::Earliest);
        given(&mut stream);
        let mut seen = 0;
        while let Some(chunk) = given(&mut stream) {
            assert!(chunk.len() < STREAM_CHUNK_BYTES + 300, "{} bytes", chunk.len());
            seen += chunk.matches("\ndata: ").count();
            // One frame of the log, and it is told of no further than what was given.
            assert_eq!(stream.told.seq.get(), seen as u64);
        }
        assert_eq!(seen, 5000);
    }

    #[tokio::test]
    async fn events_that_are_gone_are_a_gap_and_the_stream_goes_on() {
        let environment = Environment::with_storage(Arc::new(MemoryStorage::new()));
        let mut options = arrw::Options { volatile_bytes: 100_000, ..arrw::Options::default() };
        options.log.segment_bytes = 1 << 20;
        let db = Db::open_with(environment, options).unwrap();
        let mut stream = stream(&db, "~.a", Start::Latest);
        given(&mut stream);
        let payload = format!("\"{}\"", "x".repeat(70_000));
        for _ in 0..3 {
            db.bus().publish(NewEvent::new("~.a", payload.as_bytes())).unwrap().wait().unwrap();
        }
        let gap = given(&mut stream).unwrap();
        let expected = format!(
            "event: gap\nid: {}:1\ndata: {{\"first\":1,\"last\":1}}\n\n",
            stream.told.epoch
        );
        assert_eq!(gap, expected);
        // The second one makes room for the third only when that is asked for.
        for seq in [2, 3] {
            assert!(given(&mut stream).unwrap().contains(&format!("\"seq\":{seq},")));
        }
        assert_eq!(given(&mut stream), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_stream_says_how_far_it_looked() {
        let db = Db::in_memory().unwrap();
        let mut stream = stream(&db, "a", Start::Latest);
        given(&mut stream);
        assert_eq!(given(&mut stream), None);
        advance(HEARTBEAT_EVERY).await;
        assert_eq!(given(&mut stream).unwrap(), ": still here\n\n");
        db.bus().publish(NewEvent::new("b", b"1")).unwrap().wait().unwrap();
        assert_eq!(given(&mut stream), None);
        stream.given_at = Instant::now();
        advance(HEARTBEAT_EVERY).await;
        let expected = format!("event: progress\nid: {}:1\ndata: {{}}\n\n", stream.told.epoch);
        assert_eq!(given(&mut stream).unwrap(), expected);
    }

    #[tokio::test]
    async fn streams_of_a_filter_give_the_same_bytes() {
        let db = Db::in_memory().unwrap();
        let sharing = Arc::new(Sharing::default());
        let mut streams: Vec<_> = ["a", "a", "*"]
            .into_iter()
            .map(|filter| {
                let subscription = db.bus().subscribe(filter, Start::Latest).unwrap();
                let member = sharing.join(subscription.topic_filter());
                EventStream::new(subscription, member, Box::pin(std::future::pending()))
            })
            .collect();
        let mut chunk = |at: usize| {
            let mut context = Context::from_waker(Waker::noop());
            match streams[at].poll_bytes(&mut context) {
                Poll::Ready(bytes) => bytes.unwrap(),
                Poll::Pending => panic!("stream {at} has nothing"),
            }
        };
        let greetings = [chunk(0), chunk(1), chunk(2)];
        assert_eq!(greetings[0], greetings[2]);
        let events = [NewEvent::new("a", b"1"), NewEvent::new("b", b"2"), NewEvent::new("a", b"3")];
        db.bus().publish_all(&events).unwrap().wait().unwrap();
        let chunks = [chunk(0), chunk(1), chunk(2)];
        assert_eq!(chunks[0].as_ptr(), chunks[1].as_ptr());
        let count = |chunk: &Bytes| std::str::from_utf8(chunk).unwrap().matches("data: ").count();
        assert_eq!(chunks.each_ref().map(count), [2, 2, 3]);
        assert_eq!(db.bus().stats().unwrap().durable.delivered, 2 + 2 + 3);
        // After a purge nobody is given what was encoded before.
        db.bus().purge("a").unwrap();
        let mut late = db.bus().subscribe("a", Start::Earliest).unwrap();
        assert!(late.try_next().unwrap().is_none());
    }
}
