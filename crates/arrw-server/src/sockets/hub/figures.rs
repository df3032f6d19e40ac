//! What is counted of all connections.

use std::sync::atomic::{AtomicU64, Ordering};

use arrw_wire::code::{self, Code, Kind};

/// Bounds of the histogram of publish to socket write, in microseconds.
pub(crate) const LATENCY_US: [u64; 12] =
    [250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000];

/// Counters since the start.
#[derive(Debug)]
pub(crate) struct Figures {
    messages_out: AtomicU64,
    bytes_out: AtomicU64,
    messages_in: AtomicU64,
    bytes_in: AtomicU64,
    ring_hits: AtomicU64,
    ring_misses: AtomicU64,
    recovered: AtomicU64,
    unrecovered: AtomicU64,
    publications: AtomicU64,
    connections: AtomicU64,
    subscriptions: AtomicU64,
    handshakes_refused: AtomicU64,
    violations: AtomicU64,
    /// By the place of the code among all.
    codes: Vec<AtomicU64>,
    latency: [AtomicU64; LATENCY_US.len() + 1],
    latency_sum_us: AtomicU64,
}

impl Default for Figures {
    fn default() -> Self {
        Self {
            messages_out: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            messages_in: AtomicU64::new(0),
            bytes_in: AtomicU64::new(0),
            ring_hits: AtomicU64::new(0),
            ring_misses: AtomicU64::new(0),
            recovered: AtomicU64::new(0),
            unrecovered: AtomicU64::new(0),
            publications: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            subscriptions: AtomicU64::new(0),
            handshakes_refused: AtomicU64::new(0),
            violations: AtomicU64::new(0),
            codes: code::ALL.iter().map(|_code| AtomicU64::new(0)).collect(),
            latency: Default::default(),
            latency_sum_us: AtomicU64::new(0),
        }
    }
}

fn add(counter: &AtomicU64, more: usize) {
    counter.fetch_add(more as u64, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

impl Figures {
    pub(crate) fn sent(&self, messages: usize, bytes: usize) {
        add(&self.messages_out, messages);
        add(&self.bytes_out, bytes);
    }

    pub(crate) fn received(&self, messages: usize, bytes: usize) {
        add(&self.messages_in, messages);
        add(&self.bytes_in, bytes);
    }

    pub(crate) fn hit_ring(&self) {
        add(&self.ring_hits, 1);
    }

    pub(crate) fn missed_ring(&self) {
        add(&self.ring_misses, 1);
    }

    pub(crate) fn recovered(&self, is_recovered: bool) {
        add(if is_recovered { &self.recovered } else { &self.unrecovered }, 1);
    }

    pub(crate) fn published(&self) {
        add(&self.publications, 1);
    }

    pub(crate) fn connected(&self) {
        add(&self.connections, 1);
    }

    pub(crate) fn subscribed(&self) {
        add(&self.subscriptions, 1);
    }

    pub(crate) fn refused_handshake(&self) {
        add(&self.handshakes_refused, 1);
    }

    /// A client broke the WebSocket protocol, and was ended.
    pub(crate) fn violated(&self) {
        add(&self.violations, 1);
    }

    /// A command failed by a code.
    pub(crate) fn failed(&self, code: Code) {
        self.count(code);
    }

    /// The server ended a subscription.
    pub(crate) fn unsubscribed(&self, code: Code) {
        self.count(code);
    }

    /// The server ended a connection.
    pub(crate) fn disconnected(&self, code: Code) {
        self.count(code);
    }

    fn count(&self, code: Code) {
        if let Ok(at) = code::ALL.binary_search_by_key(&code.number, |it| it.number) {
            add(&self.codes[at], 1);
        }
    }

    /// A publication was written to the last of those who were in step, so long after it was published.
    pub(crate) fn took(&self, us: u64) {
        let at = LATENCY_US.iter().position(|bound| us <= *bound).unwrap_or(LATENCY_US.len());
        add(&self.latency[at], 1);
        self.latency_sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// How often each code of a kind was sent.
    pub(crate) fn codes(&self, kind: Kind) -> impl Iterator<Item = (&'static str, u64)> {
        let both = code::ALL.iter().zip(&self.codes);
        both.filter(move |(code, _)| code.kind == kind)
            .map(|(code, count)| (code.name, read(count)))
    }

    /// Totals by name.
    pub(crate) fn totals(&self) -> Totals {
        Totals {
            messages_out: read(&self.messages_out),
            bytes_out: read(&self.bytes_out),
            messages_in: read(&self.messages_in),
            bytes_in: read(&self.bytes_in),
            ring_hits: read(&self.ring_hits),
            ring_misses: read(&self.ring_misses),
            recovered: read(&self.recovered),
            unrecovered: read(&self.unrecovered),
            publications: read(&self.publications),
            connections: read(&self.connections),
            subscriptions: read(&self.subscriptions),
            handshakes_refused: read(&self.handshakes_refused),
            violations: read(&self.violations),
        }
    }

    /// Counts up to each bound in microseconds, how many in all, and their sum.
    pub(crate) fn latency(&self) -> (Vec<(u64, u64)>, u64, u64) {
        let mut all = 0;
        let mut counts = self.latency.iter().map(|count| {
            all += read(count);
            all
        });
        let up_to = LATENCY_US.iter().copied().zip(counts.by_ref()).collect();
        let last = counts.next();
        drop(counts);
        (up_to, last.unwrap_or(all), read(&self.latency_sum_us))
    }
}

/// What was counted since the start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) messages_out: u64,
    pub(crate) bytes_out: u64,
    pub(crate) messages_in: u64,
    pub(crate) bytes_in: u64,
    pub(crate) ring_hits: u64,
    pub(crate) ring_misses: u64,
    pub(crate) recovered: u64,
    pub(crate) unrecovered: u64,
    pub(crate) publications: u64,
    pub(crate) connections: u64,
    pub(crate) subscriptions: u64,
    pub(crate) handshakes_refused: u64,
    pub(crate) violations: u64,
}
