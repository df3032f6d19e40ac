//! Who may do what in a channel.

use std::sync::Arc;

use arrw_wire::code::{self, Code};

use super::Turn;
use crate::planted::{Bug, is_planted};
use crate::sockets::channel::name::{is_for, is_private};
use crate::sockets::channel::options::ChannelOptions;
use crate::sockets::tokens::Allow;

/// Something that a client does in a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    Publish,
    Presence,
    History,
}

impl Turn<'_> {
    /// The options of a channel.
    pub(super) fn options(&self, channel: &str) -> Result<Arc<ChannelOptions>, Code> {
        self.hub.namespaces.of(channel).map(Arc::clone)
    }

    /// Whether the client may subscribe to a channel without a token for it.
    ///
    /// # Errors
    /// [`code::PERMISSION_DENIED`].
    pub(super) fn permit_subscribe(
        &self,
        channel: &str,
        options: &ChannelOptions,
    ) -> Result<(), Code> {
        let session = &self.state.session;
        let is_allowed = session.allowed(channel).is_some_and(Allow::subscribe);
        if self.hub.access.is_open || is_allowed || is_planted(Bug::AnyChannel) {
            return Ok(());
        }
        if is_private(channel) {
            return Err(code::PERMISSION_DENIED);
        }
        let is_permitted = match is_for(channel, session.user()).filter(|_| options.user_limited) {
            Some(is_for) => is_for,
            None => options.subscribe.has(session.user(), false),
        };
        if is_permitted { Ok(()) } else { Err(code::PERMISSION_DENIED) }
    }

    /// Whether the client may do something in a channel.
    ///
    /// # Errors
    /// [`code::NOT_AVAILABLE`] where there is no such thing, [`code::PERMISSION_DENIED`].
    pub(super) fn permit(
        &self,
        channel: &str,
        options: &ChannelOptions,
        deed: Deed,
    ) -> Result<(), Code> {
        let (is_there, audience) = match deed {
            Deed::Publish => (true, options.publish),
            Deed::Presence => (options.presence, options.presence_for),
            Deed::History => (options.has_history(), options.history_for),
        };
        if !is_there {
            return Err(code::NOT_AVAILABLE);
        }
        let session = &self.state.session;
        let is_allowed = session.allowed(channel).is_some_and(|allow| match deed {
            Deed::Publish => allow.publish(),
            Deed::Presence => allow.presence(),
            Deed::History => allow.history(),
        });
        let is_subscribed = self.state.slot(channel).is_some();
        let is_in = || audience.has(session.user(), is_subscribed);
        if self.hub.access.is_open || is_allowed || is_in() {
            Ok(())
        } else {
            Err(code::PERMISSION_DENIED)
        }
    }
}
