//! Workers at work: handlers at the same time, cancelled, timed out and left; leases that live; how a worker ends.

mod stopping;
mod timeouts;

use std::collections::BTreeSet;
use std::future::{Future, pending};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use arrw::testing::{self, ManualClock};
use arrw::{
    Attempt, Claim, Command, Completion, Db, Environment, Failure, JobArgs, JobId, JobState,
    MemoryStorage, NewEvent, NewJob, Options, Plan, RunError, Start, Worker, WorkerBuilder,
    WorkerStats,
};
use serde::{Deserialize, Serialize};

use crate::support::until;

const MINUTE: Duration = Duration::from_secs(60);

#[derive(Serialize, Deserialize)]
struct Do(usize);

impl JobArgs for Do {
    const KIND: &'static str = "do";
}

#[derive(Serialize, Deserialize)]
struct Other(usize);

impl JobArgs for Other {
    const KIND: &'static str = "other";
}

fn builder(db: &Db, name: &str) -> WorkerBuilder {
    db.jobs().worker(name).queue("q")
}

fn enqueue(db: &Db, count: usize) -> Vec<JobId> {
    enqueue_by(db, count, &Plan::default())
}

fn enqueue_by(db: &Db, count: usize, plan: &Plan) -> Vec<JobId> {
    let args: Vec<_> = (0..count).map(|n| Do(n).encode().unwrap()).collect();
    let jobs: Vec<_> =
        args.iter().map(|args| NewJob { plan: plan.clone(), ..args.on("q") }).collect();
    let enqueued = db.jobs().enqueue_all(&jobs).unwrap().wait().unwrap();
    enqueued.iter().map(|it| it.job).collect()
}

/// Where jobs are, and how many attempts were counted.
fn states(db: &Db, jobs: &[JobId]) -> Vec<(JobState, u16)> {
    let state = |job: &JobId| db.jobs().get(*job).map(|it| (it.state, it.attempt)).unwrap();
    jobs.iter().map(state).collect()
}

/// A worker at work on a thread of its own.
fn start(worker: &Worker) -> JoinHandle<Result<WorkerStats, RunError>> {
    let worker = worker.clone();
    thread::spawn(move || worker.run_blocking())
}

fn stop(worker: &Worker, thread: JoinHandle<Result<WorkerStats, RunError>>) -> WorkerStats {
    worker.stop(MINUTE);
    thread.join().unwrap().unwrap()
}

/// A builder that tells of the state of each job that ended.
fn telling(builder: WorkerBuilder) -> (WorkerBuilder, Receiver<End>) {
    let (sender, receiver) = channel();
    let tell = move |it: &arrw::Attempted| {
        let _nobody_listens = sender.send((it.job.id(), it.state));
    };
    (builder.observe(tell), receiver)
}

/// An attempt that ended: its job, and where that is if this end counts.
type End = (JobId, Option<JobState>);

