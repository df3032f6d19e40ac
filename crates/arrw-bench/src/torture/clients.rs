//! The clients of events and jobs: who they are, when they have done enough, and how they come to their end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::consumer::Consuming;
use super::host::Host;
use super::jobs::{Crew, FOLLOWED};
use super::limits::{ENDING_TIME_MAX, JOBS_SHOWN_MAX};
use super::lives::{Lives, Phase, Watch};
use super::reader::{Reader, Way};
use super::writer::{Writer, publish_one};
use crate::history::{Consumer, Demand, Form, History, JobDemand, JobHistory, Sent, Stream};
use crate::random::Random;

/// What each writer writes: two of each form.
const FORMS: [Form; 5] =
    [Form::Single, Form::Batch, Form::Lines, Form::Producer, Form::Conditional];
const WRITERS: u32 = 10;
/// How each reader reads.
const WAYS: [Way; 5] = [Way::Follow, Way::Follow, Way::Follow, Way::Pages, Way::Pages];
/// Named consumers.
const CONSUMERS: u64 = 2;
/// Writes the very last event.
const LAST_WRITER: u32 = 1_000;
/// Calls that enqueue jobs, and jobs completed, in each round.
const JOBS_MIN: u64 = 5;

/// What a history of so many rounds must hold.
pub(super) fn demand(rounds: u64, acks_min: u64) -> Demand {
    Demand {
        rounds,
        acknowledged: acks_min,
        streams: WAYS.len() as u64,
        consumers: CONSUMERS,
        // What is new in the first life is no resuming, and a slow machine may take its time.
        resumed: rounds / 2,
        conditional: rounds,
    }
}

/// What must have been seen of jobs in so many rounds.
pub(super) fn job_demand(rounds: u64) -> JobDemand {
    JobDemand { jobs: rounds * JOBS_MIN, refused: rounds, lost: 1, made: 1 }
}

/// All of them.
pub(super) struct Clients {
    random: Random,
    writers: Vec<JoinHandle<Vec<Sent>>>,
    readers: Vec<JoinHandle<Stream>>,
    streams: Vec<Stream>,
    consuming: Vec<JoinHandle<Consumer>>,
    consumers: Vec<Consumer>,
    crew: Crew,
    /// How many jobs are asked for one by one at the end.
    pub(super) shown_max: usize,
    /// What was found at the end.
    writes: Vec<Sent>,
    log: Stream,
}

impl Clients {
    /// They begin with the first life of the server.
    pub(super) fn start(host: &Host, random: Random) -> Self {
        let mut clients = Self {
            random,
            writers: Vec::new(),
            readers: Vec::new(),
            streams: Vec::new(),
            consuming: Vec::new(),
            consumers: Vec::new(),
            crew: Crew::default(),
            shown_max: JOBS_SHOWN_MAX,
            writes: Vec::new(),
            log: Stream::default(),
        };
        for (number, form) in (1..=WRITERS).zip(FORMS.into_iter().cycle()) {
            let random = clients.random.fork();
            let (ground, watch) = (Arc::clone(&host.ground), host.lives.watch());
            let writer = Writer { number, form, random, ground, watch };
            clients.writers.push(host.runtime.spawn(writer.run()));
        }
        for (number, way) in (1..).zip(WAYS) {
            let reader =
                clients.reader(host, (format!("reader {number}"), way), host.lives.watch());
            clients.readers.push(host.runtime.spawn(reader.run()));
        }
        for number in 1..=CONSUMERS {
            let ground = (Arc::clone(&host.ground), host.lives.watch());
            let name = format!("consumer-{number}");
            let consuming = Consuming::new(name, clients.random.fork(), ground, LAST_WRITER);
            clients.consuming.push(host.runtime.spawn(consuming.run()));
        }
        let ground = (&host.ground, &host.lives);
        clients.crew = Crew::start(&host.runtime, &mut clients.random, ground);
        clients
    }

