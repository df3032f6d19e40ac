//! What all who take part share: the life of the server, who is where, what was counted.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::sync::watch::{Sender, channel};
use tokio::time::interval;

use super::book::Book;
use super::limits::{KILLS_KEPT, LATENCY_MAX};
use super::texts::Texts;

/// How often is looked whether something is so that is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What is going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Events are published.
    Running,
    /// Nothing more is published; what there is comes to its end.
    Ending,
    /// All go.
    Over,
}

/// The server: which life of it lasts, or lasted last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    /// From 1.
    pub(super) number: u64,
    /// False from a kill until it is back.
    pub(super) is_up: bool,
    /// Since when that is so, in microseconds.
    pub(super) since: u64,
}

/// One client, as it is seen.
#[derive(Debug, Default)]
pub(super) struct Seat {
    /// The number of its topic.
    pub(super) topic: usize,
    /// Since when it is subscribed, in microseconds; `None` while it is away.
    pub(super) since: Option<u64>,
    /// Whether it went on then where it was.
    pub(super) has_resumed: bool,
    pub(super) book: Book,
    /// How often it went on where it was, and how often it could not.
    pub(super) resumed: u64,
    pub(super) unresumed: u64,
}

/// One worker, as it is seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Bench {
    /// The queue and the number of the job in its hands, and the word that it is about.
    pub(super) job: Option<(usize, u64, String)>,
    pub(super) done: u64,
    pub(super) failed: u64,
}

/// One kill.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kill {
    /// From 1.
    pub(super) number: u64,
    /// When SIGKILL was sent, when the server listened again, and when the last client was subscribed again, all in microseconds.
    pub(super) at: u64,
    pub(super) back_at: Option<u64>,
    pub(super) resumed_at: Option<u64>,
    /// Clients that are subscribed again and went on where they were.
    pub(super) resumed: u64,
}

/// One queue, as the server tells.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct QueueNow {
    pub(super) ready: u64,
    pub(super) running: u64,
    pub(super) retrying: u64,
    /// Jobs that its trigger made.
    pub(super) made: u64,
}

/// Counts of one queue that workers keep.
#[derive(Debug, Default)]
pub(super) struct QueueCounts {
    pub(super) done: AtomicU64,
    pub(super) failed: AtomicU64,
    /// Events that were acknowledged and its trigger wants.
    pub(super) wanted: AtomicU64,
}

/// A queue, and the trigger that fills it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queue {
    pub(super) name: &'static str,
    /// Topics whose events become jobs.
    pub(super) filter: &'static str,
    /// Milliseconds that a job takes, from and to.
    pub(super) work_ms: (u64, u64),
}

/// All queues.
pub(super) const QUEUES: [Queue; 3] = [
    Queue { name: "index", filter: "noun.*", work_ms: (2, 8) },
    Queue { name: "translate", filter: "verb.*", work_ms: (15, 60) },
    Queue { name: "review", filter: "adj.*", work_ms: (8, 30) },
];

/// What all share.
pub(super) struct Board {
    begun: Instant,
    /// Where the server is in all its lives.
    pub(super) server: SocketAddr,
    pub(super) texts: Texts,
    /// The number of the last event of each topic that was acknowledged.
    pub(super) acknowledged: Vec<AtomicU64>,
    pub(super) events: AtomicU64,
    pub(super) deliveries: AtomicU64,
    life: Sender<Life>,
    stage: Sender<Stage>,
    seats: Vec<Mutex<Seat>>,
    benches: Vec<Mutex<Bench>>,
    queues: Mutex<[QueueNow; QUEUES.len()]>,
    pub(super) queue_counts: [QueueCounts; QUEUES.len()],
    /// Times from publish to client of late, in microseconds.
    latencies: Mutex<Histogram<u64>>,
    /// How many there were, and the newest.
    kills: Mutex<(u64, Vec<Kill>)>,
    fault: Mutex<Option<String>>,
}

impl Board {
    /// The board of a server that is there.
    pub(super) fn new(
        begun: Instant,
        server: SocketAddr,
        texts: Texts,
        (clients, workers): (u32, u32),
    ) -> anyhow::Result<Self> {
        let topics = texts.topics.len();
        let seat = |at: u32| Seat { topic: at as usize % topics, ..Seat::default() };
        let life = Life { number: 1, is_up: true, since: micros(begun.elapsed()) };
        Ok(Self {
            begun,
            server,
            acknowledged: (0..topics).map(|_| AtomicU64::new(0)).collect(),
            texts,
            events: AtomicU64::new(0),
            deliveries: AtomicU64::new(0),
            life: channel(life).0,
            stage: channel(Stage::Running).0,
            seats: (0..clients).map(|at| Mutex::new(seat(at))).collect(),
            benches: (0..workers).map(|_| Mutex::default()).collect(),
            queues: Mutex::default(),
            queue_counts: Default::default(),
            latencies: Mutex::new(Histogram::new_with_bounds(1, micros(LATENCY_MAX), 3)?),
            kills: Mutex::default(),
            fault: Mutex::default(),
        })
    }

