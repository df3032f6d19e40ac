//! Subscriptions: where each begins, what of it was missed, how it ends.

use std::sync::Arc;

use arrw::{HistoryQuery, Order};
use arrw_wire::centrifuge::{
    Answer, Expiry, Filter, Reply, SubRefreshRequest, SubscribeRequest, SubscribeResult,
};
use arrw_wire::code::{self, Code};

use super::connect::refused;
use super::{Fault, Turn, resume};
use crate::counters::Limit;
use crate::planted::{Bug, is_planted};
use crate::sockets::channel::Channel;
use crate::sockets::channel::options::{ChannelOptions, JoinLeave, Offer, RecoveryMode};
use crate::sockets::channel::presence::Info;
use crate::sockets::connection::State;
use crate::sockets::connection::subscription::{Pace, Subscription, Wants};
use crate::sockets::hub::Hub;
use crate::sockets::tokens::{Overrides, SubscriptionToken};

/// Bit of the flag of a request that wants an error where it cannot go on.
const REJECT_UNRECOVERED: i64 = 2;

/// What a subscription is to be.
#[derive(Debug, Default)]
pub(super) struct Ask {
    pub(super) recover: bool,
    pub(super) epoch: String,
    pub(super) offset: u64,
    /// What it asks for; the options of its channel say what it gets.
    pub(super) wants: Wants,
    pub(super) filter: Option<Box<Filter>>,
    /// What others are told of it, and what the client is: JSON, or nothing.
    pub(super) chan_info: Box<[u8]>,
    pub(super) data: Vec<u8>,
    pub(super) overrides: Overrides,
    pub(super) expires_at: u64,
    pub(super) rejects_unrecovered: bool,
}

/// A subscription that is there and was not answered.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) slot: usize,
    serial: u32,
    channel: Arc<Channel>,
    result: SubscribeResult<'static>,
    /// What the client is told with it.
    pub(super) data: Vec<u8>,
    /// The offset to go on from, when that can be.
    from: Option<u64>,
    /// Only the log knows whether the publication behind `from` is there.
    pub(super) check: Option<Check>,
    rejects_unrecovered: bool,
}

/// What only the log knows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Check {
    after: u64,
    /// Microseconds since 1970 from which on a publication may be recovered.
    since_us: u64,
}

