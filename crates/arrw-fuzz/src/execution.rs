//! One call of a fuzz function: what came of it, how long it took, how much memory.

use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arrw_log::fuzz::{Outcome, Target};

use crate::limits::{MEMORY_MAX, MEMORY_PER_BYTE};

/// Calls its argument, and answers how many bytes of memory were in use at most, beyond those before.
pub type Measure = fn(&mut dyn FnMut()) -> usize;

/// What came of one call.
#[derive(Debug)]
pub(crate) struct Execution {
    pub(crate) outcome: Result<Outcome, Fault>,
    pub(crate) took: Duration,
    pub(crate) memory: usize,
}

/// What does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// For a person.
    pub what: String,
    /// Tells one fault from another: file and line of the code.
    pub place: String,
}

/// Panics so far in all threads: one of a thread that the parser started does not come back to the caller.
static PANICS: AtomicU64 = AtomicU64::new(0);
static LAST: Mutex<Option<Fault>> = Mutex::new(None);

fn last() -> MutexGuard<'static, Option<Fault>> {
    LAST.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps what panics say for the report, instead of printing it.
pub fn keep_panics() {
    panic::set_hook(Box::new(keep));
}

/// Keeps what panics say, and prints it as well, with a backtrace if one is wanted.
pub fn keep_and_print_panics() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        keep(info);
        print(info);
    }));
}

fn keep(info: &PanicHookInfo<'_>) {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let what = text.or_else(|| payload.downcast_ref::<String>().cloned());
    let place = info.location().map(|at| format!("{}:{}", at.file(), at.line()));
    let what = what.unwrap_or_default();
    *last() = Some(Fault { what, place: place.unwrap_or_default() });
    PANICS.fetch_add(1, Ordering::SeqCst);
}

/// Calls a fuzz function once. [`keep_panics`] or [`keep_and_print_panics`] must have been called.
pub(crate) fn execute(target: &Target, input: &[u8], measure: Measure) -> Execution {
    let before = PANICS.load(Ordering::SeqCst);
    let begun = Instant::now();
    let mut called = None;
    let memory = measure(&mut || {
        called = Some(panic::catch_unwind(AssertUnwindSafe(|| (target.run)(input))));
    });
    let took = begun.elapsed();
    let outcome = match called {
        Some(Ok(outcome)) if before == PANICS.load(Ordering::SeqCst) => {
            within_memory(outcome, memory, input.len())
        }
        _ => Err(last().take().unwrap_or_else(|| Fault {
            what: "a panic without a word".to_owned(),
            place: String::new(),
        })),
    };
    Execution { outcome, took, memory }
}

fn within_memory(outcome: Outcome, memory: usize, len: usize) -> Result<Outcome, Fault> {
    let max = MEMORY_MAX + MEMORY_PER_BYTE * len;
    if memory <= max {
        return Ok(outcome);
    }
    let what = format!("it took {memory} bytes of memory for an input of {len}, more than {max}");
    Err(Fault { what, place: "memory".to_owned() })
}
