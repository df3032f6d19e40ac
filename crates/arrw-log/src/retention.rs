//! Which segments may go: by age, by size, and by who still holds them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::UpkeepError;
use crate::limits::HOLDS_MAX;
use crate::options::Retention;
use crate::planted::{Bug, is_planted};
use crate::position::{Seq, Timestamp};
use crate::sync::{Mutex, lock};

/// What retention must know of a sealed segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// The seq behind its last record.
    pub(crate) end: Seq,
    /// Time of its last frame.
    pub(crate) time: Timestamp,
    pub(crate) bytes: u64,
}

/// What the policy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// How many of the oldest segments go.
    pub(crate) remove: usize,
    /// Holds below this seq are broken by it.
    pub(crate) break_below: Seq,
}

/// Plans what the policy removes. `sealed` are the sealed segments, oldest first; `open_bytes` is what
/// the one being filled has; `held` is the oldest record that a hold keeps.
pub(crate) fn plan(
    policy: &Retention,
    sealed: &[Span],
    open_bytes: u64,
    now: Timestamp,
    held: Option<Seq>,
) -> Plan {
    let mut total = open_bytes + sealed.iter().map(|span| span.bytes).sum::<u64>();
    let age_max = policy.age_max.map(|age| u64::try_from(age.as_micros()).unwrap_or(u64::MAX));
    let mut due = 0;
    for span in sealed {
        let too_old =
            age_max.is_some_and(|max| max < now.micros().saturating_sub(span.time.micros()));
        let too_much = policy.bytes_max.is_some_and(|max| max < total);
        if !too_old && !too_much {
            break;
        }
        total -= span.bytes;
        due += 1;
    }
    let free = count_before(&sealed[..due], held);
    let mut held_bytes: u64 = sealed[free..due].iter().map(|span| span.bytes).sum();
    let mut remove = free;
    while policy.hold_bytes_max < held_bytes {
        held_bytes -= sealed[remove].bytes;
        remove += 1;
    }
    let break_below = match remove.checked_sub(1) {
        Some(last) if free < remove => sealed[last].end,
        _ => Seq::ZERO,
    };
    Plan { remove, break_below }
}

/// How many of the oldest segments hold no record at or behind `kept`.
pub(crate) fn count_before(sealed: &[Span], kept: Option<Seq>) -> usize {
    let whole = match kept {
        Some(kept) => sealed.iter().take_while(|span| span.end <= kept).count(),
        None => sealed.len(),
    };
    if is_planted(Bug::TrimTooFar) { (whole + 1).min(sealed.len()) } else { whole }
}

/// What one hold keeps.
#[derive(Clone, Copy, Debug)]
struct Held {
    from: Seq,
    broken: bool,
}

/// All holds of a log.
#[derive(Debug, Default)]
pub(crate) struct Holds(Mutex<HoldsState>);

#[derive(Debug, Default)]
struct HoldsState {
    next: u64,
    held: BTreeMap<u64, Held>,
}

impl Holds {
    /// The oldest record that an unbroken hold keeps.
    pub(crate) fn oldest(&self) -> Option<Seq> {
        let state = lock(&self.0);
        state.held.values().filter(|held| !held.broken).map(|held| held.from).min()
    }

    /// Breaks the holds that keep records before `seq`.
    pub(crate) fn break_below(&self, seq: Seq) {
        for held in lock(&self.0).held.values_mut() {
            held.broken |= held.from < seq;
        }
    }
}

/// Keeps history from a record on until it is dropped, within the budget of the retention policy.
///
/// A hold over the budget is broken: retention goes on without it, and its reader will be told that its
/// records were trimmed. It lives in memory; who needs it over a restart takes it again after opening.
#[derive(Debug)]
pub struct Hold {
    holds: Arc<Holds>,
    id: u64,
}

impl Hold {
    pub(crate) fn take(holds: &Arc<Holds>, from: Seq) -> Result<Self, UpkeepError> {
        let mut state = lock(&holds.0);
        if HOLDS_MAX <= state.held.len() {
            return Err(UpkeepError::TooManyHolds { max: HOLDS_MAX });
        }
        let id = state.next;
        state.next += 1;
        state.held.insert(id, Held { from, broken: false });
        Ok(Self { holds: Arc::clone(holds), id })
    }

    /// Keeps history only from `seq` on. It never goes back.
    pub fn advance(&self, seq: Seq) {
        if let Some(held) = lock(&self.holds.0).held.get_mut(&self.id) {
            held.from = held.from.max(seq);
        }
    }

    /// True when it was over the budget and history that it held is gone.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        lock(&self.holds.0).held.get(&self.id).is_none_or(|held| held.broken)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        lock(&self.holds.0).held.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Four sealed segments of ten records and 100 bytes, closed at seconds 1 to 4.
    fn sealed() -> Vec<Span> {
        let span = |n: u64| Span {
            end: Seq::new(n * 10 + 1),
            time: Timestamp::from_micros(n * 1_000_000),
            bytes: 100,
        };
        (1..=4).map(span).collect()
    }

    fn removed(policy: &Retention, now_s: u64, held: Option<u64>) -> (usize, u64) {
        let now = Timestamp::from_micros(now_s * 1_000_000);
        let plan = plan(policy, &sealed(), 50, now, held.map(Seq::new));
        (plan.remove, plan.break_below.get())
    }

    #[test]
    fn nothing_goes_without_a_policy() {
        assert_eq!(removed(&Retention::default(), 1_000, None), (0, 0));
    }

    #[test]
    fn size_counts_the_open_segment_and_age_counts_from_the_last_record() {
        let by_size = |max| Retention { bytes_max: Some(max), ..Retention::default() };
        assert_eq!(removed(&by_size(450), 9, None), (0, 0));
        assert_eq!(removed(&by_size(449), 9, None), (1, 0));
        assert_eq!(removed(&by_size(0), 9, None), (4, 0));
        let age = Retention { age_max: Some(Duration::from_secs(5)), ..Retention::default() };
        assert_eq!(removed(&age, 6, None), (0, 0));
        assert_eq!(removed(&age, 8, None), (2, 0));
    }

    #[test]
    fn a_hold_keeps_its_segment_and_those_behind_it() {
        let all = Retention { bytes_max: Some(0), ..Retention::default() };
        assert_eq!(removed(&all, 9, Some(11)), (1, 0));
        assert_eq!(removed(&all, 9, Some(10)), (0, 0));
        assert_eq!(removed(&all, 9, Some(99)), (4, 0));
    }

    #[test]
    fn a_hold_over_the_budget_is_broken() {
        let tight = Retention { bytes_max: Some(0), hold_bytes_max: 200, ..Retention::default() };
        assert_eq!(removed(&tight, 9, Some(1)), (2, 21));
        assert_eq!(removed(&tight, 9, Some(21)), (2, 0));
    }

    #[test]
    fn holds_are_counted_while_they_live() {
        let holds = Arc::new(Holds::default());
        let first = Hold::take(&holds, Seq::new(5)).unwrap();
        let second = Hold::take(&holds, Seq::new(9)).unwrap();
        assert_eq!(holds.oldest(), Some(Seq::new(5)));
        first.advance(Seq::new(7));
        first.advance(Seq::new(6));
        assert_eq!(holds.oldest(), Some(Seq::new(7)));
        holds.break_below(Seq::new(8));
        assert!(first.is_broken() && !second.is_broken());
        assert_eq!(holds.oldest(), Some(Seq::new(9)));
        drop(second);
        assert_eq!(holds.oldest(), None);
    }
}
