//! Good clients: they publish at a steady pace, follow and read pages, and note how long everything takes.

mod channels;

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use arrw_wire::centrifuge::Encoding;
use hdrhistogram::Histogram;
use serde::Deserialize;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::Surface;
use super::ledger::Found;
use super::limits::{FAULTS_TOLD, GOOD_TIME_MAX, PAGE_WAIT_MS, PUBLISH_EVERY, PUBLISHERS};
use crate::connection::{Connection, JSON, find, get, request};
use crate::disk::nanos;

/// The topic of the very last event, behind which the readers end.
const END: &str = "good.end";

/// Connections of good clients while they run.
pub(super) const CONNECTIONS: u64 = PUBLISHERS + 2;

/// The phase in which nothing is noted.
pub(super) const UNNOTED: usize = 0;

/// Latencies of one phase, in nanoseconds.
#[derive(Clone, Debug)]
pub(super) struct Latencies {
    /// From when a publish was due, or sent if that was late, to its answer.
    pub(super) publish: Histogram<u64>,
    /// From then to when the event came out of the stream.
    pub(super) stream: Histogram<u64>,
}

/// What the good clients share.
#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    start: Instant,
    phase: AtomicUsize,
    is_over: AtomicBool,
    noted: Mutex<Vec<Latencies>>,
    faults: Mutex<Vec<String>>,
}

/// The good clients, at work.
#[derive(Debug)]
pub(super) struct Good {
    shared: Arc<Shared>,
    runtime: Runtime,
    publishers: Vec<JoinHandle<u64>>,
    readers: Vec<JoinHandle<Reader>>,
}

/// What they came to.
#[derive(Debug)]
pub(super) struct Ended {
    /// Events that were acknowledged, by publisher.
    pub(super) published: Vec<u64>,
    /// Latencies by phase.
    pub(super) latencies: Vec<Latencies>,
    pub(super) faults: Vec<String>,
}

