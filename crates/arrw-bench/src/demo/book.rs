//! What one client keeps count of: whether all came that was published in its topic, once, in order.

/// The count of a client.
///
/// Each event has two numbers: its offset, which the server gives it, and the number that the publisher wrote into it. Both go up by
/// one in a topic, whatever happens to the server. Events of others have an offset alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Book {
    /// The offset of the last event.
    offset: u64,
    /// The publisher's number of the last event.
    number: u64,
    /// Events that came, each once.
    pub(super) received: u64,
    /// Events that were left out: later ones came, and nothing brought them.
    pub(super) lost: u64,
    /// Events that came again, or behind later ones.
    pub(super) repeated: u64,
}

impl Book {
    /// A count from the end of a topic on, of which this is the last event.
    pub(super) fn begin(offset: u64, number: u64) -> Self {
        Self { offset, number, ..Self::default() }
    }

    /// The offset to go on from.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The publisher's number of the last event that came.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// An event came; `number` is none when it is not of the publisher. True when it is new.
    pub(super) fn note(&mut self, offset: u64, number: Option<u64>) -> bool {
        if offset <= self.offset {
            self.repeated += 1;
            return false;
        }
        let mut left_out = offset - self.offset - 1;
        self.offset = offset;
        if let Some(number) = number {
            if number <= self.number {
                self.lost += left_out;
                self.repeated += 1;
                return false;
            }
            left_out = left_out.max(number - self.number - 1);
            self.number = number;
        }
        self.lost += left_out;
        self.received += 1;
        true
    }

    /// The client could not go on where it was, and what comes is behind this offset. What it missed counts as lost when the next
    /// event comes; of a topic that begins anew the publisher's number shows it.
    pub(super) fn go_on_from(&mut self, offset: u64) {
        self.offset = self.offset.min(offset);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is counted of these events, behind offset 10, which has the number 10.
    fn check(events: &[(u64, u64)], (received, lost, repeated): (u64, u64, u64)) {
        let mut book = Book::begin(10, 10);
        for (offset, number) in events {
            book.note(*offset, Some(*number));
        }
        let counted = (book.received, book.lost, book.repeated);
        assert_eq!(counted, (received, lost, repeated), "{events:?}");
    }

    #[test]
    fn what_comes_in_order_is_received() {
        check(&[], (0, 0, 0));
        check(&[(11, 11), (12, 12), (13, 13)], (3, 0, 0));
    }

    #[test]
    fn a_gap_is_a_loss() {
        check(&[(11, 11), (14, 14)], (2, 2, 0));
        // The server gave the next offset, but what was acknowledged before is not there.
        check(&[(11, 11), (12, 13)], (2, 1, 0));
        check(&[(12, 12), (11, 11)], (1, 1, 1));
    }

    #[test]
    fn what_comes_again_is_a_repeat() {
        check(&[(11, 11), (11, 11)], (1, 0, 1));
        // The same event is in the log twice.
        check(&[(11, 11), (12, 11), (13, 12)], (2, 0, 1));
        check(&[(9, 9)], (0, 0, 1));
    }

    #[test]
    fn events_of_others_have_offsets_alone() {
        let mut book = Book::begin(10, 10);
        assert!(book.note(11, None) && book.note(12, Some(11)));
        assert_eq!((book.received, book.lost, book.repeated), (2, 0, 0));
        book.note(14, None);
        assert_eq!((book.lost, book.offset(), book.number()), (1, 14, 11));
    }

    #[test]
    fn a_topic_that_was_not_gone_on_from_shows_what_is_missing() {
        let mut book = Book::begin(10, 10);
        book.go_on_from(12);
        book.note(13, Some(13));
        assert_eq!((book.received, book.lost, book.repeated), (1, 2, 0));
        let mut anew = Book::begin(10, 10);
        anew.go_on_from(0);
        anew.note(1, Some(12));
        assert_eq!((anew.received, anew.lost, anew.repeated), (1, 1, 0));
    }
}
