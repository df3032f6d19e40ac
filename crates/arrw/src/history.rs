//! The events of one topic: the last one, or some of them in either order.

use std::collections::VecDeque;
use std::sync::Arc;

use arrw_bus::{Event, EventError, Filter};
use arrw_log::{Epoch, Frame, ReadError, Seq, TopicEnd};

use crate::db::Shared;

/// Events that one call answers at most.
pub const HISTORY_LIMIT_MAX: usize = 10_000;

/// Records that are read on in the time that it takes to look for one, about.
const RECORDS_IN_A_SEARCH: u64 = 512;

/// Which events of a topic are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryQuery {
    /// Only those behind this offset; for the newest first, those before it. `None` for all.
    pub since: Option<u64>,
    /// How many at most, up to [`HISTORY_LIMIT_MAX`].
    pub limit: usize,
    /// In which order.
    pub order: Order,
}

/// In which order a topic's events come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// As they were published.
    #[default]
    OldestFirst,
    /// Against that.
    NewestFirst,
}

impl Default for HistoryQuery {
    fn default() -> Self {
        Self { since: None, limit: 100, order: Order::OldestFirst }
    }
}

/// A call for the history of a topic that cannot be answered.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// The topic is none.
    #[error(transparent)]
    Topic(#[from] EventError),
    /// Volatile topics have no history.
    #[error("`{topic}` is volatile and has no history")]
    Volatile {
        /// The topic.
        topic: String,
    },
    /// The log cannot be read there.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Some events of a topic, and where it ends.
#[derive(Clone, Debug)]
pub struct History {
    /// The life of the log.
    pub epoch: Epoch,
    /// The first event of the topic's life: with the epoch, the topic's epoch. `Seq::ZERO` when it has none.
    pub born: Seq,
    /// Offset of the topic's last event; 0 when it has none.
    pub last_offset: u64,
    /// Each begins with one of the events.
    frames: Vec<Frame>,
}

impl History {
    /// The events.
    pub fn iter(&self) -> impl Iterator<Item = Event<'_>> {
        self.frames.iter().filter_map(|frame| frame.records().next().and_then(Event::of))
    }

    /// How many they are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// True when there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }
}

/// A topic of which an event is kept in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Topic {
    /// Its name.
    pub name: Arc<str>,
    /// The first event of its life.
    pub born: Seq,
    /// Its last event.
    pub last: Seq,
    /// The last one's place in it.
    pub last_offset: u64,
}

/// Topics by name.
pub(crate) fn topics(
    shared: &Shared,
    filter: &Filter,
    after: Option<&str>,
    limit: usize,
) -> Vec<Topic> {
    let mut all = shared.log.topics();
    all.retain(|(name, _)| after.is_none_or(|after| after < &**name) && filter.matches(name));
    all.sort_unstable_by(|one, other| one.0.cmp(&other.0));
    all.truncate(limit);
    let topic = |(name, end): (Arc<str>, TopicEnd)| {
        let TopicEnd { born, last, last_offset, .. } = end;
        Topic { name, born, last, last_offset }
    };
    all.into_iter().map(topic).collect()
}

/// Answers a query. Reads the disk for what is not in memory; the newest first costs a search for each event, the oldest first
/// one search and then what stands between the events as well, or, of a topic whose events are far apart, a search for
/// each event from the last one back to where it begins.
pub(crate) fn read(
    shared: &Arc<Shared>,
    topic: &str,
    query: HistoryQuery,
) -> Result<History, HistoryError> {
    arrw_log::check_topic(topic).map_err(EventError::from)?;
    if arrw_bus::is_volatile(topic) {
        return Err(HistoryError::Volatile { topic: topic.to_owned() });
    }
    let log = &shared.log;
    let mut history =
        History { epoch: log.epoch(), born: Seq::ZERO, last_offset: 0, frames: Vec::new() };
    let Some(end) = log.topic(topic) else { return Ok(history) };
    (history.born, history.last_offset) = (end.born, end.last_offset);
    let limit = query.limit.min(HISTORY_LIMIT_MAX);
    let floor = shared.keeper.floors.of(topic);
    match query.order {
        Order::NewestFirst => {
            newest_first(shared, query, (end, floor), limit, &mut history.frames)?;
        }
        Order::OldestFirst => {
            let first = query.since.map_or(1, |since| since.saturating_add(1));
            oldest_first(shared, (topic, first), (end, floor), limit, &mut history.frames)?;
        }
    }
    Ok(history)
}

