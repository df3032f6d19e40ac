//! The jobs alone, without a log behind them: what the view costs, and nothing else.

use anyhow::{Result, ensure};
use arrw_jobs::{Command, Enqueue, Jobs, NewJob, Turn, UniqueBy};
use arrw_log::{Batch, Place, Seq, Timestamp};

use super::{ARGS, KIND, QUEUE};

/// What each job of a view is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Ready at once.
    Ready,
    /// Each at a time of its own.
    Scheduled,
    /// The same, each with a unique key of its own.
    Unique,
}

/// Microseconds since 1970 at which all of it begins.
pub(super) const NOW: u64 = 1_800_000_000_000_000;

/// Jobs that are enqueued in one turn.
const A_TURN: u64 = 1_000;

/// So many jobs.
pub(super) fn filled(count: u64, shape: Shape) -> Result<Jobs> {
    let mut jobs = Jobs::default();
    let mut number = 0;
    while number < count {
        let (mut made, time) = (Batch::new(), Timestamp::from_micros(NOW + number / A_TURN));
        let place = Place { seq: Seq::new(number + 1), time };
        let mut turn = Turn::new(&mut jobs, place, 0, &mut made);
        for _ in 0..A_TURN.min(count - number) {
            let key = number.to_string();
            let unique = UniqueBy { key: Some(&key), ..UniqueBy::default() };
            let later = Timestamp::from_micros(NOW + 3_600_000_000 + number * 60);
            let job = NewJob {
                run_at: (shape != Shape::Ready).then_some(later),
                unique: (shape == Shape::Unique).then_some(unique),
                ..NewJob::new(QUEUE, KIND, ARGS)
            };
            turn.run(&Command::Enqueue(Enqueue::new(&job, time)?))?;
            number += 1;
        }
        drop(turn);
        ensure!(jobs.len() as u64 == number, "{} jobs of {number}", jobs.len());
    }
    Ok(jobs)
}
