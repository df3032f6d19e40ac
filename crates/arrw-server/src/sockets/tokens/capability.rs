//! What a connection may in which channels, by its token.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::TokenError;
use super::claims::object;

/// One entry of the claim `caps`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Capability {
    /// Which channels.
    pub(crate) channels: Vec<Pattern>,
    /// What it may there.
    pub(crate) allow: Allow,
}

/// Which channels are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// The one of this name.
    Exact(String),
    /// Those of this name, in which each `*` stands for any run of characters, also for none.
    Wildcard(String),
}

/// What may be done in a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Allow(u8);

const SUBSCRIBE: u8 = 1;
const PUBLISH: u8 = 2;
const PRESENCE: u8 = 4;
const HISTORY: u8 = 8;

/// As the claim has it.
#[derive(Debug, Deserialize)]
struct Given {
    channels: Vec<String>,
    #[serde(default, rename = "match")]
    matching: String,
    allow: Vec<String>,
}

/// Reads one entry of the claim.
pub(super) fn read(given: &RawValue) -> Result<Capability, TokenError> {
    let wrong = TokenError::Invalid("its `caps` are not what they must be");
    let given: Given = object(given.get().as_bytes(), wrong)?;
    let pattern = match given.matching.as_str() {
        "" => Pattern::Exact,
        "wildcard" => Pattern::Wildcard,
        _ => return Err(TokenError::Invalid("its `caps` match by what is not known")),
    };
    let mut allow = 0;
    for word in &given.allow {
        allow |= match word.as_str() {
            "sub" => SUBSCRIBE,
            "pub" => PUBLISH,
            "prs" => PRESENCE,
            "hst" => HISTORY,
            _ => return Err(TokenError::Invalid("its `caps` allow what is not known")),
        };
    }
    Ok(Capability {
        channels: given.channels.into_iter().map(pattern).collect(),
        allow: Allow(allow),
    })
}

impl Capability {
    /// What may be done in a channel: the first entry that has it decides. `None` when none has it.
    pub(crate) fn find(all: &[Self], channel: &str) -> Option<Allow> {
        let has = |it: &&Self| it.channels.iter().any(|pattern| pattern.matches(channel));
        all.iter().find(has).map(|it| it.allow)
    }
}

impl Pattern {
    /// Whether a channel is meant. Cost: the lengths of both, multiplied, at the worst.
    pub(crate) fn matches(&self, channel: &str) -> bool {
        match self {
            Self::Exact(name) => name == channel,
            Self::Wildcard(name) => is_wildcard_of(name, channel),
        }
    }
}

/// Each run but the first and the last may be where it is found first: what follows has the most room then.
fn is_wildcard_of(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(text) = text.strip_prefix(first) else { return false };
    let Some(mut text) = text.strip_suffix(last) else { return false };
    for run in middle.split('*') {
        match text.split_once(run) {
            Some((_, after)) => text = after,
            None => return false,
        }
    }
    true
}

impl Allow {
    /// Subscribing.
    pub(crate) const fn subscribe(self) -> bool {
        self.0 & SUBSCRIBE != 0
    }

    /// Publishing.
    pub(crate) const fn publish(self) -> bool {
        self.0 & PUBLISH != 0
    }

    /// Asking who is subscribed, and hearing of those that come and go.
    pub(crate) const fn presence(self) -> bool {
        self.0 & PRESENCE != 0
    }

    /// Asking for the history, and recovering.
    pub(crate) const fn history(self) -> bool {
        self.0 & HISTORY != 0
    }
}
