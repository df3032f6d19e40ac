//! What a client publishes.

use std::borrow::Cow;
use std::sync::Arc;

use arrw::{NewEvent, PublishError};
use arrw_wire::centrifuge::{Answer, PublishRequest, Reply};
use arrw_wire::code::{self, Code};
use serde_json::value::RawValue;

use super::permit::Deed;
use super::{Fault, Session, Turn};
use crate::sockets::channel::name::topic;
use crate::sockets::channel::publication::{PUBLISHER, Publisher, content_type};
use crate::sockets::connection;

impl Turn<'_> {
    pub(super) fn publish(&mut self, id: u32, request: &PublishRequest<'_>) -> Result<(), Fault> {
        let channel = &*request.channel;
        if channel.is_empty() || request.data.is_empty() {
            return Err(Fault::Error(code::BAD_REQUEST));
        }
        if request.kind != 0 {
            return Err(Fault::Error(code::NOT_AVAILABLE));
        }
        let options = self.options(channel)?;
        self.permit(channel, &options, Deed::Publish)?;
        let topic = topic(channel, options.class);
        let publisher = self.state.session.publisher();
        let headers = [(PUBLISHER, &*publisher)];
        let event = NewEvent {
            content_type: content_type(self.encoding(), request.data),
            headers: &headers,
            ..NewEvent::new(&topic, request.data)
        };
        let published = self.hub.bus.publish(event).map_err(|error| code_of(&error))?;
        if event.is_volatile() {
            self.answer(id, Answer::Publish);
            return Ok(());
        }
        // Handed over now, so that what one client publishes stays in its order.
        let published = published.start();
        let (hub, connection) = (Arc::clone(self.hub), Arc::clone(self.connection));
        self.begin(Box::pin(async move {
            let reply = match published.await {
                Ok(_) => Reply { id, what: Answer::Publish },
                Err(error) => Reply::error(id, code_of(&error)),
            };
            connection::answer(&hub, &connection, &reply);
        }))
    }
}

impl Session {
    /// Who publishes, as a header of what is published.
    pub(super) fn publisher(&mut self) -> Arc<[u8]> {
        if let Some(known) = &self.publisher {
            return Arc::clone(known);
        }
        let info: Option<Box<RawValue>> = serde_json::from_slice(&self.info).ok();
        let publisher = Publisher {
            user: Cow::Borrowed(self.user()),
            client: Cow::Owned(self.id()),
            conn_info: info.as_deref(),
            chan_info: None,
        };
        let publisher: Arc<[u8]> = serde_json::to_vec(&publisher).unwrap_or_default().into();
        Arc::clone(self.publisher.insert(publisher))
    }
}

/// What a client is told of an event that cannot be published.
pub(super) fn code_of(error: &PublishError) -> Code {
    if let PublishError::Event(_) | PublishError::Volatile { .. } = error {
        return code::BAD_REQUEST;
    }
    tracing::warn!(%error, "cannot publish for a client");
    code::INTERNAL
}