    fn reader(&mut self, host: &Host, (name, way): (String, Way), watch: Watch) -> Reader {
        let ground = (Arc::clone(&host.ground), watch);
        Reader::new((name, way), self.random.fork(), ground, LAST_WRITER)
    }

    /// Whether all of what a history must hold happened in this life: otherwise a quick round proves less.
    pub(super) fn have_all(host: &Host) -> bool {
        let events = host.ground.events();
        let readers = WAYS.len() as u64 + CONSUMERS;
        let has_jobs =
            JOBS_MIN <= events.enqueued && JOBS_MIN <= events.completed && 0 < events.late;
        readers <= events.seen_by
            && 0 < events.met
            && 0 < events.unmet
            && has_jobs
            && 0 < events.planned
    }

    /// In the last life of the server: all that is open is written and read to its end, then the log as a whole.
    pub(super) fn end(&mut self, host: &Host, address: SocketAddr) {
        self.join_writers(host);
        // Clients that gave up do not stand in the way of these.
        let alone = Lives::new();
        alone.begin(address, Phase::Ending);
        let watch = alone.watch();
        let last = publish_one(address, &host.ground, &watch, LAST_WRITER);
        match host.runtime.block_on(last) {
            Ok(sent) => self.writes.push(sent),
            Err(_) => host.ground.accuse("the last event could not be published".to_owned()),
        }
        // Those who never see it are told apart from the log by the check.
        self.join_readers(host);
        let log = self.reader(host, ("the log".to_owned(), Way::Pages), watch).run();
        match host.runtime.block_on(async { timeout(ENDING_TIME_MAX, log).await }) {
            Ok(log) => self.log = log,
            Err(_) => {
                host.ground.accuse("the log could not be read to its end in time".to_owned());
            }
        }
        self.close_jobs(host, address, alone.watch());
    }

    /// All jobs are worked off, and what happened to them is read.
    fn close_jobs(&mut self, host: &Host, address: SocketAddr, watch: Watch) {
        let enqueued = host.join(self.crew.take_enqueuers());
        self.crew.add_enqueued(enqueued);
        self.join_planner(host);
        if host.ground.fault().is_some() {
            return;
        }
        let closed = self.crew.close((Arc::clone(&host.ground), watch), (address, self.shown_max));
        if let Err(error) = host.runtime.block_on(closed) {
            host.ground.accuse(format!("{error:#}"));
        }
        self.join_crew(host);
    }

    /// All that they saw; `rounds` are acknowledged writes of each life.
    pub(super) fn into_histories(mut self, host: &Host, rounds: Vec<u64>) -> (History, JobHistory) {
        self.join_writers(host);
        self.join_readers(host);
        self.join_crew(host);
        let Self { writes, streams, consumers, log, crew, .. } = self;
        let followed = log.events.iter().filter(|(_, event)| event.writer == FOLLOWED);
        let followed = followed.map(|(seq, _)| *seq).collect();
        let events = History { writes, streams, consumers, log, rounds };
        (events, crew.into_history(followed))
    }

    fn join_writers(&mut self, host: &Host) {
        let tasks = std::mem::take(&mut self.writers);
        let until = Instant::now() + ENDING_TIME_MAX;
        self.writes.extend(host.join(tasks).into_iter().flatten());
        if until < Instant::now() {
            host.ground.accuse("a writer was not answered to its end in time".to_owned());
        }
    }

    fn join_readers(&mut self, host: &Host) {
        let tasks = std::mem::take(&mut self.readers);
        self.streams.extend(host.join(tasks));
        let tasks = std::mem::take(&mut self.consuming);
        self.consumers.extend(host.join(tasks));
    }

    fn join_planner(&mut self, host: &Host) {
        let planned = host.join(self.crew.take_planner());
        self.crew.add_planned(planned);
    }

    fn join_crew(&mut self, host: &Host) {
        self.join_planner(host);
        let enqueued = host.join(self.crew.take_enqueuers());
        self.crew.add_enqueued(enqueued);
        let worked = host.join(self.crew.take_workers());
        self.crew.add_worked(worked);
    }
}
