//! Whether what a consumer's reader saw can be true: its cursor never went back, and all behind it came.

use super::{Consumer, Fault, History, Session};

impl History {
    /// Every session began behind the cursor, which is where the sessions before it may have left it, and saw what
    /// the log has there; no event was passed over, up to the end of the log.
    pub(super) fn check_consumer(&self, consumer: &Consumer) -> Result<(), Fault> {
        let name = || consumer.name.clone();
        let log = &self.log.events;
        let gap = |at: usize| {
            let (seq, event) = log[at];
            Fault::Gap { reader: name(), seq, event }
        };
        // Events of the log that were seen, and what may and must be the cursor.
        let (mut covered, mut asked, mut acknowledged) = (0, 0, 0);
        for session in &consumer.sessions {
            let Session { cursor, events, .. } = session;
            if *cursor < acknowledged {
                return Err(Fault::CursorBack { consumer: name(), cursor: *cursor, acknowledged });
            }
            if asked < *cursor {
                return Err(Fault::CursorAhead { consumer: name(), cursor: *cursor, asked });
            }
            let from = log.partition_point(|(seq, _)| seq <= cursor);
            if covered < from {
                return Err(gap(covered));
            }
            self.check_part(&consumer.name, events, from)?;
            covered = covered.max(from + events.len());
            asked = asked.max(session.asked);
            acknowledged = acknowledged.max(session.acknowledged).max(*cursor);
        }
        if covered < log.len() { Err(gap(covered)) } else { Ok(()) }
    }
}
