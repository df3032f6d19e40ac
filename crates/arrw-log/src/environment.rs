//! What the log takes from outside: files, time and randomness, each of which a simulator can replace.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::position::Timestamp;
use crate::storage::Storage;

/// Where time comes from.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The time now. It may go back; the log's own time does not.
    fn now(&self) -> Timestamp;
}

/// The clock of the system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let micros = since.as_secs().saturating_mul(1_000_000);
        Timestamp::from_micros(micros.saturating_add(u64::from(since.subsec_micros())))
    }
}

/// Where random numbers come from.
pub trait Entropy: fmt::Debug + Send + Sync {
    /// A number that nobody can foretell.
    fn draw(&self) -> u64;
}

/// The random numbers of the system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn draw(&self) -> u64 {
        getrandom::u64().expect("the system has random numbers")
    }
}

/// Files, time and randomness of one log.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The folder of the log.
    pub storage: Arc<dyn Storage>,
    /// Its clock.
    pub clock: Arc<dyn Clock>,
    /// Its random numbers: the log's identity, epochs, and the nonces of files.
    pub entropy: Arc<dyn Entropy>,
}

impl Environment {
    /// `storage` with the clock and the random numbers of the system.
    #[must_use]
    pub fn with_storage(storage: Arc<dyn Storage>) -> Self {
        Self { storage, clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy) }
    }
}
