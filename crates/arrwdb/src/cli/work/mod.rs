//! `arrwdb work`: makes any program a worker of a job queue.

mod attempt;
mod child;
mod limits;
pub(super) mod progress;
mod server;

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use self::attempt::Attempt;
use self::limits::{CLAIM_WAIT_MS, CONCURRENCY_MAX};
use self::server::{Asker, Claimed, note};
use super::exit::Exit;
use super::remote::{Remote, block_on};

/// What a job's program finds in its environment.
pub(crate) const VARIABLES: [&str; 4] =
    ["ARRWDB_JOB", "ARRWDB_QUEUE", "ARRWDB_KIND", "ARRWDB_ATTEMPT"];

/// Run a program for each job of a queue
///
/// The job's args are its standard input, as JSON; its environment has ARRWDB_JOB, ARRWDB_QUEUE, ARRWDB_KIND and
/// ARRWDB_ATTEMPT. When it ends with 0 the job is completed, and what it wrote is the result. With 75 the job comes
/// again in a minute, and the attempt is not counted. With any other code it has failed, and the end of what it wrote
/// to the standard error says why. A line on its descriptor 3 says how far it is (on Linux): `3/10 resizing`, or
/// {"current": 3, "total": 10, "message": "resizing"}. The server is told at most once a second, and of the last one before
/// the job ends. When the job is cancelled (it is heard of within five seconds) or takes too long, the program and all
/// that it started get a SIGTERM, and what is left of them ten seconds later a SIGKILL. The shell ends by the SIGTERM at
/// once; with `exec` before the program its own exit code counts.
///
/// Ends in order on SIGINT and SIGTERM: it takes no more jobs, waits for those that run, and gives back those that
/// run still when --drain-ms are over.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb job enqueue sums add '[1, 2]'; arrwdb work --queue sums --exec 'cat' --limit 1
  $ arrwdb job enqueue sums add '[3, 4]'; arrwdb work --queue sums --exec 'jq add || cat' --limit 1 --json"
)]
pub(crate) struct Work {
    /// A queue whose jobs it takes; may be given more than once, and they are served by turns
    #[arg(long = "queue", value_name = "QUEUE", required = true)]
    queues: Vec<String>,
    /// The program, as the shell reads it
    #[arg(long, value_name = "COMMAND")]
    exec: String,
    /// Jobs at once
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=CONCURRENCY_MAX))]
    concurrency: u16,
    /// Who it is; a name of its own when it is not given. No other process may have it at the same time
    #[arg(long, value_name = "NAME")]
    worker: Option<String>,
    /// Milliseconds that it may be silent before its jobs go to others; it is heard of three times in these
    #[arg(long, value_name = "N", default_value_t = 60_000, value_parser = clap::value_parser!(u64).range(1_000..=86_400_000))]
    lease_ms: u64,
    /// Milliseconds that jobs may run on when it is to end
    #[arg(long, value_name = "N", default_value_t = 30_000)]
    drain_ms: u64,
    /// End after so many jobs
    #[arg(long, value_name = "N", default_value_t = u64::MAX, hide_default_value = true)]
    limit: u64,
    /// Print what became of each job as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Work {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        block_on(async {
            let stopping = stop_on_signals()?;
            Worker::new(self, stopping).run().await?;
            Ok(Exit::Fine)
        })
    }
}

/// Told true when this process is to end.
fn stop_on_signals() -> anyhow::Result<watch::Receiver<bool>> {
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let (stop, stopping) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => (),
            _ = terminate.recv() => (),
        }
        stop.send_replace(true);
        // Whoever waits must be told the truth, not that nobody tells.
        stop.closed().await;
    });
    Ok(stopping)
}

/// What all attempts share.
#[derive(Debug)]
struct Shared {
    work: Work,
    /// Its name.
    worker: String,
    /// Of jobs that run, whom to tell that they are to be cancelled.
    cancels: Mutex<BTreeMap<u64, Arc<Notify>>>,
}

