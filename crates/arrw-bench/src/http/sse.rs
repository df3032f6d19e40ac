//! `http.sse`: 1,000 readers of one topic, from the publish of an event to the receipt by each of them.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use hdrhistogram::Histogram;
use tokio::time::timeout;

use super::{TEXT_BYTES, row, runtime, serve};
use crate::connection::{Connection, JSON, find, get, request};
use crate::disk::{self, WorkFolder, nanos};
use crate::machine;
use crate::pace;
use crate::plan::{Load, Plan};
use crate::row::{Row, Target};
use crate::runs::{Spread, float, micros};

const TOPIC: &str = "bench.sse";
const READERS: usize = 1_000;
const EVENTS_PER_S: u64 = 100;
/// How long the last events may be on their way before they count as lost.
const LATE_MAX: Duration = Duration::from_secs(30);

const P99_TARGET_MS: f64 = 60.0;
const RSS_TARGET_MIB: f64 = 64.0;

/// Digits of an event's number, and of the time at which it was due, in nanoseconds.
const NUMBER_DIGITS: usize = 10;
const TIME_DIGITS: usize = 16;
const STAMP_BYTES: usize = NUMBER_DIGITS + 1 + TIME_DIGITS;
/// What stands before the stamp.
const BEFORE_STAMP: &[u8] = b"\"data\":\"";

/// When what happens, in nanoseconds since the start of a run.
#[derive(Clone, Copy, Debug)]
struct Timetable {
    start: Instant,
    /// From when on it counts.
    warm: u64,
    /// Events in all.
    events: u64,
}

impl Timetable {
    fn of(load: Load) -> Self {
        let (warm, time) = (nanos(load.warm_up()), nanos(time(load)));
        let events = (warm + time) / INTERVAL;
        Self { start: Instant::now(), warm, events }
    }

    fn now(&self) -> u64 {
        nanos(self.start.elapsed())
    }
}

/// Time from event to event, in nanoseconds.
const INTERVAL: u64 = 1_000_000_000 / EVENTS_PER_S;

fn time(load: Load) -> Duration {
    Duration::from_secs(match load {
        Load::Full => 30,
        Load::Quick | Load::Brief => 5,
    })
}

/// What all readers together have seen.
#[derive(Debug)]
struct Seen {
    delivered: u64,
    latencies: Histogram<u64>,
}

/// What one run came to: milliseconds, and MiB.
#[derive(Clone, Copy, Debug)]
struct Run {
    p50_ms: f64,
    p99_ms: f64,
    rss_mib: f64,
}

pub(super) fn measure(
    plan: &Plan,
    folder: &WorkFolder,
    out: &mut dyn Write,
) -> anyhow::Result<Vec<Row>> {
    let mut runs = Vec::new();
    for number in 1..=plan.load.runs() {
        let place = folder.fresh("http-sse")?;
        let server = serve(plan, &place)?;
        let run = run_on(server.address(), server.id(), plan.load)?;
        drop(server);
        disk::remove(&place)?;
        let Run { p50_ms, p99_ms, rss_mib } = run;
        writeln!(
            out,
            "http.sse run {number}: p50 {p50_ms:.2} ms, p99 {p99_ms:.2} ms, RSS {rss_mib:.1} MiB"
        )?;
        runs.push(run);
    }
    let of = |of: fn(&Run) -> f64| Spread::of(runs.iter().map(of));
    let p99 = of(|run| run.p99_ms);
    let metric = "1,000 readers, 100 events/s, all delivered: publish to receipt, p99";
    let rss_metric = "RSS of the server with them above that before they came";
    Ok(vec![
        Row {
            latency: Some((of(|run| run.p50_ms).median * 1000.0, p99.median * 1000.0)),
            target: Some(Target::AtMost(P99_TARGET_MS)),
            ..row("http.sse", metric, "ms", p99)
        },
        Row {
            target: Some(Target::AtMost(RSS_TARGET_MIB)),
            ..row("http.sse.rss", rss_metric, "MiB", of(|run| run.rss_mib))
        },
    ])
}

