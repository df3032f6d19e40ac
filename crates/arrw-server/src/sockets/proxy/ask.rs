//! One question to a back end, and what may become of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::http::{HeaderName, HeaderValue, Request, header};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::RootCertStore;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{Endpoint, Passed, PassedHeader, ProxyError, ProxySettings};
use crate::limits::{PROXY_BYTES_MAX, PROXY_CALLS_MAX, PROXY_IDLE_CONNECTIONS_MAX, PROXY_IDLE_MAX};
use crate::seldom::Seldom;
use crate::tls;

/// A back end.
#[derive(Debug)]
pub(crate) struct Proxy {
    endpoint: Endpoint,
    timeout: Duration,
    wanted: Vec<HeaderName>,
    authorization: Option<HeaderValue>,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// Places for questions.
    places: Semaphore,
    told: Seldom,
    answered: AtomicU64,
    failed: AtomicU64,
    us: AtomicU64,
}

/// How often a back end was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) answered: u64,
    pub(crate) failed: u64,
    /// Microseconds that it took for both together.
    pub(crate) us: u64,
}

/// Why a back end has not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// It is asked as much as it may be.
    #[error("{PROXY_CALLS_MAX} questions wait for an answer")]
    Busy,
    #[error("no answer within {0:?}")]
    TooLate(Duration),
    #[error("cannot ask: {0}")]
    Lost(String),
    #[error("it answered with the status {0}")]
    Status(u16),
    #[error("its answer has more than {PROXY_BYTES_MAX} bytes")]
    TooLarge,
    #[error("its answer is not what it must be: {0}")]
    Form(String),
}

impl Proxy {
    /// Nothing when there is no endpoint.
    pub(super) fn new(
        group: &'static str,
        settings: &ProxySettings,
    ) -> Result<Option<Self>, ProxyError> {
        let Some(endpoint) = settings.endpoint.clone() else { return Ok(None) };
        let roots = match &settings.authorities {
            Some(file) => tls::roots(file)?,
            None if endpoint.is_encrypted() => return Err(ProxyError::NoAuthorities { group }),
            None => RootCertStore::empty(),
        };
        let wanted: Vec<_> =
            settings.http_headers.iter().map(|PassedHeader(it)| it.clone()).collect();
        let authorization = match &settings.secret {
            None => None,
            Some(_) if wanted.contains(&header::AUTHORIZATION) => {
                return Err(ProxyError::Authorization { group });
            }
            Some(secret) => {
                let bearer = [b"Bearer ", secret.bytes()].concat();
                let mut value = HeaderValue::from_bytes(&bearer)
                    .map_err(|_not_header| ProxyError::Secret { group })?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls::client(roots)?);
        let connector = connector.https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(PROXY_IDLE_CONNECTIONS_MAX)
            .pool_idle_timeout(PROXY_IDLE_MAX)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Some(Self {
            endpoint,
            timeout: settings.timeout,
            wanted,
            authorization,
            client,
            places: Semaphore::new(PROXY_CALLS_MAX),
            told: Seldom::default(),
            answered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            us: AtomicU64::new(0),
        }))
    }

    /// Asks, and has the answer read. What goes wrong is in the log.
    pub(crate) async fn ask<T>(
        &self,
        passed: Option<&Passed>,
        question: Vec<u8>,
        read: impl FnOnce(&[u8]) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let begun = Instant::now();
        let answer = self.answer(passed, question).await.and_then(|answer| read(&answer));
        let us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.us.fetch_add(us, Ordering::Relaxed);
        let count = if answer.is_ok() { &self.answered } else { &self.failed };
        count.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = &answer
            && let Some(count) = self.told.count()
        {
            tracing::warn!(endpoint = %self.endpoint, %error, count, "a back end did not answer");
        }
        answer
    }

    async fn answer(&self, passed: Option<&Passed>, question: Vec<u8>) -> Result<Bytes, Fault> {
        let Ok(_place) = self.places.try_acquire() else { return Err(Fault::Busy) };
        let mut request = Request::post(self.endpoint.0.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(question.into()))
            .map_err(|error| Fault::Lost(error.to_string()))?;
        if let Some(passed) = passed {
            passed.add_to(request.headers_mut(), &self.wanted);
        }
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(header::AUTHORIZATION, authorization.clone());
        }
        let answered = timeout(self.timeout, self.exchange(request)).await;
        answered.unwrap_or(Err(Fault::TooLate(self.timeout)))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Bytes, Fault> {
        let lost = |error: &dyn std::error::Error| {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            Fault::Lost(format!("{error}{cause}"))
        };
        let answer = self.client.request(request).await.map_err(|error| lost(&error))?;
        if answer.status() != hyper::StatusCode::OK {
            return Err(Fault::Status(answer.status().as_u16()));
        }
        let mut body = answer.into_body();
        let mut whole = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| lost(&error))?;
            whole.extend_from_slice(&frame.into_data().unwrap_or_default());
            if PROXY_BYTES_MAX < whole.len() {
                return Err(Fault::TooLarge);
            }
        }
        Ok(whole.freeze())
    }

    pub(crate) fn counts(&self) -> Counts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counts { answered: read(&self.answered), failed: read(&self.failed), us: read(&self.us) }
    }
}
