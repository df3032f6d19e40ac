//! The loop: kept inputs and seeds first, then changes of those that went a new way.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arrw_log::crc64;
use arrw_log::fuzz::{Outcome, Target};

use crate::execution::{Execution, Fault, Measure, execute};
use crate::kept;
use crate::limits::EXECUTIONS_MIN;
use crate::mutate::mutated;
use crate::pool::Pool;
use crate::rng::Rng;
use crate::shrink::shrunk;

/// How a target is run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The same seed gives the same inputs.
    pub seed: u64,
    /// How long it goes on.
    pub time: Duration,
    /// How many changed inputs it tries at most.
    pub executions: u64,
    /// How memory is measured.
    pub measure: Measure,
}

/// What a run that found nothing has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Calls with changed inputs.
    pub executions: u64,
    /// Those of them that were read.
    pub accepted: u64,
    /// Ways through the parser.
    pub ways: usize,
    /// How long all took.
    pub elapsed: Duration,
    /// How long the slowest call took, and the bytes of its input.
    pub slowest: (Duration, usize),
    /// Bytes of the longest input.
    pub longest: usize,
    /// Bytes of memory of the call that took most.
    pub memory: usize,
}

impl Tally {
    /// Why the run shows nothing, if it does not.
    #[must_use]
    pub fn too_thin(&self) -> Option<String> {
        if self.executions < EXECUTIONS_MIN {
            return Some(format!("it was called {} times only", self.executions));
        }
        (self.accepted == 0).then(|| "it never read an input; give it better seeds".to_owned())
    }
}

/// An input for which a property does not hold.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What does not hold.
    pub fault: Fault,
    /// The input, as small as it could be made.
    pub input: Vec<u8>,
    /// Calls before it.
    pub executions: u64,
}

/// The input of the call that is under way, for who watches it.
#[derive(Clone, Debug, Default)]
pub struct Current(Arc<Mutex<(u64, Vec<u8>)>>);

impl Current {
    /// How many calls began, and the input of the last.
    #[must_use]
    pub fn get(&self) -> (u64, Vec<u8>) {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, (u64, Vec<u8>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, input: &[u8]) {
        let mut current = self.lock();
        current.0 += 1;
        current.1.clear();
        current.1.extend_from_slice(input);
    }
}

/// Why a run ended before its time.
#[derive(Debug)]
pub enum Stopped {
    /// Something does not hold.
    Found(Box<Finding>),
    /// The kept inputs cannot be read.
    Kept(io::Error),
}

/// Runs a target. `see` gets each input before the call.
///
/// # Errors
/// [`Stopped`].
pub fn run(
    target: &Target,
    plan: &Plan,
    current: &Current,
    see: &mut dyn FnMut(&[u8]),
) -> Result<Tally, Stopped> {
    let mut running = Running { target, plan, current, see, tally: Tally::default() };
    let begun = Instant::now();
    let mut pool = Pool::default();
    for input in kept::of(target).map_err(Stopped::Kept)?.into_iter().chain((target.seeds)()) {
        let outcome = running.call(&input)?;
        pool.keep(outcome, &input);
    }
    let mut rng = Rng::new(plan.seed ^ crc64(target.name.as_bytes()));
    while running.tally.executions < plan.executions && begun.elapsed() < plan.time {
        let (input, other) = (pool.pick(&mut rng), pool.pick(&mut rng));
        let input = mutated(&mut rng, target, input, other);
        running.tally.executions += 1;
        let outcome = running.call(&input)?;
        running.tally.accepted += u64::from(matches!(outcome, Outcome::Accepted(_)));
        pool.consider(outcome, &input);
    }
    let mut tally = running.tally;
    (tally.ways, tally.elapsed) = (pool.ways(), begun.elapsed());
    Ok(tally)
}

/// Calls a target once with an input; the error says what does not hold.
///
/// # Errors
/// The fault.
pub fn run_once(target: &Target, input: &[u8], measure: Measure) -> Result<Outcome, Fault> {
    execute(target, input, measure).outcome
}

struct Running<'a> {
    target: &'a Target,
    plan: &'a Plan,
    current: &'a Current,
    see: &'a mut dyn FnMut(&[u8]),
    tally: Tally,
}

impl Running<'_> {
    fn call(&mut self, input: &[u8]) -> Result<Outcome, Stopped> {
        (self.see)(input);
        self.current.set(input);
        let Execution { outcome, took, memory } = execute(self.target, input, self.plan.measure);
        let tally = &mut self.tally;
        tally.slowest = tally.slowest.max((took, input.len()));
        tally.longest = tally.longest.max(input.len());
        tally.memory = tally.memory.max(memory);
        outcome.map_err(|fault| {
            let executions = tally.executions;
            let input = shrunk(self.target, input, &fault.place, self.plan.measure);
            // What the smaller one says may be clearer.
            let fault = run_once(self.target, &input, self.plan.measure).err().unwrap_or(fault);
            Stopped::Found(Box::new(Finding { fault, input, executions }))
        })
    }
}
