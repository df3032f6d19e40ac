//! What the page and the terminal look at: the figures of now, those of the last minute, and the order to kill.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc::Sender;
use tokio::time::{MissedTickBehavior, interval};

use super::asking::Asker;
use super::board::{Board, Stage, lock};
use super::limits::{PAST_MAX, TELL_EVERY};
use super::standing;
use super::summary::{self, Summary, Teller};
use crate::connection::JSON;

/// The channel on which the figures are told. It is in memory alone.
pub(super) const FIGURES: &str = "~.demo.figures";

/// What the page and the terminal look at.
pub(super) struct Show {
    pub(super) board: Arc<Board>,
    pub(super) rate: u32,
    /// Orders to kill the server.
    pub(super) kill: Sender<()>,
    /// What was told in the last minute, the oldest first.
    pub(super) past: Mutex<VecDeque<Summary>>,
}

/// The figures of a moment, for a line in a terminal.
#[derive(Clone, Copy, Debug)]
pub struct Glance {
    /// Whether the server is there, and which life of it lasts.
    pub is_up: bool,
    /// See `is_up`.
    pub life: u64,
    /// Events, deliveries and jobs of the last second.
    pub events: u64,
    /// See `events`.
    pub deliveries: u64,
    /// See `events`.
    pub jobs: u64,
    /// Clients that are subscribed.
    pub connected: u64,
    /// All clients.
    pub clients: u64,
    /// Microseconds from publish to client in the last second.
    pub p50_us: u64,
    /// See `p50_us`.
    pub p99_us: u64,
    /// Events that were lost, and those that came twice.
    pub lost: u64,
    /// See `lost`.
    pub repeated: u64,
}

/// What a kill came to, once every client is back.
#[derive(Clone, Copy, Debug)]
pub struct Proof {
    /// Which kill, from 1.
    pub kill: u64,
    /// Milliseconds from the signal until the server listened again, and until the last client was subscribed again.
    pub back_ms: u64,
    /// See `back_ms`.
    pub resumed_ms: u64,
    /// Clients, which all are back, and those of them that went on where they were.
    pub clients: u64,
    /// See `clients`.
    pub resumed: u64,
    /// Events that came to clients until now.
    pub deliveries: u64,
    /// Events that were lost until now, and those that came twice.
    pub lost: u64,
    /// See `lost`.
    pub repeated: u64,
}

impl Show {
    /// Kills the server; false when it is away already.
    pub(super) fn kill(&self) -> bool {
        self.board.life().is_up && self.kill.try_send(()).is_ok()
    }

    fn keep(&self, summary: Summary) {
        let mut past = lock(&self.past);
        if past.len() == PAST_MAX {
            past.pop_front();
        }
        past.push_back(summary);
    }

    /// The figures that were told last, or those of now when none were.
    pub(super) fn last(&self) -> Summary {
        let last = lock(&self.past).back().cloned();
        last.unwrap_or_else(|| summary::now(&self.board, summary::totals(&self.board, 0)))
    }

    /// What the last kill came to; `None` when there was none, or not all are back.
    pub(super) fn proof(&self) -> Option<Proof> {
        let told = self.last();
        let kill = told.kills.last()?;
        Some(Proof {
            kill: kill.number,
            back_ms: kill.back_ms?,
            resumed_ms: kill.resumed_ms?,
            clients: told.clients.all,
            resumed: kill.resumed,
            deliveries: told.totals.deliveries,
            lost: told.totals.lost,
            repeated: told.totals.repeated,
        })
    }

    pub(super) fn glance(&self) -> Glance {
        let told = self.last();
        Glance {
            is_up: told.server.is_up,
            life: told.server.life,
            events: told.rates.events,
            deliveries: told.rates.deliveries,
            jobs: told.rates.jobs,
            connected: told.clients.connected,
            clients: told.clients.all,
            p50_us: told.p50_us,
            p99_us: told.p99_us,
            lost: told.totals.lost,
            repeated: told.totals.repeated,
        }
    }
}

/// Gathers the figures four times a second, keeps them, and tells them by way of the server when it is there.
pub(super) async fn tell(show: Arc<Show>, mut asker: Asker) {
    let board = &show.board;
    let (mut teller, mut ticks) = (Teller::new(board), interval(TELL_EVERY));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first is at once: nothing happened yet.
    ticks.tick().await;
    while board.stage() != Stage::Over {
        ticks.tick().await;
        if board.life().is_up
            && let Err(error) = standing::look(board, &mut asker).await
        {
            return board.accuse(format!("the queues cannot be looked at: {error:#}"));
        }
        let summary = teller.tell(board);
        let body = serde_json::json!({ "channel": FIGURES, "data": summary }).to_string();
        show.keep(summary);
        if board.life().is_up {
            // When it is killed meanwhile, the page asks here.
            drop(asker.once("POST /api/publish", JSON, body.as_bytes()).await);
        }
    }
}
