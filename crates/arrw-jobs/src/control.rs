//! How a queue is run: paused or not, how many jobs at once, how many in a time, how long finished ones are kept.

use arrw_log::{Kind, Timestamp};

use crate::codec::{In, Out};
use crate::error::JobError;
use crate::limits::{KEPT_MAX, KEPT_MS_MAX};
use crate::mix::mix_all;

/// The kind of the control records of queues: the queue's name is the key, a [`Control`] the payload.
pub const QUEUE: Kind = Kind(16);

const VERSION: u8 = 1;

/// How a queue is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control {
    /// No job of it is handed out. Those that are leased go on.
    pub is_paused: bool,
    /// How many jobs may be leased at once; 0 for any number, the default.
    pub concurrency_max: u32,
    /// How many jobs may be handed out in a time.
    pub rate: Option<Rate>,
    /// How long completed and cancelled jobs are kept. Default one day and 100,000 of each.
    pub keep_done: Keep,
    /// How long dead jobs are kept. Default 30 days and 100,000.
    pub keep_dead: Keep,
}

/// A rate: `count` jobs in each `per_ms`, evenly; as many as `count` at once if none went before. So no time sees more
/// than `count`, and what comes evenly in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Jobs, at least 1.
    pub count: u32,
    /// Milliseconds, at least 1.
    pub per_ms: u32,
}

/// How long finished jobs are kept: until one of the two is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Milliseconds since they finished.
    pub for_ms: u64,
    /// How many, the newest.
    pub count: u32,
}

impl Default for Control {
    fn default() -> Self {
        const DAY_MS: u64 = 24 * 3_600 * 1_000;
        Self {
            is_paused: false,
            concurrency_max: 0,
            rate: None,
            keep_done: Keep { for_ms: DAY_MS, count: 100_000 },
            keep_dead: Keep { for_ms: 30 * DAY_MS, count: 100_000 },
        }
    }
}

impl Rate {
    /// Microseconds from one job to the next when they come evenly.
    fn step(self) -> u64 {
        (u64::from(self.per_ms) * 1_000).div_ceil(u64::from(self.count))
    }

    /// What is next when a job is handed out at `now`, and `next` was before that.
    pub(crate) fn after(self, next: u64, now: Timestamp) -> u64 {
        next.max(now.micros()).saturating_add(self.step())
    }

    /// When the next job may be handed out.
    pub(crate) fn allows_at(self, next: u64) -> Timestamp {
        let burst = self.step().saturating_mul(u64::from(self.count) - 1);
        Timestamp::from_micros(next.saturating_sub(burst))
    }
}

impl Keep {
    /// When a job that finished then is forgotten.
    pub(crate) fn until(self, finished: u64) -> u64 {
        finished.saturating_add(self.for_ms.saturating_mul(1_000))
    }

    fn is_valid(self) -> bool {
        self.for_ms <= KEPT_MS_MAX && self.count <= KEPT_MAX
    }
}

impl Control {
    /// False when a number of it is out of its range.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let rate = self.rate.is_none_or(|rate| rate.count != 0 && rate.per_ms != 0);
        rate && self.keep_done.is_valid() && self.keep_dead.is_valid()
    }

    /// # Errors
    /// When a number of it is out of its range.
    pub(crate) fn check(&self) -> Result<(), JobError> {
        if self.is_valid() {
            return Ok(());
        }
        let what = "how a queue is run";
        let range = "a rate of at least 1 job in at least 1 ms, and jobs kept for at most ten years, at most 10 million";
        Err(JobError::Range { what, range })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Out::default();
        let rate = self.rate.unwrap_or(Rate { count: 0, per_ms: 0 });
        out.byte(VERSION);
        out.byte(u8::from(self.is_paused));
        for number in [self.concurrency_max, rate.count, rate.per_ms] {
            out.number(u64::from(number));
        }
        for keep in [self.keep_done, self.keep_dead] {
            out.number(keep.for_ms);
            out.number(u64::from(keep.count));
        }
        out.0
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut bytes = In(bytes);
        if bytes.byte()? != VERSION {
            return None;
        }
        let is_paused = bytes.byte()? == 1;
        let concurrency_max = bytes.narrow()?;
        let (count, per_ms) = (bytes.narrow()?, bytes.narrow()?);
        let rate = (count != 0 && per_ms != 0).then_some(Rate { count, per_ms });
        let mut keep = || Some(Keep { for_ms: bytes.number()?, count: bytes.narrow()? });
        let control =
            Self { is_paused, concurrency_max, rate, keep_done: keep()?, keep_dead: keep()? };
        (control.is_valid() && bytes.0.is_empty()).then_some(control)
    }

    pub(crate) fn weigh(&self) -> u64 {
        mix_all([arrw_log::crc64(&self.encode())])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_leads_back() {
        let plain = Control::default();
        let full = Control {
            is_paused: true,
            concurrency_max: 3,
            rate: Some(Rate { count: 10, per_ms: 1_000 }),
            keep_done: Keep { for_ms: 0, count: 0 },
            keep_dead: Keep { for_ms: KEPT_MS_MAX, count: KEPT_MAX },
        };
        for control in [plain, full] {
            let bytes = control.encode();
            assert_eq!(Control::decode(&bytes), Some(control));
            assert!((0..bytes.len()).all(|len| Control::decode(&bytes[..len]).is_none()));
        }
        assert_ne!(plain.weigh(), full.weigh());
        assert!(!Control { rate: Some(Rate { count: 0, per_ms: 1 }), ..plain }.is_valid());
    }

    /// The jobs that a rate lets through at given moments.
    fn passed(rate: Rate, moments: impl IntoIterator<Item = u64>) -> usize {
        let mut next = 0;
        moments
            .into_iter()
            .filter(|micros| {
                let now = Timestamp::from_micros(*micros);
                let passes = rate.allows_at(next) <= now;
                if passes {
                    next = rate.after(next, now);
                }
                passes
            })
            .count()
    }

    #[test]
    fn a_rate_lets_a_burst_through_and_then_one_a_step() {
        let rate = Rate { count: 10, per_ms: 1_000 };
        let start = 1_000_000_000;
        assert_eq!(passed(rate, std::iter::repeat_n(start, 50)), 10);
        // Ten at once and then one each 100 ms, for two seconds.
        assert_eq!(passed(rate, (0..2_000).map(|ms| start + ms * 1_000)), 10 + 19);
    }
}
