//! What the file may say of channels: the options of those without a namespace, and of each namespace.

use std::time::Duration;

use arrw_server::{Audience, ChannelOptions, Class, JoinLeave, Offer, RecoveryMode, SlowPolicy};

use super::config::Config;
use super::kind::Kind;
use super::table::Setting;

/// Options of channels, each as Centrifugo names it: of what the server has as one, there may be two switches.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a line of the file by itself")]
pub(crate) struct ChannelConfig {
    pub(crate) class: Class,
    pub(crate) subscribe: Audience,
    pub(crate) publish: Audience,
    pub(crate) presence_for: Audience,
    pub(crate) history_for: Audience,
    pub(crate) presence: bool,
    pub(crate) join_leave: bool,
    pub(crate) force_push_join_leave: bool,
    pub(crate) history_size: usize,
    pub(crate) history_ttl: Duration,
    pub(crate) allow_recovery: bool,
    pub(crate) force_recovery: bool,
    pub(crate) recovery_mode: RecoveryMode,
    pub(crate) allow_positioning: bool,
    pub(crate) force_positioning: bool,
    pub(crate) user_limited: bool,
    pub(crate) tags_filter: bool,
    pub(crate) slow_policy: SlowPolicy,
    pub(crate) coalesce: Duration,
}

impl Default for ChannelConfig {
    fn default() -> Self {
        Self::of(&ChannelOptions::default())
    }
}

impl ChannelConfig {
    /// As the server's options would be written.
    fn of(options: &ChannelOptions) -> Self {
        let is_allowed = |offer| !matches!(offer, Offer::No);
        let is_forced = |offer| matches!(offer, Offer::Forced);
        Self {
            class: options.class,
            subscribe: options.subscribe,
            publish: options.publish,
            presence_for: options.presence_for,
            history_for: options.history_for,
            presence: options.presence,
            join_leave: !matches!(options.join_leave, JoinLeave::Off),
            force_push_join_leave: matches!(options.join_leave, JoinLeave::Forced),
            history_size: options.history_size,
            history_ttl: options.history_ttl,
            allow_recovery: is_allowed(options.recovery),
            force_recovery: is_forced(options.recovery),
            recovery_mode: options.recovery_mode,
            allow_positioning: is_allowed(options.positioning),
            force_positioning: is_forced(options.positioning),
            user_limited: options.user_limited,
            tags_filter: options.tags_filter,
            slow_policy: options.slow_policy,
            coalesce: options.coalesce,
        }
    }

    /// What the server is told.
    pub(crate) fn options(&self) -> ChannelOptions {
        ChannelOptions {
            class: self.class,
            subscribe: self.subscribe,
            publish: self.publish,
            presence_for: self.presence_for,
            history_for: self.history_for,
            presence: self.presence,
            join_leave: match (self.join_leave, self.force_push_join_leave) {
                (false, _) => JoinLeave::Off,
                (true, false) => JoinLeave::Asked,
                (true, true) => JoinLeave::Forced,
            },
            history_size: self.history_size,
            history_ttl: self.history_ttl,
            recovery: offer(self.allow_recovery, self.force_recovery),
            positioning: offer(self.allow_positioning, self.force_positioning),
            recovery_mode: self.recovery_mode,
            user_limited: self.user_limited,
            tags_filter: self.tags_filter,
            slow_policy: self.slow_policy,
            coalesce: self.coalesce,
        }
    }
}

fn offer(is_allowed: bool, is_forced: bool) -> Offer {
    match (is_allowed, is_forced) {
        (_, true) => Offer::Forced,
        (true, false) => Offer::Asked,
        (false, false) => Offer::No,
    }
}

/// What the key of each of [`OPTIONS`] begins with.
pub(crate) const PREFIX: &str = "channel.without_namespace.";