impl Turn<'_> {
    /// True when the connection has as many subscriptions as it may.
    pub(super) fn is_full(&self) -> bool {
        let is_full = self.hub.limits.channels_per_connection <= self.state.count();
        if is_full {
            self.hub.counters.reached(Limit::ChannelsPerConnection);
        }
        is_full
    }

    pub(super) fn subscribe(
        &mut self,
        id: u32,
        request: &SubscribeRequest<'_>,
    ) -> Result<(), Fault> {
        let channel = &*request.channel;
        if channel.is_empty() {
            return Err(Fault::Disconnect(code::DISCONNECT_BAD_REQUEST));
        }
        if self.state.slot(channel).is_some() {
            return Err(Fault::Error(code::ALREADY_SUBSCRIBED));
        }
        if self.is_full() {
            return Err(Fault::Error(code::LIMIT_EXCEEDED));
        }
        let options = self.options(channel)?;
        if request.kind != 0 {
            return Err(Fault::Error(code::NOT_AVAILABLE));
        }
        let token = match &*request.token {
            "" => None,
            token => Some(self.token_for(channel, token)?),
        };
        if token.is_none() {
            self.permit_subscribe(channel, &options)?;
        }
        let granted = token.map_or_else(Ask::default, |token| Ask {
            chan_info: token.info.into(),
            data: token.data,
            overrides: token.overrides,
            expires_at: token.expires_at.unwrap_or(0),
            ..Ask::default()
        });
        let filter = self.filter(request, &options)?;
        let ask = Ask {
            recover: request.recover,
            epoch: request.epoch.clone().into_owned(),
            offset: request.offset,
            wants: Wants::default()
                .with(Wants::POSITIONED, request.positioned)
                .with(Wants::RECOVERABLE, request.recoverable)
                .with(Wants::MEMBERS, request.join_leave),
            filter,
            rejects_unrecovered: request.flag & REJECT_UNRECOVERED != 0,
            ..granted
        };
        let mut opened = self.open(channel, &options, ask)?;
        if opened.check.is_none() {
            return self.answer_subscribe(id, opened);
        }
        let (hub, connection) = (Arc::clone(self.hub), Arc::clone(self.connection));
        let slot = opened.slot;
        let begun = self.begin(Box::pin(async move {
            opened.run_check(&hub).await;
            resume(&hub, &connection, id, |turn| Ok(turn.answer_subscribe(id, opened)?));
        }));
        if begun.is_err() {
            self.abandon(slot);
        }
        begun
    }

    /// Checks a token for a channel.
    fn token_for(&self, channel: &str, token: &str) -> Result<SubscriptionToken, Fault> {
        let tokens = &self.hub.access.tokens;
        let denied = Fault::Error(code::PERMISSION_DENIED);
        let token = tokens.subscription(token, self.now.unix);
        let token = token.map_err(|error| refused(error, denied))?;
        let session = &self.state.session;
        let is_of_client = token.client.as_ref().is_none_or(|client| *client == session.id());
        if token.channel == channel && token.user == session.user() && is_of_client {
            Ok(token)
        } else {
            Err(Fault::Disconnect(code::DISCONNECT_INVALID_TOKEN))
        }
    }

    /// A subscription goes on by a new token.
    pub(super) fn sub_refresh(
        &mut self,
        id: u32,
        request: &SubRefreshRequest<'_>,
    ) -> Result<(), Fault> {
        if request.channel.is_empty() {
            return Err(Fault::Disconnect(code::DISCONNECT_BAD_REQUEST));
        }
        if request.kind != 0 {
            return Err(Fault::Error(code::NOT_AVAILABLE));
        }
        let slot = self.state.slot(&request.channel).ok_or(code::PERMISSION_DENIED)?;
        let token = self.token_for(&request.channel, &request.token);
        let token = token.map_err(|fault| match fault {
            Fault::Error(code) if code == code::TOKEN_EXPIRED => Fault::Error(code::EXPIRED),
            Fault::Error(_) | Fault::Disconnect(_) => fault,
        })?;
        let expires_at = token.expires_at.unwrap_or(0);
        if let Some(subscription) = self.state.subscriptions[slot].as_mut() {
            subscription.expires_at = expires_at;
        }
        self.connection.look_by(self.hub, self.state, self.now);
        self.answer(id, Answer::SubRefresh(self.now.until(expires_at)));
        Ok(())
    }

    fn filter(
        &self,
        request: &SubscribeRequest<'_>,
        options: &ChannelOptions,
    ) -> Result<Option<Box<Filter>>, Code> {
        let filter =
            Filter::read(self.encoding(), request.tf).map_err(|_none| code::BAD_REQUEST)?;
        match filter {
            Some(_) if !options.tags_filter => Err(code::NOT_AVAILABLE),
            filter => Ok(filter.map(Box::new)),
        }
    }

    /// Adds a subscription. It gets nothing before it is answered.
    pub(super) fn open(
        &mut self,
        name: &str,
        options: &Arc<ChannelOptions>,
        ask: Ask,
    ) -> Result<Opened, Code> {
        let channel = self.hub.enter(name, options)?;
        channel.add_audience(self.connection.form.shape(), self.connection.worker);
        let wants = given(options, ask.wants, ask.overrides);
        let end = self.hub.end(&channel.topic);
        let (next, top) = {
            let inner = channel.lock();
            (inner.ring.next(), inner.ring.last_offset())
        };
        let (slot, serial) = self.state.add(|serial| Subscription {
            channel: Arc::clone(&channel),
            serial,
            next,
            offset: top,
            pace: Pace::Asked,
            wants,
            filter: ask.filter,
            expires_at: ask.expires_at,
        });
        if wants.has(Wants::PRESENT) {
            let session = &self.state.session;
            let info = Info {
                user: session.shared_user(),
                client: session.id().into(),
                conn_info: session.info.clone(),
                chan_info: ask.chan_info,
            };
            self.hub.present(self.connection, &channel, Arc::new(info));
        }
        let is_positioned = wants.has(Wants::POSITIONED) || wants.has(Wants::RECOVERABLE);
        let Expiry { expires, ttl } = self.now.until(ask.expires_at);
        let was_recovering = ask.recover && wants.has(Wants::RECOVERABLE);
        let mut opened = Opened {
            slot,
            serial,
            result: SubscribeResult {
                expires,
                ttl,
                recoverable: wants.has(Wants::RECOVERABLE),
                positioned: is_positioned,
                epoch: if is_positioned { self.hub.epoch(end).into() } else { "".into() },
                offset: if is_positioned { top } else { 0 },
                was_recovering,
                ..SubscribeResult::default()
            },
            channel,
            data: ask.data,
            from: None,
            check: None,
            rejects_unrecovered: ask.rejects_unrecovered,
        };
        if was_recovering && self.hub.is_same_life(&ask.epoch, end, ask.offset) {
            self.recover(&mut opened, (ask.offset, top));
        }
        Ok(opened)
    }

    /// Looks whether a subscription can go on from an offset.
    fn recover(&self, opened: &mut Opened, (offset, top): (u64, u64)) {
        let options = &opened.channel.options;
        // By a read of the log a client may have seen more than is in the ring by now.
        let is_ahead = top < offset && offset <= self.hub.end(&opened.channel.topic).last_offset;
        if offset == top || is_ahead {
            opened.from = Some(offset);
            return;
        }
        let missed = top.checked_sub(offset);
        let in_window = missed.is_some_and(|missed| {
            options.recovery_mode == RecoveryMode::Cache || missed <= options.history_size as u64
        });
        if !in_window {
            return;
        }
        let offset = match options.recovery_mode {
            RecoveryMode::Stream => offset,
            RecoveryMode::Cache => top - 1,
        };
        let since_us = self.hub.oldest_us(options);
        opened.from = Some(offset);
        let shape = self.connection.form.shape();
        let first_us = {
            let inner = opened.channel.lock();
            let number = inner.ring.number_after(offset);
            let mut entries =
                number.and_then(|number| inner.ring.from(number)).into_iter().flatten();
            // One that came when nobody wanted this shape is taken from the log, which may not have it any more.
            let first = entries.next().filter(|entry| !entry.ready(shape).is_empty());
            first.map(|entry| entry.time_us)
        };
        match first_us {
            Some(first_us) if since_us <= first_us => (),
            Some(_too_old) => opened.from = None,
            None => opened.check = Some(Check { after: offset, since_us }),
        }
    }

    /// Answers a subscription, which begins then.
    fn answer_subscribe(&mut self, id: u32, mut opened: Opened) -> Result<(), Fault> {
        let (slot, serial, encoding) = (opened.slot, opened.serial, self.encoding());
        let data = std::mem::take(&mut opened.data);
        match settle(self.state, opened) {
            Ok((_, result)) => {
                let result = SubscribeResult { data: &data, ..result };
                if result.was_recovering {
                    self.hub.figures.recovered(result.recovered);
                }
                let what = Answer::Subscribe(result);
                Reply { id, what }.append(encoding, &mut self.replies);
                self.begun.push(slot);
                self.connection.look_by(self.hub, self.state, self.now);
                Ok(())
            }
            Err(code) => {
                if self.state.get(slot, serial).is_some() {
                    self.abandon(slot);
                }
                Err(code.into())
            }
        }
    }

    /// Takes back a subscription that was not answered.
    fn abandon(&mut self, slot: usize) {
        if let Some(subscription) = self.state.subscriptions.get_mut(slot).and_then(Option::take) {
            self.hub.leave(self.connection, &subscription, self.now);
        }
    }

    pub(super) fn unsubscribe(&mut self, id: u32, channel: &str) -> Result<(), Fault> {
        if channel.is_empty() {
            return Err(Fault::Disconnect(code::DISCONNECT_BAD_REQUEST));
        }
        if let Some(slot) = self.state.slot(channel) {
            self.abandon(slot);
        }
        self.answer(id, Answer::Unsubscribe);
        Ok(())
    }
}

