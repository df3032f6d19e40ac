//! Finds records of one topic: by its links backwards, by the footers forwards.

use std::sync::Arc;

use crate::error::ReadError;
use crate::frame::Frame;
use crate::log::Log;
use crate::position::Seq;
use crate::reader::{Reader, Start};
use crate::segment::{Footer, OfTopic, Segment};
use crate::topics::TopicEnd;

impl Log {
    /// The frame with a record, which is the first that it shows; `None` when the record does not exist yet.
    ///
    /// # Errors
    /// When it was trimmed or given up, is damaged, or cannot be read.
    pub fn frame_of(&self, seq: Seq) -> Result<Option<Frame>, ReadError> {
        match self.reader(Start::At(seq)) {
            Ok(mut reader) => reader.try_next(),
            Err(ReadError::BeyondTail { .. }) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// The first record of a topic that is kept and has this offset or a later one; `None` when there is none.
    ///
    /// Reads some footers, about the logarithm of how many segments there are if the topic is in most of them, and then
    /// a part of the record's own segment. Waits for a commit that is under way.
    ///
    /// # Errors
    /// When the disk cannot be read, or is damaged there.
    pub fn seq_of_offset(&self, topic: &str, offset: u64) -> Result<Option<Seq>, ReadError> {
        let Some(from) = self.segment_with(topic, offset)? else { return Ok(None) };
        let mut reader = Reader::at(Arc::clone(self.shared()), from.max(self.first()));
        loop {
            match reader.try_next() {
                Ok(None) => return Ok(None),
                Ok(Some(frame)) => {
                    let mut records = frame.records();
                    let wanted = records.find(|r| offset <= r.offset() && r.topic() == topic);
                    if let Some(record) = wanted {
                        return Ok(Some(record.seq()));
                    }
                }
                Err(ReadError::Lost { .. }) => (),
                Err(ReadError::Trimmed { first, .. }) => reader.skip_to(first),
                Err(other) => return Err(other),
            }
        }
    }

    /// All topics of which a record is kept, and where each ends. Waits for a commit that is under way, and
    /// holds up the next one for about 50 ns a topic.
    #[must_use]
    pub fn topics(&self) -> Vec<(Arc<str>, TopicEnd)> {
        let first = self.first();
        self.shared().with_writer(|writer| writer.all_topics(first))
    }

    /// The seq behind the oldest segment, if it is sealed, and the last record in it of each of its topics.
    /// `None` as well while its footer is not written.
    ///
    /// # Errors
    /// When the disk cannot be read.
    #[expect(clippy::type_complexity, reason = "a seq, and pairs of a topic and a seq")]
    pub fn oldest_sealed(&self) -> Result<Option<(Seq, Vec<(Arc<str>, Seq)>)>, ReadError> {
        let Some(segment) = self.shared().segments.all().into_iter().next() else {
            return Ok(None);
        };
        let Some(end) = segment.end() else { return Ok(None) };
        let storage = &self.shared().environment.storage;
        let read = storage
            .open(&segment.name())
            .and_then(|file| Footer::read(file.as_ref(), &segment.header));
        match read {
            Ok(footer) => Ok(footer.map(|footer| {
                let topics = footer.topics.into_iter().map(|topic| (topic.name, topic.last));
                (end.tip.next_seq, topics.collect())
            })),
            // It may just have been trimmed.
            Err(_) if segment.start.next_seq < self.first() => Ok(None),
            Err(source) => Err(ReadError::Io { file: segment.name(), source: Arc::new(source) }),
        }
    }

    /// Where to start looking for an offset: at the topic's first record in the first segment that goes so far.
    fn segment_with(&self, topic: &str, offset: u64) -> Result<Option<Seq>, ReadError> {
        let first = self.first();
        // The end is asked first: a segment that is sealed after that is looked at as well.
        let end = self.shared().with_writer(|writer| writer.topic_in_segment(topic, first));
        let Some((end, newest)) = end.filter(|(end, _)| offset <= end.last_offset) else {
            return Ok(None);
        };
        let segments = self.shared().segments.all();
        let sealed = segments.partition_point(|segment| segment.start.next_seq < newest);
        // Offsets only grow, so all segments that go so far are behind all that do not.
        let (mut low, mut high, mut found) = (0, sealed, newest);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.last_word(&segments[low..=middle], topic, offset)? {
                Some((at, seq)) => (high, found) = (low + at, seq),
                None => low = middle + 1,
            }
        }
        debug_assert!(
            newest <= end.last,
            "a topic's first record in a segment is no later than its last"
        );
        Ok(Some(found))
    }

    /// Asks segments from the last one back until one knows the topic: the place of that one and where to start in it,
    /// if it goes so far.
    fn last_word(
        &self,
        segments: &[Arc<Segment>],
        topic: &str,
        offset: u64,
    ) -> Result<Option<(usize, Seq)>, ReadError> {
        for (at, segment) in segments.iter().enumerate().rev() {
            match self.first_in(segment, topic, offset) {
                Ok(Found::Here(seq)) => return Ok(Some((at, seq))),
                // Without its footer: what it holds is seen by reading it.
                Ok(Found::Unknown) => return Ok(Some((at, segment.start.next_seq))),
                Ok(Found::Before) => return Ok(None),
                Ok(Found::Nothing) => (),
                // It may just have been trimmed, with all before it.
                Err(_) if segment.start.next_seq < self.first() => return Ok(None),
                Err(source) => {
                    return Err(ReadError::Io { file: segment.name(), source: Arc::new(source) });
                }
            }
        }
        Ok(None)
    }

    fn first_in(&self, segment: &Segment, topic: &str, offset: u64) -> std::io::Result<Found> {
        if segment.end().is_none() {
            return Ok(Found::Nothing);
        }
        let file = self.shared().environment.storage.open(&segment.name())?;
        Ok(match Footer::read_topic(file.as_ref(), &segment.header, topic)? {
            OfTopic::Entry(entry) if offset <= entry.last_offset => Found::Here(entry.first),
            OfTopic::Entry(_) => Found::Before,
            OfTopic::Nothing => Found::Nothing,
            OfTopic::NoFooter => Found::Unknown,
        })
    }
}

/// What a segment tells of where an offset of a topic is.
enum Found {
    /// In it or before it. Its first record of the topic.
    Here(Seq),
    /// Behind it.
    Before,
    /// Nothing, as the topic has no record in it.
    Nothing,
    /// Nothing without reading its records.
    Unknown,
}
