//! Which topics a subscriber wants.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use arrw_log::RecordError;

use crate::limits::FILTER_BYTES_MAX;

/// The token that matches any one token.
pub(crate) const STAR: &str = "*";

/// The token that matches all tokens from its place on, of which there must be one at least.
pub(crate) const REST: &str = ">";

/// The first token of a volatile topic.
const VOLATILE: &str = "~";

/// A topic with `*` for one token or a final `>` for the rest, as in NATS.
///
/// 1 to 255 bytes. `*` and `>` are tokens of their own; all other tokens are as in a topic's name.
/// `a.>` matches `a.b` and `a.b.c`, but not `a`. Volatile topics, whose first token is `~`, are matched
/// only by filters whose first token is `~`, so `>` is every durable topic. No filter matches the empty
/// topic, which control records have.
///
/// A clone shares the text.
///
/// ```
/// use arrw_bus::Filter;
/// # fn main() -> Result<(), arrw_bus::FilterError> {
/// let filter = Filter::parse("orders.*.created")?;
/// assert!(filter.matches("orders.eu.created"));
/// assert!(!filter.matches("orders.created"));
/// assert!(Filter::parse("orders.>.created").is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Filter {
    text: Arc<str>,
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// [`FilterError`], with what is wrong and what to write instead.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        match fault(text) {
            None => Ok(Self { text: text.into() }),
            Some(why) => {
                let filter = text.chars().take(FILTER_BYTES_MAX).collect();
                Err(FilterError { filter, why })
            }
        }
    }

    /// True when this filter wants records of this topic.
    ///
    /// Does not allocate; one pass over both texts. `topic` is meant to be a topic's name
    /// ([`arrw_log::check_topic`]); any other text gets an answer, but not one to rely on.
    #[must_use]
    pub fn matches(&self, topic: &str) -> bool {
        let filter = self.text.as_bytes();
        if topic.is_empty() || (matches!(filter, [b'*' | b'>', ..]) && is_volatile(topic)) {
            return false;
        }
        let topic = topic.as_bytes();
        let mut at = 0;
        for &byte in filter {
            match byte {
                // A parsed filter has it only as a token of its own.
                b'*' => at += token_bytes(&topic[at..]),
                b'>' => return true,
                _ if topic.get(at) == Some(&byte) => at += 1,
                _ => return false,
            }
        }
        at == topic.len()
    }

    /// True when every topic that this filter matches is matched by `pattern` too.
    #[must_use]
    pub fn is_within(&self, pattern: &Self) -> bool {
        if self.is_volatile() != pattern.is_volatile() {
            return false;
        }
        let (mut tokens, mut wanted) = (self.tokens(), pattern.tokens());
        loop {
            match (tokens.next(), wanted.next()) {
                (Some(_), Some(REST)) | (None, None) => return true,
                (Some(REST) | None, _) | (_, None) => return false,
                (Some(_), Some(STAR)) => (),
                (Some(token), Some(wanted)) if token == wanted => (),
                (Some(_), Some(_)) => return false,
            }
        }
    }

    /// The text that was parsed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// True when it matches volatile topics, which are in memory only; otherwise it matches durable ones.
    #[must_use]
    pub fn is_volatile(&self) -> bool {
        is_volatile(&self.text)
    }

    /// True when it has neither `*` nor `>`, and so matches exactly one topic.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        !self.text.bytes().any(is_wildcard)
    }

    /// Its tokens, from the first: one at least, [`TOKENS_MAX`](crate::limits::TOKENS_MAX) at most.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = &str> {
        self.text.split('.')
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        Self::parse(text)
    }
}

/// A text that is not a filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{filter}` is not a filter: {why}")]
#[non_exhaustive]
pub struct FilterError {
    /// The text. A very long one is cut.
    pub filter: String,
    /// What is wrong with it.
    pub why: &'static str,
}

/// True for a volatile topic, and for a filter of such: the first token is `~`.
#[inline]
#[must_use]
pub fn is_volatile(name: &str) -> bool {
    begins_with(VOLATILE, name)
}

/// True when `first` is the first token of a topic or filter.
#[inline]
pub(crate) fn begins_with(first: &str, name: &str) -> bool {
    name.strip_prefix(first).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// What keeps this text from being a filter.
fn fault(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("it is empty; write `>` for all topics");
    }
    if FILTER_BYTES_MAX < text.len() {
        return Some("a filter has at most 255 bytes");
    }
    let mut tokens = text.split('.').peekable();
    while let Some(token) = tokens.next() {
        if token == REST && tokens.peek().is_some() {
            return Some(
                "`>` stands for all the rest, so it must be last; write `*` for one token",
            );
        }
        if let Some(why) = token_fault(token) {
            return Some(why);
        }
    }
    None
}

fn token_fault(token: &str) -> Option<&'static str> {
    match token {
        "" => Some("no token between dots may be empty; write `*` for any one token"),
        STAR | REST => None,
        _ if token.bytes().any(is_wildcard) => {
            Some("`*` and `>` stand for whole tokens; put a dot between them and other characters")
        }
        _ => match arrw_log::check_topic(token) {
            Ok(()) => None,
            Err(RecordError::Topic { why, .. }) => Some(why),
            Err(_) => Some("a token must be as in a topic's name"),
        },
    }
}

fn is_wildcard(byte: u8) -> bool {
    matches!(byte, b'*' | b'>')
}

/// Bytes of the token that begins here.
fn token_bytes(topic: &[u8]) -> usize {
    topic.iter().position(|&byte| byte == b'.').unwrap_or(topic.len())
}

#[cfg(test)]
mod tests;