impl Opened {
    /// Asks the log what only it knows.
    pub(super) async fn run_check(&mut self, hub: &Arc<Hub>) {
        let Some(Check { after, since_us }) = self.check.take() else { return };
        let (bus, channel) = (hub.bus.clone(), Arc::clone(&self.channel));
        let checking = hub.read(move || {
            let query = HistoryQuery { since: Some(after), limit: 1, order: Order::OldestFirst };
            let history = bus.history(&channel.topic, query).ok()?;
            let first = history.iter().next()?;
            Some(first.offset() == after + 1 && since_us <= first.time().micros())
        });
        if checking.await.flatten() != Some(true) {
            self.from = None;
        }
    }
}

/// What a subscription gets of what it asks for.
fn given(options: &ChannelOptions, asked: Wants, overrides: Overrides) -> Wants {
    let is_given = |offer: Offer, want: Wants, forced: Option<bool>| match (offer, forced) {
        (_, Some(true)) | (Offer::Forced, None) => true,
        (Offer::No, _) => false,
        (Offer::Asked | Offer::Forced, _) => asked.has(want),
    };
    let has_history = options.has_history();
    let positioned = is_given(options.positioning, Wants::POSITIONED, overrides.force_positioning);
    let recoverable = is_given(options.recovery, Wants::RECOVERABLE, overrides.force_recovery);
    let is_told = overrides.join_leave.unwrap_or(options.join_leave != JoinLeave::Off);
    let is_forced =
        overrides.force_push_join_leave.unwrap_or(options.join_leave == JoinLeave::Forced);
    let is_present = overrides.presence.unwrap_or(options.presence);
    Wants::default()
        .with(Wants::SERVER_SIDE, asked.has(Wants::SERVER_SIDE))
        .with(Wants::POSITIONED, has_history && positioned)
        .with(Wants::RECOVERABLE, has_history && recoverable)
        .with(Wants::MEMBERS, is_told && (is_forced || asked.has(Wants::MEMBERS)))
        .with(Wants::PRESENT, is_present || is_told)
}

