//! Filters on the tags of publications: which of them a subscriber gets.

mod decimal;

use std::cmp::Ordering;

use thiserror::Error;

use self::decimal::Decimal;
use super::limits::{FILTER_DEPTH_MAX, FILTER_ITEMS_MAX};
use super::message::{Malformed, Message, Text, message};
use super::{Encoding, json, protobuf};

/// A filter that was read and checked. Owns its texts; holds [`FILTER_ITEMS_MAX`] nodes and values at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter(Node);

/// Why a filter is refused. The subscription fails with [`BAD_REQUEST`](crate::code::BAD_REQUEST).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FilterError {
    /// It cannot be read, or it is too large.
    #[error("the filter cannot be read")]
    Malformed(#[from] Malformed),
    /// It nests too deep.
    #[error("the filter nests deeper than {FILTER_DEPTH_MAX} levels")]
    Depth,
    /// There is no such `op`.
    #[error("a filter's op is and, or, not, or empty for a comparison")]
    Op,
    /// `and`, `or` and `not` are about other nodes.
    #[error("a filter's `and` and `or` need at least one node, its `not` exactly one")]
    Nodes,
    /// There is no such `cmp`.
    #[error("a filter's cmp is eq, neq, in, nin, ex, nex, sw, ew, ct, lt, lte, gt or gte")]
    Cmp,
    /// A comparison lacks what it compares.
    #[error("a filter's comparison needs a key, and val or vals")]
    Incomplete,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Tag { key: String, test: Test },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Is(String),
    IsNot(String),
    OneOf(Vec<String>),
    NoneOf(Vec<String>),
    Exists,
    Absent,
    StartsWith(String),
    EndsWith(String),
    Contains(String),
    /// Compares as decimal numbers.
    Number(Relation, String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A node as it is sent.
#[derive(Clone, Debug, Default)]
struct Sent<'a> {
    op: Text<'a>,
    key: Text<'a>,
    cmp: Text<'a>,
    val: Text<'a>,
    vals: Vec<Text<'a>>,
    nodes: Vec<Self>,
}

message!(Sent<'a> {
    1 "op" op: text,
    2 "key" key: text,
    3 "cmp" cmp: text,
    4 "val" val: text,
    5 "vals" vals: texts,
    6 "nodes" nodes: messages,
});

impl Filter {
    /// Reads the `tf` of a subscription. Empty bytes, and `null` in JSON, are no filter.
    ///
    /// # Errors
    /// When it cannot be read, is too large or too deep, or has an operation that does not exist or lacks something.
    pub fn read(encoding: Encoding, tf: &[u8]) -> Result<Option<Self>, FilterError> {
        let is_null = encoding == Encoding::Json && tf == b"null";
        if tf.is_empty() || is_null {
            return Ok(None);
        }
        let mut sent = Sent::default();
        match encoding {
            Encoding::Json => {
                let text = std::str::from_utf8(tf).or(Err(Malformed::Utf8))?;
                json::Reader::new(text, FILTER_ITEMS_MAX).whole(|from| sent.read(from))?;
            }
            Encoding::Protobuf => {
                protobuf::Reader::new(tf, FILTER_ITEMS_MAX).whole(|from| sent.read(from))?;
            }
        }
        Ok(Some(Self(Node::new(&sent, FILTER_DEPTH_MAX)?)))
    }

    /// True for a publication whose tags `tag` answers by their key. Looks at each node once at most, allocates nothing.
    #[must_use]
    pub fn matches<'t>(&self, tag: impl Fn(&str) -> Option<&'t str>) -> bool {
        self.0.matches(&tag)
    }
}

impl Node {
    /// `depth` is how many levels it may still have.
    fn new(sent: &Sent<'_>, depth: usize) -> Result<Self, FilterError> {
        let depth = depth.checked_sub(1).ok_or(FilterError::Depth)?;
        let nodes = || sent.nodes.iter().map(|node| Self::new(node, depth));
        match (&*sent.op, &*sent.nodes) {
            ("", _) => Test::new(sent).map(|test| Self::Tag { key: sent.key.to_string(), test }),
            ("and" | "or", []) => Err(FilterError::Nodes),
            ("and", _) => Ok(Self::All(nodes().collect::<Result<_, _>>()?)),
            ("or", _) => Ok(Self::Any(nodes().collect::<Result<_, _>>()?)),
            ("not", [node]) => Ok(Self::Not(Box::new(Self::new(node, depth)?))),
            ("not", _) => Err(FilterError::Nodes),
            _ => Err(FilterError::Op),
        }
    }

    fn matches<'t>(&self, tag: &impl Fn(&str) -> Option<&'t str>) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|node| node.matches(tag)),
            Self::Any(nodes) => nodes.iter().any(|node| node.matches(tag)),
            Self::Not(node) => !node.matches(tag),
            Self::Tag { key, test } => test.holds(tag(key)),
        }
    }
}

impl Test {
    fn new(sent: &Sent<'_>) -> Result<Self, FilterError> {
        let val = || sent.val.to_string();
        let vals = || sent.vals.iter().map(ToString::to_string).collect();
        let test = match &*sent.cmp {
            "eq" => Self::Is(val()),
            "neq" => Self::IsNot(val()),
            "in" => Self::OneOf(vals()),
            "nin" => Self::NoneOf(vals()),
            "ex" => Self::Exists,
            "nex" => Self::Absent,
            "sw" => Self::StartsWith(val()),
            "ew" => Self::EndsWith(val()),
            "ct" => Self::Contains(val()),
            "lt" => Self::Number(Relation::Less, val()),
            "lte" => Self::Number(Relation::LessOrEqual, val()),
            "gt" => Self::Number(Relation::Greater, val()),
            "gte" => Self::Number(Relation::GreaterOrEqual, val()),
            _ => return Err(FilterError::Cmp),
        };
        let is_complete = match &test {
            Self::Exists | Self::Absent => true,
            Self::OneOf(vals) | Self::NoneOf(vals) => !sent.key.is_empty() && !vals.is_empty(),
            Self::Is(val)
            | Self::IsNot(val)
            | Self::StartsWith(val)
            | Self::EndsWith(val)
            | Self::Contains(val)
            | Self::Number(_, val) => !sent.key.is_empty() && !val.is_empty(),
        };
        if is_complete { Ok(test) } else { Err(FilterError::Incomplete) }
    }

    /// A tag that is not there is unequal to everything, is empty in a set, and matches nothing else.
    fn holds(&self, tag: Option<&str>) -> bool {
        let is_in = |vals: &[String]| vals.iter().any(|val| val == tag.unwrap_or_default());
        match self {
            Self::Is(val) => tag.is_some_and(|tag| tag == val),
            Self::IsNot(val) => tag.is_none_or(|tag| tag != val),
            Self::OneOf(vals) => is_in(vals),
            Self::NoneOf(vals) => !is_in(vals),
            Self::Exists => tag.is_some(),
            Self::Absent => tag.is_none(),
            Self::StartsWith(val) => tag.is_some_and(|tag| tag.starts_with(val)),
            Self::EndsWith(val) => tag.is_some_and(|tag| tag.ends_with(val)),
            Self::Contains(val) => tag.is_some_and(|tag| tag.contains(val)),
            Self::Number(relation, val) => {
                let tag = tag.and_then(Decimal::parse);
                let pair = tag.zip(Decimal::parse(val));
                pair.is_some_and(|(tag, val)| relation.holds(tag.cmp(val)))
            }
        }
    }
}

impl Relation {
    const fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

#[cfg(test)]
mod tests;
