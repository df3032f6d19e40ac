//! The first command: who a client is, and what it is subscribed to from the beginning.

use std::borrow::Cow;
use std::sync::Arc;

use arrw_wire::centrifuge::{
    Answer, ConnectRequest, ConnectResult, Expiry, News, Push, RefreshRequest, RefreshResult,
    Reply, SubscribeRequest, SubscribeResult,
};
use arrw_wire::code;

use super::subscribe::{Ask, Opened, settle};
use super::{Fault, Passport, Phase, Turn, resume};
use crate::sockets::channel::name;
use crate::sockets::connection::subscription::Wants;
use crate::sockets::limits::seconds;
use crate::sockets::tokens::{ConnectionToken, TokenError, TokenSub};

/// A channel that a client wants from the start, and where it goes on in it.
#[derive(Debug)]
pub(super) struct Asked {
    channel: String,
    recover: bool,
    epoch: String,
    offset: u64,
}

fn asked(request: &ConnectRequest<'_>) -> Vec<Asked> {
    let asked = |(channel, it): &(Cow<'_, str>, SubscribeRequest<'_>)| Asked {
        channel: channel.clone().into_owned(),
        recover: it.recover,
        epoch: it.epoch.clone().into_owned(),
        offset: it.offset,
    };
    request.subs.iter().map(asked).collect()
}

/// What clients are told of the server.
const VERSION: &str = concat!("arrwdb ", env!("CARGO_PKG_VERSION"));

/// Who a client is.
#[derive(Debug, Default)]
pub(super) struct Identity {
    user: String,
    info: Box<[u8]>,
    /// The second since 1970 at which its token ends; 0 for never.
    expires_at: u64,
    /// Channels that it is subscribed to by the server.
    subs: Vec<(String, TokenSub)>,
    passport: Option<Box<Passport>>,
}

impl From<ConnectionToken> for Identity {
    fn from(token: ConnectionToken) -> Self {
        let ConnectionToken { user, expires_at, issued_at, id, info, meta, mut subs, .. } = token;
        if subs.is_empty() {
            subs =
                token.channels.into_iter().map(|channel| (channel, TokenSub::default())).collect();
        }
        let (capabilities, meta) = (token.capabilities, meta.into());
        let passport = Passport { id, issued_at, capabilities, meta };
        Self {
            user,
            info: info.into(),
            expires_at: expires_at.unwrap_or(0),
            subs,
            passport: Some(Box::new(passport)),
        }
    }
}

