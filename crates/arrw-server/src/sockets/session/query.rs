//! What a client asks: who is there, and what was published.

use std::sync::Arc;

use arrw::{HistoryQuery, Order};
use arrw_wire::centrifuge::{
    Answer, HistoryRequest, HistoryResult, PresenceResult, PresenceStatsResult, Reply,
};
use arrw_wire::code::{self, Code};

use super::permit::Deed;
use super::{Fault, Turn};
use crate::limits::HISTORY_PAGE_MAX;
use crate::sockets::channel::name::topic;
use crate::sockets::channel::publication;
use crate::sockets::connection::{self, Connection};
use crate::sockets::hub::Hub;

impl Turn<'_> {
    pub(super) fn presence(&mut self, id: u32, channel: &str) -> Result<(), Fault> {
        let options = self.options(channel)?;
        self.permit(channel, &options, Deed::Presence)?;
        let found = self.hub.find(channel);
        let members: Vec<_> = found.map_or_else(Vec::new, |channel| {
            channel.lock().presence.members().map(Arc::clone).collect()
        });
        let presence = members.iter().map(|info| ((&*info.client).into(), info.shown())).collect();
        self.answer(id, Answer::Presence(PresenceResult { presence }));
        Ok(())
    }

    pub(super) fn presence_stats(&mut self, id: u32, channel: &str) -> Result<(), Fault> {
        let options = self.options(channel)?;
        self.permit(channel, &options, Deed::Presence)?;
        let found = self.hub.find(channel);
        let (clients, users) = found.map_or((0, 0), |channel| channel.lock().presence.counts());
        let count = |count| u32::try_from(count).unwrap_or(u32::MAX);
        let stats = PresenceStatsResult { num_clients: count(clients), num_users: count(users) };
        self.answer(id, Answer::PresenceStats(stats));
        Ok(())
    }

    pub(super) fn history(&mut self, id: u32, request: &HistoryRequest<'_>) -> Result<(), Fault> {
        let channel = &*request.channel;
        let options = self.options(channel)?;
        self.permit(channel, &options, Deed::History)?;
        let topic = topic(channel, options.class).into_owned();
        let end = self.hub.end(&topic);
        let since = request.since.as_ref().map(|since| since.offset);
        if let Some(since) = &request.since
            && !self.hub.is_same_life(&since.epoch, end, since.offset)
        {
            return Err(Fault::Error(code::UNRECOVERABLE_POSITION));
        }
        if request.reverse && since == Some(0) {
            return Err(Fault::Error(code::BAD_REQUEST));
        }
        let limit =
            usize::try_from(request.limit).unwrap_or(HISTORY_PAGE_MAX).min(HISTORY_PAGE_MAX);
        let oldest = end.last_offset.saturating_sub(options.history_size as u64);
        let since_us = self.hub.oldest_us(&options);
        let (order, since) = match request.reverse {
            false => (Order::OldestFirst, Some(since.unwrap_or(0).max(oldest))),
            true => (Order::NewestFirst, since),
        };
        let query = HistoryQuery { since, limit, order };
        let past =
            Past { query, oldest, since_us, epoch: self.hub.epoch(end), top: end.last_offset };
        let (hub, connection) = (Arc::clone(self.hub), Arc::clone(self.connection));
        self.begin(Box::pin(async move {
            let reading = tokio::task::spawn_blocking(move || {
                past.read(&hub, &connection, (id, &topic));
            });
            drop(reading.await);
        }))
    }
}

/// A part of the history of a channel.
struct Past {
    query: HistoryQuery,
    /// Publications up to this one are not shown.
    oldest: u64,
    /// Nor those before this time, in microseconds since 1970.
    since_us: u64,
    epoch: String,
    top: u64,
}

impl Past {
    /// Reads it, and answers.
    fn read(self, hub: &Arc<Hub>, connection: &Connection, (id, topic): (u32, &str)) {
        let history = match hub.bus.history(topic, self.query) {
            Ok(history) => history,
            Err(error) => {
                tracing::warn!(%error, "cannot read the history of a channel");
                let error: Code = code::INTERNAL;
                return connection::answer(hub, connection, &Reply::error(id, error));
            }
        };
        let encoding = connection.form.encoding();
        let is_shown = |event: &arrw::Event<'_>| {
            self.oldest < event.offset() && self.since_us <= event.time().micros()
        };
        let shown: Vec<_> = history.iter().filter(is_shown).collect();
        let mut owned: Vec<publication::Owned<'_>> = Vec::with_capacity(shown.len());
        owned.extend(shown.iter().map(|event| publication::Owned::of(event, encoding)));
        let publications = owned.iter().map(publication::Owned::shown).collect();
        let result = HistoryResult { publications, epoch: self.epoch.into(), offset: self.top };
        connection::answer(hub, connection, &Reply { id, what: Answer::History(result) });
    }
}
