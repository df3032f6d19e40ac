//! What a generator is told to do, and what it answers: one line of JSON each.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// What a generator is told. It does one thing after the other, and answers pings of the server meanwhile.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    /// Open connections.
    Open(Opening),
    /// Publish, and wait for every receipt.
    Publish(Publishing),
    /// Call, wait for the answer, and again, on the first reader.
    Echo {
        /// Before calls count.
        warm_ms: u64,
        /// For how long they do.
        time_ms: u64,
    },
    /// Wait until this time is over and every reader was pinged so often.
    Idle {
        /// At least.
        time_ms: u64,
        /// At least, by each of them.
        pings: u32,
        /// At most: then it is a failure.
        time_max_ms: u64,
    },
    /// Those of [`Group::Stalled`] read no more.
    Stall,
    /// They read on, until they have all that was published.
    CatchUp {
        /// At most: then it is a failure.
        time_max_ms: u64,
    },
    /// Readers are cut off; what they have is remembered for [`Opening::missed`].
    Cut,
}

/// What connections are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Group {
    /// Their receipts are measured.
    Readers,
    /// They stop reading and read on.
    Stalled,
    /// They publish: channel `n` is that of publisher `n`, modulo their number.
    Publishers,
}

/// Channels `PREFIX0` to `PREFIXn`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Channels {
    /// What stands before the number.
    pub(super) prefix: String,
    /// How many there are.
    pub(super) count: u32,
}

/// Connections that are to be opened.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Opening {
    pub(super) server: SocketAddr,
    pub(super) group: Group,
    pub(super) connections: u32,
    /// How many are on their way at once, at most.
    pub(super) in_progress: u32,
    /// What they subscribe to: connection `n` to channel `n`, modulo their number.
    #[serde(default)]
    pub(super) channels: Option<Channels>,
    /// Key of their tokens (HS256); none for no token.
    #[serde(default)]
    pub(super) secret: Option<String>,
    /// Over how long they begin.
    #[serde(default)]
    pub(super) spread_ms: u64,
    /// They go on from where those were that were cut, and each of them missed so many publications, which come with the
    /// reply or behind it. None when they come for the first time.
    #[serde(default)]
    pub(super) missed: Option<u32>,
    /// At most: then it is a failure.
    pub(super) time_max_ms: u64,
}

/// Publications that are to be made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Publishing {
    /// Publication `n` goes to channel `n`, modulo their number.
    pub(super) channels: Channels,
    /// How many before they count.
    #[serde(default)]
    pub(super) warm: u32,
    /// How many count.
    pub(super) events: u32,
    pub(super) pace: Pace,
    /// Readers that get each of them.
    pub(super) receivers: u32,
    /// Characters of each, of which the first ten are its number.
    pub(super) payload_bytes: u32,
    /// At most: then it is a failure.
    pub(super) time_max_ms: u64,
}

/// When the next publication is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Pace {
    /// At once.
    Burst,
    /// After the last receipt of the one before.
    OneByOne,
    /// So many nanoseconds after the one before was due.
    Every(u64),
}

/// What a generator answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Told {
    /// To [`Order::Open`].
    Opened(Opened),
    /// To [`Order::Publish`].
    Published(Published),
    /// To [`Order::Echo`].
    Echoed(Times),
    /// To [`Order::CatchUp`].
    CaughtUp {
        /// Since it was told.
        seconds: f64,
    },
    /// To the others.
    Done,
    /// It is at its end.
    Failed(String),
}

/// Percentiles of times, in microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Times {
    pub(crate) count: u64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) max_us: f64,
}

/// Connections that were opened.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Opened {
    /// From the first connect to the last reply.
    pub(crate) seconds: f64,
    /// From connect to the last reply of a connection, and to the last publication that it missed.
    pub(crate) times: Times,
    /// Subscriptions that went on from where they were.
    pub(crate) recovered: u64,
    /// Publications that they missed.
    pub(crate) publications: u64,
}

/// Publications that were made and received.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Published {
    /// From the first that counts to the last receipt.
    pub(crate) seconds: f64,
    /// Receipts of those that count.
    pub(crate) receipts: u64,
    /// From when a publication was due to its last receipt.
    pub(crate) times: Times,
    /// How often nobody received anything for 250 ms, though something was due.
    pub(crate) stalls: u32,
}
