//! Back ends that are asked of clients: who one is that connects without a token, and what a call answers that is none of the engine's.
//!
//! A back end is asked by a POST of JSON, and answers `{"result": ..}`, `{"error": {"code", "message"}}` or `{"disconnect": {"code",
//! "reason"}}`, all in the form of Centrifugo. What does not answer so in time counts as an error that passes: the client tries again.

mod answer;
mod ask;
mod passed;
mod settings;

use std::sync::Arc;

use axum::http::{HeaderName, HeaderValue};

pub(crate) use self::answer::{Refusal, called, connected};
pub(crate) use self::ask::{Counts, Fault, Proxy};
pub(crate) use self::passed::Passed;
pub use self::settings::{
    Endpoint, NoEndpoint, NotPassed, PassedHeader, ProxyError, ProxySettings,
};

/// The back ends there are.
#[derive(Debug, Default)]
pub(crate) struct Proxies {
    /// Says who connects.
    pub(crate) connect: Option<Arc<Proxy>>,
    /// Answers calls.
    pub(crate) rpc: Option<Arc<Proxy>>,
    /// Headers of clients that one of them wants.
    wanted: Vec<HeaderName>,
}

impl Proxies {
    /// # Errors
    /// When one cannot be asked as it is set.
    pub(crate) fn new(connect: &ProxySettings, rpc: &ProxySettings) -> Result<Self, ProxyError> {
        let mut wanted = Vec::new();
        for PassedHeader(name) in connect.http_headers.iter().chain(&rpc.http_headers) {
            if !wanted.contains(name) {
                wanted.push(name.clone());
            }
        }
        let [connect, rpc] =
            [Proxy::new("client.proxy.connect", connect)?, Proxy::new("rpc.proxy", rpc)?];
        let is_asked = connect.is_some() || rpc.is_some();
        let wanted = if is_asked { wanted } else { Vec::new() };
        Ok(Self { connect: connect.map(Arc::new), rpc: rpc.map(Arc::new), wanted })
    }

    /// Keeps of a client's headers what is passed on.
    pub(crate) fn keep<'a>(
        &self,
        headers: impl Iterator<Item = (&'a str, &'a [u8])>,
    ) -> Option<Box<Passed>> {
        if self.wanted.is_empty() {
            return None;
        }
        let wanted =
            |name: &str| self.wanted.iter().find(|it| it.as_str().eq_ignore_ascii_case(name));
        let kept = headers.filter_map(|(name, value)| {
            Some((wanted(name)?.clone(), HeaderValue::from_bytes(value).ok()?))
        });
        Passed::new(kept.collect())
    }

    /// Each with its name.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, &Proxy)> {
        let both = [("connect", &self.connect), ("rpc", &self.rpc)];
        both.into_iter().filter_map(|(name, proxy)| Some((name, &**proxy.as_ref()?)))
    }
}