fn run_on(address: SocketAddr, process: u32, load: Load) -> anyhow::Result<Run> {
    let runtime = runtime()?;
    let before = machine::rss(Some(process))?;
    let mut readers = Vec::new();
    for _ in 0..READERS {
        readers.push(runtime.block_on(Reader::open(address))?);
    }
    let timetable = Timetable::of(load);
    let seen = Seen { delivered: 0, latencies: Histogram::new(3)? };
    let seen = Arc::new(Mutex::new(seen));
    let publisher = thread::spawn(move || publish(address, timetable));
    let reading = async {
        let start = |reader: Reader| tokio::spawn(reader.read(timetable, Arc::clone(&seen)));
        let tasks: Vec<_> = readers.into_iter().map(start).collect();
        let mut kept = Vec::new();
        for task in tasks {
            kept.push(task.await.context("a reader panicked")??);
        }
        anyhow::Ok(kept)
    };
    let time_max = load.warm_up() + time(load) + LATE_MAX;
    let read = runtime.block_on(async { timeout(time_max, reading).await });
    let after = machine::rss(Some(process))?;
    publisher.join().ok().context("the publisher panicked")??;
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let (delivered, expected) = (seen.delivered, timetable.events * READERS as u64);
    let readers = read.with_context(|| format!("{delivered} of {expected} were delivered"))??;
    ensure!(delivered == expected, "{delivered} of {expected} were delivered");
    drop(readers);
    let quantile = |quantile| micros(seen.latencies.value_at_quantile(quantile)) / 1000.0;
    let rss_mib = float(after.saturating_sub(before)) / float(1 << 20);
    Ok(Run { p50_ms: quantile(0.5), p99_ms: quantile(0.99), rss_mib })
}

/// Publishes each event at its time. One that is late, because of the one before it, counts from when it was due.
fn publish(address: SocketAddr, timetable: Timetable) -> anyhow::Result<()> {
    runtime()?.block_on(async {
        let mut connection = Connection::open(address).await?;
        for number in 1..=timetable.events {
            let due = (number - 1) * INTERVAL;
            let now = timetable.now();
            let stamp = if now < due {
                pace::wait(Duration::from_nanos(due - now));
                timetable.now()
            } else {
                due
            };
            let text = stamped(number, stamp);
            let body = format!(r#"{{"topic":"{TOPIC}","data":"{text}"}}"#);
            let request = request(address, "POST /v1/events", JSON, body.as_bytes());
            connection.ask(&request).await?.success()?;
        }
        Ok(())
    })
}

/// The data of an event: its number, and when it was due.
pub(crate) fn stamped(number: u64, time: u64) -> String {
    let mut text = format!("{number:0NUMBER_DIGITS$} {time:0TIME_DIGITS$} ");
    text.push_str(&"x".repeat(TEXT_BYTES - text.len()));
    text
}

/// A reader of the stream.
#[derive(Debug)]
struct Reader {
    connection: Connection,
    /// Number of the last event.
    last: u64,
}

impl Reader {
    async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self { connection: follow(address, TOPIC).await?, last: 0 })
    }

    /// Reads all events, and answers itself, so that the connection stays open.
    async fn read(mut self, timetable: Timetable, seen: Arc<Mutex<Seen>>) -> anyhow::Result<Self> {
        while self.last < timetable.events {
            self.connection.make_room();
            self.connection.more().await?;
            let now = timetable.now();
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            while let Some((number, stamp)) = next_stamp(&mut self.connection)? {
                ensure!(
                    number == self.last + 1,
                    "event {number} came where {} was expected",
                    self.last + 1
                );
                self.last = number;
                seen.delivered += 1;
                if timetable.warm <= stamp {
                    seen.latencies.record(now.saturating_sub(stamp))?;
                }
            }
        }
        Ok(self)
    }
}

/// Connects, and waits until the server said how far it is: what is published from then on comes.
pub(crate) async fn follow(address: SocketAddr, filter: &str) -> anyhow::Result<Connection> {
    let mut connection = Connection::open(address).await?;
    connection.send(&get(address, &format!("/v1/events/stream?filter={filter}"), "")).await?;
    let status = connection.begin_stream().await?;
    ensure!(status == 200, "a reader was answered {status}");
    while find(connection.buffered(), b"\n\n").is_none() {
        connection.more().await?;
    }
    Ok(connection)
}

/// Number and time of the next event, if it has come so far.
pub(crate) fn next_stamp(connection: &mut Connection) -> anyhow::Result<Option<(u64, u64)>> {
    let bytes = connection.buffered();
    let Some(at) = find(bytes, BEFORE_STAMP) else {
        // It may have come in part.
        let useless = bytes.len().saturating_sub(BEFORE_STAMP.len() - 1);
        connection.use_up(useless);
        return Ok(None);
    };
    let start = at + BEFORE_STAMP.len();
    let Some(text) = bytes.get(start..start + STAMP_BYTES) else {
        connection.use_up(at);
        return Ok(None);
    };
    let (number, time) = str::from_utf8(text)?.split_at(NUMBER_DIGITS);
    let stamp = (number.parse()?, time.trim_start().parse()?);
    connection.use_up(start + STAMP_BYTES);
    Ok(Some(stamp))
}