/// The options of channels without a namespace; a namespace has each by the rest of its name.
pub(crate) const OPTIONS: &[Setting] = &[
    option(
        "channel.without_namespace.class",
        "Whether what is published is on the disk before anybody sees it, or only in memory; a volatile channel has no history",
        &Kind::Class(|it| &mut it.class),
    ),
    option(
        "channel.without_namespace.allow_subscribe_for_client",
        "Whether every client with a user may subscribe, without a token for the channel",
        &Kind::Switch(|it| &mut it.subscribe.client),
    ),
    option(
        "channel.without_namespace.allow_subscribe_for_anonymous",
        "Whether clients without a user may subscribe as those with one may",
        &Kind::Switch(|it| &mut it.subscribe.anonymous),
    ),
    option(
        "channel.without_namespace.allow_publish_for_client",
        "Whether every client with a user may publish",
        &Kind::Switch(|it| &mut it.publish.client),
    ),
    option(
        "channel.without_namespace.allow_publish_for_subscriber",
        "Whether those that are subscribed may publish",
        &Kind::Switch(|it| &mut it.publish.subscriber),
    ),
    option(
        "channel.without_namespace.allow_publish_for_anonymous",
        "Whether clients without a user may publish as those with one may",
        &Kind::Switch(|it| &mut it.publish.anonymous),
    ),
    option(
        "channel.without_namespace.allow_presence_for_client",
        "Whether every client with a user may ask who is subscribed",
        &Kind::Switch(|it| &mut it.presence_for.client),
    ),
    option(
        "channel.without_namespace.allow_presence_for_subscriber",
        "Whether those that are subscribed may ask who is",
        &Kind::Switch(|it| &mut it.presence_for.subscriber),
    ),
    option(
        "channel.without_namespace.allow_presence_for_anonymous",
        "Whether clients without a user may ask who is subscribed as those with one may",
        &Kind::Switch(|it| &mut it.presence_for.anonymous),
    ),
    option(
        "channel.without_namespace.allow_history_for_client",
        "Whether every client with a user may ask for what was published",
        &Kind::Switch(|it| &mut it.history_for.client),
    ),
    option(
        "channel.without_namespace.allow_history_for_subscriber",
        "Whether those that are subscribed may ask for what was published",
        &Kind::Switch(|it| &mut it.history_for.subscriber),
    ),
    option(
        "channel.without_namespace.allow_history_for_anonymous",
        "Whether clients without a user may ask for what was published as those with one may",
        &Kind::Switch(|it| &mut it.history_for.anonymous),
    ),
    option(
        "channel.without_namespace.presence",
        "Whether it is known who is subscribed",
        &Kind::Switch(|it| &mut it.presence),
    ),
    option(
        "channel.without_namespace.join_leave",
        "Whether subscribers that ask for it are told of those that come and go",
        &Kind::Switch(|it| &mut it.join_leave),
    ),
    option(
        "channel.without_namespace.force_push_join_leave",
        "With `join_leave`: whether all subscribers are told",
        &Kind::Switch(|it| &mut it.force_push_join_leave),
    ),
    option(
        "channel.without_namespace.history_size",
        "Publications that history and recovery look back to; 0 for no history",
        &Kind::Count {
            unit: "publications",
            range: (0, HISTORY_SIZE_MAX),
            field: |it| &mut it.history_size,
        },
    ),
    option(
        "channel.without_namespace.history_ttl_ms",
        "How old these may be (`history_ttl` of Centrifugo); 0 for any age that retention keeps",
        &Kind::Millis { range: (0, HISTORY_TTL_MAX), field: |it| &mut it.history_ttl },
    ),
    option(
        "channel.without_namespace.allow_recovery",
        "Whether subscribers that ask for it get what they missed while they were away",
        &Kind::Switch(|it| &mut it.allow_recovery),
    ),
    option(
        "channel.without_namespace.force_recovery",
        "Whether all subscribers do",
        &Kind::Switch(|it| &mut it.force_recovery),
    ),
    option(
        "channel.without_namespace.force_recovery_mode",
        "Whether a recovery brings all that was missed, or the last publication alone",
        &Kind::RecoveryMode(|it| &mut it.recovery_mode),
    ),
    option(
        "channel.without_namespace.allow_positioning",
        "Whether subscribers that ask for it are told when they missed something",
        &Kind::Switch(|it| &mut it.allow_positioning),
    ),
    option(
        "channel.without_namespace.force_positioning",
        "Whether all subscribers are",
        &Kind::Switch(|it| &mut it.force_positioning),
    ),
    option(
        "channel.without_namespace.allow_user_limited_channels",
        "Whether a channel `rooms#17,42` may be subscribed to by the users `17` and `42` alone, without a token for it",
        &Kind::Switch(|it| &mut it.user_limited),
    ),
    option(
        "channel.without_namespace.allow_tags_filter",
        "Whether subscribers may filter publications by their tags",
        &Kind::Switch(|it| &mut it.tags_filter),
    ),
    option(
        "channel.without_namespace.slow_policy",
        "What becomes of a subscriber that reads more slowly than is published: it reads on from the log, gets the last publication alone, leaves out what memory no longer has, or is disconnected",
        &Kind::SlowPolicy(|it| &mut it.slow_policy),
    ),
    option(
        "channel.without_namespace.coalesce_ms",
        "How long publications gather under load so that one write carries several; 0 for never. A lone one leaves at once",
        &Kind::Millis { range: (0, COALESCE_MAX), field: |it| &mut it.coalesce },
    ),
];