impl Turn<'_> {
    pub(super) fn connect(&mut self, id: u32, request: &ConnectRequest<'_>) -> Result<(), Fault> {
        let Phase::Fresh { .. } = self.state.session.phase else {
            return Err(Fault::Disconnect(code::DISCONNECT_BAD_REQUEST));
        };
        // Whoever is refused may do nothing more.
        self.state.session.phase = Phase::Refused;
        let asked = asked(request);
        if request.token.is_empty()
            && let Some(proxy) = &self.hub.access.proxies.connect
        {
            return self.ask_who(id, request, asked, proxy);
        }
        let identity = self.identify(request)?;
        self.admit(id, (identity, Vec::new()), &asked)
    }

    /// Lets a client in that is known now, and tells it what is for it.
    pub(super) fn admit(
        &mut self,
        id: u32,
        (identity, told): (Identity, Vec<u8>),
        asked: &[Asked],
    ) -> Result<(), Fault> {
        self.state.session.phase = Phase::Refused;
        let user = self.hub.enter_user(&identity.user);
        let user = user.ok_or(Fault::Disconnect(code::DISCONNECT_CONNECTION_LIMIT))?;
        let session = &mut self.state.session;
        session.user = Some(user);
        session.info = identity.info;
        session.expires_at = identity.expires_at;
        session.token = identity.passport;
        let mut opened: Vec<Opened> = Vec::new();
        for (channel, sub) in self.server_side(identity.subs) {
            let asked = asked.iter().find(|asked| asked.channel == channel);
            opened.push(self.open_server_side(&channel, asked, sub)?);
        }
        if self.connection.form.is_one_way() {
            self.open_asked(asked, &mut opened)?;
        }
        self.hub.figures.connected();
        if opened.iter().all(|opened| opened.check.is_none()) {
            self.state.session.phase = Phase::Connected;
            self.welcome(id, opened, &told);
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
            resume(&hub, &connection, id, |turn| {
                turn.state.session.phase = Phase::Connected;
                turn.welcome(id, checked, &told);
                Ok(())
            });
        }))
    }

    fn identify(&self, request: &ConnectRequest<'_>) -> Result<Identity, Fault> {
        let access = &self.hub.access;
        if access.is_open && (request.token.is_empty() || !access.tokens.are_known()) {
            return Ok(Identity::default());
        }
        if request.token.is_empty() {
            return Err(Fault::Disconnect(code::DISCONNECT_INVALID_TOKEN));
        }
        match access.tokens.connection(&request.token, self.now.unix) {
            Ok(token) => Ok(token.into()),
            Err(error) => Err(refused(error, Fault::Disconnect(code::DISCONNECT_INVALID_TOKEN))),
        }
    }

    /// The connection goes on by a new token of the same user.
    pub(super) fn refresh(&mut self, id: u32, request: &RefreshRequest<'_>) -> Result<(), Fault> {
        if self.state.session.token.is_none() {
            return Err(Fault::Disconnect(code::DISCONNECT_BAD_REQUEST));
        }
        let invalid = Fault::Disconnect(code::DISCONNECT_INVALID_TOKEN);
        let token = self.hub.access.tokens.connection(&request.token, self.now.unix);
        let token = token.map_err(|error| match refused(error, invalid) {
            Fault::Error(_) => Fault::Disconnect(code::DISCONNECT_EXPIRED),
            fault @ Fault::Disconnect(_) => fault,
        })?;
        if token.user != self.state.session.user() {
            return Err(invalid);
        }
        let Identity { info, expires_at, passport, .. } = token.into();
        let session = &mut self.state.session;
        (session.info, session.expires_at, session.token) = (info, expires_at, passport);
        let client = session.id();
        let Expiry { expires, ttl } = self.now.until(expires_at);
        self.connection.look_by(self.hub, self.state, self.now);
        self.answer(
            id,
            Answer::Refresh(RefreshResult {
                client: client.into(),
                version: VERSION.into(),
                expires,
                ttl,
            }),
        );
        Ok(())
    }

    /// Channels that the server subscribes the client to, each once.
    fn server_side(&self, subs: Vec<(String, TokenSub)>) -> Vec<(String, TokenSub)> {
        let user = self.state.session.user();
        let mut all = subs;
        if self.hub.access.has_personal && !user.is_empty() {
            let personal = name::personal(user);
            if all.iter().all(|(channel, _)| *channel != personal) {
                all.push((personal, TokenSub::default()));
            }
        }
        all
    }

    fn open_server_side(
        &mut self,
        channel: &str,
        asked: Option<&Asked>,
        sub: TokenSub,
    ) -> Result<Opened, Fault> {
        let ask = Ask {
            chan_info: sub.info.into(),
            data: sub.data,
            overrides: sub.overrides,
            recover: asked.is_some_and(|it| it.recover),
            epoch: asked.map_or("", |it| &it.epoch).to_owned(),
            offset: asked.map_or(0, |it| it.offset),
            wants: Wants::SERVER_SIDE,
            ..Ask::default()
        };
        // A token or a setting that names a channel that cannot be is not the client's fault, but it would wait for ever.
        let options = self.options(channel).map_err(|_none| code::DISCONNECT_INTERNAL)?;
        Ok(self.open(channel, &options, ask)?)
    }

    /// Who only listens cannot subscribe later: it gets what it asks for now, if it may.
    fn open_asked(&mut self, all: &[Asked], opened: &mut Vec<Opened>) -> Result<(), Fault> {
        for asked in all {
            let channel = &*asked.channel;
            if self.state.slot(channel).is_some() {
                continue;
            }
            if self.is_full() {
                return Err(Fault::Disconnect(code::DISCONNECT_CHANNEL_LIMIT));
            }
            let permitted =
                self.options(channel).and_then(|options| self.permit_subscribe(channel, &options));
            permitted.map_err(|_refused| Fault::Disconnect(code::DISCONNECT_PERMISSION_DENIED))?;
            opened.push(self.open_server_side(channel, Some(asked), TokenSub::default())?);
        }
        Ok(())
    }

    /// Answers a client that is let in.
    fn welcome(&mut self, id: u32, opened: Vec<Opened>, told: &[u8]) {
        let mut opened = opened;
        let all: Vec<Vec<u8>> =
            opened.iter_mut().map(|opened| std::mem::take(&mut opened.data)).collect();
        let mut subs = Vec::with_capacity(opened.len());
        for (opened, data) in opened.into_iter().zip(&all) {
            let slot = opened.slot;
            if let Ok((channel, result)) = settle(self.state, opened) {
                subs.push((channel.into(), SubscribeResult { data, ..result }));
                self.begun.push(slot);
            }
        }
        let limits = &self.hub.limits;
        let (ping, pong) = (seconds(limits.ping), !self.connection.form.is_one_way());
        let session = &mut self.state.session;
        session.begin_pings(self.connection.number, self.now, ping);
        let client = session.id();
        let Expiry { expires, ttl } = self.now.until(session.expires_at);
        let result = ConnectResult {
            client: client.into(),
            version: VERSION.into(),
            expires,
            ttl,
            data: told,
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

/// What a client is told of a token that is not taken: of one that has expired, that it may bring a new one.
pub(super) fn refused(error: TokenError, invalid: Fault) -> Fault {
    tracing::debug!(%error, "a token was refused");
    match error {
        TokenError::Expired => Fault::Error(code::TOKEN_EXPIRED),
        TokenError::Revoked | TokenError::Invalid(_) => invalid,
    }
}
