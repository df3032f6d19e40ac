//! What the server counts: answers, refusals by their code, and limits that were reached.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::problem::Code;

/// A limit of [`Limits`](crate::Limits) or [`SocketLimits`](crate::SocketLimits) that can be reached while the server runs, named as its setting is
/// behind `limits.`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "`Limits` and `SocketLimits` say what each is")]
#[non_exhaustive]
pub enum Limit {
    Connections,
    ConnectionsPerAddress,
    ConnectionsPerLoopback,
    RequestsPerAddress,
    RequestsPerLoopback,
    RequestsPerKey,
    Streams,
    HeadMs,
    BodyIdleMs,
    WriteStallMs,
    JsonBytes,
    LineBytes,
    BodiesBytes,
    PageEvents,
    PageWaitMs,
    MessageBytes,
    ChannelsPerConnection,
    PendingCommands,
    CommandsPerSecond,
    ConnectionsPerUser,
    OutboxBytes,
    ConnectMs,
    PongMs,
    StallMs,
}

/// Their names, in their order.
const LIMITS: [(Limit, &str); 24] = [
    (Limit::Connections, "connections"),
    (Limit::ConnectionsPerAddress, "connections_per_address"),
    (Limit::ConnectionsPerLoopback, "connections_per_loopback"),
    (Limit::RequestsPerAddress, "requests_per_address"),
    (Limit::RequestsPerLoopback, "requests_per_loopback"),
    (Limit::RequestsPerKey, "requests_per_key"),
    (Limit::Streams, "streams"),
    (Limit::HeadMs, "head_ms"),
    (Limit::BodyIdleMs, "body_idle_ms"),
    (Limit::WriteStallMs, "write_stall_ms"),
    (Limit::JsonBytes, "json_bytes"),
    (Limit::LineBytes, "line_bytes"),
    (Limit::BodiesBytes, "bodies_bytes"),
    (Limit::PageEvents, "page_events"),
    (Limit::PageWaitMs, "page_wait_ms"),
    (Limit::MessageBytes, "message_bytes"),
    (Limit::ChannelsPerConnection, "channels_per_connection"),
    (Limit::PendingCommands, "pending_commands"),
    (Limit::CommandsPerSecond, "commands_per_second"),
    (Limit::ConnectionsPerUser, "connections_per_user"),
    (Limit::OutboxBytes, "outbox_bytes"),
    (Limit::ConnectMs, "connect_ms"),
    (Limit::PongMs, "pong_ms"),
    (Limit::StallMs, "stall_ms"),
];

impl Limit {
    /// All of them.
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        LIMITS.iter().map(|(limit, _)| *limit)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        LIMITS[self as usize].1
    }
}

/// What is counted while the server runs.
#[derive(Debug)]
pub(crate) struct Counters {
    /// Requests by the class of their answer: 1xx to 5xx.
    answers: [AtomicU64; 5],
    refusals: Vec<AtomicU64>,
    limits: [AtomicU64; LIMITS.len()],
    connections: AtomicU64,
    turned_away: AtomicU64,
}

/// Why a request was refused, for who counts it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused {
    pub(crate) code: Code,
    pub(crate) limit: Option<Limit>,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            answers: Default::default(),
            refusals: Code::all().map(|_code| AtomicU64::new(0)).collect(),
            limits: Default::default(),
            connections: AtomicU64::new(0),
            turned_away: AtomicU64::new(0),
        }
    }
}

impl Counters {
    /// A request was answered with this status.
    pub(crate) fn answered(&self, status: u16) {
        let class = usize::from(status / 100).clamp(1, 5) - 1;
        self.answers[class].fetch_add(1, Ordering::Relaxed);
    }

    /// A request, or a line of one, was refused.
    pub(crate) fn refused(&self, Refused { code, limit }: Refused) {
        self.refusals[code as usize].fetch_add(1, Ordering::Relaxed);
        if let Some(limit) = limit {
            self.reached(limit);
        }
    }

    /// Somebody reached a limit.
    pub(crate) fn reached(&self, limit: Limit) {
        self.limits[limit as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// A connection was accepted.
    pub(crate) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection found no room.
    pub(crate) fn turned_away(&self, why: Refused) {
        self.turned_away.fetch_add(1, Ordering::Relaxed);
        self.refused(why);
    }

    pub(crate) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    pub(crate) fn connections_turned_away(&self) -> u64 {
        self.turned_away.load(Ordering::Relaxed)
    }

    /// How many answers there were of each class, from 1xx to 5xx.
    pub(crate) fn answers(&self) -> [u64; 5] {
        self.answers.each_ref().map(|count| count.load(Ordering::Relaxed))
    }

    /// How many refusals there were of each code.
    pub(crate) fn refusals(&self) -> impl Iterator<Item = (Code, u64)> {
        Code::all().zip(self.refusals.iter().map(|count| count.load(Ordering::Relaxed)))
    }

    /// How often each limit was reached.
    pub(crate) fn limits(&self) -> impl Iterator<Item = (Limit, u64)> {
        Limit::all().zip(self.limits.iter().map(|count| count.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_in_the_order_of_their_names() {
        for (at, limit) in Limit::all().enumerate() {
            assert_eq!(limit as usize, at);
        }
    }
}
