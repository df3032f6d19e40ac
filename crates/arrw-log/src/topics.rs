//! Which topics are alive, and where each ends: what gives a record its offset and its link.

use std::collections::HashMap;
use std::sync::Arc;

use crate::limits::TOPICS_MAX;
use crate::position::Seq;
use crate::segment::TopicEntry;

/// Where a topic ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicEnd {
    /// Its first record in this life; with the log's epoch, the topic's epoch.
    pub born: Seq,
    /// Its last record.
    pub last: Seq,
    /// Offset of that one.
    pub last_offset: u64,
}

/// A topic that the table knows.
#[derive(Clone, Copy, Debug)]
struct Topic {
    end: TopicEnd,
    /// The newest segment with a record of it, and its first record there.
    ordinal: u64,
    first: Seq,
    first_offset: u64,
    /// The frame that changed it last, from 1; 0 for none. What it was before that one is kept once.
    changed_in: u64,
}

/// All topics of the log.
///
/// A topic whose last record was trimmed is forgotten: the next record starts a new life of it. That is
/// decided when it is looked up, so that a trim costs nothing here.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    ids: HashMap<Arc<str>, usize>,
    names: Vec<Arc<str>>,
    topics: Vec<Topic>,
    /// Topics with a record in the segment that is being filled.
    touched: Vec<usize>,
    /// What a failed frame must put back: the topic as it was, or that it was new.
    undo: Vec<(usize, Option<Topic>)>,
    /// The topic that was looked up last: the next record is often of the same one.
    last: usize,
    /// Counts the frames that are over.
    frames: u64,
    /// The oldest record that was kept when forgotten topics were last cleared out.
    cleared_at: Seq,
}

/// A record's place in its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) offset: u64,
    pub(crate) previous: Seq,
    /// The topic's first record in this life.
    pub(crate) born: Seq,
}

impl Place {
    /// That of `seq` as the first record of a topic's life.
    fn first(seq: Seq) -> Self {
        Self { offset: 1, previous: Seq::ZERO, born: seq }
    }
}

impl TopicEnd {
    /// The place of the topic's next record, `seq`; the first of a new life when all records before it
    /// were trimmed.
    fn place_behind(&self, seq: Seq, first: Seq) -> Place {
        if first <= self.last {
            Place { offset: self.last_offset + 1, previous: self.last, born: self.born }
        } else {
            Place::first(seq)
        }
    }
}

/// The table is full.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TopicsFull;

impl Topics {
    /// Gives the record `seq` its place in its topic. `first` is the oldest record that is kept.
    ///
    /// The name is given as bytes, so that nobody checks the same one again and again.
    pub(crate) fn place(
        &mut self,
        name: &[u8],
        seq: Seq,
        first: Seq,
        ordinal: u64,
    ) -> Result<Place, TopicsFull> {
        if self.names.get(self.last).is_some_and(|last| last.as_bytes() == name) {
            let place = self.topics[self.last].end.place_behind(seq, first);
            self.change(self.last, seq, place, ordinal);
            return Ok(place);
        }
        let name = std::str::from_utf8(name).expect("a batch checks the names of its topics");
        if let Some(&id) = self.ids.get(name) {
            self.last = id;
            let place = self.topics[id].end.place_behind(seq, first);
            self.change(id, seq, place, ordinal);
            return Ok(place);
        }
        if TOPICS_MAX <= self.ids.len() {
            return Err(TopicsFull);
        }
        let place = Place::first(seq);
        self.apply(name, seq, place, ordinal);
        Ok(place)
    }

    /// Takes in a record that has its place.
    pub(crate) fn apply(&mut self, name: &str, seq: Seq, place: Place, ordinal: u64) {
        if let Some(&id) = self.ids.get(name) {
            self.change(id, seq, place, ordinal);
            return;
        }
        let id = self.topics.len();
        let end = TopicEnd { born: place.born, last: seq, last_offset: place.offset };
        let changed_in = self.frames + 1;
        self.add(
            name.into(),
            Topic { end, ordinal, first: seq, first_offset: place.offset, changed_in },
        );
        self.touched.push(id);
        self.undo.push((id, None));
    }

