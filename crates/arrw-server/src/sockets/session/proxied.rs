//! What back ends are asked of a client: who it is, and what its calls answer.

use std::sync::Arc;

use arrw_wire::centrifuge::{ConnectRequest, Encoding, RpcRequest, is_json};
use arrw_wire::code;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::value::RawValue;

use super::connect::{Asked, Identity};
use super::{Fault, Phase, Refusal, Turn, resume};
use crate::sockets::proxy::{self, Proxy};

/// What every question says of the client.
#[derive(Debug, Serialize)]
struct About<'a, T> {
    /// The id of its connection.
    client: String,
    transport: &'static str,
    protocol: &'static str,
    /// Of the data: `json`, or `binary`, which is in base64.
    encoding: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "String::is_empty")]
    b64data: String,
    #[serde(flatten)]
    more: T,
}

/// Who is it that connects?
#[derive(Debug, Serialize)]
struct WhoIs<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
    /// Server-side subscriptions that it had, or that it wants where it cannot subscribe.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    channels: Vec<&'a str>,
}

/// What does a call answer?
#[derive(Debug, Serialize)]
struct WhatIs<'a> {
    user: &'a str,
    method: &'a str,
    /// What the application said of the connection for itself alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<&'a RawValue>,
}

/// JSON as it is, in a question.
fn raw(json: &[u8]) -> Option<&RawValue> {
    if json.is_empty() || !is_json(json) { None } else { serde_json::from_slice(json).ok() }
}

impl Turn<'_> {
    fn question(&self, given: &[u8], more: impl Serialize) -> Vec<u8> {
        let data = raw(given);
        let is_binary = data.is_none() && !given.is_empty();
        let b64data = if is_binary { STANDARD.encode(given) } else { String::new() };
        let protocol = match self.encoding() {
            Encoding::Json => "json",
            Encoding::Protobuf => "protobuf",
        };
        let is_one_way = self.connection.form.is_one_way();
        let about = About {
            client: self.state.session.id(),
            transport: if is_one_way { "uni_sse" } else { "websocket" },
            protocol,
            encoding: if is_binary { "binary" } else { "json" },
            data,
            b64data,
            more,
        };
        serde_json::to_vec(&about).expect("texts are always JSON")
    }

    /// Asks who a client is that has no token, and lets it in when that is said.
    pub(super) fn ask_who(
        &mut self,
        id: u32,
        request: &ConnectRequest<'_>,
        asked: Vec<Asked>,
        proxy: &Arc<Proxy>,
    ) -> Result<(), Fault> {
        let emulated = request.headers.iter().map(|(name, value)| (&**name, value.as_bytes()));
        let emulated = self.hub.access.proxies.keep(emulated);
        let session = &mut self.state.session;
        session.passed = match session.passed.take() {
            Some(passed) => Some(passed.with_emulated(emulated)),
            None => emulated,
        };
        let channels = request.subs.iter().map(|(channel, _)| &**channel).collect();
        let more = WhoIs { name: &request.name, version: &request.version, channels };
        let question = self.question(request.data, more);
        let passed = self.state.session.passed.clone();
        let (hub, connection) = (Arc::clone(self.hub), Arc::clone(self.connection));
        let proxy = Arc::clone(proxy);
        self.state.session.phase = Phase::Connecting;
        self.begin(Box::pin(async move {
            let told = proxy.ask(passed.as_deref(), question, proxy::connected).await;
            resume(&hub, &connection, id, |turn| {
                turn.state.session.phase = Phase::Refused;
                let (mut token, told) = told??.ok_or(code::DISCONNECT_INVALID_TOKEN)?;
                // Whoever takes back what a user has means this connection, too, and none that is made later.
                token.issued_at = Some(turn.now.unix);
                let identity = Identity::from(token);
                Ok(turn.admit(id, (identity, told), &asked)?)
            });
        }))
    }

    /// Asks what a call answers that is none of the engine's.
    pub(super) fn call_back_end(
        &mut self,
        id: u32,
        request: &RpcRequest<'_>,
        proxy: &Arc<Proxy>,
    ) -> Result<(), Refusal> {
        let session = &self.state.session;
        let meta = session.token.as_ref().map_or(&[][..], |token| &token.meta);
        let more = WhatIs { user: session.user(), method: &request.method, meta: raw(meta) };
        let question = self.question(request.data, more);
        let (passed, encoding) = (session.passed.clone(), self.encoding());
        let proxy = Arc::clone(proxy);
        self.answer_later(id, async move {
            let read = |answer: &[u8]| proxy::called(answer, encoding);
            let called = proxy.ask(passed.as_deref(), question, read).await;
            called.map_err(Refusal::from)?.map_err(Refusal::from)
        })
    }
}
