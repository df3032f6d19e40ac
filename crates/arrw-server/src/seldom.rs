//! Lines about what may happen very often: one in a while, with the number of those left out.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::limits::NOTE_EVERY;

/// Counts what happens, and says when to tell of it.
#[derive(Debug, Default)]
pub(crate) struct Seldom {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    told_at: Option<Instant>,
    count: u64,
}

impl Seldom {
    /// Counts once more. When it is time to tell, how often it happened since the last time.
    pub(crate) fn count(&self) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.count += 1;
        if state.told_at.is_some_and(|at| at.elapsed() < NOTE_EVERY) {
            return None;
        }
        state.told_at = Some(Instant::now());
        Some(std::mem::take(&mut state.count))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_left_out_is_counted() {
        let seldom = Seldom::default();
        assert_eq!(seldom.count(), Some(1));
        assert_eq!((seldom.count(), seldom.count()), (None, None));
        advance(NOTE_EVERY).await;
        assert_eq!(seldom.count(), Some(3));
        assert_eq!(seldom.count(), None);
    }
}