    /// Takes in a record of a topic that is known.
    fn change(&mut self, id: usize, seq: Seq, place: Place, ordinal: u64) {
        let topic = &mut self.topics[id];
        if topic.changed_in != self.frames + 1 {
            self.undo.push((id, Some(*topic)));
            topic.changed_in = self.frames + 1;
        }
        topic.end = TopicEnd { born: place.born, last: seq, last_offset: place.offset };
        if topic.ordinal != ordinal {
            (topic.ordinal, topic.first, topic.first_offset) = (ordinal, seq, place.offset);
            self.touched.push(id);
        }
    }

    /// Takes in what a sealed segment holds of a topic. Segments come oldest first.
    pub(crate) fn load(&mut self, entry: &TopicEntry, ordinal: u64) {
        let end = TopicEnd { born: entry.born, last: entry.last, last_offset: entry.last_offset };
        let (first, first_offset, changed_in) = (entry.first, entry.first_offset, 0);
        let topic = Topic { end, ordinal, first, first_offset, changed_in };
        match self.ids.get(&entry.name) {
            Some(&id) => self.topics[id] = topic,
            None => self.add(Arc::clone(&entry.name), topic),
        }
    }

    fn add(&mut self, name: Arc<str>, topic: Topic) {
        self.ids.insert(Arc::clone(&name), self.topics.len());
        self.names.push(name);
        self.topics.push(topic);
    }

    /// The frame was committed: what it changed stays.
    pub(crate) fn commit(&mut self) {
        self.undo.clear();
        self.frames += 1;
    }

    /// Takes back all since the last commit.
    pub(crate) fn roll_back(&mut self, ordinal: u64) {
        for (id, before) in std::mem::take(&mut self.undo).into_iter().rev() {
            match before {
                Some(topic) => self.topics[id] = topic,
                None => {
                    // New topics were added at the end, so they leave from the end.
                    self.topics.truncate(id);
                    if let Some(name) = self.names.pop() {
                        self.ids.remove(&name);
                    }
                }
            }
        }
        self.frames += 1;
        let topics = &self.topics;
        self.touched.retain(|&id| topics.get(id).is_some_and(|topic| topic.ordinal == ordinal));
    }

    /// What the segment that was being filled holds, sorted by name; starts over for the next one.
    pub(crate) fn finish_segment(&mut self) -> Vec<TopicEntry> {
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        let mut entries: Vec<TopicEntry> = touched
            .into_iter()
            .map(|id| {
                let topic = &self.topics[id];
                TopicEntry {
                    name: Arc::clone(&self.names[id]),
                    born: topic.end.born,
                    first: topic.first,
                    first_offset: topic.first_offset,
                    last: topic.end.last,
                    last_offset: topic.end.last_offset,
                }
            })
            .collect();
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        entries
    }

    /// Where a topic ends; `None` when no record of it is kept.
    pub(crate) fn end(&self, name: &str, first: Seq) -> Option<TopicEnd> {
        let end = self.topics[*self.ids.get(name)?].end;
        (first <= end.last).then_some(end)
    }

    /// Where a topic ends, and its first record in the newest segment that has one; `None` when no record of
    /// it is kept.
    pub(crate) fn in_segment(&self, name: &str, first: Seq) -> Option<(TopicEnd, Seq)> {
        let topic = self.topics[*self.ids.get(name)?];
        (first <= topic.end.last).then_some((topic.end, topic.first))
    }

    /// All topics of which a record is kept.
    pub(crate) fn all(&self, first: Seq) -> Vec<(Arc<str>, TopicEnd)> {
        let named = self.names.iter().zip(&self.topics);
        let alive = named.filter(|(_, topic)| first <= topic.end.last);
        alive.map(|(name, topic)| (Arc::clone(name), topic.end)).collect()
    }