impl Good {
    /// Lets them begin, for so many phases besides the one that is not noted. They have a thread of their own.
    pub(super) fn start(
        address: SocketAddr,
        surface: Surface,
        phases: usize,
    ) -> anyhow::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.context("cannot start the executor")?;
        let none = Latencies { publish: Histogram::new(3)?, stream: Histogram::new(3)? };
        let shared = Arc::new(Shared {
            address,
            start: Instant::now(),
            phase: AtomicUsize::new(UNNOTED),
            is_over: AtomicBool::new(false),
            noted: Mutex::new(vec![none; phases + 1]),
            faults: Mutex::default(),
        });
        let reader = |name| Reader::new(name, Arc::clone(&shared));
        let readers = match surface {
            Surface::Http => vec![
                runtime.spawn(reader("the stream").follow()),
                runtime.spawn(reader("the pages").turn_pages()),
            ],
            Surface::Sockets => vec![
                runtime.spawn(reader("the subscriber by JSON").listen(Encoding::Json)),
                runtime.spawn(reader("the subscriber by Protobuf").listen(Encoding::Protobuf)),
            ],
        };
        let publishers = (1..=PUBLISHERS)
            .map(|number| runtime.spawn(publish(Arc::clone(&shared), number)))
            .collect();
        Ok(Self { shared, runtime, publishers, readers })
    }

    /// From now on what they see counts for this phase.
    pub(super) fn enter(&self, phase: usize) {
        self.shared.phase.store(phase, Ordering::Relaxed);
    }

    /// How many latencies were noted in a phase, of publishes and of the stream each.
    pub(super) fn samples(&self, phase: usize) -> u64 {
        let noted = lock(&self.shared.noted);
        noted.get(phase).map_or(0, |noted| noted.publish.len().min(noted.stream.len()))
    }

    /// Lets them end: no event is published any more, and the readers read to the last one.
    pub(super) fn end(self) -> anyhow::Result<Ended> {
        let Self { shared, runtime, publishers, readers } = self;
        shared.is_over.store(true, Ordering::Relaxed);
        let mut published = Vec::new();
        for publisher in publishers {
            published.push(runtime.block_on(publisher).context("a good publisher failed")?);
        }
        runtime.block_on(async {
            let (body, last) = (format!(r#"{{"topic":"{END}","data":{{}}}}"#), "the last event");
            if let Err(error) = publish_one(&shared, &mut None, &body).await {
                shared.accuse(&format!("{last} could not be published: {error:#}"));
                // The readers wait for it in vain.
                readers.iter().for_each(JoinHandle::abort);
            }
        });
        for reader in readers {
            // One that was told to give up has been accused already.
            let Ok(reader) = runtime.block_on(reader) else { continue };
            if reader.seen != published {
                let (seen, name) = (&reader.seen, reader.name);
                shared.accuse(&format!("{name}: {seen:?} came of {published:?} published"));
            }
        }
        let latencies = std::mem::take(&mut *lock(&shared.noted));
        let faults = std::mem::take(&mut *lock(&shared.faults));
        Ok(Ended { published, latencies, faults })
    }
}

/// Everything that is wrong with the good events in a log, of which each publisher was acknowledged so many.
pub(super) fn check(found: &Found, published: &[u64]) -> Vec<String> {
    let mut faults = Vec::new();
    for (number, count) in (1_u64..).zip(published) {
        let topic = format!("good.{number}");
        let ids = found.get(&topic).map_or(&[][..], Vec::as_slice);
        if !ids.iter().copied().eq(1..=*count) {
            let len = ids.len();
            let fault = format!("`{topic}`: {count} events were acknowledged, the log has {len}");
            faults.push(fault + ", and not each once in order");
        }
    }
    let others = found.keys().filter(|topic| topic.starts_with("good."));
    let publishers = others.filter(|topic| *topic != END).count();
    if published.len() < publishers {
        faults.push(format!("the log has events of {publishers} publishers"));
    }
    faults
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn now(&self) -> u64 {
        nanos(self.start.elapsed())
    }

    fn accuse(&self, fault: &str) {
        let mut faults = lock(&self.faults);
        if faults.len() < FAULTS_TOLD {
            faults.push(format!("good clients: {fault}"));
        }
    }

    /// Notes a latency that began at `at` in a phase.
    fn note(&self, phase: usize, at: u64, of: fn(&mut Latencies) -> &mut Histogram<u64>) {
        if phase != UNNOTED
            && let Some(latencies) = lock(&self.noted).get_mut(phase)
        {
            // It grows by itself, so that there is room for any.
            let _recorded = of(latencies).record(self.now().saturating_sub(at));
        }
    }
}

/// Publishes the numbers 1, 2, ... at their times, and answers the last one. An event that is late because of
/// the one before it counts from when it was due.
async fn publish(shared: Arc<Shared>, publisher: u64) -> u64 {
    let every = nanos(PUBLISH_EVERY);
    // Not all at the same moment.
    let first = shared.now() + publisher * every / PUBLISHERS;
    let mut connection = None;
    for number in 1.. {
        if shared.is_over.load(Ordering::Relaxed) {
            return number - 1;
        }
        let due = first + (number - 1) * every;
        let now = shared.now();
        let at = if now < due {
            sleep(Duration::from_nanos(due - now)).await;
            shared.now()
        } else {
            due
        };
        let phase = shared.phase.load(Ordering::Relaxed);
        let data = format!(r#"{{"id":{number},"phase":{phase},"at":{at}}}"#);
        let body = format!(r#"{{"topic":"good.{publisher}","data":{data}}}"#);
        if let Err(error) = publish_one(&shared, &mut connection, &body).await {
            shared.accuse(&format!("event {number} of publisher {publisher}: {error:#}"));
            return number - 1;
        }
        shared.note(phase, at, |latencies| &mut latencies.publish);
    }
    0
}

async fn publish_one(
    shared: &Shared,
    connection: &mut Option<Connection>,
    body: &str,
) -> anyhow::Result<()> {
    let publishing = async {
        if connection.is_none() {
            *connection = Some(Connection::open(shared.address).await.context("cannot connect")?);
        }
        let connection = connection.as_mut().context("it is there")?;
        let request = request(shared.address, "POST /v1/events", JSON, body.as_bytes());
        let answer = connection.ask(&request).await.context("the connection was cut")?;
        answer.success().map(|_| ())
    };
    timeout(GOOD_TIME_MAX, publishing).await.context("was not answered in time")?
}

/// A reader of all good events.
#[derive(Debug)]
struct Reader {
    name: &'static str,
    shared: Arc<Shared>,
    /// How many events came, by publisher.
    seen: Vec<u64>,
    is_done: bool,
}

/// An event as it comes out.
#[derive(Debug, Deserialize)]
struct Given<'a> {
    #[serde(borrow)]
    topic: Cow<'a, str>,
    data: Stamp,
}

/// What good events carry; the last one carries nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Stamp {
    id: u64,
    phase: usize,
    at: u64,
}

/// A page of them.
#[derive(Debug, Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    events: Vec<Given<'a>>,
    next: String,
}

