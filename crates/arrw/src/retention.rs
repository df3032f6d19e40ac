//! How long the events of topics are kept: decides from where on, logs it, and lets go of whole segments.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrw_bus::{
    Ask, EventError, FLOOR, Filter, FilterError, Floors, OnDisk, RETENTION, RuleError,
    TopicRetention,
};
use arrw_log::{
    AppendError, Batch, Clock, Log, NewRecord, ReadError, Seq, Start, TopicEnd, UpkeepError,
    Urgency,
};

/// Floors that are logged in one batch.
const FLOORS_A_BATCH: usize = 1_000;

/// A retention or a purge that cannot be.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetentionError {
    /// The pattern is none.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// The topic is none.
    #[error(transparent)]
    Topic(#[from] EventError),
    /// Volatile topics are not kept.
    #[error("`{name}` is volatile: its events are not kept")]
    Volatile {
        /// The topic or pattern.
        name: String,
    },
    /// There are as many as may be.
    #[error(transparent)]
    Rule(RuleError),
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The log cannot be trimmed.
    #[error(transparent)]
    Upkeep(#[from] UpkeepError),
    /// The log refused, or does not know.
    #[error(transparent)]
    Append(AppendError),
}

impl From<AppendError> for RetentionError {
    fn from(error: AppendError) -> Self {
        if let AppendError::Refused(refusal) = &error
            && let Some(rule) = refusal.downcast_ref::<RuleError>()
        {
            return Self::Rule(rule.clone());
        }
        Self::Append(error)
    }
}

/// What retention removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Removed {
    /// Topics whose oldest events are gone.
    pub topics: u64,
    /// Records of the log whose space was freed.
    pub records: u64,
}

/// What is needed to keep topics to their retention.
#[derive(Clone, Debug)]
pub(crate) struct Keeper {
    pub(crate) log: Log,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) committed: Arc<OnDisk>,
    pub(crate) floors: Arc<Floors>,
}

impl Keeper {
    /// Sets or takes away the retention of all topics of a pattern.
    pub(crate) fn set(
        &self,
        pattern: &str,
        policy: Option<TopicRetention>,
    ) -> Result<(), RetentionError> {
        let filter = Filter::parse(pattern)?;
        if filter.is_volatile() {
            return Err(RetentionError::Volatile { name: pattern.to_owned() });
        }
        let payload = policy.map(|policy| policy.encode()).unwrap_or_default();
        let (kind, key) = (RETENTION, pattern.as_bytes());
        let record = NewRecord { kind, key, payload: &payload, ..NewRecord::default() };
        let ask = Ask::Retention { pattern: pattern.to_owned() };
        let batch = Batch::of(record).map_err(EventError::from)?.asking(Arc::new(ask));
        self.log.append(batch.with_urgency(Urgency::Reserved)).wait()?;
        Ok(())
    }

    /// Removes all events that a topic has now.
    pub(crate) fn purge(&self, topic: &str) -> Result<(), RetentionError> {
        arrw_log::check_topic(topic).map_err(EventError::from)?;
        if arrw_bus::is_volatile(topic) {
            return Err(RetentionError::Volatile { name: topic.to_owned() });
        }
        if let Some(end) = self.log.topic(topic) {
            self.raise(&[(topic.into(), end.last.next())])?;
        }
        Ok(())
    }

    /// Keeps all topics to their retention, and frees segments in which nothing is left.
    pub(crate) fn enforce(&self) -> Result<Removed, RetentionError> {
        let policies = self.committed.retention();
        let mut removed = Removed::default();
        if !policies.is_empty() {
            removed.topics = self.cut(&policies)?;
        }
        while let Some((end, topics)) = self.log.oldest_sealed()? {
            let is_gone = |(topic, last): &(Arc<str>, Seq)| *last < self.floors.of(topic);
            if !topics.iter().all(is_gone) {
                break;
            }
            let trimmed = self.log.trim(end)?;
            removed.records += trimmed;
            if trimmed == 0 {
                break;
            }
        }
        Ok(removed)
    }

