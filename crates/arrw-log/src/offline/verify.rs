//! Checks every byte of a log: all damages, not only the first.

use std::io;

use super::runs::{Run, runs_of};
use crate::error::{Damage, OpenError};
use crate::position::{Seq, Tip};
use crate::recovery::{
    Head, Surveyed, io_error, is_open_segment_there, read_superblock_of, survey, take_lock,
};
use crate::segment::{Footer, SEGMENT_HEADER_BYTES, file_name};
use crate::storage::Storage;
use crate::superblock::{SUPERBLOCK_NAMES, Superblock};

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verification {
    /// Damages to acknowledged data, in the order of the log. Empty: all is well.
    pub damages: Vec<Damage>,
    /// Faults that lose nothing and that the next start puts right: a copy of the superblock, a footer.
    pub notes: Vec<String>,
    /// The oldest record that is kept.
    pub first: Seq,
    /// The seq that the next record will get.
    pub tail: Seq,
    /// Records that are intact.
    pub records: u64,
    /// Records that earlier repairs gave up.
    pub given_up: u64,
    /// Frames that are intact.
    pub frames: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Files with frames.
    pub segments: u64,
}

impl Verification {
    /// Records that the damages affect.
    #[must_use]
    pub fn affected_records(&self) -> u64 {
        let count = |damage: &Damage| damage.last.next().get().saturating_sub(damage.first.get());
        self.damages.iter().map(count).sum()
    }
}

/// All that is known of a log that was read in full.
#[derive(Debug)]
pub(crate) struct Examined {
    /// `None` when neither copy can be read.
    pub(crate) superblock: Option<Superblock>,
    pub(crate) files: Vec<Surveyed>,
    pub(crate) runs: Vec<Run>,
    pub(crate) found: Verification,
    /// Where the log starts and ends, damaged or not.
    pub(crate) start: Tip,
    pub(crate) end: Tip,
    /// The last record that is known to have been synced.
    pub(crate) durable: Seq,
}

/// Checks every byte of the log in `storage`. Reads all of it and changes nothing.
///
/// # Errors
/// When there is no log, another process has it, or the disk cannot be read. Damage is no error here.
pub fn verify(storage: &dyn Storage) -> Result<Verification, OpenError> {
    let _lock = take_lock(storage)?;
    Ok(examine(storage)?.found)
}

/// Reads everything. The folder must be locked.
pub(crate) fn examine(storage: &dyn Storage) -> Result<Examined, OpenError> {
    let read = |source| io_error(format!("read the log in `{}`", storage.place()), source);
    let superblock = read_superblock_of(storage)?;
    let first_ordinal = superblock.as_ref().map_or(0, |(block, _)| block.first_ordinal);
    let mut files = survey(storage, first_ordinal).map_err(read)?;
    let open_is_there =
        superblock.as_ref().is_none_or(|(block, _)| is_open_segment_there(block, &files));
    let used = files.iter().rposition(|file| file.head != Head::Unused).map_or(0, |at| at + 1);
    files.truncate(used);
    if superblock.is_none() && files.is_empty() {
        return Err(OpenError::NotFound { place: storage.place() });
    }
    let runs = all_runs(&files).map_err(read)?;
    let block = superblock.as_ref().map(|(block, _)| *block);
    let start = block.map(|block| block.start).or(runs.first().map(|run| run.start));
    let start = start.unwrap_or(Tip::START);
    let proven = runs.iter().map(|run| run.durable).chain(block.map(|block| block.durable));
    let durable = proven.max().unwrap_or(Seq::ZERO);
    let mut examined = Examined {
        superblock: block,
        files,
        runs,
        found: Verification::default(),
        start,
        end: start,
        durable,
    };
    examined.note(superblock.map_or(2, |(_, damaged)| damaged));
    examined.judge();
    examined.note_missing_files();
    if let Some(block) = block.filter(|_| !open_is_there) {
        let what = "the file that was being filled is missing";
        let (first, last) = (examined.end.next_seq, examined.end.next_seq.previous());
        let file = file_name(block.open_ordinal);
        examined.found.damages.push(Damage { file, from: 0, to: 0, first, last, what });
    }
    Ok(examined)
}

fn all_runs(files: &[Surveyed]) -> io::Result<Vec<Run>> {
    let mut runs = Vec::new();
    for (at, file) in files.iter().enumerate() {
        // A file without its header may show a start of an earlier life: it says nothing of this one's end.
        let tells = |next: &&Surveyed| next.head != Head::Unused && next.header.is_some();
        let next = files[at + 1..].iter().find(tells);
        let until = match next.map(|next| next.head) {
            Some(Head::Start(start, _)) => Some(start.next_frame),
            Some(Head::Stray(..) | Head::Unused) | None => None,
        };
        for run in runs_of(file, until)? {
            // Without its header a file shows frames of its earlier lives, and those of other files, too.
            let after = runs.last().map_or(0, |last: &Run| last.end.next_frame);
            if after <= run.start.next_frame
                && until.is_none_or(|until| run.end.next_frame <= until)
            {
                runs.push(run);
            }
        }
    }
    Ok(runs)
}

