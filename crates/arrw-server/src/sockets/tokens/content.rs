//! What a token says, once it is known to be one of ours.

use super::Capability;

/// Who connects, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConnectionToken {
    /// Whose connection it is; empty for nobody in particular.
    pub(crate) user: String,
    /// When the connection ends unless it is refreshed, in seconds since 1970. It may be over already: `expire_at` is of
    /// the connection, `exp` of the token.
    pub(crate) expires_at: Option<u64>,
    /// When the token was made, in seconds since 1970.
    pub(crate) issued_at: Option<u64>,
    /// Its id, by which it can be revoked.
    pub(crate) id: Option<String>,
    /// What others are told of the connection: one line of JSON, or empty.
    pub(crate) info: Vec<u8>,
    /// What is kept with the connection and told nobody: one line of JSON, or empty.
    pub(crate) meta: Vec<u8>,
    /// Channels that it is subscribed to from the start.
    pub(crate) channels: Vec<String>,
    /// The same, with options, each channel once. When there are any, [`channels`](Self::channels) count for nothing.
    pub(crate) subs: Vec<(String, TokenSub)>,
    /// What it may in which channels; the first that has a channel decides about it.
    pub(crate) capabilities: Vec<Capability>,
}

/// A subscription that a connection has from the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TokenSub {
    /// What others in the channel are told of it: one line of JSON, or empty.
    pub(crate) info: Vec<u8>,
    /// What the client is told with it: one line of JSON, or empty.
    pub(crate) data: Vec<u8>,
    /// What is otherwise than the channel's options say.
    pub(crate) overrides: Overrides,
}

/// Who may subscribe to one channel, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SubscriptionToken {
    /// Who may; empty for a connection without a user.
    pub(crate) user: String,
    /// To what; never empty.
    pub(crate) channel: String,
    /// Which connection of the user alone may, if only one may.
    pub(crate) client: Option<String>,
    /// When the subscription ends unless it is refreshed, in seconds since 1970. It may be over already: `expire_at` is
    /// of the subscription, `exp` of the token.
    pub(crate) expires_at: Option<u64>,
    /// When the token was made, in seconds since 1970.
    pub(crate) issued_at: Option<u64>,
    /// Its id, by which it can be revoked.
    pub(crate) id: Option<String>,
    /// What others in the channel are told of it: one line of JSON, or empty.
    pub(crate) info: Vec<u8>,
    /// What the client is told with the subscription: one line of JSON, or empty.
    pub(crate) data: Vec<u8>,
    /// What is otherwise than the channel's options say.
    pub(crate) overrides: Overrides,
}

/// Options of a channel that are otherwise for one subscription; `None` for as the channel has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Overrides {
    /// Whether it is among those that are shown as subscribed.
    pub(crate) presence: Option<bool>,
    /// Whether others are told that it comes and goes.
    pub(crate) join_leave: Option<bool>,
    /// Whether it is told of others that come and go, without asking.
    pub(crate) force_push_join_leave: Option<bool>,
    /// Whether it may recover, without asking.
    pub(crate) force_recovery: Option<bool>,
    /// Whether it is told when it missed something, without asking.
    pub(crate) force_positioning: Option<bool>,
}
