//! A database: a folder that one process has open.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use arrw_bus::{Dispatch, Rules, Tail, limits::TAIL_BYTES_DEFAULT};
use arrw_log::{
    BackupReport, Environment, Epoch, FileStorage, Hold, Log, MemoryStorage, OpenError, OpenReport,
    Position, RestoreError, Seq, Timestamp, UpkeepError,
};

use crate::batch::Batch;
use crate::bus::Bus;
use crate::jobs::memory::Saver;
use crate::jobs::rules::Core;
use crate::jobs::{self, Jobbing, Jobs};
use crate::memory::{Alarm, Alarms, Due, Savers, Shadow};
use crate::pump::Pump;
use crate::retention::Keeper;
use crate::upkeep::Upkeep;
use crate::views::Views;

/// Settings of a database.
#[derive(Clone, Debug)]
pub struct Options {
    /// Those of its log.
    pub log: arrw_log::Options,
    /// Bytes of newest volatile events that are kept for their subscribers. Default 32 MiB.
    pub volatile_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { log: arrw_log::Options::default(), volatile_bytes: TAIL_BYTES_DEFAULT }
    }
}

/// An open database. Clones are handles to the same one; the last to go closes it.
#[derive(Clone, Debug)]
pub struct Db {
    shared: Arc<Shared>,
}

/// What all handles of a database share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) log: Log,
    pub(crate) environment: Environment,
    pub(crate) dispatch: Arc<Dispatch>,
    pub(crate) tail: Tail,
    /// What is on the disk of consumers and retention.
    pub(crate) keeper: Keeper,
    /// What keeps history for each consumer.
    holds: Mutex<BTreeMap<String, Hold>>,
    pub(crate) alarms: Alarms,
    pub(crate) jobs: Jobbing,
    upkeep: Upkeep,
    /// Kept by the log's waker as well; here so that it lives as long as the log.
    _pump: Arc<Pump>,
}