impl Examined {
    /// Notes faults that lose nothing, and damage of headers.
    fn note(&mut self, damaged_superblocks: usize) {
        if self.superblock.is_none() {
            let (file, first, last) = (SUPERBLOCK_NAMES[0].to_owned(), Seq::FIRST, Seq::ZERO);
            let what = "neither superblock can be read";
            self.found.damages.push(Damage { file, from: 0, to: 4096, first, last, what });
        } else if damaged_superblocks > 0 {
            self.found.notes.push("1 of the 2 superblocks cannot be read".to_owned());
        }
        let last = self.files.last().map(|file| file.ordinal);
        for file in &self.files {
            if file.footer.is_none() && Some(file.ordinal) != last {
                self.found.notes.push(format!("`{}` has no usable footer", file.name()));
            }
            if file.header.is_none() {
                let what = "its header is damaged";
                let (first, last) = (Seq::FIRST, Seq::ZERO);
                self.found.damages.push(Damage {
                    file: file.name(),
                    from: 0,
                    to: 4096,
                    first,
                    last,
                    what,
                });
            }
        }
    }

    /// Finds files that are gone and held no frames: a start refuses the hole that they leave.
    fn note_missing_files(&mut self) {
        let first = self.superblock.map(|block| block.first_ordinal);
        let Some((first, last)) = first.zip(self.files.last().map(|file| file.ordinal)) else {
            return;
        };
        for ordinal in first..=last {
            let file = file_name(ordinal);
            let is_there = self.files.iter().any(|file| file.ordinal == ordinal);
            if !is_there && !self.found.damages.iter().any(|damage| damage.file == file) {
                let (first, last, what) = (Seq::FIRST, Seq::ZERO, "the file is missing");
                self.found.damages.push(Damage { file, from: 0, to: 0, first, last, what });
            }
        }
    }

    /// Finds what is missing between the runs and behind them.
    fn judge(&mut self) {
        let mut tip = self.start;
        let page = SEGMENT_HEADER_BYTES as u64;
        let mut behind = (self.superblock.map_or(0, |block| block.first_ordinal), page);
        for run in &self.runs {
            if run.start != tip {
                let (file, from, to) = self.hole_before(run, behind);
                let (first, last) = (tip.next_seq, run.start.next_seq.previous());
                let what = if first <= last { "frames are missing" } else { "the chain is broken" };
                self.found.damages.push(Damage { file, from, to, first, last, what });
            } else if run.from != place_of_next(behind, run.ordinal) {
                let (file, from, to) = self.hole_before(run, behind);
                let (first, last) = (tip.next_seq, tip.next_seq.previous());
                let what = "frames are not in their place";
                self.found.damages.push(Damage { file, from, to, first, last, what });
            }
            tip = run.end;
            behind = (run.ordinal, run.to);
            self.found.records += run.records;
            self.found.given_up += run.given_up;
            self.found.frames += run.frames;
            self.found.bytes += run.to - run.from;
        }
        if tip.next_seq <= self.durable {
            let (ordinal, from) = behind;
            let (file, first, last) = (file_name(ordinal), tip.next_seq, self.durable);
            let what = "frames are missing at the end";
            self.found.damages.push(Damage { file, from, to: from, first, last, what });
        }
        self.check_footers();
        self.end = tip;
        self.found.first = self.start.next_seq;
        self.found.tail = tip.next_seq.max(self.durable.next());
        self.found.segments = self.files.len() as u64;
    }

    /// Where frames are missing before `run`, when those before it end in the file and at the byte `behind`.
    fn hole_before(&self, run: &Run, behind: (u64, u64)) -> (String, u64, u64) {
        let (ordinal, from) = behind;
        if ordinal == run.ordinal {
            return (file_name(ordinal), from, run.from);
        }
        let at_its_start = run.from == SEGMENT_HEADER_BYTES as u64;
        let end = |file: &Surveyed| file.footer.as_ref().map_or(file.len, |footer| footer.end.at);
        match self.files.iter().find(|file| file.ordinal == ordinal) {
            // The file of the run begins as it should, so it was the one before that lost its end.
            Some(file) if at_its_start && ordinal + 1 == run.ordinal && from < end(file) => {
                (file_name(ordinal), from, end(file))
            }
            Some(_) | None => (file_name(run.ordinal), 0, run.from),
        }
    }

    /// A footer that does not agree with the frames would lead readers astray.
    fn check_footers(&mut self) {
        for file in &self.files {
            let Some(Footer { end, start, .. }) = &file.footer else { continue };
            let mut own = self.runs.iter().filter(|run| run.ordinal == file.ordinal);
            let (intact, reached) = match (own.next(), own.next()) {
                (Some(run), None) => (run.start == *start && run.end == end.tip, run.end),
                (None, _) => (start == &end.tip, *start),
                (Some(_), Some(_)) => (true, *start),
            };
            let (first, last) = (reached.next_seq, end.tip.next_seq.previous());
            // What is missing is reported once, in whichever file.
            let known = self.found.damages.iter().any(|damage| {
                damage.file == file.name() || (damage.first <= last && first <= damage.last)
            });
            if !intact && !known {
                let what = "its frames end before its footer says";
                let (from, to) = (4096, end.at);
                self.found.damages.push(Damage { file: file.name(), from, to, first, last, what });
            }
        }
    }
}

/// Where the first frame of a run in the file `ordinal` belongs, behind what ends at `behind`.
fn place_of_next(behind: (u64, u64), ordinal: u64) -> u64 {
    let (file, at) = behind;
    if file == ordinal { at } else { SEGMENT_HEADER_BYTES as u64 }
}