/// Tells when it is dropped.
struct Guard(Sender<&'static str>);

impl Drop for Guard {
    fn drop(&mut self) {
        let _nobody_listens = self.0.send("dropped");
    }
}

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Drives a future on this thread.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn as_many_run_at_once_as_may_and_never_more() {
    let db = Db::in_memory().unwrap();
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let three = Arc::new(Barrier::new(3));
    let (counted, highest) = (Arc::clone(&running), Arc::clone(&most));
    let (builder, told) = telling(builder(&db, "w"));
    let worker = builder.concurrency(3).prefetch(4).on_blocking(move |Do(_), _| {
        highest.fetch_max(counted.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        // Goes on only when three are here.
        three.wait();
        counted.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    });
    let worker = worker.build().unwrap();
    let jobs = enqueue(&db, 12);
    let thread = start(&worker);
    told.iter().take(12).for_each(|(_, state)| assert_eq!(state, Some(JobState::Completed)));
    let stats = stop(&worker, thread);
    assert_eq!((stats.completed, most.load(Ordering::SeqCst)), (12, 3));
    assert_eq!((stats.capacity, stats.running, stats.waiting), (3, 0, 0));
    assert_eq!(states(&db, &jobs), [(JobState::Completed, 1); 12]);
}

#[test]
fn async_handlers_wait_beside_each_other_on_one_thread() {
    let db = Db::in_memory().unwrap();
    let (here, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Gate::default()));
    let (count, open) = (Arc::clone(&here), Arc::clone(&gate));
    let (builder, told) = telling(builder(&db, "w"));
    let worker = builder.concurrency(4).on(move |Do(n), _| {
        let (count, open) = (Arc::clone(&count), Arc::clone(&open));
        async move {
            if count.fetch_add(1, Ordering::SeqCst) + 1 == 4 {
                open.open();
            }
            open.wait().await;
            Ok(n)
        }
    });
    let worker = worker.build().unwrap();
    enqueue(&db, 4);
    let thread = start(&worker);
    assert_eq!(told.iter().take(4).filter(|it| it.1 == Some(JobState::Completed)).count(), 4);
    assert_eq!(stop(&worker, thread).completed, 4);
}

/// Tasks wait before it until it is opened.
#[derive(Default)]
struct Gate(Mutex<(bool, Vec<Waker>)>);

impl Gate {
    fn open(&self) {
        let mut state = self.0.lock().unwrap();
        state.0 = true;
        state.1.drain(..).for_each(Waker::wake);
    }

    async fn wait(&self) {
        std::future::poll_fn(|context| {
            let mut state = self.0.lock().unwrap();
            if state.0 {
                return Poll::Ready(());
            }
            state.1.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

#[test]
fn a_running_job_that_is_cancelled_is_told_at_once() {
    let db = Db::in_memory().unwrap();
    let (started, starts) = channel();
    let also_started = started.clone();
    let (builder, told) = telling(builder(&db, "w"));
    let worker = builder.on(move |Do(_), job: Attempt| {
        let started = started.clone();
        async move {
            started.send(job.id()).unwrap();
            job.cancelled().await;
            Err::<(), _>(Failure::new("cancelled"))
        }
    });
    let worker = worker.on_blocking(move |Other(_), job: Attempt| {
        also_started.send(job.id()).unwrap();
        assert!(job.wait_cancelled(MINUTE));
        assert!(job.is_cancelled());
        Err::<(), _>(Failure::new("cancelled"))
    });
    let worker = worker.build().unwrap();
    let mut jobs = enqueue(&db, 1);
    jobs.push(db.jobs().enqueue_args("q", &Other(0)).unwrap().wait().unwrap()[0].job);
    let thread = start(&worker);
    for _ in 0..2 {
        let job = starts.recv().unwrap();
        db.jobs().run(vec![Command::Cancel(job)], false).unwrap().wait().unwrap();
        assert_eq!(told.recv().unwrap(), (job, Some(JobState::Cancelled)));
    }
    assert_eq!(stop(&worker, thread).cancelled, 2);
    assert_eq!(states(&db, &jobs), [(JobState::Cancelled, 1); 2]);
}

#[test]
fn workers_are_known_with_their_jobs_and_until_when() {
    let db = Db::in_memory().unwrap();
    let (started, starts) = channel();
    let worker = builder(&db, "here").on(move |Do(_), job: Attempt| {
        let started = started.clone();
        async move {
            started.send(job.id()).unwrap();
            job.cancelled().await;
            Err::<(), _>(Failure::new("cancelled"))
        }
    });
    let worker = worker.build().unwrap();
    let job = enqueue(&db, 1)[0];
    let thread = start(&worker);
    assert_eq!(starts.recv().unwrap(), job);
    let jobs = [NewJob::new("p", "k", "1"), NewJob::new("p", "k", "2")];
    let elsewhere = db.jobs().enqueue_all(&jobs).unwrap().wait().unwrap();
    let elsewhere: Vec<JobId> = elsewhere.iter().map(|it| it.job).collect();
    let claim = Claim::new("there", ["p"], 2).unwrap();
    assert_eq!(db.jobs().claim_now(claim).wait(None).unwrap().len(), 2);

    let known = db.jobs().workers("", 10);
    let told: Vec<_> = known.iter().map(|it| (&*it.name, it.silent_until.is_some())).collect();
    // Who runs here is heard of as long as it runs.
    assert_eq!(told, [("here", false), ("there", true)]);
    assert_eq!((known[0].leases.get("q"), known[1].leases.get("p")), (Some(&1), Some(&2)));
    assert_eq!((db.jobs().workers("here", 10).len(), db.jobs().workers("", 1).len()), (1, 1));
    assert_eq!((db.jobs().held_by("there"), db.jobs().load().workers), (elsewhere, 2));
    db.jobs().run(vec![Command::Cancel(job)], false).unwrap().wait().unwrap();
    stop(&worker, thread);
}

#[test]
fn a_handler_that_blocks_longer_than_any_lease_keeps_its_own() {
    let (db, clock) = testing::db().unwrap();
    let (started, starts) = channel();
    let (go, gone) = channel::<()>();
    let gone = Mutex::new(gone);
    let worker = builder(&db, "w").concurrency(1).on(move |Do(_), _| {
        started.send(()).unwrap();
        // It blocks the thread that drives the worker as well.
        gone.lock().unwrap().recv().unwrap();
        async { Ok(()) }
    });
    let worker = worker.build().unwrap();
    let jobs = enqueue(&db, 1);
    let thread = start(&worker);
    starts.recv().unwrap();
    // Another worker is silent: whoever gets its job knows that all leases were looked at.
    enqueue(&db, 1);
    let silent = Claim::new("silent", ["q"], 1).unwrap();
    let silent = db.jobs().claim_for(silent, 1_000).wait(None).unwrap().remove(0);
    clock.advance(10 * MINUTE);
    let other = Claim::new("other", ["q"], 1).unwrap();
    let again = db.jobs().claim(other).wait(None).unwrap().remove(0);
    assert_eq!((again.id(), again.attempt()), (silent.id(), 2));
    assert_eq!(states(&db, &jobs), [(JobState::Leased, 1)]);
    go.send(()).unwrap();
    assert_eq!(stop(&worker, thread).completed, 1);
    assert_eq!(states(&db, &jobs), [(JobState::Completed, 1)]);
}

#[test]
fn two_workers_never_run_one_job_at_once_and_each_job_once() {
    const JOBS: usize = 400;
    let db = Db::in_memory().unwrap();
    let running = Arc::new(Mutex::new(BTreeSet::new()));
    let runs = Arc::new(AtomicUsize::new(0));
    let (sender, told) = channel();
    let workers: Vec<_> = ["v", "w"]
        .into_iter()
        .map(|name| {
            let (running, runs) = (Arc::clone(&running), Arc::clone(&runs));
            let sender = sender.clone();
            let tell = move |it: &arrw::Attempted| sender.send(it.state).unwrap();
            let builder = builder(&db, name).concurrency(4).prefetch(2).observe(tell);
            let run = move |Do(_), job: Attempt| {
                assert!(running.lock().unwrap().insert(job.id()), "it runs already");
                runs.fetch_add(1, Ordering::SeqCst);
                thread::yield_now();
                running.lock().unwrap().remove(&job.id());
                Ok(())
            };
            builder.on_blocking(run).build().unwrap()
        })
        .collect();
    let threads: Vec<_> = workers.iter().map(start).collect();
    let jobs: Vec<_> = (0..JOBS / 20).flat_map(|_| enqueue(&db, 20)).collect();
    assert_eq!(told.iter().take(JOBS).filter(|it| *it == Some(JobState::Completed)).count(), JOBS);
    let stats: Vec<_> =
        workers.iter().zip(threads).map(|(worker, thread)| stop(worker, thread)).collect();
    assert_eq!((runs.load(Ordering::SeqCst), stats[0].completed + stats[1].completed), (400, 400));
    assert_eq!(states(&db, &jobs), vec![(JobState::Completed, 1); JOBS]);
}

#[test]
fn a_worker_that_begins_after_a_crash_goes_on_with_its_jobs_at_once() {
    let (storage, clock) = (Arc::new(MemoryStorage::new()), Arc::new(ManualClock::default()));
    let open = || {
        let storage = Arc::clone(&storage);
        let mut environment = Environment::with_storage(storage);
        environment.clock = Arc::<ManualClock>::clone(&clock);
        let mut options = Options::default();
        options.log.segment_bytes = 1024 * 1024;
        Db::open_with(environment, options).unwrap()
    };
    let db = open();
    let jobs = enqueue(&db, 2);
    let claim = |name, count| {
        let claim = Claim::new(name, ["q"], count).unwrap();
        db.jobs().claim_now(claim).wait(None).unwrap()
    };
    assert_eq!((claim("v", 1).len(), claim("w", 1).len()), (1, 1));
    db.close().unwrap();

    let db = open();
    let (builder, told) = telling(builder(&db, "w"));
    let worker = builder.on(async |Do(_), _| Ok(())).build().unwrap();
    let thread = start(&worker);
    // The clock stands still: nothing else gives the job back.
    assert_eq!(told.recv().unwrap(), (jobs[1], Some(JobState::Completed)));
    stop(&worker, thread);
    assert_eq!(states(&db, &jobs), [(JobState::Leased, 1), (JobState::Completed, 2)]);
}

#[test]
fn of_one_name_one_worker_runs() {
    let db = Db::in_memory().unwrap();
    let build = || {
        let (builder, told) = telling(builder(&db, "w"));
        (builder.on(async |Do(_), _| Ok(())).build().unwrap(), told)
    };
    let ((one, told_one), (other, told_other)) = (build(), build());
    let first = start(&one);
    enqueue(&db, 1);
    assert_eq!(told_one.recv().unwrap().1, Some(JobState::Completed));
    let refused = [other.run_blocking().map(|_| ()), other.run_due().map(|_| ())];
    assert!(refused.iter().all(|it| matches!(it, Err(RunError::Taken { .. }))), "{refused:?}");
    stop(&one, first);
    enqueue(&db, 1);
    let second = start(&other);
    assert_eq!(told_other.recv().unwrap().1, Some(JobState::Completed));
    stop(&other, second);
}

#[test]
fn handlers_run_where_the_caller_wants_and_a_job_whose_task_is_dropped_is_there_again() {
    let db = Db::in_memory().unwrap();
    let (sender, threads) = channel();
    let (builder, told) = telling(builder(&db, "w"));
    let dropped = AtomicUsize::new(0);
    let builder = builder.spawn_on(move |task| {
        // The first one is lost, as when a runtime ends.
        if dropped.fetch_add(1, Ordering::SeqCst) != 0 {
            thread::spawn(move || block_on(task));
        }
    });
    let worker = builder.concurrency(1).on(move |Do(_), job: Attempt| {
        let sender = sender.clone();
        async move {
            sender.send((thread::current().id(), job.attempt())).unwrap();
            Ok(())
        }
    });
    let worker = worker.build().unwrap();
    let jobs = enqueue(&db, 1);
    let thread = start(&worker);
    let on = thread.thread().id();
    assert_eq!(told.recv().unwrap(), (jobs[0], Some(JobState::Scheduled)));
    assert_eq!(told.recv().unwrap(), (jobs[0], Some(JobState::Completed)));
    let (ran_on, attempt) = threads.recv().unwrap();
    assert_eq!((ran_on == on, attempt), (false, 1));
    assert_eq!(stop(&worker, thread).snoozed, 1);
}

#[test]
fn the_end_of_a_job_and_the_lease_of_the_next_are_one_commit() {
    let db = Db::in_memory().unwrap();
    enqueue(&db, 20);
    let (builder, told) = telling(builder(&db, "w"));
    let worker = builder.concurrency(1).on(async |Do(_), _| Ok(())).build().unwrap();
    let mut events = db.bus().subscribe("jobs.q.>", Start::Latest).unwrap();
    let thread = start(&worker);
    assert_eq!(told.iter().take(20).count(), 20);
    stop(&worker, thread);
    let mut commits = Vec::new();
    while let Some(found) = events.try_next().unwrap() {
        let last = |topic: &str| topic.rsplit('.').next().unwrap().to_owned();
        commits.push(found.iter().map(|event| last(event.topic())).collect::<Vec<_>>());
    }
    let both = commits.iter().filter(|it| **it == ["completed", "leased"]).count();
    assert_eq!(both, 19, "{commits:?}");
}

#[test]
fn a_completion_with_an_event_is_told_in_a_live_worker_too() {
    let db = Db::in_memory().unwrap();
    let (builder, told) = telling(builder(&db, "w"));
    let worker = builder.concurrency(2).on(async |Do(n), _| {
        let text = n.to_string();
        Ok(Completion::default().publish(NewEvent::new("done", text.as_bytes())))
    });
    let worker = worker.build().unwrap();
    let mut done = db.bus().subscribe("done", Start::Earliest).unwrap();
    enqueue(&db, 30);
    let thread = start(&worker);
    assert_eq!(told.iter().take(30).count(), 30);
    assert_eq!(stop(&worker, thread).completed, 30);
    let mut texts = crate::support::texts(&mut done);
    texts.sort_by_key(|it| it.parse::<usize>().unwrap());
    assert_eq!(texts, (0..30).map(|n| n.to_string()).collect::<Vec<_>>());
}