impl Db {
    /// Opens the database in a folder, making both when they do not exist.
    ///
    /// # Errors
    /// When another process has it, when acknowledged data is damaged, or when the disk refuses.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, OpenError> {
        Self::open_with(environment_in(&folder.into())?, Options::default())
    }

    /// A database in memory, for tests: it is gone with its last handle.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn in_memory() -> Result<Self, OpenError> {
        let mut options = Options::default();
        options.log.segment_bytes = 1024 * 1024;
        Self::open_with(Environment::with_storage(Arc::new(MemoryStorage::new())), options)
    }

    /// Opens the database of an environment with options of your own.
    ///
    /// # Errors
    /// As [`open`](Self::open), and when an option cannot be.
    pub fn open_with(environment: Environment, options: Options) -> Result<Self, OpenError> {
        let (segment_bytes, drive) = (options.log.segment_bytes, options.log.drive);
        // Until all views hold what they need.
        let (log, _hold) = Log::open_holding(environment.clone(), options.log)?;
        let draw = || environment.entropy.draw();
        let shadow = Shadow::open(&log)?;
        let (jobs_saver, jobs) = Saver::open(&log, shadow.alarms())?;
        let core = Core::new(jobs);
        let rules = Rules::new(log.epoch(), shadow.memory().clone());
        let keeper = Keeper {
            log: log.clone(),
            clock: Arc::clone(&environment.clock),
            committed: rules.committed(),
            floors: rules.floors(),
        };
        log.set_decider(Box::new(Views::new(rules, Arc::clone(&core))));
        let reader = log.follow();
        let dispatch = Arc::new(Dispatch::new(reader.next_seq(), draw()));
        let tail = Tail::new(Epoch::from_random(draw()), options.volatile_bytes, draw());
        let due = Arc::new(Due::every(segment_bytes));
        let pump = Pump::start(Arc::clone(&dispatch), Arc::clone(&due), reader);
        let alarms = shadow.alarms();
        let of_jobs = jobs::upkeep(&core, &log, &environment.clock, &dispatch);
        let savers = Savers::new(shadow, jobs_saver, Arc::clone(&core), segment_bytes);
        due.add(savers.behind(&log));
        let upkeep = Upkeep::start(drive, &due, of_jobs, (savers, keeper.clone()));
        let upkeep = upkeep.map_err(|source| {
            core.close();
            due.close();
            OpenError::Io { action: "start a thread".to_owned(), source }
        })?;
        let shared = Shared {
            log,
            environment,
            dispatch,
            tail,
            keeper,
            holds: Mutex::new(BTreeMap::new()),
            alarms,
            jobs: Jobbing::new(core),
            upkeep,
            _pump: pump,
        };
        shared.hold_for_all()?;
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The event bus.
    #[must_use]
    pub fn bus(&self) -> Bus {
        Bus::new(Arc::clone(&self.shared))
    }

    /// The time on the database's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.environment.clock.now()
    }

    /// The job queue.
    #[must_use]
    pub fn jobs(&self) -> Jobs {
        Jobs::new(Arc::clone(&self.shared))
    }

    /// Writes of several kinds that are committed together.
    pub fn batch<'a>(&self) -> Batch<'a> {
        Batch::new(Arc::clone(&self.shared))
    }

    /// The position behind the last committed record.
    #[must_use]
    pub fn position(&self) -> Position {
        self.shared.log.position()
    }

    /// What can be told of the log now.
    #[must_use]
    pub fn log_stats(&self) -> arrw_log::Stats {
        self.shared.log.stats()
    }

    /// What the start found and did.
    #[must_use]
    pub fn open_report(&self) -> &OpenReport {
        self.shared.log.open_report()
    }

    /// Why the log stopped after a failed write, if it did: nothing can be published until the database is
    /// opened again.
    #[must_use]
    pub fn poison(&self) -> Option<Arc<std::io::Error>> {
        self.shared.log.poison()
    }

    /// What an operator must know of, if there is anything: it stays until the database is opened again.
    #[must_use]
    pub fn alarm(&self) -> Option<Alarm> {
        self.shared.alarms.get().copied()
    }

    /// Copies all that is committed now into a folder, which is made if it is not there and must be empty, and checks
    /// the copy. Writes and reads go on meanwhile. Blocks for as long as the disks need for all data.
    ///
    /// The copy is put back with [`restore`](Self::restore); it cannot be opened as it is.
    ///
    /// # Errors
    /// When the folder is not empty, either disk refuses, or what was copied is damaged. The folder then holds no
    /// backup; remove it.
    pub fn backup(&self, folder: impl AsRef<Path>) -> Result<BackupReport, UpkeepError> {
        let folder = folder.as_ref();
        let target = FileStorage::new(folder).map_err(|source| UpkeepError::Io {
            action: format!("make the folder `{}`", folder.display()),
            source: Arc::new(source),
        })?;
        self.shared.log.backup(&target)
    }

    /// Makes a database of a backup, in a folder that is made if it is not there and must be empty. Its log begins a
    /// new life, whose epoch is answered: positions from before no longer fit.
    ///
    /// # Errors
    /// When the backup is none or damaged, the folder holds a log, or a disk refuses.
    pub fn restore(
        backup: impl AsRef<Path>,
        folder: impl AsRef<Path>,
    ) -> Result<Epoch, RestoreError> {
        let place = backup.as_ref().display().to_string();
        let backup = FileStorage::existing(backup.as_ref()).map_err(|source| {
            if source.kind() == io::ErrorKind::NotFound {
                return OpenError::NotFound { place: place.clone() };
            }
            OpenError::Io { action: format!("open the folder `{place}`"), source }
        })?;
        arrw_log::restore(&backup, &environment_in(folder.as_ref())?)
    }

    /// Does what is due now: jobs that became ready are handed out, attempts that took too long and workers that were not
    /// heard of are ended, slots and events get their jobs, checkpoints are saved. Only for a database whose log is
    /// driven by its callers ([`Drive::Callers`](arrw_log::Drive)): any other does it by itself.
    pub fn upkeep(&self) {
        self.shared.upkeep.run();
    }

    /// Closes the database: commits what was let in, and ends the subscriptions behind it. Other handles are
    /// closed with it.
    ///
    /// # Errors
    /// When the log had stopped, or what is left to write cannot be written.
    pub fn close(&self) -> Result<(), UpkeepError> {
        self.shared.close()
    }
}

/// The files of a folder, which is made if it is not there.
fn environment_in(folder: &Path) -> Result<Environment, OpenError> {
    let storage = FileStorage::new(folder).map_err(|source| OpenError::Io {
        action: format!("make the folder `{}`", folder.display()),
        source,
    })?;
    Ok(Environment::with_storage(Arc::new(storage)))
}

impl Shared {
    fn close(&self) -> Result<(), UpkeepError> {
        self.jobs.core.close();
        self.upkeep.close();
        let closed = self.log.close();
        self.tail.close();
        closed
    }

    fn hold_for_all(&self) -> Result<(), OpenError> {
        for (name, consumer) in self.keeper.committed.all().iter() {
            self.hold_for(name, consumer.cursor.next()).map_err(|source| OpenError::Io {
                action: format!("keep history for the consumer `{name}`"),
                source: std::io::Error::other(source),
            })?;
        }
        Ok(())
    }

    /// Keeps history for a consumer.
    pub(crate) fn hold_for(&self, name: &str, from: Seq) -> Result<(), UpkeepError> {
        let hold = self.log.hold(from)?;
        self.lock_holds().insert(name.to_owned(), hold);
        Ok(())
    }

    /// Keeps history for a consumer only from a record on.
    pub(crate) fn release_for(&self, name: &str, from: Seq) {
        if let Some(hold) = self.lock_holds().get(name) {
            hold.advance(from);
        }
    }

    /// Keeps no history for a consumer.
    pub(crate) fn let_go(&self, name: &str) {
        self.lock_holds().remove(name);
    }

    fn lock_holds(&self) -> MutexGuard<'_, BTreeMap<String, Hold>> {
        self.holds.lock().expect("no holder of this lock panics")
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Whoever needs to know calls `close`; after a failure the next start finds out what is there.
        let _unheard = self.close();
    }
}
