//! The body of a request, taken in with bounds on its size and its pace.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Frame};
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::budget::Held;
use crate::counters::Limit;
use crate::limits::{DISCARD_BYTES_MAX, DISCARD_TIME_MAX, GIVE_WAY_BYTES, Limits};
use crate::problem::{Code, Problem};

/// A body that is being read.
#[derive(Debug)]
pub(crate) struct Inflow {
    body: Body,
    /// How long it may bring nothing.
    idle_max: Duration,
    /// Bytes that came since others could go on.
    unbroken: usize,
    /// What is in memory of it.
    held: Held,
}

impl Inflow {
    pub(crate) fn new(body: Body, idle_max: Duration, held: Held) -> Self {
        Self { body, idle_max, unbroken: 0, held }
    }

    /// Says how many bytes of it are in memory now, if there may be so many.
    pub(crate) fn hold(&mut self, bytes: usize) -> Result<(), Problem> {
        self.held.set(bytes)
    }

    /// What comes next; `None` behind the end. Waits for it.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        // Much may come out of few bytes that are there: the thread has other requests.
        if GIVE_WAY_BYTES <= self.unbroken {
            self.unbroken = 0;
            yield_now().await;
        }
        loop {
            let Ok(frame) = timeout(self.idle_max, self.body.frame()).await else {
                let detail = format!("nothing came for {} ms", self.idle_max.as_millis());
                return Err(Problem::new(Code::BodyTooSlow, detail).at_limit(Limit::BodyIdleMs));
            };
            match frame.map(data).transpose()? {
                None => return Ok(None),
                Some(Some(bytes)) => {
                    self.unbroken += bytes.len();
                    return Ok(Some(bytes));
                }
                Some(None) => (),
            }
        }
    }

    /// What is there already; `None` when that is nothing, or the end.
    pub(crate) fn next_ready(&mut self) -> Result<Option<Bytes>, Problem> {
        // Nobody is woken for what comes later: whoever calls this waits for it by `next` afterwards.
        let mut context = Context::from_waker(Waker::noop());
        match Pin::new(&mut self.body).poll_frame(&mut context) {
            Poll::Ready(Some(frame)) => data(frame),
            Poll::Ready(None) | Poll::Pending => Ok(None),
        }
    }

    /// All of it, if it is as large as one JSON value may be.
    pub(crate) async fn json(
        &mut self,
        headers: &HeaderMap,
        limits: &Limits,
    ) -> Result<Bytes, Problem> {
        self.whole(headers, limits.json_bytes).await.map_err(|problem| {
            if problem.code() != Code::TooLarge {
                return problem;
            }
            problem
                .at_limit(Limit::JsonBytes)
                .hint("send NDJSON (`content-type: application/x-ndjson`), which has no such bound")
        })
    }

    /// All of it, if that is at most `bytes_max`.
    pub(crate) async fn whole(
        &mut self,
        headers: &HeaderMap,
        bytes_max: usize,
    ) -> Result<Bytes, Problem> {
        let too_large =
            || Problem::new(Code::TooLarge, format!("the body has more than {bytes_max} bytes"));
        let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        if length.and_then(|length| length.parse().ok()).is_some_and(|length: u64| {
            usize::try_from(length).map_or(true, |length| bytes_max < length)
        }) {
            return Err(too_large());
        }
        let mut whole = BytesMut::new();
        while let Some(bytes) = self.next().await? {
            if bytes_max < whole.len() + bytes.len() {
                return Err(too_large());
            }
            self.hold(whole.len() + bytes.len())?;
            whole.extend_from_slice(&bytes);
        }
        Ok(whole.freeze())
    }

    /// Reads what is left of a refused body, within bounds: a client that is still writing would otherwise
    /// find its connection cut and not read the answer.
    pub(crate) async fn discard(mut self) {
        // It gives back before it reads on.
        drop(self.hold(0));
        let discarding = async {
            let mut left = DISCARD_BYTES_MAX;
            while let Ok(Some(bytes)) = self.next().await {
                match left.checked_sub(bytes.len()) {
                    Some(rest) => left = rest,
                    None => return,
                }
            }
        };
        // When it takes longer, the connection is cut.
        drop(timeout(DISCARD_TIME_MAX, discarding).await);
    }
}

/// The data of a frame; `None` for trailers.
fn data(frame: Result<Frame<Bytes>, axum::Error>) -> Result<Option<Bytes>, Problem> {
    match frame {
        Ok(frame) => Ok(frame.into_data().ok()),
        Err(error) => Err(Problem::new(Code::BodyCut, format!("cannot read the body: {error}"))),
    }
}
