//! Starts the server, lets clients at it, freezes and kills it, and gathers what they saw.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::Torture;
use super::consumer::Consuming;
use super::host::Host;
use super::jobs::{Crew, FOLLOWED};
use super::limits::{ENDING_TIME_MAX, FROZEN_MS_MAX, SEGMENT_BYTES, TICK};
use super::lives::{Lives, Phase, Watch};
use super::reader::{Reader, Way};
use super::writer::{Writer, publish_one};
use crate::history::{Consumer, Demand, Form, History, JobDemand, JobHistory, Sent, Stream};
use crate::pace;
use crate::random::Random;
use crate::server::Server;

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
/// How many times its acknowledged writes a round waits for the rest of what it must have.
const PATIENCE: u64 = 8;
/// Rounds between two lines of progress.
const TOLD_EVERY: u64 = 10;

/// What a history must hold.
pub(super) fn demand(torture: &Torture) -> Demand {
    Demand {
        rounds: torture.rounds,
        acknowledged: torture.acks_min,
        streams: WAYS.len() as u64,
        consumers: CONSUMERS,
        // What is new in the first life is no resuming, and a slow machine may take its time.
        resumed: torture.rounds / 2,
        conditional: torture.rounds,
    }
}

/// What must have been seen of jobs.
pub(super) fn job_demand(torture: &Torture) -> JobDemand {
    let Torture { rounds, .. } = *torture;
    JobDemand { jobs: rounds * JOBS_MIN, refused: rounds, lost: 1, made: 1 }
}

/// What all clients saw.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) events: History,
    pub(super) jobs: JobHistory,
    /// What the server was seen to do that it must not.
    pub(super) fault: Option<String>,
}

/// A torture under way.
pub(super) struct Driver<'a> {
    torture: &'a Torture,
    random: Random,
    host: Host,
    writers: Vec<JoinHandle<Vec<Sent>>>,
    readers: Vec<JoinHandle<Stream>>,
    streams: Vec<Stream>,
    consuming: Vec<JoinHandle<Consumer>>,
    consumers: Vec<Consumer>,
    crew: Crew,
    rounds: Vec<u64>,
}

impl<'a> Driver<'a> {
    pub(super) fn new(torture: &'a Torture, folder: &Path) -> anyhow::Result<Self> {
        let mut host = Host::new((&torture.program, folder), torture.seed)?;
        host.arguments = vec!["--segment-bytes".to_owned(), SEGMENT_BYTES.to_string()];
        let mut driver = Self {
            torture,
            random: Random::new(torture.seed),
            host,
            writers: Vec::new(),
            readers: Vec::new(),
            streams: Vec::new(),
            consuming: Vec::new(),
            consumers: Vec::new(),
            crew: Crew::default(),
            rounds: Vec::new(),
        };
        driver.start_clients();
        Ok(driver)
    }

    fn start_clients(&mut self) {
        for (number, form) in (1..=WRITERS).zip(FORMS.into_iter().cycle()) {
            let random = self.random.fork();
            let (ground, watch) = (Arc::clone(&self.host.ground), self.host.lives.watch());
            let writer = Writer { number, form, random, ground, watch };
            self.writers.push(self.host.runtime.spawn(writer.run()));
        }
        for (number, way) in (1..).zip(WAYS) {
            let watch = self.host.lives.watch();
            let reader = self.reader(format!("reader {number}"), way, watch);
            self.readers.push(self.host.runtime.spawn(reader.run()));
        }
        for number in 1..=CONSUMERS {
            let ground = (Arc::clone(&self.host.ground), self.host.lives.watch());
            let name = format!("consumer-{number}");
            let consuming = Consuming::new(name, self.random.fork(), ground, LAST_WRITER);
            self.consuming.push(self.host.runtime.spawn(consuming.run()));
        }
        let ground = (&self.host.ground, &self.host.lives);
        self.crew = Crew::start(&self.host.runtime, &mut self.random, ground);
    }

    fn reader(&mut self, name: String, way: Way, watch: Watch) -> Reader {
        let ground = (Arc::clone(&self.host.ground), watch);
        Reader::new((name, way), self.random.fork(), ground, LAST_WRITER)
    }

    /// All rounds and the ending; answers what was seen.
    pub(super) fn run(mut self, progress: &mut dyn Write) -> anyhow::Result<Seen> {
        let ended = self.all_rounds(progress).and_then(|()| self.ending());
        let (mut writes, log) = match ended {
            Ok(seen) => seen,
            // It never was there.
            Err(error) if self.rounds.is_empty() => return Err(error),
            Err(error) => {
                self.host.ground.accuse(format!("{error:#}"));
                self.host.lives.give_up();
                (Vec::new(), Stream::default())
            }
        };
        writes.extend(self.join_writers());
        self.join_readers();
        self.join_crew();
        let Self { streams, consumers, rounds, crew, .. } = self;
        let followed = log.events.iter().filter(|(_, event)| event.writer == FOLLOWED);
        let followed = followed.map(|(seq, _)| *seq).collect();
        let events = History { writes, streams, consumers, log, rounds };
        Ok(Seen { events, jobs: crew.into_history(followed), fault: self.host.ground.fault() })
    }

    fn all_rounds(&mut self, progress: &mut dyn Write) -> anyhow::Result<()> {
        for round in 1..=self.torture.rounds {
            self.host.cut_off_a_start(&mut self.random)?;
            let is_enough = self.round()?;
            if round.is_multiple_of(TOLD_EVERY) || round == self.torture.rounds {
                let acknowledged = self.host.ground.acknowledged();
                writeln!(progress, "round {round}: {acknowledged} writes acknowledged so far")?;
            }
            if !is_enough {
                break;
            }
        }
        Ok(())
    }

