//! What the name of a channel says: its topic, its namespace, for whom it is.

use std::borrow::Cow;
use std::sync::Arc;

use arrw_wire::code::{self, Code};

use super::options::{ChannelOptions, ChannelSettings, Class};

/// First token of topics that are in memory alone.
const VOLATILE: &str = "~.";

/// Stands between the name of a namespace and the rest.
const NAMESPACE_END: char = ':';

/// Begins a channel that nobody may subscribe to without a token for it.
const PRIVATE: char = '$';

/// Stands before the users that a channel is for.
const USERS_BEGIN: char = '#';

/// Stands between two of them.
const USERS_BETWEEN: char = ',';

/// Options by namespace, ready to be looked up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Namespaces {
    default: Arc<ChannelOptions>,
    /// By name, in order.
    named: Vec<(String, Arc<ChannelOptions>)>,
}

impl Namespaces {
    pub(crate) fn new(settings: ChannelSettings) -> Self {
        let ChannelSettings { default, namespaces } = settings;
        let mut named: Vec<_> =
            namespaces.into_iter().map(|(name, options)| (name, Arc::new(options))).collect();
        named.sort_by(|one, other| one.0.cmp(&other.0));
        Self { default: Arc::new(default), named }
    }

    /// The options of a channel.
    ///
    /// # Errors
    /// [`code::BAD_REQUEST`] when no topic can have its name, [`code::UNKNOWN_CHANNEL`] when there is no such namespace.
    pub(crate) fn of(&self, channel: &str) -> Result<&Arc<ChannelOptions>, Code> {
        let options = match namespace(channel) {
            None => &self.default,
            Some(name) => {
                let at = self.named.binary_search_by(|(known, _)| known.as_str().cmp(name));
                &self.named[at.map_err(|_not_there| code::UNKNOWN_CHANNEL)?].1
            }
        };
        let topic = topic(channel, options.class);
        arrw::check_topic(&topic).map_err(|_no_topic| code::BAD_REQUEST)?;
        Ok(options)
    }
}

/// The namespace that a channel names.
fn namespace(channel: &str) -> Option<&str> {
    let name = channel.strip_prefix(VOLATILE).unwrap_or(channel);
    let name = name.strip_prefix(PRIVATE).unwrap_or(name);
    name.split_once(NAMESPACE_END).map(|(namespace, _)| namespace)
}

/// The topic of a channel. One that begins with `~.` is volatile whatever its namespace.
pub(crate) fn topic(channel: &str, class: Class) -> Cow<'_, str> {
    match class {
        Class::Volatile if !channel.starts_with(VOLATILE) => {
            Cow::Owned(format!("{VOLATILE}{channel}"))
        }
        Class::Volatile | Class::Durable => Cow::Borrowed(channel),
    }
}

/// True for a topic that is in memory alone.
pub(crate) fn is_volatile(topic: &str) -> bool {
    topic.starts_with(VOLATILE)
}

/// True for a channel that needs a token for it.
pub(crate) fn is_private(channel: &str) -> bool {
    channel.starts_with(PRIVATE)
}

/// Whether a channel that names users names this one; `None` when it names none.
pub(crate) fn is_for(channel: &str, user: &str) -> Option<bool> {
    let (_, users) = channel.rsplit_once(USERS_BEGIN)?;
    Some(!user.is_empty() && users.split(USERS_BETWEEN).any(|it| it == user))
}

/// The channel of one user alone.
pub(crate) fn personal(user: &str) -> String {
    format!("{USERS_BEGIN}{user}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_has_the_options_of_its_namespace() {
        let of = |history_size| ChannelOptions { history_size, ..ChannelOptions::default() };
        let volatile = ChannelOptions { class: Class::Volatile, ..of(3) };
        let namespaces = Namespaces::new(ChannelSettings {
            default: of(1),
            namespaces: vec![("chat".to_owned(), of(2)), ("c".to_owned(), volatile)],
        });
        let check = |channel: &str, expected: Result<usize, Code>| {
            let found = namespaces.of(channel).map(|options| options.history_size);
            assert_eq!(found, expected, "{channel}");
        };
        check("news", Ok(1));
        check("#42", Ok(1));
        check("jobs.mail.completed", Ok(1));
        check("~.jobs.mail.progress", Ok(1));
        check("chat:room.1", Ok(2));
        check("$chat:room.1", Ok(2));
        check("~.chat:room", Ok(2));
        check("c:x", Ok(3));
        check("room:1", Err(code::UNKNOWN_CHANNEL));
        check(":1", Err(code::UNKNOWN_CHANNEL));
        for wrong in ["", "a b", "a..b", "chat:*", "chat:a.>", &"x".repeat(256)] {
            check(wrong, Err(code::BAD_REQUEST));
        }
        check(&format!("c:{}", "x".repeat(253)), Err(code::BAD_REQUEST));
    }

    #[test]
    fn a_channel_is_the_topic_of_its_name() {
        assert_eq!(topic("chat:1", Class::Durable), "chat:1");
        assert_eq!(topic("chat:1", Class::Volatile), "~.chat:1");
        assert_eq!(topic("~.jobs.q.progress", Class::Durable), "~.jobs.q.progress");
        assert!(is_volatile("~.chat:1") && !is_volatile("chat:1"));
    }

    #[test]
    fn a_channel_may_name_the_users_that_it_is_for() {
        let check = |channel: &str, user: &str, expected| {
            assert_eq!(is_for(channel, user), expected, "{channel} {user}");
        };
        check("dialog#17,42", "42", Some(true));
        check("dialog#17,42", "4", Some(false));
        check("#42", "42", Some(true));
        check("#", "", Some(false));
        check("news", "42", None);
        assert_eq!(personal("42"), "#42");
        assert!(is_private("$x") && !is_private("x$"));
    }
}
