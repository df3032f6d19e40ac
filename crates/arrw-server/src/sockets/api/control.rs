//! `subscribe`, `unsubscribe`, `disconnect` and `refresh`: what a back end does with connections of its users.

use std::sync::Arc;

use arrw_wire::code;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Call, Fault};
use crate::keys::KeyScope;
use crate::sockets::connection::{Connection, Ending};
use crate::sockets::session::own;

/// Connections of a user, or one of them.
#[derive(Debug, Deserialize)]
pub(super) struct Whom {
    user: String,
    /// The id of one connection.
    client: Option<String>,
}

/// Whose subscription to which channel begins or ends.
#[derive(Debug, Deserialize)]
pub(super) struct MembersForm {
    #[serde(flatten)]
    whom: Whom,
    channel: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct DisconnectForm {
    #[serde(flatten)]
    whom: Whom,
    /// Ids of connections that stay.
    #[serde(default)]
    whitelist: Vec<String>,
    disconnect: Option<CodeForm>,
}

/// With which code a connection ends, and what its client is told with it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CodeForm {
    code: u16,
    /// Empty for the text of the code.
    #[serde(default)]
    reason: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct RefreshForm {
    #[serde(flatten)]
    whom: Whom,
    /// The token of the connection counts as ended.
    #[serde(default)]
    expired: bool,
    /// When it ends, in seconds since 1970.
    expire_at: Option<u64>,
}

impl Call<'_> {
    /// The connections that are meant. Looks at all there are.
    fn connections(&self, whom: &Whom) -> Result<Vec<Arc<Connection>>, Fault> {
        self.check(KeyScope::Admin, None)?;
        let is_meant = |connection: &Arc<Connection>| {
            let state = connection.lock();
            *state.session.user() == *whom.user
                && whom.client.as_ref().is_none_or(|client| *client == state.session.id())
        };
        Ok(self.app.hub.connections().into_iter().filter(is_meant).collect())
    }

    pub(super) fn subscribe(&self, form: &MembersForm) -> Result<Value, Fault> {
        self.app.hub.namespaces.of(&form.channel)?;
        for connection in self.connections(&form.whom)? {
            own::subscribe(&self.app.hub, &connection, &form.channel)?;
        }
        Ok(json!({}))
    }

    pub(super) fn unsubscribe(&self, form: &MembersForm) -> Result<Value, Fault> {
        let (hub, now) = (&self.app.hub, self.app.hub.now());
        for connection in self.connections(&form.whom)? {
            let mut state = connection.lock();
            if let Some(slot) = state.slot(&form.channel) {
                let code = code::UNSUBSCRIBE_SERVER;
                connection.end_subscription(hub, &mut state, (slot, code), now);
            }
        }
        Ok(json!({}))
    }

    pub(super) fn disconnect(&self, form: &DisconnectForm) -> Result<Value, Fault> {
        let ending = match &form.disconnect {
            None => code::DISCONNECT_FORCED.into(),
            Some(CodeForm { code, reason }) => Ending::asked(*code, reason.clone())
                .ok_or_else(|| Fault::bad(format!("{code} is no code of a disconnect")))?,
        };
        let (hub, now) = (&self.app.hub, self.app.hub.now());
        for connection in self.connections(&form.whom)? {
            let mut state = connection.lock();
            if !form.whitelist.contains(&state.session.id()) {
                connection.end_as(hub, &mut state, Some(ending.clone()), now);
            }
        }
        Ok(json!({}))
    }

    pub(super) fn refresh(&self, form: &RefreshForm) -> Result<Value, Fault> {
        let (hub, now) = (&self.app.hub, self.app.hub.now());
        for connection in self.connections(&form.whom)? {
            let mut state = connection.lock();
            if form.expired {
                connection.end(hub, &mut state, Some(code::DISCONNECT_EXPIRED), now);
            } else {
                state.session.expires_at = form.expire_at.unwrap_or(0);
                connection.look_by(hub, &mut state, now);
            }
        }
        Ok(json!({}))
    }
}
