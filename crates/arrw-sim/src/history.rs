//! Checks what the clients of a server saw against what its log holds after it was killed again and again.
//!
//! Writers number their events and note what was acknowledged; readers note what they saw, over all their
//! connections; the log is read once, at the end. A history that is too thin to prove anything is refused.

use std::collections::BTreeMap;

/// An event by who wrote it and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Written {
    /// The writer.
    pub writer: u64,
    /// Counted by the writer, never used twice.
    pub number: u64,
}

/// An acknowledged publish: some events of a writer, next to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// The first of them.
    pub written: Written,
    /// How many: their numbers follow each other.
    pub count: u64,
    /// The seq that the first one was told.
    pub first: u64,
}

/// What one reader saw, one connection after the other.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    /// Seq and event.
    pub events: Vec<(u64, Written)>,
    /// How often it resumed and then saw more.
    pub resumed: u64,
}

/// All that was seen.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// What was acknowledged in each round, each of which ended with a kill.
    pub rounds: Vec<Vec<Acknowledged>>,
    /// What each reader saw. All read everything, from the start to the end.
    pub streams: Vec<Stream>,
    /// The log at the end: seq and event.
    pub log: Vec<(u64, Written)>,
}

/// How much a history must hold to prove anything.
#[derive(Clone, Copy, Debug)]
pub struct Demand {
    /// Kills.
    pub rounds: usize,
    /// Acknowledged events in each round.
    pub acknowledged: u64,
    /// Readers.
    pub streams: usize,
    /// Times that each reader resumed and saw more.
    pub resumed: u64,
}

/// What a sound history holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Events in the log.
    pub events: u64,
    /// Those of them that were acknowledged.
    pub acknowledged: u64,
    /// Those that were not, and are there all the same: their writers were never answered.
    pub unanswered: u64,
}

impl History {
    /// Checks everything.
    ///
    /// # Errors
    /// The first thing that is wrong, or what the history is too thin in.
    pub fn check(&self, demand: &Demand) -> Result<Summary, String> {
        let places = self.check_log()?;
        let acknowledged = self.check_acknowledged()?;
        for (number, stream) in self.streams.iter().enumerate() {
            self.check_stream(stream).map_err(|what| format!("reader {number}: {what}"))?;
        }
        self.check_demand(demand)?;
        let events = places.len() as u64;
        Ok(Summary { events, acknowledged, unanswered: events - acknowledged })
    }

    /// Every event of the log is there once, in the order of its seqs.
    fn check_log(&self) -> Result<BTreeMap<Written, u64>, String> {
        let mut places = BTreeMap::new();
        let mut before = 0;
        for (seq, written) in &self.log {
            if *seq <= before {
                return Err(format!("the log has {seq} behind {before}"));
            }
            before = *seq;
            if let Some(other) = places.insert(*written, *seq) {
                return Err(format!("the log has {written:?} twice, at {other} and at {seq}"));
            }
        }
        Ok(places)
    }

    /// Everything that was acknowledged is where its writer was told.
    fn check_acknowledged(&self) -> Result<u64, String> {
        let log: BTreeMap<u64, Written> = self.log.iter().copied().collect();
        let mut acknowledged = 0;
        for ack in self.rounds.iter().flatten() {
            for at in 0..ack.count {
                let Written { writer, number } = ack.written;
                let expected = Written { writer, number: number + at };
                let seq = ack.first + at;
                match log.get(&seq) {
                    Some(found) if *found == expected => acknowledged += 1,
                    Some(found) => {
                        return Err(format!("{seq} is {found:?}, acknowledged was {expected:?}"));
                    }
                    None => return Err(format!("{seq} is gone, acknowledged was {expected:?}")),
                }
            }
        }
        Ok(acknowledged)
    }

    /// A reader's stream, put together, is the log.
    fn check_stream(&self, stream: &Stream) -> Result<(), String> {
        let mut expected = self.log.iter();
        for seen in &stream.events {
            match expected.next() {
                Some(event) if event == seen => (),
                Some(event) => return Err(format!("saw {seen:?} where {event:?} comes")),
                None => return Err(format!("saw {seen:?}, which is not in the log")),
            }
        }
        expected.next().map_or(Ok(()), |event| Err(format!("never saw {event:?}")))
    }

    fn check_demand(&self, demand: &Demand) -> Result<(), String> {
        let thin = |what: &str, found: u64, wanted: u64| {
            if found < wanted {
                Err(format!("too thin: {found} {what}, not {wanted}"))
            } else {
                Ok(())
            }
        };
        thin("rounds", self.rounds.len() as u64, demand.rounds as u64)?;
        for round in &self.rounds {
            let count = round.iter().map(|ack| ack.count).sum();
            thin("acknowledged events in a round", count, demand.acknowledged)?;
        }
        thin("readers", self.streams.len() as u64, demand.streams as u64)?;
        for stream in &self.streams {
            thin("times that a reader resumed", stream.resumed, demand.resumed)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEMAND: Demand = Demand { rounds: 2, acknowledged: 3, streams: 1, resumed: 1 };

    fn written(number: u64) -> Written {
        Written { writer: 7, number }
    }

    /// Two rounds of three acknowledged events; the fourth was never answered.
    fn sound() -> History {
        let log: Vec<_> = (1..=7).map(|number| (number * 2, written(number))).collect();
        let ack = |number| Acknowledged { written: written(number), count: 1, first: number * 2 };
        let rounds = vec![vec![ack(1), ack(2), ack(3)], vec![ack(5), ack(6), ack(7)]];
        let streams = vec![Stream { events: log.clone(), resumed: 1 }];
        History { rounds, streams, log }
    }

    fn refused(change: impl FnOnce(&mut History), part: &str) {
        let mut history = sound();
        change(&mut history);
        let why = history.check(&DEMAND).unwrap_err();
        assert!(why.contains(part), "{why}");
    }

    #[test]
    fn a_sound_history_is_counted() {
        let summary = Summary { events: 7, acknowledged: 6, unanswered: 1 };
        assert_eq!(sound().check(&DEMAND), Ok(summary));
    }

    #[test]
    fn what_is_wrong_is_named() {
        refused(
            |history| {
                history.log.remove(1);
            },
            "4 is gone",
        );
        refused(|history| history.log[1].1 = written(9), "acknowledged was");
        refused(|history| history.log[6].1 = written(1), "twice");
        refused(|history| history.log.swap(0, 1), "the log has 2 behind 4");
        refused(
            |history| {
                history.streams[0].events.remove(3);
            },
            "where",
        );
        refused(
            |history| {
                history.streams[0].events.pop();
            },
            "never saw",
        );
        refused(|history| history.streams[0].events.push((99, written(9))), "not in the log");
        refused(
            |history| {
                let again = history.streams[0].events[2];
                history.streams[0].events.insert(3, again);
            },
            "where",
        );
    }

    #[test]
    fn a_thin_history_proves_nothing() {
        refused(
            |history| {
                history.rounds.pop();
            },
            "too thin: 1 rounds",
        );
        refused(
            |history| {
                history.rounds[0].pop();
            },
            "acknowledged events",
        );
        refused(|history| history.streams.clear(), "0 readers");
        refused(|history| history.streams[0].resumed = 0, "resumed");
    }
}
