//! Whether a history can be true, in O(n log n).

use super::{Answer, Demand, Fault, Form, History, Sent, Stream, Summary, Written};

impl History {
    /// Checks that every acknowledged event is there once, where its writer was told; that there is one order,
    /// which all readers saw without gap and repeat and which agrees with time; that no cursor went back and
    /// what is behind it came; that what was refused, and what nobody sent, is not there.
    ///
    /// # Errors
    /// The first fault; [`Fault::Thin`] only when there is no other.
    pub fn check(&self, demand: &Demand) -> Result<Summary, Fault> {
        check_ascends(&self.log)?;
        let places = Places::of(&self.log)?;
        self.check_senders()?;
        places.check_writers()?;
        for sent in &self.writes {
            places.check_write(sent)?;
        }
        self.check_time(&places)?;
        for stream in &self.streams {
            check_ascends(stream)?;
            self.check_stream(stream)?;
        }
        for consumer in &self.consumers {
            self.check_consumer(consumer)?;
        }
        self.check_demand(demand)?;
        Ok(self.summary())
    }

    /// Nothing is in the log that nobody sent.
    fn check_senders(&self) -> Result<(), Fault> {
        let mut ranges: Vec<(Written, u64)> =
            self.writes.iter().map(|sent| (sent.first, sent.count)).collect();
        ranges.sort_unstable();
        for (seq, event) in &self.log.events {
            let behind = ranges.partition_point(|(first, _)| first <= event);
            let range = behind.checked_sub(1).map(|at| ranges[at]);
            let is_sent = range.is_some_and(|(first, count)| {
                first.writer == event.writer && event.number - first.number < count
            });
            if !is_sent {
                return Err(Fault::Phantom { seq: *seq, event: *event });
            }
        }
        Ok(())
    }

    /// What was sent after another write had been answered stands behind it.
    fn check_time(&self, places: &Places) -> Result<(), Fault> {
        let mut answered: Vec<(u64, u64)> = self
            .writes
            .iter()
            .filter_map(|sent| {
                let answer = sent.answer?;
                Some((answer.at, places.seq_of(sent.last())?))
            })
            .collect();
        answered.sort_unstable();
        let mut sent: Vec<&Sent> = self.writes.iter().collect();
        sent.sort_unstable_by_key(|sent| sent.sent_at);
        let (mut answered, mut settled) = (answered.into_iter().peekable(), 0);
        for sent in sent {
            while let Some((_, last)) = answered.next_if(|(at, _)| *at < sent.sent_at) {
                settled = settled.max(last);
            }
            if let Some(seq) = places.seq_of(sent.first)
                && seq <= settled
            {
                let instead = format!("sent when {settled} had been acknowledged");
                return Err(Fault::Moved { event: sent.first, seq, instead });
            }
        }
        Ok(())
    }

    /// A reader's stream, put together, is the log.
    fn check_stream(&self, stream: &Stream) -> Result<(), Fault> {
        self.check_part(&stream.name, &stream.events, 0)?;
        let reader = stream.name.clone();
        match self.log.events.get(stream.events.len()) {
            Some((seq, event)) => Err(Fault::Gap { reader, seq: *seq, event: *event }),
            None => Ok(()),
        }
    }

    /// What somebody saw is what the log has from its event `from` on.
    pub(super) fn check_part(
        &self,
        name: &str,
        seen: &[(u64, Written)],
        from: usize,
    ) -> Result<(), Fault> {
        let mut log = self.log.events[from..].iter();
        let mut before = 0;
        for (seq, event) in seen.iter().copied() {
            let reader = name.to_owned();
            if seq <= before {
                return Err(Fault::Repeat { reader, seq, before });
            }
            before = seq;
            match log.next() {
                Some(there) if *there == (seq, event) => (),
                Some((missed, event)) if *missed < seq => {
                    return Err(Fault::Gap { reader, seq: *missed, event: *event });
                }
                Some(_) | None => return Err(Fault::Unseen { reader, seq, event }),
            }
        }
        Ok(())
    }

    fn check_demand(&self, demand: &Demand) -> Result<(), Fault> {
        let enough = |what, found, wanted| {
            if found < wanted { Err(Fault::Thin { what, found, wanted }) } else { Ok(()) }
        };
        enough("rounds", self.rounds.len() as u64, demand.rounds)?;
        for acknowledged in &self.rounds {
            enough("acknowledged writes in a round", *acknowledged, demand.acknowledged)?;
        }
        enough("readers", self.streams.len() as u64, demand.streams)?;
        for stream in &self.streams {
            enough("times that a reader resumed", stream.resumed, demand.resumed)?;
        }
        enough("consumers", self.consumers.len() as u64, demand.consumers)?;
        for consumer in &self.consumers {
            enough("times that a consumer resumed", consumer.resumed, demand.resumed)?;
        }
        let conditional = |is_refused: bool| {
            let conditional = self.writes.iter().filter(|sent| sent.form == Form::Conditional);
            let answered = conditional.filter(|sent| sent.answer.is_some());
            answered.filter(|sent| sent.is_refused() == is_refused).count() as u64
        };
        enough("acknowledged conditional writes", conditional(false), demand.conditional)?;
        enough("refused conditional writes", conditional(true), demand.conditional)
    }

