//! Finds records of one topic: by its links backwards, by the footers forwards.

use std::sync::Arc;

use crate::error::ReadError;
use crate::frame::Frame;
use crate::log::Log;
use crate::position::Seq;
use crate::reader::{Reader, Start};
use crate::segment::{Footer, Segment};
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
    /// Reads the footers of the segments before it and then a part of its own. Waits for a commit that is
    /// under way.
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
        for segment in self.shared().segments.all() {
            if newest <= segment.start.next_seq {
                break;
            }
            match self.first_in(&segment, topic, offset) {
                Ok(Found::Here(seq)) => return Ok(Some(seq)),
                Ok(Found::NotHere) => (),
                // Without its footer: what it holds is seen by reading it.
                Ok(Found::Unknown) => return Ok(Some(segment.start.next_seq)),
                // It may just have been trimmed.
                Err(_) if segment.start.next_seq < self.first() => (),
                Err(source) => {
                    return Err(ReadError::Io { file: segment.name(), source: Arc::new(source) });
                }
            }
        }
        debug_assert!(
            newest <= end.last,
            "a topic's first record in a segment is no later than its last"
        );
        Ok(Some(newest))
    }

    fn first_in(&self, segment: &Segment, topic: &str, offset: u64) -> std::io::Result<Found> {
        if segment.end().is_none() {
            return Ok(Found::NotHere);
        }
        let file = self.shared().environment.storage.open(&segment.name())?;
        let Some(footer) = Footer::read(file.as_ref(), &segment.header)? else {
            return Ok(Found::Unknown);
        };
        let at = footer.topics.binary_search_by(|entry| (*entry.name).cmp(topic));
        let entry = at.ok().map(|at| &footer.topics[at]);
        Ok(entry
            .filter(|entry| offset <= entry.last_offset)
            .map_or(Found::NotHere, |entry| Found::Here(entry.first)))
    }
}

/// What a segment tells of a topic.
enum Found {
    /// Its first record there.
    Here(Seq),
    /// It goes not so far in it.
    NotHere,
    /// Nothing.
    Unknown,
}
