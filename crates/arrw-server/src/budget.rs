//! How much of all bodies together is in memory: each takes its part as it comes in, and gives it back.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::counters::Limit;
use crate::problem::{Code, Problem};

/// It is counted in parts of this many bytes.
const PART: usize = 1024;

/// What all bodies may hold together.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    bytes_max: usize,
    parts: Arc<Semaphore>,
}

/// What one body holds, until it is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    budget: Budget,
    parts: usize,
    permit: Option<OwnedSemaphorePermit>,
}

impl Budget {
    pub(crate) fn new(bytes_max: usize) -> Self {
        let parts = (bytes_max / PART).min(Semaphore::MAX_PERMITS);
        Self { bytes_max, parts: Arc::new(Semaphore::new(parts)) }
    }

    /// For a body that holds nothing yet.
    pub(crate) fn held(&self) -> Held {
        Held { budget: self.clone(), parts: 0, permit: None }
    }
}

impl Held {
    /// Holds so many bytes from now on, if there is room for them.
    pub(crate) fn set(&mut self, bytes: usize) -> Result<(), Problem> {
        let parts = bytes.div_ceil(PART);
        if parts < self.parts {
            let back = self.permit.as_mut().and_then(|permit| permit.split(self.parts - parts));
            drop(back);
        } else if self.parts < parts {
            let more = u32::try_from(parts - self.parts).unwrap_or(u32::MAX);
            let more = Arc::clone(&self.budget.parts).try_acquire_many_owned(more);
            let more = more.map_err(|_none_left| self.full())?;
            match &mut self.permit {
                Some(permit) => permit.merge(more),
                None => self.permit = Some(more),
            }
        }
        self.parts = parts;
        Ok(())
    }

    fn full(&self) -> Problem {
        let max = self.budget.bytes_max;
        Problem::new(Code::BodiesTooLarge, format!("bodies under way hold {max} bytes already"))
            .at_limit(Limit::BodiesBytes)
            .hint("send it again a little later, or as several smaller requests")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_hold_no_more_together_than_they_may() {
        let budget = Budget::new(10 * PART);
        let (mut one, mut other) = (budget.held(), budget.held());
        one.set(6 * PART - 1).unwrap();
        other.set(4 * PART).unwrap();
        let refused = other.set(4 * PART + 1).unwrap_err();
        assert_eq!((refused.code(), refused.retry_after()), (Code::BodiesTooLarge, Some(1)));
        one.set(PART).unwrap();
        other.set(9 * PART).unwrap();
        one.set(PART + 1).unwrap_err();
        drop(other);
        one.set(10 * PART).unwrap();
        one.set(0).unwrap();
        assert_eq!(budget.parts.available_permits(), 10);
        one.set(3 * PART).unwrap();
        drop(one);
        assert_eq!(budget.parts.available_permits(), 10);
    }
}
