//! What a client asks: who is there, and what was published.

use std::sync::Arc;

use arrw_wire::centrifuge::{
    Answer, HistoryRequest, HistoryResult, PresenceResult, PresenceStatsResult, Reply,
};
use arrw_wire::code;

use super::permit::Deed;
use super::{Fault, Turn};
use crate::sockets::channel::publication;
use crate::sockets::connection::{self, Connection};
use crate::sockets::hub::Hub;
use crate::sockets::hub::past::{Asked, Past};

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
        let since = request.since.as_ref().map(|since| (since.offset, &*since.epoch));
        let asked = Asked { limit: request.limit.into(), since, reverse: request.reverse };
        let past = self.hub.past(channel, &options, asked)?;
        if let (true, Some((0, _))) = (request.reverse, since) {
            return Err(Fault::Error(code::BAD_REQUEST));
        }
        let (hub, connection) = (Arc::clone(self.hub), Arc::clone(self.connection));
        self.begin(Box::pin(async move {
            let of_all = Arc::clone(&hub);
            let read = of_all.read(move || answer_past(past, &hub, &connection, id));
            let _failed = read.await;
        }))
    }
}

/// Reads a part of a history, and answers.
fn answer_past(past: Past, hub: &Arc<Hub>, connection: &Connection, id: u32) {
    let history = match hub.bus.history(&past.topic, past.query) {
        Ok(history) => history,
        Err(error) => {
            tracing::warn!(%error, "cannot read the history of a channel");
            return connection::answer(hub, connection, &Reply::error(id, code::INTERNAL));
        }
    };
    let encoding = connection.form.encoding();
    let shown: Vec<_> = history.iter().filter(|event| past.shows(event)).collect();
    let owned: Vec<publication::Owned<'_>> =
        shown.iter().map(|event| publication::Owned::of(event, encoding)).collect();
    let publications = owned.iter().map(publication::Owned::shown).collect();
    let result = HistoryResult { publications, epoch: past.epoch.into(), offset: past.top };
    connection::answer(hub, connection, &Reply { id, what: Answer::History(result) });
}
