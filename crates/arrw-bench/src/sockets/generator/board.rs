//! Which publications were received how often, and how long after they were due.

use anyhow::{Context, ensure};
use hdrhistogram::Histogram;

use super::super::order::Times;
use crate::pace::STALL;
use crate::runs::micros;

/// What became of the publications of one order.
#[derive(Debug)]
pub(super) struct Board {
    /// Number of the first.
    first: u64,
    /// Receivers of each.
    receivers: u32,
    /// How many of them do not count.
    warm: usize,
    /// When each was due, in nanoseconds, and how many receipts it lacks. As long as they were published.
    notes: Vec<(u64, u32)>,
    /// How many there will be.
    events: usize,
    /// Publications that lack receipts, those to come included.
    open: usize,
    receipts: u64,
    last_receipt: u64,
    /// When anything was received last, and how often nothing was for long.
    heard: u64,
    stalls: u32,
    times: Histogram<u64>,
}

impl Board {
    /// Before the first publication, which will have the number `first`.
    pub(super) fn new(
        first: u64,
        (warm, events): (u32, u32),
        receivers: u32,
    ) -> anyhow::Result<Self> {
        let (warm, counted) = (usize::try_from(warm)?, usize::try_from(events)?);
        let events = warm + counted;
        Ok(Self {
            first,
            receivers,
            warm,
            notes: Vec::with_capacity(events),
            events,
            open: if receivers == 0 { 0 } else { events },
            receipts: 0,
            last_receipt: 0,
            heard: 0,
            stalls: 0,
            times: Histogram::new(3)?,
        })
    }

    /// Of an order that publishes nothing: whatever is received is an error.
    pub(super) fn empty() -> anyhow::Result<Self> {
        Self::new(0, (0, 0), 0)
    }

    /// The next one is published; answers its number.
    pub(super) fn publish(&mut self, due: u64) -> u64 {
        let number = self.first + self.notes.len() as u64;
        self.notes.push((due, self.receivers));
        number
    }

    /// True when all are published.
    pub(super) fn is_published(&self) -> bool {
        self.notes.len() == self.events
    }

    /// True when every reader has what was published so far.
    pub(super) fn is_received(&self) -> bool {
        self.receivers == 0 || self.open == self.events - self.notes.len()
    }

    /// A reader has got one.
    pub(super) fn receive(&mut self, number: u64, now: u64) -> anyhow::Result<()> {
        let at = number.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        let note = at.and_then(|at| self.notes.get_mut(at));
        let (due, lacks) = note.with_context(|| format!("publication {number} came unexpected"))?;
        ensure!(*lacks != 0, "publication {number} came to more readers than there are");
        *lacks -= 1;
        if STALL < now.saturating_sub(self.heard.max(*due)) {
            self.stalls += 1;
        }
        self.heard = now;
        let is_counted = at.is_some_and(|at| self.warm <= at);
        if *lacks == 0 {
            self.open -= 1;
            if is_counted {
                self.times.record(now.saturating_sub(*due))?;
                self.last_receipt = now;
            }
        }
        self.receipts += u64::from(is_counted);
        Ok(())
    }

    /// When the first that counts was due.
    pub(super) fn begun(&self) -> u64 {
        self.notes.get(self.warm).map_or(0, |(due, _)| *due)
    }

    /// When the last receipt was.
    pub(super) fn ended(&self) -> u64 {
        self.last_receipt
    }

    /// How often nothing was received for long, though something was due.
    pub(super) fn stalls(&self) -> u32 {
        self.stalls
    }

    /// Receipts of those that count.
    pub(super) fn receipts(&self) -> u64 {
        self.receipts
    }

    /// How many of how many are still on their way, for a person.
    pub(super) fn standing(&self) -> String {
        let Self { events, open, .. } = self;
        format!("{} of {events} published, {open} lack receipts", self.notes.len())
    }

    pub(super) fn times(&self) -> Times {
        times(&self.times)
    }
}

/// The percentiles of a histogram of nanoseconds.
pub(super) fn times(of: &Histogram<u64>) -> Times {
    let quantile = |quantile| micros(of.value_at_quantile(quantile));
    Times {
        count: of.len(),
        p50_us: quantile(0.5),
        p99_us: quantile(0.99),
        max_us: micros(of.max()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publication_is_received_with_its_last_receipt() {
        let mut board = Board::new(7, (1, 2), 2).unwrap();
        assert_eq!((board.publish(1_000), board.publish(2_000)), (7, 8));
        assert!(!board.is_received());
        for (number, now) in [(7, 1_500), (7, 1_600), (8, 3_000), (8, 5_000)] {
            board.receive(number, now).unwrap();
        }
        assert!(board.is_received() && !board.is_published());
        assert_eq!((board.receipts(), board.begun(), board.ended()), (2, 2_000, 5_000));
        assert_eq!(board.times().count, 1);
        assert!((board.times().max_us - 3.0).abs() < 0.01, "{:?}", board.times());
        assert!(board.receive(8, 6_000).is_err(), "a third receipt of two");
        assert!(board.receive(9, 6_000).is_err(), "it was not published");
        assert!(board.receive(6, 6_000).is_err(), "it is older than this order");
    }
}