/// Puts a subscription to where it begins; answers its channel and what the client is told.
///
/// # Errors
/// [`code::UNRECOVERABLE_POSITION`] when it cannot go on and the client wants it to, [`code::NOT_AVAILABLE`] when it is gone.
pub(super) fn settle(
    state: &mut State,
    opened: Opened,
) -> Result<(String, SubscribeResult<'static>), Code> {
    let Opened { slot, serial, channel, mut result, from, rejects_unrecovered, .. } = opened;
    // The client may have unsubscribed while the log was asked.
    let subscription = state.get(slot, serial).ok_or(code::NOT_AVAILABLE)?;
    if let Some(from) = from {
        let is_behind = from < subscription.offset;
        if is_behind {
            // Its place in the ring, or in the log, is found by the offset.
            subscription.next = 0;
        }
        subscription.offset = if is_planted(Bug::RecoverTooLate) && is_behind {
            from + 1
        } else if is_planted(Bug::RecoverTooEarly) && is_behind {
            from.saturating_sub(1)
        } else {
            from
        };
        result.recovered = true;
        result.offset = from;
    }
    if result.was_recovering && !result.recovered && rejects_unrecovered {
        return Err(code::UNRECOVERABLE_POSITION);
    }
    Ok((channel.name.to_string(), result))
}
