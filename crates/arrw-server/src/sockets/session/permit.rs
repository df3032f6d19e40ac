//! Who may do what in a channel.

use std::sync::Arc;

use arrw_wire::code::{self, Code};

use super::{Session, Turn};
use crate::sockets::channel::name::{is_for, is_private};
use crate::sockets::channel::options::{Audience, ChannelOptions};

/// Something that a client does in a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    Publish,
    Presence,
    History,
}

impl Session {
    /// Whether the audience of an option has this client.
    fn is_in(&self, audience: Audience, is_subscribed: bool) -> bool {
        audience.has(&self.user, is_subscribed)
    }
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
        if self.hub.access.is_open {
            return Ok(());
        }
        if is_private(channel) {
            return Err(code::PERMISSION_DENIED);
        }
        let is_permitted = match is_for(channel, &session.user).filter(|_| options.user_limited) {
            Some(is_for) => is_for,
            None => session.is_in(options.subscribe, false),
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
        let is_subscribed = self.state.slot(channel).is_some();
        if self.hub.access.is_open || self.state.session.is_in(audience, is_subscribed) {
            Ok(())
        } else {
            Err(code::PERMISSION_DENIED)
        }
    }
}
