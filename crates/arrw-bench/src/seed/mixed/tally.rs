//! What came of numbered items: which, when, how late.

use anyhow::{Context, ensure};
use hdrhistogram::Histogram;

use crate::pace::STALL;
use crate::runs::{float, micros};
use crate::sockets::runs::Times;

/// Items as they come.
#[derive(Debug)]
pub(super) struct Tally {
    wanted: u64,
    seen: Vec<bool>,
    received: u64,
    latencies: Histogram<u64>,
    /// When anything came last, in nanoseconds since the begin.
    heard: u64,
    stalls: u64,
}

/// What it comes to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) wanted: u64,
    pub(super) received: u64,
    pub(super) times: Times,
    pub(super) stalls: u64,
}

impl Tally {
    /// Of items 1 to `wanted`.
    pub(super) fn of(wanted: u64) -> anyhow::Result<Self> {
        Ok(Self {
            wanted,
            seen: vec![false; usize::try_from(wanted)?],
            received: 0,
            latencies: Histogram::new(3)?,
            heard: 0,
            stalls: 0,
        })
    }

    /// One came that was due at a time.
    pub(super) fn take(&mut self, number: u64, (due, now): (u64, u64)) -> anyhow::Result<()> {
        let at = number.checked_sub(1).and_then(|at| usize::try_from(at).ok());
        let seen = at.and_then(|at| self.seen.get_mut(at));
        let seen = seen.with_context(|| format!("number {number} came, and was never sent"))?;
        ensure!(!*seen, "number {number} came twice");
        *seen = true;
        self.received += 1;
        self.latencies.record(now.saturating_sub(due))?;
        if STALL < now.saturating_sub(self.heard.max(due)) {
            self.stalls += 1;
        }
        self.heard = self.heard.max(now);
        Ok(())
    }

    pub(super) fn is_complete(&self) -> bool {
        self.received == self.wanted
    }

    /// When the last one came.
    pub(super) fn ended(&self) -> u64 {
        self.heard
    }

    pub(super) fn told(&self) -> Told {
        let quantile = |quantile| micros(self.latencies.value_at_quantile(quantile));
        Told {
            wanted: self.wanted,
            received: self.received,
            times: Times {
                count: self.latencies.len(),
                p50_us: quantile(0.5),
                p99_us: quantile(0.99),
                max_us: micros(self.latencies.max()),
            },
            stalls: self.stalls,
        }
    }
}

impl Told {
    pub(super) fn lost(&self) -> u64 {
        self.wanted - self.received
    }

    /// Per cent that came.
    pub(super) fn complete(&self) -> f64 {
        float(self.received) * 100.0 / float(self.wanted.max(1))
    }

    pub(super) fn per_s(&self, seconds: f64) -> f64 {
        float(self.received) / seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_come_is_lost_and_what_comes_twice_is_an_error() {
        let mut tally = Tally::of(3).unwrap();
        tally.take(2, (0, 1_000)).unwrap();
        tally.take(1, (0, 2_000)).unwrap();
        assert!(!tally.is_complete());
        assert_eq!((tally.told().lost(), tally.told().stalls), (1, 0));
        assert!(tally.take(1, (0, 3_000)).is_err(), "twice");
        assert!(tally.take(4, (0, 3_000)).is_err(), "there is no such number");
        assert!(tally.take(0, (0, 3_000)).is_err(), "nor this one");
        tally.take(3, (1_000, 300_000_000)).unwrap();
        assert!(tally.is_complete());
        assert_eq!((tally.told().stalls, tally.ended()), (1, 300_000_000));
    }

    #[test]
    fn what_was_not_due_is_no_stall() {
        let mut tally = Tally::of(1).unwrap();
        tally.take(1, (900_000_000, 900_500_000)).unwrap();
        assert_eq!(tally.told().stalls, 0);
    }
}
