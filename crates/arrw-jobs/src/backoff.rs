//! How long a job waits after an attempt that failed. The same job always waits as long: nothing is drawn.

use crate::codec::{In, Out};
use crate::job::JobId;
use crate::limits::{BACKOFF_MS_MAX, BACKOFF_STEPS_MAX};
use crate::mix::mix;

/// The waits between attempts. All in milliseconds, each at most a year
/// ([`BACKOFF_MS_MAX`](crate::limits::BACKOFF_MS_MAX)).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Backoff {
    /// Twice as long each time, up to `max_ms`, and then at most a quarter more or less, so that jobs that failed
    /// together do not come back together. What is added follows from job and attempt.
    Exponential {
        /// Before the second attempt, a quarter more or less.
        first_ms: u64,
        /// What it grows to. With the quarter a job may wait that much longer.
        max_ms: u64,
    },
    /// Always the same.
    Fixed {
        /// Each time.
        ms: u64,
    },
    /// One after the other, and then always the last.
    List {
        /// At most 32.
        ms: Vec<u64>,
    },
}

impl Default for Backoff {
    /// 5 s, 10 s, 20 s ... up to 6 h, each a quarter more or less.
    fn default() -> Self {
        Self::Exponential { first_ms: 5_000, max_ms: 6 * 3_600 * 1_000 }
    }
}

impl Backoff {
    /// Milliseconds after an attempt, the first being 1.
    #[must_use]
    pub fn delay_ms(&self, job: JobId, attempt: u16) -> u64 {
        match self {
            Self::Fixed { ms } => *ms,
            Self::List { ms } => {
                let at = usize::from(attempt.saturating_sub(1));
                ms.get(at).or(ms.last()).copied().unwrap_or(0)
            }
            Self::Exponential { first_ms, max_ms } => {
                let doublings = u32::from(attempt.saturating_sub(1)).min(63);
                let wait = first_ms.saturating_mul(1 << doublings).min(*max_ms);
                // Up to half of it, taken from three quarters on.
                let spread = wait / 2;
                let drawn = mix(mix(job.get()).wrapping_add(u64::from(attempt)));
                wait - wait / 4 + drawn.checked_rem(spread + 1).unwrap_or(0)
            }
        }
    }

    /// False when a wait is too long or there are too many.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        match self {
            Self::Exponential { first_ms, max_ms } => {
                first_ms <= max_ms && *max_ms <= BACKOFF_MS_MAX
            }
            Self::Fixed { ms } => *ms <= BACKOFF_MS_MAX,
            Self::List { ms } => {
                (1..=BACKOFF_STEPS_MAX).contains(&ms.len())
                    && ms.iter().all(|ms| *ms <= BACKOFF_MS_MAX)
            }
        }
    }

    pub(crate) fn encode(&self, out: &mut Out) {
        match self {
            Self::Exponential { first_ms, max_ms } => {
                out.byte(0);
                out.number(*first_ms);
                out.number(*max_ms);
            }
            Self::Fixed { ms } => {
                out.byte(1);
                out.number(*ms);
            }
            Self::List { ms } => {
                out.byte(2);
                out.number(ms.len() as u64);
                ms.iter().for_each(|ms| out.number(*ms));
            }
        }
    }

    pub(crate) fn decode(bytes: &mut In<'_>) -> Option<Self> {
        let backoff = match bytes.byte()? {
            0 => Self::Exponential { first_ms: bytes.number()?, max_ms: bytes.number()? },
            1 => Self::Fixed { ms: bytes.number()? },
            2 => {
                let count = usize::try_from(bytes.number()?).ok()?;
                if BACKOFF_STEPS_MAX < count {
                    return None;
                }
                Self::List { ms: (0..count).map(|_| bytes.number()).collect::<Option<_>>()? }
            }
            _ => return None,
        };
        backoff.is_valid().then_some(backoff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_within_their_bounds() {
        let backoff = Backoff::Exponential { first_ms: 1_000, max_ms: 60_000 };
        for job in 0..200 {
            for attempt in 1..=40 {
                let plain = (1_000_u64 << (attempt - 1).min(20)).min(60_000);
                let wait = backoff.delay_ms(JobId::from_number(job), attempt);
                assert!((plain * 3 / 4..=plain * 5 / 4).contains(&wait), "{attempt}: {wait}");
            }
        }
        let waits = |job| backoff.delay_ms(JobId::from_number(job), 6);
        assert_eq!(waits(7), waits(7));
        assert_ne!(waits(7), waits(8));
        let longest = (0..200).map(|job| backoff.delay_ms(JobId::from_number(job), 40)).max();
        assert!(longest.is_some_and(|wait| 60_000 < wait), "the quarter goes beyond the most");
        let zero = Backoff::Exponential { first_ms: 0, max_ms: 0 };
        assert_eq!(zero.delay_ms(JobId::from_number(1), u16::MAX), 0);
    }

    #[test]
    fn a_list_ends_with_its_last() {
        let backoff = Backoff::List { ms: vec![1, 20] };
        let waits = [1, 2, 3, 900].map(|attempt| backoff.delay_ms(JobId::default(), attempt));
        assert_eq!(waits, [1, 20, 20, 20]);
        assert!(!Backoff::List { ms: Vec::new() }.is_valid());
        assert!(!Backoff::List { ms: vec![0; BACKOFF_STEPS_MAX + 1] }.is_valid());
    }
}
