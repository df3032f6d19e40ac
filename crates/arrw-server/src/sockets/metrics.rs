//! What `/metrics` says of connections that follow channels.

use arrw_wire::code::Kind;

use super::connection::subscription::Pace;
use super::hub::Hub;
use super::hub::figures::Totals;
use super::proxy::Counts;

/// Figures of all connections at one moment.
#[derive(Debug)]
pub(crate) struct SocketFigures {
    pub(crate) connections: usize,
    pub(crate) subscriptions: usize,
    pub(crate) channels: usize,
    pub(crate) users: usize,
    /// Subscriptions that are not in step.
    pub(crate) behind: usize,
    /// Entries that the subscription furthest behind has not got.
    pub(crate) lag_max: u64,
    /// The same of the hundredth part that is furthest behind.
    pub(crate) lag_p99: u64,
    pub(crate) ring_bytes: u64,
    pub(crate) totals: Totals,
    pub(crate) errors: Vec<(&'static str, u64)>,
    pub(crate) unsubscribes: Vec<(&'static str, u64)>,
    pub(crate) disconnects: Vec<(&'static str, u64)>,
    /// Up to each bound in microseconds, in all, and the sum.
    pub(crate) latency: (Vec<(u64, u64)>, u64, u64),
    /// Of back ends that are asked of clients, by what about.
    pub(crate) proxies: Vec<(&'static str, Counts)>,
}

impl SocketFigures {
    /// Looks at all connections, some 100 ns each.
    pub(crate) fn of(hub: &Hub) -> Self {
        let connections = hub.connections();
        let mut lags = Vec::new();
        let mut behind = 0;
        for connection in &connections {
            let state = connection.lock();
            for subscription in state.subscriptions.iter().flatten() {
                let (head, top) = {
                    let inner = subscription.channel.lock();
                    (inner.ring.next(), inner.ring.last_offset())
                };
                let in_ring = head.saturating_sub(subscription.next);
                let in_log = top.saturating_sub(subscription.offset);
                lags.push(if top == 0 { in_ring } else { in_log });
                behind += usize::from(subscription.pace != Pace::InStep);
            }
        }
        lags.sort_unstable();
        let at =
            |part: usize| lags.get((lags.len() * part / 100).min(lags.len().saturating_sub(1)));
        let proxies = hub.access.proxies.all();
        let codes = |kind| hub.figures.codes(kind).collect();
        Self {
            connections: connections.len(),
            subscriptions: lags.len(),
            channels: hub.channels().len(),
            users: hub.count_users(),
            behind,
            lag_max: lags.last().copied().unwrap_or(0),
            lag_p99: at(99).copied().unwrap_or(0),
            ring_bytes: hub.ring_bytes(),
            totals: hub.figures.totals(),
            errors: codes(Kind::Error),
            unsubscribes: codes(Kind::Unsubscribe),
            disconnects: codes(Kind::Disconnect),
            latency: hub.figures.latency(),
            proxies: proxies.map(|(name, proxy)| (name, proxy.counts())).collect(),
        }
    }
}