    /// How many topics the table knows, those that only wait to be forgotten included.
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Frees the memory of topics whose last record is before `first`, if the table is full and a trim
    /// has come since the last time. Between frames only.
    pub(crate) fn make_room(&mut self, first: Seq) {
        if self.ids.len() < TOPICS_MAX || first <= self.cleared_at {
            return;
        }
        self.cleared_at = first;
        let mut new_ids = vec![None; self.topics.len()];
        let old = std::mem::take(&mut self.topics).into_iter().zip(std::mem::take(&mut self.names));
        self.ids.clear();
        for (id, (topic, name)) in old.enumerate().filter(|(_, (topic, _))| first <= topic.end.last)
        {
            new_ids[id] = Some(self.topics.len());
            self.add(name, topic);
        }
        self.touched = self.touched.iter().filter_map(|&id| new_ids[id]).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(topics: &mut Topics, name: &str, seq: u64, first: u64) -> (u64, u64) {
        let place = topics.place(name.as_bytes(), Seq::new(seq), Seq::new(first), 1).unwrap();
        (place.offset, place.previous.get())
    }

    #[test]
    fn offsets_are_dense_and_linked_within_each_topic() {
        let mut topics = Topics::default();
        assert_eq!(place(&mut topics, "a", 1, 1), (1, 0));
        assert_eq!(place(&mut topics, "b", 2, 1), (1, 0));
        assert_eq!(place(&mut topics, "a", 3, 1), (2, 1));
        assert_eq!(
            topics.end("a", Seq::FIRST).map(|end| (end.born.get(), end.last.get())),
            Some((1, 3))
        );
    }

    #[test]
    fn a_topic_that_is_wholly_trimmed_starts_a_new_life() {
        let mut topics = Topics::default();
        place(&mut topics, "a", 1, 1);
        place(&mut topics, "b", 2, 1);
        assert_eq!(topics.end("a", Seq::new(2)), None);
        assert_eq!(place(&mut topics, "a", 3, 2), (1, 0));
        assert_eq!(topics.end("a", Seq::new(2)).unwrap().born, Seq::new(3));
    }

    #[test]
    fn a_failed_frame_leaves_no_trace() {
        let mut topics = Topics::default();
        place(&mut topics, "a", 1, 1);
        topics.commit();
        place(&mut topics, "a", 2, 1);
        place(&mut topics, "b", 3, 1);
        place(&mut topics, "b", 4, 1);
        topics.roll_back(1);
        assert_eq!(place(&mut topics, "b", 2, 1), (1, 0));
        assert_eq!(place(&mut topics, "a", 3, 1), (2, 1));
        topics.commit();
        let entries = topics.finish_segment();
        let seen: Vec<_> =
            entries.iter().map(|e| (&*e.name, e.first.get(), e.last.get())).collect();
        assert_eq!(seen, [("a", 1, 3), ("b", 2, 2)]);
        assert!(topics.finish_segment().is_empty());
    }

    #[test]
    fn a_failed_first_frame_leaves_a_loaded_topic_as_it_was() {
        let seq = Seq::new(4);
        let entry = TopicEntry {
            name: "a".into(),
            born: seq,
            first: seq,
            first_offset: 1,
            last: seq,
            last_offset: 1,
        };
        let mut topics = Topics::default();
        topics.load(&entry, 1);
        place(&mut topics, "a", 5, 1);
        topics.roll_back(2);
        assert_eq!(place(&mut topics, "a", 5, 1), (2, 4));
    }

    #[test]
    fn a_full_table_forgets_trimmed_topics_first() {
        let mut topics = Topics::default();
        for number in 0..TOPICS_MAX as u64 {
            place(&mut topics, &number.to_string(), number + 1, 1);
        }
        topics.commit();
        let next = Seq::new(TOPICS_MAX as u64 + 1);
        assert_eq!(topics.place(b"new", next, Seq::FIRST, 1), Err(TopicsFull));
        topics.make_room(Seq::new(3));
        assert!(topics.place(b"new", next, Seq::new(3), 1).is_ok());
        assert_eq!(topics.len(), TOPICS_MAX - 1);
    }
}