impl Reader {
    fn new(name: &'static str, shared: Arc<Shared>) -> Self {
        let seen = vec![0; usize::try_from(PUBLISHERS).unwrap_or_default()];
        Self { name, shared, seen, is_done: false }
    }

    /// Reads the stream from the first event to the last.
    async fn follow(mut self) -> Self {
        if let Err(error) = self.read_stream().await {
            self.shared.accuse(&format!("{}: {error:#}", self.name));
        }
        self
    }

    async fn read_stream(&mut self) -> anyhow::Result<()> {
        let mut connection = Connection::open(self.shared.address).await?;
        let target = "/v1/events/stream?filter=good.*&after=earliest";
        connection.send(&get(self.shared.address, target, "")).await?;
        let status = connection.begin_stream().await?;
        ensure!(status == 200, "was answered {status}");
        let mut text = Vec::new();
        while !self.is_done {
            let chunk = timeout(GOOD_TIME_MAX, connection.chunk()).await;
            text.extend_from_slice(chunk.context("nothing came in time")??);
            let mut used = 0;
            while let Some(len) = find(&text[used..], b"\n\n") {
                self.take_message(str::from_utf8(&text[used..used + len])?)?;
                used += len + 2;
            }
            text.drain(..used);
        }
        Ok(())
    }

    fn take_message(&mut self, message: &str) -> anyhow::Result<()> {
        let field = |name| message.lines().find_map(|line| line.strip_prefix(name));
        match (field("event: "), field("data: ")) {
            (None, Some(data)) => {
                let given: Given<'_> = serde_json::from_str(data)?;
                let Stamp { phase, at, .. } = given.data;
                self.take(&given)?;
                self.shared.note(phase, at, |latencies| &mut latencies.stream);
                Ok(())
            }
            // A comment, or how far it is.
            (None, None) | (Some("progress"), _) => Ok(()),
            (Some(other), data) => {
                anyhow::bail!("was sent `{other}`: {}", data.unwrap_or_default())
            }
        }
    }

    /// Reads pages from the first event to the last.
    async fn turn_pages(mut self) -> Self {
        if let Err(error) = self.read_pages().await {
            self.shared.accuse(&format!("{}: {error:#}", self.name));
        }
        self
    }

    async fn read_pages(&mut self) -> anyhow::Result<()> {
        let address = self.shared.address;
        let mut connection = Connection::open(address).await?;
        let mut after = "earliest".to_owned();
        while !self.is_done {
            let target =
                format!("/v1/events?filter=good.*&after={after}&limit=1000&wait_ms={PAGE_WAIT_MS}");
            let request = get(address, &target, "");
            let answer = timeout(GOOD_TIME_MAX, connection.ask(&request)).await;
            let body = answer.context("was not answered in time")??.success()?;
            let page: Page<'_> = serde_json::from_slice(body)?;
            page.events.iter().try_for_each(|given| self.take(given))?;
            after = page.next;
        }
        Ok(())
    }