/// Along the topic's links.
fn newest_first(
    shared: &Shared,
    query: HistoryQuery,
    (end, floor): (TopicEnd, Seq),
    limit: usize,
    frames: &mut Vec<Frame>,
) -> Result<(), HistoryError> {
    let mut seq = end.last;
    while frames.len() < limit && floor <= seq && Seq::ZERO < seq {
        let frame = match shared.log.frame_of(seq) {
            Ok(Some(frame)) => frame,
            // The rest of the topic was trimmed or given up.
            Ok(None) | Err(ReadError::Trimmed { .. } | ReadError::Lost { .. }) => break,
            Err(other) => return Err(other.into()),
        };
        let Some(record) = frame.records().next() else { break };
        seq = record.previous_in_topic();
        if query.since.is_none_or(|since| record.offset() < since) {
            frames.push(frame);
        }
    }
    Ok(())
}

fn oldest_first(
    shared: &Shared,
    (topic, first): (&str, u64),
    (end, floor): (TopicEnd, Seq),
    limit: usize,
    frames: &mut Vec<Frame>,
) -> Result<(), HistoryError> {
    if end.last < floor || end.last_offset < first || limit == 0 {
        return Ok(());
    }
    if is_sparse(end, first, limit)
        && let Some(found) = back_to(shared, first, (end, floor), limit)?
    {
        frames.extend(found);
        return Ok(());
    }
    let Some(from) = shared.log.seq_of_offset(topic, first)? else { return Ok(()) };
    let mut reader = shared.log.reader(arrw_log::Start::At(from.max(floor)))?;
    while frames.len() < limit && reader.next_seq() <= end.last {
        let mut frame = match reader.try_next() {
            Ok(Some(frame)) => frame,
            Ok(None) => break,
            Err(ReadError::Lost { .. }) => continue,
            Err(other) => return Err(other.into()),
        };
        let of_topic = frame.records().filter(|record| record.topic() == topic);
        let seqs: Vec<Seq> =
            of_topic.take(limit - frames.len()).map(|record| record.seq()).collect();
        for seq in seqs {
            // From one to the next, so that each is looked for once.
            frame = frame.starting_at(seq);
            frames.push(frame.clone());
        }
    }
    Ok(())
}

/// Whether a topic has so few events from an offset on, and so far apart, that to look for each of them takes less than to
/// read through what stands between them.
fn is_sparse(end: TopicEnd, first: u64, limit: usize) -> bool {
    let count = end.last_offset.saturating_sub(first) + 1;
    let apart = end.last.get().saturating_sub(end.born.get()) / end.last_offset.max(1);
    let between = apart.saturating_mul(count.min(limit as u64));
    count.saturating_mul(RECORDS_IN_A_SEARCH) <= between
}

/// The oldest events of a topic from an offset on, found along its links; `None` when they lead to what was given up.
fn back_to(
    shared: &Shared,
    first: u64,
    (end, floor): (TopicEnd, Seq),
    limit: usize,
) -> Result<Option<VecDeque<Frame>>, HistoryError> {
    let (mut seq, mut found) = (end.last, VecDeque::new());
    while floor <= seq && Seq::ZERO < seq {
        let frame = match shared.log.frame_of(seq) {
            Ok(Some(frame)) => frame,
            // The rest of the topic was trimmed.
            Ok(None) | Err(ReadError::Trimmed { .. }) => break,
            Err(ReadError::Lost { .. }) => return Ok(None),
            Err(other) => return Err(other.into()),
        };
        let Some(record) = frame.records().next().filter(|it| first <= it.offset()) else { break };
        seq = record.previous_in_topic();
        if found.len() == limit {
            found.pop_back();
        }
        found.push_front(frame);
    }
    Ok(Some(found))
}