impl Shared {
    fn cancels(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Notify>>> {
        self.cancels.lock().expect("no holder of this lock panics")
    }
}

/// Claims jobs and has them run.
struct Worker {
    shared: Arc<Shared>,
    /// True when no more jobs are to be taken.
    stopping: watch::Receiver<bool>,
    /// Told true when those that run are to be given back.
    give_back: watch::Sender<bool>,
    running: JoinSet<anyhow::Result<()>>,
    /// Jobs that are still to be taken.
    left: u64,
}

impl Worker {
    fn new(work: Work, stopping: watch::Receiver<bool>) -> Self {
        let draw = || format!("work-{}-{:08x}", std::process::id(), RandomState::new().hash_one(0));
        let worker = work.worker.clone().unwrap_or_else(draw);
        let left = work.limit;
        let shared = Arc::new(Shared { work, worker, cancels: Mutex::default() });
        let give_back = watch::Sender::new(false);
        Self { shared, stopping, give_back, running: JoinSet::new(), left }
    }

    async fn run(mut self) -> anyhow::Result<()> {
        let beating = tokio::spawn(server::beat(Arc::clone(&self.shared)));
        let taken = self.take_jobs().await;
        let drained = self.drain().await;
        beating.abort();
        taken.and(drained)
    }

    /// Takes jobs until it is to end.
    async fn take_jobs(&mut self) -> anyhow::Result<()> {
        let mut asker = Asker::new(&self.shared.work.remote)?;
        let places = usize::from(self.shared.work.concurrency);
        while 0 < self.left && !*self.stopping.borrow() {
            while let Some(ended) = self.running.try_join_next() {
                ended??;
            }
            if places <= self.running.len() {
                // A place is free when one ends. When it is to end itself, nobody needs a place.
                tokio::select! {
                    Some(ended) = self.running.join_next() => ended??,
                    _told = self.stopping.wait_for(|is| *is) => (),
                }
                continue;
            }
            let room = u64::try_from(places - self.running.len())?.min(self.left);
            let body = serde_json::json!({
                "worker": self.shared.worker, "count": room, "wait_ms": CLAIM_WAIT_MS,
                "lease_ms": self.shared.work.lease_ms, "queues": self.shared.work.queues.get(1..),
            });
            // It is waited for also when this is to end meanwhile: its jobs are leased already, and run or go back.
            match asker.claim(&self.shared.work.queues[0], &body).await? {
                Ok(jobs) => jobs.into_iter().for_each(|job| self.start(job)),
                Err(wait) => {
                    tokio::select! {
                        () = sleep(wait) => (),
                        _told = self.stopping.wait_for(|is| *is) => (),
                    }
                }
            }
        }
        Ok(())
    }

    fn start(&mut self, job: Claimed) {
        self.left -= 1;
        let cancel = Arc::new(Notify::new());
        self.shared.cancels().insert(job.job, Arc::clone(&cancel));
        let shared = Arc::clone(&self.shared);
        let give_back = self.give_back.subscribe();
        self.running.spawn(async move {
            let number = job.job;
            let own = Arc::clone(&cancel);
            let attempt = Attempt { job, shared: Arc::clone(&shared), cancel, give_back };
            let ended = attempt.run().await;
            let mut cancels = shared.cancels();
            // When the lease was lost meanwhile, the job may be here again, as another attempt.
            if cancels.get(&number).is_some_and(|there| Arc::ptr_eq(there, &own)) {
                cancels.remove(&number);
            }
            drop(cancels);
            ended
        });
    }

    /// Waits for the jobs that run, and has them given back when that takes too long.
    async fn drain(&mut self) -> anyhow::Result<()> {
        let mut first = Ok(());
        let is_stopping = *self.stopping.borrow();
        if is_stopping && !self.running.is_empty() {
            let (jobs, runs) = match self.running.len() {
                1 => ("1 job".to_owned(), "runs"),
                many => (format!("{many} jobs"), "run"),
            };
            note(&format!("waiting for {jobs} that {runs}"))?;
        }
        let drain = Duration::from_millis(self.shared.work.drain_ms);
        let deadline = async {
            drop(self.stopping.wait_for(|is| *is).await);
            sleep(drain).await;
        };
        tokio::pin!(deadline);
        while !self.running.is_empty() {
            tokio::select! {
                Some(ended) = self.running.join_next() => first = first.and(ended?),
                () = &mut deadline, if !*self.give_back.borrow() => {
                    self.give_back.send_replace(true);
                }
            }
        }
        first
    }
}
