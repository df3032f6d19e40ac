//! `publish` and `broadcast`.

use std::collections::BTreeMap;

use arrw::{NewEvent, Position, Published, Seq, Start};
use arrw_wire::code;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{Call, Fault};
use crate::keys::KeyScope;
use crate::limits::BROADCAST_CHANNELS_MAX;
use crate::sockets::channel::name::{is_volatile, topic};
use crate::sockets::channel::publication::BYTES;

/// A publication to one channel, or to many: the same to each.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PublishForm {
    channel: Option<String>,
    channels: Option<Vec<String>>,
    data: Option<Box<RawValue>>,
    /// Bytes that need not be JSON, in base64.
    b64data: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    /// The same again within ten minutes changes nothing.
    idempotency_key: Option<String>,
}

impl PublishForm {
    fn payload(&self) -> Result<Vec<u8>, Fault> {
        match (&self.data, &self.b64data) {
            (Some(data), None) => Ok(data.get().as_bytes().to_vec()),
            (None, Some(text)) => {
                STANDARD.decode(text).map_err(|error| Fault::bad(format!("b64data: {error}")))
            }
            _ => Err(Fault::bad("give `data` or `b64data`")),
        }
    }

    fn event<'a>(
        &'a self,
        topic: &'a str,
        payload: &'a [u8],
        headers: &'a [(&'a str, &'a [u8])],
    ) -> NewEvent<'a> {
        let is_bytes =
            self.b64data.is_some() && serde_json::from_slice::<&RawValue>(payload).is_err();
        NewEvent {
            headers,
            content_type: is_bytes.then_some(BYTES),
            id: self.idempotency_key.as_deref(),
            ..NewEvent::new(topic, payload)
        }
    }
}

impl Call<'_> {
    pub(super) async fn publish(&self, form: PublishForm) -> Result<Value, Fault> {
        let (Some(channel), None) = (&form.channel, &form.channels) else {
            return Err(Fault::bad("give `channel`"));
        };
        let topic = self.topic_to_write(channel)?;
        let payload = form.payload()?;
        let headers = headers(&form.tags);
        let event = form.event(&topic, &payload, &headers);
        let published =
            self.app.bus.publish(event).map_err(|error| Fault::bad(error.to_string()))?;
        let published = published.await.map_err(|error| self.failed(&error))?;
        Ok(self.place(&topic, published.last_offset))
    }

    /// Publishes to many channels as one commit: all durable ones, or none of them.
    pub(super) async fn broadcast(&self, form: PublishForm) -> Result<Value, Fault> {
        let (None, Some(channels)) = (&form.channel, &form.channels) else {
            return Err(Fault::bad("give `channels`"));
        };
        if BROADCAST_CHANNELS_MAX < channels.len() {
            return Err(Fault::bad(format!("more than {BROADCAST_CHANNELS_MAX} channels")));
        }
        let topics: Vec<String> = channels
            .iter()
            .map(|channel| self.topic_to_write(channel))
            .collect::<Result<_, _>>()?;
        let payload = form.payload()?;
        let headers = headers(&form.tags);
        let event = |topic| form.event(topic, &payload, &headers);
        let durable = topics.iter().filter(|topic| !is_volatile(topic));
        let events: Vec<NewEvent<'_>> = durable.map(|topic| event(topic)).collect();
        let mut offsets = Vec::new();
        if !events.is_empty() {
            let published =
                self.app.bus.publish_all(&events).map_err(|error| Fault::bad(error.to_string()))?;
            let published = published.await.map_err(|error| self.failed(&error))?;
            offsets = self.offsets(&published)?;
        }
        let mut offsets = offsets.into_iter();
        let mut responses = Vec::with_capacity(topics.len());
        for topic in &topics {
            let offset = if is_volatile(topic) {
                let published = self.app.bus.publish(event(topic));
                let published = published.map_err(|error| Fault::bad(error.to_string()))?;
                drop(published.await);
                0
            } else {
                offsets.next().unwrap_or(0)
            };
            responses.push(json!({ "result": self.place(topic, offset) }));
        }
        Ok(json!({ "responses": responses }))
    }

    /// The topic of a channel that the key may publish to.
    fn topic_to_write(&self, channel: &str) -> Result<String, Fault> {
        let options = self.app.hub.namespaces.of(channel)?;
        let topic = topic(channel, options.class).into_owned();
        self.check(KeyScope::Publish, Some(&topic))?;
        Ok(topic)
    }

    /// The offsets of events that were committed next to each other.
    fn offsets(&self, published: &Published) -> Result<Vec<u64>, Fault> {
        let before = Seq::new(published.first.get().saturating_sub(1));
        let start = Start::After(Position { epoch: published.epoch, seq: before });
        let mut reading =
            self.app.bus.subscribe(">", start).map_err(|_cannot| Fault::from(code::INTERNAL))?;
        let mut offsets = Vec::new();
        while let Ok(Some(events)) = reading.try_next() {
            let is_ours = |event: &arrw::Event<'_>| event.seq() <= published.last;
            let before = offsets.len();
            offsets.extend(events.iter().take_while(is_ours).map(|event| event.offset()));
            if offsets.len() == before {
                break;
            }
        }
        Ok(offsets)
    }

    /// A place in a channel as it is answered; nothing of a volatile one.
    fn place(&self, topic: &str, offset: u64) -> Value {
        if offset == 0 {
            return json!({});
        }
        let epoch = self.app.hub.epoch(self.app.hub.end(topic));
        json!({ "offset": offset, "epoch": epoch })
    }

    fn failed(&self, error: &arrw::PublishError) -> Fault {
        let problem = self.app.refuse(error);
        Fault::internal(problem.detail())
    }
}

fn headers(tags: &BTreeMap<String, String>) -> Vec<(&str, &[u8])> {
    tags.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
}