    /// The last life of the server: all that is open is written and read to its end, then the log as a whole.
    fn ending(&mut self) -> anyhow::Result<(Vec<Sent>, Stream)> {
        let server = self.host.start(Phase::Ending)?;
        if self.host.ground.fault().is_some() {
            self.host.lives.give_up();
        }
        let mut writes = self.join_writers();
        // Clients that gave up do not stand in the way of these.
        let alone = Lives::new();
        alone.begin(server.address(), Phase::Ending);
        let watch = alone.watch();
        let last = publish_one(server.address(), &self.host.ground, &watch, LAST_WRITER);
        match self.host.runtime.block_on(last) {
            Ok(sent) => writes.push(sent),
            Err(_) => self.host.ground.accuse("the last event could not be published".to_owned()),
        }
        // Those who never see it are told apart from the log by the check.
        self.join_readers();
        let log = self.reader("the log".to_owned(), Way::Pages, watch).run();
        let log = self.host.runtime.block_on(async { timeout(ENDING_TIME_MAX, log).await });
        if log.is_err() {
            self.host.ground.accuse("the log could not be read to its end in time".to_owned());
        }
        self.close_jobs(server.address(), alone.watch());
        Ok((writes, log.unwrap_or_default()))
    }

    /// All jobs are worked off, and what happened to them is read.
    fn close_jobs(&mut self, address: SocketAddr, watch: Watch) {
        let enqueuers = self.crew.take_enqueuers();
        let enqueued = self.host.join(enqueuers);
        self.crew.add_enqueued(enqueued);
        self.join_planner();
        if self.host.ground.fault().is_some() {
            return;
        }
        let closed = self.crew.close((Arc::clone(&self.host.ground), watch), address);
        if let Err(error) = self.host.runtime.block_on(closed) {
            self.host.ground.accuse(format!("{error:#}"));
        }
        self.join_crew();
    }

    /// One life of the server; false when that was not as it should be.
    fn round(&mut self) -> anyhow::Result<bool> {
        let before = self.host.ground.acknowledged();
        let enough = self.torture.acks_min + self.random.below(self.torture.acks_min / 8 + 2);
        let freezes = self.random.below(3);
        let mut freezes: Vec<u64> = (0..freezes).map(|_| self.random.below(enough)).collect();
        freezes.sort_unstable();
        let mut freezes = freezes.into_iter().peekable();
        self.host.ground.begin(self.host.lives.next());
        let mut server = self.host.start(Phase::Torture)?;
        let begun = Instant::now();
        let acknowledged = |driver: &Self| driver.host.ground.acknowledged() - before;
        // What has not come by then does not come: the check says what is wrong, or what there was too little of.
        while !(enough <= acknowledged(self) && self.has_all())
            && acknowledged(self) < PATIENCE * enough
            && begun.elapsed() < self.torture.round_time_max
        {
            if self.host.ground.fault().is_some() {
                break;
            }
            if let Some(status) = server.ended()? {
                self.host.ground.accuse(format!("the server ended by itself: {status}"));
                break;
            }
            if freezes.next_if(|at| *at <= acknowledged(self)).is_some() {
                self.freeze(&server)?;
            }
            pace::wait(TICK);
        }
        // The kill meets it at any moment of a commit, and now and then while it stands still.
        pace::wait(Duration::from_micros(self.random.below(10_000)));
        if self.random.below(4) == 0 {
            server.freeze()?;
        }
        let count = acknowledged(self);
        drop(server);
        self.rounds.push(count);
        Ok(self.torture.acks_min <= count && self.host.ground.fault().is_none())
    }

    /// Whether all of what a history must hold happened in this life: otherwise a quick round proves less.
    fn has_all(&self) -> bool {
        let events = self.host.ground.events();
        let readers = WAYS.len() as u64 + CONSUMERS;
        let has_jobs =
            JOBS_MIN <= events.enqueued && JOBS_MIN <= events.completed && 0 < events.late;
        readers <= events.seen_by
            && 0 < events.met
            && 0 < events.unmet
            && has_jobs
            && 0 < events.planned
    }

    fn freeze(&mut self, server: &Server) -> anyhow::Result<()> {
        server.freeze()?;
        pace::wait(Duration::from_millis(self.random.up_to(FROZEN_MS_MAX)));
        server.resume()
    }

    fn join_writers(&mut self) -> Vec<Sent> {
        let tasks = std::mem::take(&mut self.writers);
        let until = Instant::now() + ENDING_TIME_MAX;
        let writes = self.host.join(tasks).into_iter().flatten().collect();
        if until < Instant::now() {
            self.host.ground.accuse("a writer was not answered to its end in time".to_owned());
        }
        writes
    }

    fn join_readers(&mut self) {
        let tasks = std::mem::take(&mut self.readers);
        self.streams.extend(self.host.join(tasks));
        let tasks = std::mem::take(&mut self.consuming);
        self.consumers.extend(self.host.join(tasks));
    }

    fn join_planner(&mut self) {
        let planner = self.crew.take_planner();
        let planned = self.host.join(planner);
        self.crew.add_planned(planned);
    }

    fn join_crew(&mut self) {
        self.join_planner();
        let enqueuers = self.crew.take_enqueuers();
        let enqueued = self.host.join(enqueuers);
        self.crew.add_enqueued(enqueued);
        let workers = self.crew.take_workers();
        let worked = self.host.join(workers);
        self.crew.add_worked(worked);
    }
}
