//! A database: a folder that one process has open.

use std::path::PathBuf;
use std::sync::Arc;

use arrw_bus::{Dispatch, Tail, limits::TAIL_BYTES_DEFAULT};
use arrw_log::{
    Environment, Epoch, FileStorage, Log, MemoryStorage, OpenError, OpenReport, Position,
    UpkeepError,
};

use crate::bus::Bus;
use crate::pump::Pump;

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
    /// Kept by the log's waker as well; here so that it lives as long as the log.
    _pump: Arc<Pump>,
}

impl Db {
    /// Opens the database in a folder, making both when they do not exist.
    ///
    /// # Errors
    /// When another process has it, when acknowledged data is damaged, or when the disk refuses.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, OpenError> {
        let folder = folder.into();
        let storage = FileStorage::new(&folder).map_err(|source| OpenError::Io {
            action: format!("make the folder `{}`", folder.display()),
            source,
        })?;
        Self::open_with(Environment::with_storage(Arc::new(storage)), Options::default())
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
        let log = Log::open_with(environment.clone(), options.log)?;
        let draw = || environment.entropy.draw();
        let reader = log.follow();
        let dispatch = Arc::new(Dispatch::new(reader.next_seq(), draw()));
        let tail = Tail::new(Epoch::from_random(draw()), options.volatile_bytes, draw());
        let pump = Pump::start(Arc::clone(&dispatch), reader);
        let shared = Shared { log, environment, dispatch, tail, _pump: pump };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The event bus.
    #[must_use]
    pub fn bus(&self) -> Bus {
        Bus::new(Arc::clone(&self.shared))
    }

    /// The position behind the last committed record.
    #[must_use]
    pub fn position(&self) -> Position {
        self.shared.log.position()
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

    /// Closes the database: commits what was let in, and ends the subscriptions behind it. Other handles are
    /// closed with it.
    ///
    /// # Errors
    /// When the log had stopped, or what is left to write cannot be written.
    pub fn close(&self) -> Result<(), UpkeepError> {
        let closed = self.shared.log.close();
        self.shared.tail.close();
        closed
    }
}