    /// Microseconds since the beginning.
    pub(super) fn now(&self) -> u64 {
        micros(self.begun.elapsed())
    }

    pub(super) fn life(&self) -> Life {
        *self.life.borrow()
    }

    /// Waits until the server is up; the number of its life, or `None` when all is over.
    pub(super) async fn up(&self) -> Option<u64> {
        let mut life = self.life.subscribe();
        tokio::select! {
            life = life.wait_for(|life| life.is_up) => life.ok().map(|life| life.number),
            () = self.over() => None,
        }
    }

    pub(super) fn stage(&self) -> Stage {
        *self.stage.borrow()
    }

    /// Waits until all is over.
    pub(super) async fn over(&self) {
        // Its sender is here: it does not go.
        drop(self.stage.subscribe().wait_for(|stage| *stage == Stage::Over).await);
    }

    /// Waits until something is so; false when it is not in that time, or cannot be any more.
    pub(super) async fn wait(&self, time_max: Duration, is_so: impl Fn() -> bool) -> bool {
        let until = Instant::now() + time_max;
        let mut looking = interval(LOOK_EVERY);
        loop {
            looking.tick().await;
            if is_so() {
                return true;
            }
            if self.fault().is_some() || until < Instant::now() {
                return false;
            }
        }
    }

    pub(super) fn set_stage(&self, stage: Stage) {
        self.stage.send_replace(stage);
    }

    pub(super) fn seat(&self, at: usize) -> MutexGuard<'_, Seat> {
        lock(&self.seats[at])
    }

    pub(super) fn seats(&self) -> impl ExactSizeIterator<Item = MutexGuard<'_, Seat>> {
        self.seats.iter().map(lock)
    }

    pub(super) fn bench(&self, at: usize) -> MutexGuard<'_, Bench> {
        lock(&self.benches[at])
    }

    pub(super) fn benches(&self) -> impl ExactSizeIterator<Item = MutexGuard<'_, Bench>> {
        self.benches.iter().map(lock)
    }

    pub(super) fn queues(&self) -> MutexGuard<'_, [QueueNow; QUEUES.len()]> {
        lock(&self.queues)
    }

    /// Events came to a client, these microseconds after they were made.
    pub(super) fn delivered(&self, after: &[u64]) {
        self.deliveries.fetch_add(after.len() as u64, Ordering::Relaxed);
        let mut latencies = lock(&self.latencies);
        // What is beyond the bound counts as the bound.
        after.iter().for_each(|time| latencies.saturating_record(*time));
    }

    /// Times of deliveries since this was asked last.
    pub(super) fn take_latencies(&self) -> Histogram<u64> {
        let mut latencies = lock(&self.latencies);
        let taken = latencies.clone();
        latencies.reset();
        taken
    }

    /// The server is killed now.
    pub(super) fn killed(&self) {
        let at = self.now();
        let mut kills = lock(&self.kills);
        kills.0 += 1;
        let number = kills.0;
        if kills.1.len() == KILLS_KEPT {
            kills.1.remove(0);
        }
        kills.1.push(Kill { number, at, back_at: None, resumed_at: None, resumed: 0 });
        drop(kills);
        self.life.send_modify(|life| *life = Life { is_up: false, since: at, ..*life });
    }

    /// The server is back.
    pub(super) fn is_back(&self) {
        let now = self.now();
        if let Some(kill) = lock(&self.kills).1.last_mut() {
            kill.back_at = Some(now);
        }
        let next = |life: &mut Life| {
            *life = Life { number: life.number + 1, is_up: true, since: now };
        };
        self.life.send_modify(next);
    }

    /// The server is gone and does not come back: all is over.
    pub(super) fn is_gone(&self, why: String) {
        self.accuse(why);
        let since = self.now();
        self.life.send_modify(|life| *life = Life { is_up: false, since, ..*life });
        self.set_stage(Stage::Over);
    }

    /// How many kills there were, and the newest; counts the clients that are back from the last one.
    pub(super) fn kills(&self) -> (u64, Vec<Kill>) {
        let mut kills = lock(&self.kills);
        if let Some(kill) = kills.1.last_mut()
            && kill.resumed_at.is_none()
        {
            let (mut back, mut last) = (0, 0);
            kill.resumed = 0;
            for seat in self.seats() {
                let Some(since) = seat.since.filter(|since| kill.at < *since) else { continue };
                (back, last) = (back + 1, since.max(last));
                kill.resumed += u64::from(seat.has_resumed);
            }
            kill.resumed_at = (back == self.seats.len()).then_some(last);
        }
        kills.clone()
    }

    /// Notes what must not be. Only the first counts: others follow from it.
    pub(super) fn accuse(&self, what: String) {
        lock(&self.fault).get_or_insert(what);
    }

    pub(super) fn fault(&self) -> Option<String> {
        lock(&self.fault).clone()
    }
}

/// A lock whose holder may have panicked: counts are whole at any time.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A time as it is counted here; it fits for half a million years.
pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
