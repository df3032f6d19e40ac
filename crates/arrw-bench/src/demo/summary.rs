//! The figures of one moment, as the page and the terminal show them.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::board::{Board, Kill, QUEUES, QueueCounts, Seat, micros};
use super::limits::{DELIVERY_TIME_MAX, TELL_EVERY, TOLD_A_SECOND};

/// What is told four times a second. Times are in milliseconds since the beginning, or for which something lasted.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Summary {
    /// Which one it is, from 1.
    pub(super) n: u64,
    pub(super) at_ms: u64,
    pub(super) server: ServerNow,
    /// In the last second.
    pub(super) rates: Rates,
    /// From publish to client, in the last second, in microseconds; 0 when nothing came.
    pub(super) p50_us: u64,
    pub(super) p99_us: u64,
    pub(super) totals: Totals,
    pub(super) clients: Clients,
    pub(super) queues: Vec<QueueTold>,
    pub(super) workers: Vec<WorkerTold>,
    /// The newest, the last one behind the others.
    pub(super) kills: Vec<KillTold>,
    pub(super) fault: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct ServerNow {
    pub(super) is_up: bool,
    pub(super) life: u64,
    /// For how long it is up, or away.
    pub(super) for_ms: u64,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Rates {
    pub(super) events: u64,
    pub(super) deliveries: u64,
    pub(super) jobs: u64,
}

/// What was counted since the beginning.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Totals {
    /// Events that the server acknowledged.
    pub(super) events: u64,
    /// Events that came to clients.
    pub(super) deliveries: u64,
    /// Jobs that were done, and attempts that failed.
    pub(super) jobs: u64,
    pub(super) failed: u64,
    pub(super) kills: u64,
    /// Gaps that clients saw, and acknowledged events that are overdue.
    pub(super) lost: u64,
    pub(super) repeated: u64,
    /// Subscriptions that went on where they were, and that could not.
    pub(super) resumed: u64,
    pub(super) unresumed: u64,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Clients {
    pub(super) all: u64,
    pub(super) connected: u64,
    /// A bit for each client that is subscribed, in hexadecimal digits of four, the first one highest.
    pub(super) map: String,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct QueueTold {
    pub(super) name: &'static str,
    pub(super) filter: &'static str,
    pub(super) ready: u64,
    pub(super) running: u64,
    pub(super) retrying: u64,
    pub(super) done: u64,
    pub(super) failed: u64,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct WorkerTold {
    /// What it works on now: a queue, and a word.
    pub(super) queue: Option<&'static str>,
    pub(super) word: Option<String>,
    pub(super) done: u64,
    pub(super) failed: u64,
}

/// A kill. Times are from the signal on; `null` as long as it is not so.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct KillTold {
    pub(super) number: u64,
    pub(super) at_ms: u64,
    pub(super) back_ms: Option<u64>,
    pub(super) resumed_ms: Option<u64>,
    pub(super) resumed: u64,
}

/// What a summary is made from besides the board: what was before.
#[derive(Debug)]
pub(super) struct Teller {
    told: u64,
    /// What was so at each of the last tellings, the oldest first.
    before: VecDeque<Before>,
    /// Latencies between these, as many as make up a second.
    latencies: VecDeque<Histogram<u64>>,
}

#[derive(Debug)]
struct Before {
    /// When that was, in microseconds.
    at: u64,
    totals: Totals,
    acknowledged: Vec<u64>,
}

/// Tellings that are remembered: so long an event may be on its way.
const BEFORE_MAX: u128 = DELIVERY_TIME_MAX.as_millis() / TELL_EVERY.as_millis();

impl Before {
    fn of(board: &Board, totals: Totals) -> Self {
        let acknowledged = board.acknowledged.iter().map(|it| it.load(Ordering::Relaxed));
        Self { at: board.now(), totals, acknowledged: acknowledged.collect() }
    }
}

impl Teller {
    /// What happens from now on is told.
    pub(super) fn new(board: &Board) -> Self {
        let first = Before::of(board, totals(board, 0));
        Self { told: 0, before: VecDeque::from([first]), latencies: VecDeque::new() }
    }

    /// The next summary.
    pub(super) fn tell(&mut self, board: &Board) -> Summary {
        self.told += 1;
        let totals = totals(board, self.overdue(board));
        let mut summary = now(board, totals);
        summary.n = self.told;
        let second = self.before.len().saturating_sub(TOLD_A_SECOND);
        let latest = Before::of(board, totals);
        if let Some(Before { at, totals: then, .. }) = self.before.get(second) {
            let time = latest.at.saturating_sub(*at).max(1);
            let a_second = |now: u64, then: u64| (now - then) * 1_000_000 / time;
            summary.rates = Rates {
                events: a_second(totals.events, then.events),
                deliveries: a_second(totals.deliveries, then.deliveries),
                jobs: a_second(totals.jobs, then.jobs),
            };
        }
        (summary.p50_us, summary.p99_us) = self.latency(board);
        if BEFORE_MAX <= self.before.len() as u128 {
            self.before.pop_front();
        }
        self.before.push_back(latest);
        summary
    }

    /// The median and the 99th percentile of the last second.
    fn latency(&mut self, board: &Board) -> (u64, u64) {
        let mut all = board.take_latencies();
        if TOLD_A_SECOND <= self.latencies.len() {
            self.latencies.pop_front();
        }
        self.latencies.push_back(all.clone());
        for earlier in self.latencies.iter().rev().skip(1) {
            // All have the same bounds.
            let _same_bounds = all.add(earlier);
        }
        if all.is_empty() {
            return (0, 0);
        }
        (all.value_at_quantile(0.5), all.value_at_quantile(0.99))
    }

    /// Events that were acknowledged long ago and that clients do not have, which were connected all the while.
    fn overdue(&self, board: &Board) -> u64 {
        let Some(before) = self.before.front() else { return 0 };
        if (self.before.len() as u128) < BEFORE_MAX {
            return 0;
        }
        let long_ago = board.now().saturating_sub(micros(DELIVERY_TIME_MAX));
        let owed = board.seats().map(|seat| owed(&seat, before.acknowledged[seat.topic], long_ago));
        owed.sum()
    }
}

/// How many events a client owes itself of those that were acknowledged `long_ago`; none when it was not here since then.
fn owed(seat: &Seat, acknowledged: u64, long_ago: u64) -> u64 {
    let was_here = seat.since.is_some_and(|since| since < long_ago);
    if was_here { acknowledged.saturating_sub(seat.book.number()) } else { 0 }
}

/// What is so now; `overdue` counts as lost.
pub(super) fn now(board: &Board, totals: Totals) -> Summary {
    let (now, life) = (board.now(), board.life());
    let ms = |micros: u64| micros / 1_000;
    let queues = board.queues();
    let told = QUEUES.iter().zip(queues.iter()).zip(&board.queue_counts);
    let queues = told.map(|((queue, now), counts)| QueueTold {
        name: queue.name,
        filter: queue.filter,
        ready: now.ready,
        running: now.running,
        retrying: now.retrying,
        done: counts.done.load(Ordering::Relaxed),
        failed: counts.failed.load(Ordering::Relaxed),
    });
    let workers = board.benches().map(|bench| WorkerTold {
        queue: bench.job.as_ref().map(|(queue, ..)| QUEUES[*queue].name),
        word: bench.job.as_ref().map(|(_, _, word)| word.clone()),
        done: bench.done,
        failed: bench.failed,
    });
    let (_, kills) = board.kills();
    Summary {
        n: 0,
        at_ms: ms(now),
        server: ServerNow {
            is_up: life.is_up,
            life: life.number,
            for_ms: ms(now.saturating_sub(life.since)),
        },
        totals,
        clients: clients(board),
        queues: queues.collect(),
        workers: workers.collect(),
        kills: kills.iter().map(kill_told).collect(),
        fault: board.fault(),
        ..Summary::default()
    }
}

fn kill_told(kill: &Kill) -> KillTold {
    let behind = |at: Option<u64>| at.map(|at| at.saturating_sub(kill.at) / 1_000);
    KillTold {
        number: kill.number,
        at_ms: kill.at / 1_000,
        back_ms: behind(kill.back_at),
        resumed_ms: behind(kill.resumed_at),
        resumed: kill.resumed,
    }
}

/// What was counted until now.
pub(super) fn totals(board: &Board, overdue: u64) -> Totals {
    let of = |counts: fn(&QueueCounts) -> u64| board.queue_counts.iter().map(counts).sum();
    let mut totals = Totals {
        events: board.events.load(Ordering::Relaxed),
        deliveries: board.deliveries.load(Ordering::Relaxed),
        jobs: of(|it| it.done.load(Ordering::Relaxed)),
        failed: of(|it| it.failed.load(Ordering::Relaxed)),
        kills: board.kills().0,
        lost: overdue,
        ..Totals::default()
    };
    for seat in board.seats() {
        totals.lost += seat.book.lost;
        totals.repeated += seat.book.repeated;
        totals.resumed += seat.resumed;
        totals.unresumed += seat.unresumed;
    }
    totals
}

fn clients(board: &Board) -> Clients {
    let here: Vec<bool> = board.seats().map(|seat| seat.since.is_some()).collect();
    Clients {
        all: here.len() as u64,
        connected: here.iter().filter(|is_here| **is_here).count() as u64,
        map: map(&here),
    }
}

fn map(here: &[bool]) -> String {
    let digit = |four: &[bool]| {
        let bits = (0..4).fold(0, |bits, at| bits << 1 | u32::from(four.get(at) == Some(&true)));
        char::from_digit(bits, 16).unwrap_or('0')
    };
    here.chunks(4).map(digit).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::book::Book;
    use super::super::texts::Texts;
    use super::*;

    /// A board with these clients, of the first topics, of which so many events were acknowledged each.
    fn board(clients: u32, acknowledged: u64) -> Board {
        let (begun, texts) = (Instant::now(), Texts::read().unwrap());
        let server = "127.0.0.1:1".parse().unwrap();
        let board = Board::new(begun, server, texts, (clients, 1)).unwrap();
        for of in &board.acknowledged {
            of.store(acknowledged, Ordering::Relaxed);
        }
        board
    }

    #[test]
    fn latencies_are_those_of_a_second() {
        let board = board(1, 0);
        let mut teller = Teller::new(&board);
        let told = teller.tell(&board);
        assert_eq!((told.p50_us, told.p99_us), (0, 0));
        board.delivered(&[1_000; 98]);
        board.delivered(&[700_000; 2]);
        for _ in 0..TOLD_A_SECOND {
            let told = teller.tell(&board);
            let near = |value: u64, expected: u64| value.abs_diff(expected) <= expected / 100;
            assert!(near(told.p50_us, 1_000) && near(told.p99_us, 700_000), "{told:?}");
            assert_eq!(told.totals.deliveries, 100);
        }
        let told = teller.tell(&board);
        assert_eq!((told.n, told.p50_us, told.p99_us), (6, 0, 0));
    }

    #[test]
    fn what_is_overdue_counts_only_for_whom_was_here() {
        let mut seat = Seat { book: Book::begin(7, 7), ..Seat::default() };
        assert_eq!(owed(&seat, 9, 1_000), 0);
        seat.since = Some(1_000);
        assert_eq!(owed(&seat, 9, 1_000), 0);
        seat.since = Some(999);
        assert_eq!(owed(&seat, 9, 1_000), 2);
        assert_eq!(owed(&seat, 6, 1_000), 0);
    }

    #[test]
    fn all_gaps_and_repeats_are_in_the_totals() {
        let board = board(2, 12);
        for (at, events) in [[11, 13], [11, 11]].into_iter().enumerate() {
            let mut seat = board.seat(at);
            seat.book = Book::begin(10, 10);
            events.into_iter().for_each(|event| {
                seat.book.note(event, Some(event));
            });
        }
        let totals = totals(&board, 3);
        assert_eq!((totals.lost, totals.repeated), (1 + 3, 1));
    }

    #[test]
    fn a_kill_is_over_when_the_last_client_is_back() {
        let board = board(2, 0);
        let here = |at: usize| {
            // Not in the same microsecond as what was before.
            let before = board.now();
            while board.now() == before {}
            let mut seat = board.seat(at);
            (seat.since, seat.has_resumed) = (Some(board.now()), at == 1);
        };
        [0, 1].into_iter().for_each(here);
        board.killed();
        assert!(!board.life().is_up);
        // Nobody has noticed yet: who was here before the kill is not back from it.
        let told = || now(&board, Totals::default()).kills[0];
        assert_eq!((told().back_ms, told().resumed, told().resumed_ms), (None, 0, None));
        board.is_back();
        here(1);
        assert_eq!((board.life().number, told().resumed, told().resumed_ms), (2, 1, None));
        // It is back, and could not go on where it was.
        here(0);
        assert!(told().resumed == 1 && told().resumed_ms >= told().back_ms, "{:?}", told());
    }

    #[test]
    fn four_clients_are_a_digit() {
        assert_eq!(map(&[true, false, true, true, false, true]), "b4");
        assert_eq!(map(&[false; 8]), "00");
    }
}