    fn summary(&self) -> Summary {
        let is_acknowledged = |sent: &&Sent| sent.answer.is_some() && !sent.is_refused();
        let answered = || self.writes.iter().filter(is_acknowledged);
        let events = self.log.events.len() as u64;
        let acknowledged_events: u64 = answered().map(|sent| sent.count).sum();
        Summary {
            acknowledged: answered().count() as u64,
            events,
            unanswered: events - acknowledged_events,
            refused: self.writes.iter().filter(|sent| sent.is_refused()).count() as u64,
        }
    }
}

impl Sent {
    /// Its event at a place, from 0.
    fn event(&self, at: u64) -> Written {
        Written { number: self.first.number + at, ..self.first }
    }

    /// True for a conditional write whose condition was not met.
    fn is_refused(&self) -> bool {
        self.form == Form::Conditional && self.answer.is_some_and(|answer| answer.count == 0)
    }

    fn last(&self) -> Written {
        self.event(self.count.saturating_sub(1))
    }
}

/// Seqs come in their order, each once.
fn check_ascends(stream: &Stream) -> Result<(), Fault> {
    for pair in stream.events.windows(2) {
        let (before, seq) = (pair[0].0, pair[1].0);
        if seq <= before {
            return Err(Fault::Repeat { reader: stream.name.clone(), seq, before });
        }
    }
    Ok(())
}

/// The events of the log with their seqs, by writer and number.
struct Places(Vec<(Written, u64)>);

impl Places {
    /// Every event is there once.
    fn of(log: &Stream) -> Result<Self, Fault> {
        let mut places: Vec<_> = log.events.iter().map(|(seq, event)| (*event, *seq)).collect();
        places.sort_unstable();
        for pair in places.windows(2) {
            let ((event, first), (next, second)) = (pair[0], pair[1]);
            if event == next {
                return Err(Fault::Doubled { event, first, second });
            }
        }
        Ok(Self(places))
    }

    fn seq_of(&self, event: Written) -> Option<u64> {
        let at = self.0.binary_search_by_key(&event, |(event, _)| *event).ok()?;
        Some(self.0[at].1)
    }

    /// The events of a writer are in the order of their numbers: it sends one write after the other.
    fn check_writers(&self) -> Result<(), Fault> {
        for pair in self.0.windows(2) {
            let ((before, first), (event, seq)) = (pair[0], pair[1]);
            if before.writer == event.writer && seq < first {
                let instead = format!("before {before}, which is at {first}");
                return Err(Fault::Moved { event, seq, instead });
            }
        }
        Ok(())
    }

    /// The events of a write are there as its form and its answer say.
    fn check_write(&self, sent: &Sent) -> Result<(), Fault> {
        let seqs: Vec<Option<u64>> =
            (0..sent.count).map(|at| self.seq_of(sent.event(at))).collect();
        if sent.is_refused() {
            return match (0..).zip(&seqs).find_map(|(at, seq)| seq.map(|seq| (at, seq))) {
                Some((at, seq)) => Err(Fault::Kept { event: sent.event(at), seq }),
                None => Ok(()),
            };
        }
        if let Some(missing) = (0..).zip(&seqs).find_map(|(at, seq)| seq.is_none().then_some(at)) {
            return check_absence(sent, &seqs, missing);
        }
        let is_together = matches!(sent.form, Form::Single | Form::Batch | Form::Conditional);
        if let (Some(expected), Some(Some(seq))) = (sent.expected, seqs.first())
            && *seq != expected + 1
        {
            let instead = format!("and wanted to stand right behind {expected}");
            return Err(Fault::Moved { event: sent.first, seq: *seq, instead });
        }
        let told = sent.answer.as_ref().and_then(|answer| told(sent, answer));
        for (at, seq) in (0..).zip(seqs.into_iter().flatten()) {
            let first = seq.checked_sub(at);
            let expected = match told {
                Some((from, first, _)) if at == from => Some(first),
                Some((_, _, last)) if at + 1 == sent.count => Some(last),
                Some(_) | None => None,
            };
            let apart = is_together && first != self.seq_of(sent.first);
            let event = sent.event(at);
            if let Some(expected) = expected
                && expected != seq
            {
                let instead = format!("and {expected} was acknowledged");
                return Err(Fault::Moved { event, seq, instead });
            }
            if apart {
                let instead = format!("apart from {}, of the same batch", sent.first);
                return Err(Fault::Moved { event, seq, instead });
            }
        }
        Ok(())
    }
}

/// What an answer says: the place of the first new event in the write, its seq, and that of the last.
fn told(sent: &Sent, answer: &Answer) -> Option<(u64, u64, u64)> {
    let (first, last) = answer.place?;
    Some((sent.count.saturating_sub(answer.count), first, last))
}

/// Whether a write may be there without its event at the place `missing`, its first that is not there.
fn check_absence(sent: &Sent, seqs: &[Option<u64>], missing: u64) -> Result<(), Fault> {
    let event = sent.event(missing);
    if sent.answer.is_some() {
        return Err(Fault::Lost { event });
    }
    let is_there = |at: u64| usize::try_from(at).is_ok_and(|at| seqs[at].is_some());
    let is_torn = match sent.form {
        Form::Single | Form::Batch | Form::Conditional => (0..sent.count).any(is_there),
        Form::Lines | Form::Producer => (missing..sent.count).any(is_there),
    };
    if is_torn { Err(Fault::Torn { first: sent.first, missing: event }) } else { Ok(()) }
}
