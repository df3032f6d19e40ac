//! The table of attacks: what each is called, what it does, and what it must have met to prove anything.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::ground::{ENDED, Ground, Held};
use super::limits::SHOT_EVERY;
use super::shot::{Draft, volley};
use super::{deep, floods, nonsense, numbers, oversize, readers, slow, truncated, utf8};

/// An attack, by itself until its time is over.
#[derive(Debug)]
pub(super) struct Attack {
    pub(super) name: &'static str,
    /// What it does, in a line.
    pub(super) what: &'static str,
    /// Statuses that must have been seen, [`ENDED`] for a connection that was ended without an answer.
    pub(super) proof: &'static [u16],
    pub(super) run: fn(Arc<Ground>) -> Running,
}

/// An attack under way; it ends with the connections that the server has to let go of by itself.
pub(super) type Running = Pin<Box<dyn Future<Output = Held> + Send>>;

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "slow-head",
        what: "500 connections send a head byte by byte",
        proof: &[ENDED],
        run: |ground| Box::pin(slow::heads(ground)),
    },
    Attack {
        name: "slow-body",
        what: "100 bodies come byte by byte, or stop",
        proof: &[408],
        run: |ground| Box::pin(slow::bodies(ground)),
    },
    Attack {
        name: "slow-reader",
        what: "pages and streams of 4 MiB are asked for and not read",
        proof: &[200],
        run: |ground| Box::pin(readers::slow(ground)),
    },
    Attack {
        name: "half-open",
        what: "100 connections say nothing, or half a hello of TLS",
        proof: &[ENDED],
        run: |ground| Box::pin(slow::half_open(ground)),
    },
    Attack {
        name: "connects",
        what: "2,000 connections a second are closed or reset at once",
        proof: &[],
        run: |ground| Box::pin(floods::connects(ground)),
    },
    Attack {
        name: "requests",
        what: "4,000 small requests a second, 20 at once, most of them wrong",
        proof: &[200, 400, 404, 405],
        run: |ground| of(ground, floods::REQUESTS),
    },
    Attack {
        name: "crowd",
        what: "100 connections more than there may be",
        proof: &[503, ENDED],
        run: |ground| Box::pin(floods::too_many(ground)),
    },
    Attack {
        name: "oversize",
        what: "large heads, addresses, bodies and lines, bombs of gzip and zstd",
        proof: &[200, 400, 413, 431],
        run: |ground| of(ground, oversize::DRAFTS),
    },
    Attack {
        name: "utf8",
        what: "bytes that are no text, wherever text is read",
        proof: &[200, 400, 415],
        run: |ground| of(ground, utf8::DRAFTS),
    },
    Attack {
        name: "deep",
        what: "JSON of 100,000 levels, wherever JSON is read",
        proof: &[200, 400],
        run: |ground| of(ground, deep::DRAFTS),
    },
    Attack {
        name: "numbers",
        what: "numbers that fit nowhere: in data, queries, lengths, positions",
        proof: &[200, 400],
        run: |ground| of(ground, numbers::DRAFTS),
    },
    Attack {
        name: "truncated",
        what: "bodies that are cut: objects, arrays, batches, lines, gzip, chunks",
        proof: &[400],
        run: |ground| of(ground, truncated::DRAFTS),
    },
    Attack {
        name: "nonsense",
        what: "what is no HTTP, another HTTP, or read differently by two",
        proof: &[200, 400, 403, 421],
        run: |ground| of(ground, nonsense::DRAFTS),
    },
    Attack {
        name: "streams",
        what: "100 streams more than there may be, unread",
        proof: &[200, 503],
        run: |ground| Box::pin(readers::streams(ground)),
    },
];

fn of(ground: Arc<Ground>, drafts: &'static [Draft]) -> Running {
    Box::pin(volley(ground, drafts, SHOT_EVERY))
}
