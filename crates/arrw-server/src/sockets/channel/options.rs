//! What may be set of channels: each namespace has its own options.
//!
//! Names and meanings are those of Centrifugo where it has the same.

use std::time::Duration;

use crate::limits::{COALESCE_DEFAULT, HISTORY_SIZE_DEFAULT, HISTORY_TTL_DEFAULT};

/// The namespaces of a server. A channel `chat:room.1` is in the namespace `chat`; one without a colon has the options
/// `default`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelSettings {
    /// Options of channels that name no namespace.
    pub default: ChannelOptions,
    /// Options by the name of the namespace.
    pub namespaces: Vec<(String, ChannelOptions)>,
}

/// What holds for the channels of one namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelOptions {
    /// Whether a publication outlives the process. Default durable.
    pub class: Class,
    /// Who may subscribe without a token for it.
    pub subscribe: Audience,
    /// Who may publish.
    pub publish: Audience,
    /// Who may ask who is subscribed, when there is presence.
    pub presence_for: Audience,
    /// Who may ask for the history, when there is one.
    pub history_for: Audience,
    /// Whether it is known who is subscribed. Default no.
    pub presence: bool,
    /// Whether subscribers are told of those that come and go.
    pub join_leave: JoinLeave,
    /// Publications that history and recovery look back to; 0 for none. A volatile channel has none.
    pub history_size: usize,
    /// How old these may be; zero for any age that retention keeps.
    pub history_ttl: Duration,
    /// Whether subscribers may recover what they missed.
    pub recovery: Offer,
    /// Whether subscribers are told when they missed something.
    pub positioning: Offer,
    /// What a recovery brings.
    pub recovery_mode: RecoveryMode,
    /// Whether a channel `rooms#17,42` may be subscribed to by the users `17` and `42` alone. Default no.
    pub user_limited: bool,
    /// Whether subscribers may filter by tags. Default yes.
    pub tags_filter: bool,
    /// What becomes of a subscriber that reads more slowly than is published.
    pub slow_policy: SlowPolicy,
    /// How long publications gather under load so that one write carries several; zero for never. A lone one leaves at once.
    pub coalesce: Duration,
}

/// How long a publication lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Class {
    /// On the disk before anybody sees it, in the topic of the channel's name.
    #[default]
    Durable,
    /// In memory, in the topic `~.` and the channel's name.
    Volatile,
}

/// Who may do something in a channel, besides those whose token says so. Nobody, unless said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Audience {
    /// Every client.
    pub client: bool,
    /// A client that is subscribed to the channel.
    pub subscriber: bool,
    /// Of these, also those without a user. By itself it lets nobody in.
    pub anonymous: bool,
}

impl Audience {
    /// Whether a client of this user is among them; the user is empty when it has none.
    #[must_use]
    pub fn has(self, user: &str, is_subscribed: bool) -> bool {
        let is_known = self.anonymous || !user.is_empty();
        is_known && (self.client || (self.subscriber && is_subscribed))
    }
}

/// Whether joins and leaves are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JoinLeave {
    /// To nobody.
    #[default]
    Off,
    /// To subscribers that ask for them.
    Asked,
    /// To all subscribers.
    Forced,
}

/// Whether subscribers get something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Offer {
    /// Nobody.
    No,
    /// Those that ask for it.
    Asked,
    /// All.
    #[default]
    Forced,
}

/// What a client that was away gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecoveryMode {
    /// All that it missed.
    #[default]
    Stream,
    /// The last publication alone.
    Cache,
}

/// What becomes of a subscriber that is slow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SlowPolicy {
    /// It reads on from the log and misses nothing that retention keeps; nothing is queued for it. Of a volatile channel it
    /// is told by [`UNSUBSCRIBE_INSUFFICIENT`](arrw_wire::code::UNSUBSCRIBE_INSUFFICIENT) when memory no longer has what it
    /// missed, and subscribes again.
    #[default]
    Durable,
    /// It gets the last publication, and not those before.
    Conflate,
    /// When memory no longer has what it missed it is told so, and subscribes again, at the end of the channel or, when it
    /// may recover, from where it was.
    DropOldest,
    /// When memory no longer has what it missed its connection is ended by
    /// [`DISCONNECT_SLOW`](arrw_wire::code::DISCONNECT_SLOW).
    Disconnect,
}

impl Default for ChannelOptions {
    fn default() -> Self {
        Self {
            class: Class::default(),
            subscribe: Audience::default(),
            publish: Audience::default(),
            presence_for: Audience::default(),
            history_for: Audience::default(),
            presence: false,
            join_leave: JoinLeave::default(),
            history_size: HISTORY_SIZE_DEFAULT,
            history_ttl: HISTORY_TTL_DEFAULT,
            recovery: Offer::default(),
            positioning: Offer::default(),
            recovery_mode: RecoveryMode::default(),
            user_limited: false,
            tags_filter: true,
            slow_policy: SlowPolicy::default(),
            coalesce: COALESCE_DEFAULT,
        }
    }
}

impl ChannelOptions {
    /// True when there are past publications to ask for.
    #[must_use]
    pub fn has_history(&self) -> bool {
        self.class == Class::Durable && 0 < self.history_size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_no_user_needs_a_word_of_its_own() {
        let check = |audience: [bool; 3], user: &str, is_subscribed: bool, expected: bool| {
            let [client, subscriber, anonymous] = audience;
            let audience = Audience { client, subscriber, anonymous };
            let found = audience.has(user, is_subscribed);
            assert_eq!(found, expected, "{audience:?} {user} {is_subscribed}");
        };
        let client = [true, false, false];
        check(client, "42", false, true);
        check(client, "", true, false);
        check([true, false, true], "", false, true);
        let subscriber = [false, true, false];
        check(subscriber, "42", true, true);
        check(subscriber, "42", false, false);
        check(subscriber, "", true, false);
        check([false, true, true], "", true, true);
        check([false, true, true], "", false, false);
        // Without the others it lets nobody in, as in Centrifugo.
        check([false, false, true], "", true, false);
        check([false, false, true], "42", true, false);
        check([false; 3], "42", true, false);
    }
}
