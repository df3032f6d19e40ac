//! The first command: who a client is, and what it is subscribed to from the beginning.

use std::sync::Arc;

use arrw_wire::centrifuge::{
    Answer, ConnectRequest, ConnectResult, News, Push, Reply, SubscribeRequest,
};
use arrw_wire::code;

use super::subscribe::{Ask, Opened, settle};
use super::{Fault, Phase, Turn};
use crate::sockets::channel::name;
use crate::sockets::connection::subscription::Wants;
use crate::sockets::limits::seconds;

/// Who a client is.
#[derive(Debug, Default)]
pub(crate) struct Identity {
    pub(crate) user: String,
    pub(crate) info: Box<[u8]>,
    /// The second since 1970 at which its token ends; 0 for never.
    pub(crate) expires_at: u64,
    /// Channels that it is subscribed to by the server.
    pub(crate) channels: Vec<String>,
}

impl Turn<'_> {
    pub(super) fn connect(&mut self, id: u32, request: &ConnectRequest<'_>) -> Result<(), Fault> {
        let Phase::Fresh { .. } = self.state.session.phase else {
            return Err(Fault::Disconnect(code::DISCONNECT_BAD_REQUEST));
        };
        // Whoever is refused may do nothing more.
        self.state.session.phase = Phase::Refused;
        let identity = self.identify(request)?;
        self.state.session.user = identity.user.into();
        self.state.session.info = identity.info;
        self.state.session.expires_at = identity.expires_at;
        let mut opened = Vec::new();
        for channel in self.server_side(identity.channels) {
            let request = request.subs.iter().find(|(name, _)| **name == *channel);
            let request = request.map(|(_, request)| request);
            opened.push(self.open_server_side(&channel, request)?);
        }
        if self.connection.form.is_one_way() {
            self.open_asked(request, &mut opened)?;
        }
        self.hub.figures.connected();
        if opened.iter().all(|opened| opened.check.is_none()) {
            self.state.session.phase = Phase::Connected;
            self.welcome(id, opened);
            return Ok(());
        }
        self.state.session.phase = Phase::Connecting;
        let (hub, connection) = (Arc::clone(self.hub), Arc::clone(self.connection));
        self.begin(Box::pin(async move {
            let mut checked = Vec::with_capacity(opened.len());
            for mut opened in opened {
                opened.run_check(&hub).await;
                checked.push(opened);
            }
            let now = hub.now();
            let mut state = connection.lock();
            state.pending = state.pending.saturating_sub(1);
            if state.ended.is_some() {
                return;
            }
            let state = &mut *state;
            state.session.phase = Phase::Connected;
            let (hub, connection) = (&hub, &connection);
            let (replies, begun, work) = (Vec::new(), Vec::new(), Vec::new());
            let mut turn = Turn { hub, connection, state, now, replies, begun, work };
            turn.welcome(id, checked);
            for work in turn.finish(None) {
                hub.spawn(work);
            }
        }))
    }

    fn identify(&self, request: &ConnectRequest<'_>) -> Result<Identity, Fault> {
        if request.token.is_empty() && self.hub.access.is_open {
            return Ok(Identity::default());
        }
        Err(Fault::Disconnect(code::DISCONNECT_INVALID_TOKEN))
    }

    /// Channels that the server subscribes the client to.
    fn server_side(&self, mut channels: Vec<String>) -> Vec<String> {
        let user = &self.state.session.user;
        if self.hub.access.has_personal && !user.is_empty() {
            channels.push(name::personal(user));
        }
        channels.sort_unstable();
        channels.dedup();
        channels
    }

    fn open_server_side(
        &mut self,
        channel: &str,
        request: Option<&SubscribeRequest<'_>>,
    ) -> Result<Opened, Fault> {
        let ask = Ask {
            recover: request.is_some_and(|it| it.recover),
            epoch: request.map_or("", |it| &it.epoch).to_owned(),
            offset: request.map_or(0, |it| it.offset),
            wants: Wants::SERVER_SIDE,
            ..Ask::default()
        };
        // A token or a setting that names a channel that cannot be is not the client's fault, but it would wait for ever.
        let options = self.options(channel).map_err(|_none| code::DISCONNECT_INTERNAL)?;
        Ok(self.open(channel, &options, ask)?)
    }

    /// Who only listens cannot subscribe later: it gets what it asks for now, if it may.
    fn open_asked(
        &mut self,
        request: &ConnectRequest<'_>,
        opened: &mut Vec<Opened>,
    ) -> Result<(), Fault> {
        for (channel, asked) in &request.subs {
            if self.state.slot(channel).is_some() {
                continue;
            }
            if self.hub.limits.channels <= self.state.count() {
                return Err(Fault::Disconnect(code::DISCONNECT_CHANNEL_LIMIT));
            }
            let permitted =
                self.options(channel).and_then(|options| self.permit_subscribe(channel, &options));
            permitted.map_err(|_refused| Fault::Disconnect(code::DISCONNECT_PERMISSION_DENIED))?;
            opened.push(self.open_server_side(channel, Some(asked))?);
        }
        Ok(())
    }

    /// Answers a client that is let in.
    fn welcome(&mut self, id: u32, opened: Vec<Opened>) {
        let mut subs = Vec::with_capacity(opened.len());
        for opened in opened {
            let slot = opened.slot;
            if let Ok((channel, result)) = settle(self.state, opened) {
                subs.push((channel.into(), result));
                self.begun.push(slot);
            }
        }
        let limits = &self.hub.limits;
        let (ping, pong) = (seconds(limits.ping), !self.connection.form.is_one_way());
        let session = &mut self.state.session;
        session.begin_pings(self.connection.number, self.now, ping);
        let client = session.id();
        let ttl = session.expires_at.saturating_sub(self.now.unix);
        let result = ConnectResult {
            client: client.into(),
            version: concat!("arrwdb ", env!("CARGO_PKG_VERSION")).into(),
            expires: session.expires_at != 0,
            ttl: u32::try_from(ttl).unwrap_or(u32::MAX),
            subs,
            ping,
            pong,
            ..ConnectResult::default()
        };
        let encoding = self.connection.form.encoding();
        if self.connection.form.is_one_way() {
            let what = News::Connect(result);
            Push { what, ..Push::default() }.append_bare(encoding, &mut self.replies);
        } else {
            Reply { id, what: Answer::Connect(result) }.append(encoding, &mut self.replies);
        }
        self.connection.look_by(self.hub, self.state, self.now);
    }
}