/// More publications than a client can take in at once.
const HISTORY_SIZE_MAX: usize = 10_000_000;

/// Ten years, in milliseconds.
const HISTORY_TTL_MAX: u64 = 10 * 366 * 24 * 3_600 * 1_000;

/// Milliseconds after which nobody would call it real time.
const COALESCE_MAX: u64 = 1_000;

const fn option(
    key: &'static str,
    doc: &'static str,
    kind: &'static Kind<ChannelConfig>,
) -> Setting {
    Setting { key, flag: None, doc, kind: Kind::Channel(|config| &mut config.channel, kind) }
}

/// The option of a namespace that has this name there.
pub(crate) fn find(name: &str) -> Option<&'static Setting> {
    OPTIONS.iter().find(|option| name_of(option) == name)
}

/// The name of an option in a namespace.
pub(crate) fn name_of(option: &Setting) -> &'static str {
    &option.key[PREFIX.len()..]
}

/// What an option may be, of a namespace.
pub(crate) fn kind_of(option: &Setting) -> Option<&'static Kind<ChannelConfig>> {
    if let Kind::Channel(_, kind) = &option.kind { Some(kind) } else { None }
}

impl Config {
    /// What the server is told of all channels.
    pub(crate) fn channels(&self) -> arrw_server::ChannelSettings {
        let namespaces = self.namespaces.iter();
        arrw_server::ChannelSettings {
            default: self.channel.options(),
            namespaces: namespaces.map(|(name, it)| (name.clone(), it.options())).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_as_the_server_has_it() {
        assert_eq!(ChannelConfig::default().options(), ChannelOptions::default());
    }

    #[test]
    fn options_are_written_and_read_as_they_are() {
        for join_leave in [JoinLeave::Off, JoinLeave::Asked, JoinLeave::Forced] {
            for recovery in [Offer::No, Offer::Asked, Offer::Forced] {
                for positioning in [Offer::No, Offer::Asked, Offer::Forced] {
                    let options =
                        ChannelOptions { join_leave, recovery, positioning, ..Default::default() };
                    assert_eq!(ChannelConfig::of(&options).options(), options);
                }
            }
        }
    }

    #[test]
    fn every_option_is_one_of_a_namespace() {
        for option in OPTIONS {
            assert!(option.key.starts_with(PREFIX), "{}", option.key);
            assert!(kind_of(option).is_some(), "{}", option.key);
            assert_eq!(find(name_of(option)).map(|it| it.key), Some(option.key));
        }
    }
}