    /// Takes the next event in, which must be the next one of its publisher.
    fn take(&mut self, given: &Given<'_>) -> anyhow::Result<()> {
        if given.topic == END {
            self.is_done = true;
            return Ok(());
        }
        let publisher = given.topic.strip_prefix("good.").and_then(|it| it.parse().ok());
        let at = publisher.and_then(|number: usize| number.checked_sub(1));
        let seen = at.and_then(|at| self.seen.get_mut(at));
        let seen = seen.with_context(|| format!("an event of `{}` came", given.topic))?;
        let (id, expected) = (given.data.id, *seen + 1);
        let topic = &given.topic;
        ensure!(id == expected, "event {id} of `{topic}` came where {expected} was expected");
        *seen = id;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader() -> Reader {
        let none =
            Latencies { publish: Histogram::new(3).unwrap(), stream: Histogram::new(3).unwrap() };
        let shared = Shared {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            start: Instant::now(),
            phase: AtomicUsize::new(UNNOTED),
            is_over: AtomicBool::new(false),
            noted: Mutex::new(vec![none; 2]),
            faults: Mutex::default(),
        };
        Reader::new("a reader", Arc::new(shared))
    }

    fn message(topic: &str, id: u64, phase: usize) -> String {
        let data = format!(r#"{{"id":{id},"phase":{phase},"at":0}}"#);
        format!("id: e:1\ndata: {{\"seq\":1,\"topic\":\"{topic}\",\"data\":{data}}}")
    }

    #[test]
    fn a_reader_takes_each_event_once_in_order() {
        let mut reader = reader();
        reader.take_message("event: progress\nid: e:0\ndata: {}").unwrap();
        reader.take_message(": still here").unwrap();
        for (topic, id) in [("good.1", 1), ("good.2", 1), ("good.1", 2)] {
            reader.take_message(&message(topic, id, 1)).unwrap();
        }
        assert_eq!(reader.seen, [2, 1, 0, 0]);
        assert_eq!(lock(&reader.shared.noted)[1].stream.len(), 3);
        assert!(!reader.is_done);
        reader.take_message("data: {\"topic\":\"good.end\",\"data\":{}}").unwrap();
        assert!(reader.is_done);
    }

    #[test]
    fn a_log_has_what_was_acknowledged() {
        let check = |ids: &[&[u64]], is_fine: bool| {
            let topic = |at: usize| format!("good.{}", at + 1);
            let mut found: Found =
                ids.iter().enumerate().map(|(at, ids)| (topic(at), ids.to_vec())).collect();
            found.insert(END.to_owned(), vec![0]);
            let faults = super::check(&found, &[2, 1]);
            assert_eq!(faults.is_empty(), is_fine, "{ids:?}: {faults:?}");
        };
        check(&[&[1, 2], &[1]], true);
        // Lost, doubled, moved, of nobody.
        check(&[&[1], &[1]], false);
        check(&[&[1, 2]], false);
        check(&[&[1, 2, 2], &[1]], false);
        check(&[&[2, 1], &[1]], false);
        check(&[&[1, 2], &[1], &[1]], false);
    }

    #[test]
    fn a_reader_notices_what_is_wrong() {
        let check = |wrong: &str| {
            let mut reader = reader();
            reader.take_message(&message("good.1", 1, UNNOTED)).unwrap();
            assert!(reader.take_message(wrong).is_err(), "{wrong}");
            assert_eq!(lock(&reader.shared.noted)[1].stream.len(), 0);
        };
        // Twice, left out, of nobody, of somebody else, and an error.
        check(&message("good.1", 1, 1));
        check(&message("good.1", 3, 1));
        check(&message("good.9", 1, 1));
        check(&message("hostile.x.1", 1, 1));
        check("event: error\ndata: {}");
        check("event: gap\ndata: {\"first\":5,\"last\":9}");
    }
}