    /// Raises the floors of all topics that have more than they may; answers how many.
    fn cut(&self, policies: &BTreeMap<String, TopicRetention>) -> Result<u64, RetentionError> {
        let policies: Vec<(Filter, TopicRetention)> = policies
            .iter()
            .filter_map(|(pattern, policy)| Some((Filter::parse(pattern).ok()?, *policy)))
            .collect();
        let mut by_age = BTreeMap::new();
        let mut raised = Vec::new();
        for (topic, end) in self.log.topics() {
            let of_topic = policies.iter().filter(|(filter, _)| filter.matches(&topic));
            let policy = of_topic.map(|(_, policy)| *policy).reduce(TopicRetention::and);
            let Some(policy) = policy else { continue };
            let present = self.floors.of(&topic);
            let floor = self.floor(&topic, end, policy, &mut by_age)?;
            if present < floor && self.log.first() < floor {
                raised.push((topic, floor));
            }
        }
        for floors in raised.chunks(FLOORS_A_BATCH) {
            self.raise(floors)?;
        }
        Ok(raised.len() as u64)
    }

    /// The seq before which a topic's events must go.
    fn floor(
        &self,
        topic: &str,
        end: TopicEnd,
        policy: TopicRetention,
        by_age: &mut BTreeMap<Duration, Seq>,
    ) -> Result<Seq, RetentionError> {
        let mut floor = Seq::ZERO;
        if let Some(age) = policy.age_max {
            let since = match by_age.get(&age) {
                Some(since) => *since,
                None => {
                    let since = self.log.reader(Start::Since(self.ago(age)))?.next_seq();
                    by_age.insert(age, since);
                    since
                }
            };
            floor = floor.max(since.min(end.last.next()));
        }
        if let Some(count) = policy.count_max
            && count < end.last_offset
        {
            let oldest = end.last_offset - count + 1;
            let seq = self.log.seq_of_offset(topic, oldest)?;
            floor = floor.max(seq.unwrap_or(end.last.next()));
        }
        if let Some(bytes) = policy.bytes_max {
            floor = floor.max(self.floor_by_bytes(end, bytes, floor)?);
        }
        Ok(floor)
    }

    /// Along the topic's links, from its end, until it has had its share. Reads what is kept.
    fn floor_by_bytes(
        &self,
        end: TopicEnd,
        bytes_max: u64,
        floor: Seq,
    ) -> Result<Seq, RetentionError> {
        let (mut seq, mut left) = (end.last, bytes_max);
        while floor <= seq && Seq::ZERO < seq {
            let frame = match self.log.frame_of(seq) {
                Ok(Some(frame)) => frame,
                Ok(None) | Err(ReadError::Trimmed { .. } | ReadError::Lost { .. }) => break,
                Err(other) => return Err(other.into()),
            };
            let Some(record) = frame.records().next() else { break };
            let headers: usize =
                record.headers().map(|(name, value)| name.len() + value.len()).sum();
            let bytes = (record.key().len() + headers + record.payload().len()) as u64;
            if left < bytes {
                return Ok(seq.next());
            }
            left -= bytes;
            seq = record.previous_in_topic();
        }
        Ok(floor)
    }

    fn ago(&self, age: Duration) -> arrw_log::Timestamp {
        let age = u64::try_from(age.as_micros()).unwrap_or(u64::MAX);
        arrw_log::Timestamp::from_micros(self.clock.now().micros().saturating_sub(age))
    }

    fn raise(&self, floors: &[(Arc<str>, Seq)]) -> Result<(), RetentionError> {
        let mut batch = Batch::new();
        for (topic, seq) in floors {
            let payload = seq.get().to_le_bytes();
            let (kind, key) = (FLOOR, topic.as_bytes());
            let record = NewRecord { kind, key, payload: &payload, ..NewRecord::default() };
            batch.push(record).map_err(EventError::from)?;
        }
        let batch = batch.asking(Arc::new(Ask::Note)).with_urgency(Urgency::Reserved);
        self.log.append(batch).wait()?;
        Ok(())
    }
}
