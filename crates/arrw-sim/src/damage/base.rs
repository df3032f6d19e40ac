//! Sound logs to be damaged: closed, crashed, recycled, recovered and reopened ones.

use std::sync::Arc;
use std::time::Duration;

use arrw_log::{Drive, Environment, Log, Options, Retention, Seq, Start, verify};

use super::layout::{Files, Layout};
use super::model::{Given, Model, SeededEntropy, batch_of, payload_bytes};
use crate::{Image, ManualClock, Rng, SimDisk};

/// What had happened to a log before it is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Story {
    Closed,
    CrashedWithMark,
    CrashedWithoutMark,
    Recycled,
    RecycledAndClosed,
    Recovered,
    RecoveredTwice,
    Reopened,
}

pub(crate) const STORIES: [Story; 8] = [
    Story::Closed,
    Story::CrashedWithMark,
    Story::CrashedWithoutMark,
    Story::Recycled,
    Story::RecycledAndClosed,
    Story::Recovered,
    Story::RecoveredTwice,
    Story::Reopened,
];

/// A sound log and all that is known of it.
#[derive(Debug)]
pub(crate) struct Base {
    pub(crate) story: Story,
    pub(crate) options: Options,
    pub(crate) image: Image,
    pub(crate) files: Files,
    pub(crate) layout: Layout,
    pub(crate) model: Model,
    /// The oldest record that is kept.
    pub(crate) first: u64,
    /// The last record that is proven to have been synced.
    pub(crate) proven: u64,
    /// The same log at earlier moments.
    pub(crate) older: Vec<Files>,
    /// A log that went another way after a common past; `None` where there is none.
    pub(crate) sibling: Option<(Files, Model)>,
    /// Notes that `verify` has for the sound log, and segments that a start reads in full.
    pub(crate) notes: usize,
    pub(crate) scanned: u64,
}

impl Base {
    /// The log of a story, the same one for the same seed.
    pub(crate) fn new(story: Story, seed: u64) -> Self {
        let mut teller = Teller::new(story, seed);
        let mut sibling = None;
        teller.append(30);
        match story {
            Story::Closed | Story::CrashedWithMark | Story::CrashedWithoutMark => (),
            Story::Reopened => {
                teller.close();
                let mut other = teller.twin();
                teller.open();
                other.open();
                other.append(70);
                other.log().mark();
                sibling = Some((files_of(&other.disk.image()), other.model.clone()));
            }
            Story::Recycled | Story::RecycledAndClosed => {
                for _ in 0..5 {
                    teller.append(25);
                    let segments = teller.log().stats().segments;
                    teller.trim(if segments > 4 { 2 } else { 0 });
                }
            }
            Story::Recovered => teller.crash(),
            Story::RecoveredTwice => {
                teller.crash();
                teller.append(7);
                teller.log().mark();
                teller.crash();
                teller.append(1);
                teller.crash();
            }
        }
        teller.append(70);
        match story {
            Story::Closed | Story::RecycledAndClosed => teller.close(),
            Story::CrashedWithoutMark | Story::RecoveredTwice => (),
            Story::CrashedWithMark | Story::Recycled | Story::Recovered | Story::Reopened => {
                teller.log().mark();
            }
        }
        teller.finish(story, sibling)
    }
}

pub(crate) fn files_of(image: &Image) -> Files {
    image.files().into_iter().map(|name| (name.clone(), image.read_file(&name))).collect()
}

/// An environment for a damaged log.
pub(crate) fn environment_of(disk: &SimDisk, seed: u64) -> Environment {
    environment(disk, &ManualClock::new(1_000_000_000), seed)
}

pub(crate) fn environment(disk: &SimDisk, clock: &ManualClock, seed: u64) -> Environment {
    Environment {
        storage: Arc::new(disk.clone()),
        clock: Arc::new(clock.clone()),
        entropy: Arc::new(SeededEntropy::new(seed)),
    }
}

/// Uses a log as a story tells.
struct Teller {
    rng: Rng,
    seed: u64,
    disk: SimDisk,
    clock: ManualClock,
    options: Options,
    log: Option<Log>,
    model: Model,
    older: Vec<Files>,
    salt: u8,
    lives: u64,
}

