//! `presence`, `presence_stats`, `history`, `channels` and `info`.

use std::sync::Arc;

use arrw::Filter;
use arrw_wire::code;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::{Call, Fault};
use crate::keys::KeyScope;
use crate::limits::API_CHANNELS_MAX;
use crate::sockets::channel::name::topic;
use crate::sockets::channel::options::ChannelOptions;
use crate::sockets::channel::presence::Info;
use crate::sockets::channel::publication;
use crate::sockets::hub::past::Asked;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChannelForm {
    channel: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HistoryForm {
    channel: String,
    /// How many at most: 0 for the position alone, -1 for as many as there may be in one answer.
    #[serde(default)]
    limit: i64,
    since: Option<Since>,
    #[serde(default)]
    reverse: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Since {
    offset: u64,
    #[serde(default)]
    epoch: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChannelsForm {
    /// A filter on the names of topics; all without one.
    pattern: Option<String>,
}

/// JSON of the application, as it is; nothing when there is none.
fn raw(json: &[u8]) -> Option<Box<RawValue>> {
    serde_json::from_slice(json).ok()
}

fn client_info(info: &Info) -> Value {
    let mut shown = Map::new();
    shown.insert("user".to_owned(), json!(&*info.user));
    shown.insert("client".to_owned(), json!(&*info.client));
    for (name, value) in [("conn_info", &info.conn_info), ("chan_info", &info.chan_info)] {
        if let Some(value) = raw(value) {
            shown.insert(name.to_owned(), json!(value));
        }
    }
    Value::Object(shown)
}

impl Call<'_> {
    /// The options of a channel that the key may read.
    fn readable(&self, channel: &str) -> Result<Arc<ChannelOptions>, Fault> {
        let options = Arc::clone(self.app.hub.namespaces.of(channel)?);
        self.check(KeyScope::Read, Some(&topic(channel, options.class)))?;
        Ok(options)
    }

    fn with_presence(&self, channel: &str) -> Result<(), Fault> {
        if self.readable(channel)?.presence { Ok(()) } else { Err(code::NOT_AVAILABLE.into()) }
    }

    pub(super) fn presence(&self, form: &ChannelForm) -> Result<Value, Fault> {
        self.with_presence(&form.channel)?;
        let members: Vec<Arc<Info>> =
            self.app.hub.find(&form.channel).map_or_else(Vec::new, |channel| {
                channel.lock().presence.members().cloned().collect()
            });
        let presence: Map<String, Value> =
            members.iter().map(|info| (info.client.to_string(), client_info(info))).collect();
        Ok(json!({ "presence": presence }))
    }

    pub(super) fn presence_stats(&self, form: &ChannelForm) -> Result<Value, Fault> {
        self.with_presence(&form.channel)?;
        let found = self.app.hub.find(&form.channel);
        let (clients, users) = found.map_or((0, 0), |channel| channel.lock().presence.counts());
        Ok(json!({ "num_clients": clients, "num_users": users }))
    }

    pub(super) async fn history(&self, form: HistoryForm) -> Result<Value, Fault> {
        let options = self.readable(&form.channel)?;
        if !options.has_history() {
            return Err(code::NOT_AVAILABLE.into());
        }
        let since = form.since.as_ref().map(|since| (since.offset, &*since.epoch));
        let asked = Asked { limit: form.limit, since, reverse: form.reverse };
        let past = self.app.hub.past(&form.channel, &options, asked)?;
        let (epoch, top, bus) = (past.epoch.clone(), past.top, self.app.bus.clone());
        let reading = self.app.hub.read(move || {
            let history =
                bus.history(&past.topic, past.query).map_err(|error| error.to_string())?;
            let shown = history.iter().filter(|event| past.shows(event));
            Ok::<_, String>(shown.map(|event| publication::to_json(&event)).collect::<Vec<_>>())
        });
        let read = reading.await.ok_or_else(|| Fault::from(code::INTERNAL))?;
        let publications = read.map_err(Fault::internal)?;
        Ok(json!({ "publications": publications, "epoch": epoch, "offset": top }))
    }

    /// Channels that somebody is subscribed to. Looks at all of them.
    pub(super) fn channels(&self, form: &ChannelsForm) -> Result<Value, Fault> {
        self.check(KeyScope::Read, None)?;
        let pattern = form.pattern.as_deref().map(Filter::parse).transpose();
        let pattern = pattern.map_err(|error| Fault::bad(error.to_string()))?;
        let all = self.app.hub.channels();
        let mut found: Vec<_> = all
            .values()
            .filter(|channel| pattern.as_ref().is_none_or(|it| it.matches(&channel.name)))
            .take(API_CHANNELS_MAX)
            .cloned()
            .collect();
        drop(all);
        found.sort_by(|one, other| one.name.cmp(&other.name));
        let channels: Map<String, Value> = found
            .iter()
            .map(|channel| {
                let count = channel.lock().subscribers;
                (channel.name.to_string(), json!({ "num_clients": count }))
            })
            .collect();
        Ok(json!({ "channels": channels }))
    }

    pub(super) fn info(&self) -> Value {
        let hub = &self.app.hub;
        let connections = hub.connections();
        let (channels, subscriptions) = {
            let all = hub.channels();
            let subscriptions: usize = all.values().map(|it| it.lock().subscribers).sum();
            (all.len(), subscriptions)
        };
        json!({ "nodes": [{
            "uid": self.app.db.position().epoch.to_string(),
            "name": "arrwdb",
            "version": env!("CARGO_PKG_VERSION"),
            "num_clients": connections.len(),
            "num_users": hub.count_users(),
            "num_channels": channels,
            "num_subs": subscriptions,
            "uptime": self.app.started.elapsed().as_secs(),
        }] })
    }
}