impl Teller {
    fn new(story: Story, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let segment_bytes = if rng.chance(2, 3) { 16 * 1024 } else { 32 * 1024 };
        let bytes_max = match story {
            Story::Recycled | Story::RecycledAndClosed => Some(6 * segment_bytes),
            Story::Closed
            | Story::CrashedWithMark
            | Story::CrashedWithoutMark
            | Story::Recovered
            | Story::RecoveredTwice
            | Story::Reopened => None,
        };
        let options = Options {
            segment_bytes,
            retention: Retention { bytes_max, ..Retention::default() },
            ring_bytes: 1024,
            drive: Drive::Callers,
            ..Options::default()
        };
        let mut teller = Self {
            rng,
            seed,
            disk: SimDisk::new(),
            clock: ManualClock::new(1_000_000),
            options,
            log: None,
            model: Model::default(),
            older: Vec::new(),
            salt: 0,
            lives: 0,
        };
        teller.open();
        teller
    }

    /// Another log with the same past, which draws the same numbers and gets other records.
    fn twin(&self) -> Self {
        Self {
            rng: self.rng.clone(),
            disk: self.disk.image().disk(),
            clock: ManualClock::new(self.clock.now_micros()),
            options: self.options.clone(),
            log: None,
            model: self.model.clone(),
            older: Vec::new(),
            salt: 0x5a,
            ..*self
        }
    }

    fn open(&mut self) {
        self.lives += 1;
        let seed = self.seed.wrapping_add(self.lives << 32);
        let environment = environment(&self.disk, &self.clock, seed);
        let log = Log::open_with(environment, self.options.clone());
        self.log = Some(log.expect("a sound log opens"));
    }

    fn log(&self) -> &Log {
        self.log.as_ref().expect("the story is told of an open log")
    }

    /// Appends about so many batches, with a look at the files now and then.
    fn append(&mut self, batches: usize) {
        for at in 0..batches {
            let count = match self.rng.below(10) {
                0 => 1 + self.rng.index(12),
                1..=3 => 1 + self.rng.index(3),
                _ => 1,
            };
            let max = 9_000 / count;
            let records: Vec<Given> = (0..count)
                .map(|_| {
                    let bytes = payload_bytes(&mut self.rng).min(max);
                    Given::draw(&mut self.rng, bytes, self.salt)
                })
                .collect();
            self.clock.advance(Duration::from_millis(1));
            let committed = self.log().append(batch_of(&records)).wait();
            let committed = committed.expect("a sound disk takes everything");
            assert_eq!(committed.first.get(), self.model.tail(), "seqs are dense");
            assert_eq!(self.model.add(records), committed.last_offset, "offsets are dense");
            if self.rng.chance(1, 12) {
                self.log().mark();
            }
            if at % 9 == 4 {
                self.older.push(files_of(&self.disk.image()));
            }
        }
    }

    /// Removes so many of the oldest segments.
    fn trim(&self, segments: usize) {
        let first = self.log().first().get();
        let layout = Layout::of(&files_of(&self.disk.image()));
        let starts = layout.segments.iter().filter_map(|segment| segment.frames.first());
        let before = starts.map(|frame| frame.first).find(|start| {
            layout
                .segments
                .iter()
                .filter(|s| s.frames.last().is_some_and(|f| f.last < *start))
                .count()
                >= segments
        });
        let before = Seq::new(before.unwrap_or(first));
        self.log().trim(before).expect("a sound log can be trimmed");
    }

    fn close(&mut self) {
        let log = self.log.take().expect("the story is told of an open log");
        log.close().expect("a sound log closes");
    }

    /// Crashes and starts again.
    fn crash(&mut self) {
        self.stop();
        self.open();
    }

    fn stop(&mut self) {
        let image = self.disk.image();
        self.disk.stop();
        self.log = None;
        self.disk = image.disk();
    }

    fn finish(mut self, story: Story, sibling: Option<(Files, Model)>) -> Base {
        self.stop();
        // A start must not remove what is looked for.
        self.options.retention = Retention::default();
        let image = self.disk.image();
        let files = files_of(&image);
        let layout = Layout::of(&files);
        let found = verify(&image.disk()).expect("a sound log can be verified");
        assert!(found.damages.is_empty(), "{story:?} {}: {found:?}", self.seed);
        let opened = image.disk();
        let opened = Log::open_with(environment(&opened, &self.clock, 1), self.options.clone());
        let opened = opened.expect("a sound log opens");
        assert_eq!(layout.last + 1, self.model.tail(), "{story:?} {}: our parser", self.seed);
        let mut reader = opened.reader(Start::Earliest).expect("a sound log is read");
        while let Some(frame) = reader.try_next().expect("a sound log is read") {
            assert!(frame.records().all(|record| self.model.has(&record)), "our model");
        }
        let proven = layout.proven();
        let (first, scanned) = (opened.first().get(), opened.open_report().scanned_segments);
        Base {
            story,
            options: self.options,
            image,
            files,
            layout,
            model: self.model,
            first,
            proven,
            older: self.older,
            sibling,
            notes: found.notes.len(),
            scanned,
        }
    }
}
