//! The damages: each draws a place in a sound log and changes the bytes there.

use std::ops::Range;

use super::base::Base;
use super::layout::{Files, Frame, HEADER_PAGE, Segment};
use crate::{Image, Rng, SECTOR_BYTES};

const BLOCK: usize = 4096;

/// A kind of damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// One bit.
    Flip,
    /// 1 to 64 bytes become random ones.
    Scribble,
    /// 512 bytes become zero.
    ZeroSector,
    /// 4 KiB become zero.
    ZeroBlock,
    /// Two blocks of 4 KiB change places, within a file or between two.
    Swap,
    /// A block becomes what stood there, or in another file there, at an earlier moment.
    Stale,
    /// A block becomes what stands in another place.
    Misdirected,
    /// A file loses its end.
    Truncate,
    /// A file is gone.
    Remove,
    /// A block of a log that went another way after a common past.
    SiblingBlock,
    /// A whole segment of such a log.
    SiblingSegment,
}

/// All kinds.
pub const KINDS: [Kind; 11] = [
    Kind::Flip,
    Kind::Scribble,
    Kind::ZeroSector,
    Kind::ZeroBlock,
    Kind::Swap,
    Kind::Stale,
    Kind::Misdirected,
    Kind::Truncate,
    Kind::Remove,
    Kind::SiblingBlock,
    Kind::SiblingSegment,
];

/// A damaged log.
#[derive(Debug)]
pub(crate) struct Harm {
    pub(crate) kind: Kind,
    pub(crate) image: Image,
    /// Files that differ from those of the sound log, and what they became; `None` for removed ones.
    pub(crate) changed: Vec<(String, Option<Vec<u8>>)>,
    pub(crate) text: String,
}

/// A byte of a file.
#[derive(Clone, Debug)]
struct Place {
    file: String,
    at: usize,
}

/// Draws a damage that changes something.
pub(crate) fn draw(base: &Base, rng: &mut Rng) -> Harm {
    loop {
        let mut files = base.files.clone();
        let kind = draw_kind(base, rng);
        let Some(text) = damage(base, kind, &mut files, rng) else { continue };
        let mut image = base.image.clone();
        let mut changed = Vec::new();
        for (name, before) in &base.files {
            match files.get(name) {
                Some(after) if after == before => (),
                Some(after) => {
                    image.write_file(name, after);
                    changed.push((name.clone(), Some(after.clone())));
                }
                None => {
                    image.remove_file(name);
                    changed.push((name.clone(), None));
                }
            }
        }
        if !changed.is_empty() {
            return Harm { kind, image, changed, text };
        }
    }
}

fn draw_kind(base: &Base, rng: &mut Rng) -> Kind {
    let has_sibling = base.sibling.is_some();
    match rng.below(if has_sibling { 100 } else { 80 }) {
        0..=19 => Kind::Flip,
        20..=29 => Kind::Scribble,
        30..=37 => Kind::ZeroSector,
        38..=45 => Kind::ZeroBlock,
        46..=55 => Kind::Swap,
        56..=62 => Kind::Stale,
        63..=71 => Kind::Misdirected,
        72..=76 => Kind::Truncate,
        77..=79 => Kind::Remove,
        80..=93 => Kind::SiblingBlock,
        _ => Kind::SiblingSegment,
    }
}

/// Does the damage to `files` and says what it is; `None` when there is no such damage here.
fn damage(base: &Base, kind: Kind, files: &mut Files, rng: &mut Rng) -> Option<String> {
    let place = draw_place(base, rng);
    let Place { file, at } = &place;
    let old = &base.files[file];
    let range = match kind {
        Kind::ZeroSector => unit(*at, SECTOR_BYTES, old.len()),
        Kind::Scribble => *at..(*at + 1 + rng.index(64)).min(old.len()),
        Kind::Flip => *at..*at + 1,
        Kind::ZeroBlock | Kind::Swap | Kind::Stale | Kind::Misdirected | Kind::SiblingBlock => {
            unit(*at, BLOCK, old.len())
        }
        Kind::Truncate | Kind::Remove | Kind::SiblingSegment => *at..old.len(),
    };
    let mut text = format!("`{file}` {range:?}: {kind:?}");
    let bytes = match kind {
        Kind::Flip => vec![old[*at] ^ (1 << rng.below(8))],
        Kind::Scribble => rng.bytes(range.len()),
        Kind::ZeroSector | Kind::ZeroBlock => vec![0; range.len()],
        Kind::Swap | Kind::Misdirected => {
            let other = draw_place(base, rng);
            let from = unit(other.at, BLOCK, base.files[&other.file].len());
            text += &format!(" with `{}` {from:?}", other.file);
            let theirs = base.files[&other.file][from.clone()].to_vec();
            if kind == Kind::Swap {
                put(files, &other.file, from, &old[range.clone()]);
            }
            theirs
        }
        Kind::Stale => {
            let moment = rng.index(base.older.len());
            let past = &base.older[moment];
            let name = if rng.chance(1, 2) {
                file.clone()
            } else {
                let names: Vec<&String> = past.keys().collect();
                (*rng.pick(&names)).clone()
            };
            text += &format!(" from `{name}` at moment {moment}");
            past.get(&name)?.get(range.clone())?.to_vec()
        }
        Kind::SiblingBlock => base.sibling.as_ref()?.0.get(file)?.get(range.clone())?.to_vec(),
        Kind::Truncate => {
            files.get_mut(file)?.truncate(*at);
            return Some(text);
        }
        Kind::Remove => {
            files.remove(file);
            return Some(text);
        }
        Kind::SiblingSegment => {
            let theirs = base.sibling.as_ref()?.0.get(file)?.clone();
            files.insert(file.clone(), theirs);
            return Some(text);
        }
    };
    put(files, file, range, &bytes);
    Some(text)
}

/// Overwrites a range, as far as both reach.
fn put(files: &mut Files, file: &str, range: Range<usize>, bytes: &[u8]) {
    if let Some(into) = files.get_mut(file) {
        let len = range.len().min(bytes.len());
        into[range.start..range.start + len].copy_from_slice(&bytes[..len]);
    }
}

/// The aligned unit of `size` bytes around a byte.
fn unit(at: usize, size: usize, len: usize) -> Range<usize> {
    let start = at / size * size;
    start..(start + size).min(len)
}

/// A place: mostly in a frame of records that is proven, else anywhere that means something.
fn draw_place(base: &Base, rng: &mut Rng) -> Place {
    if rng.chance(4, 5) {
        return in_a_frame(base, rng, |frame| frame.has_records && frame.last <= base.proven);
    }
    match rng.below(6) {
        0 => {
            let names: Vec<&String> = base.files.keys().collect();
            let file = (*rng.pick(&names)).clone();
            let at = rng.index(base.files[&file].len());
            Place { file, at }
        }
        1 => in_a_frame(base, rng, |frame| base.proven < frame.last),
        2 => in_a_frame(base, rng, |frame| !frame.has_records),
        3 => in_a_segment(base, rng, |segment| segment.footer.as_ref().map(|f| f.bytes.clone())),
        4 => Place {
            file: if rng.chance(1, 2) { "super.a" } else { "super.b" }.to_owned(),
            at: rng.index(128),
        },
        _ => in_a_segment(base, rng, |segment| {
            let behind = segment.end()..base.files[&segment.name].len();
            let start = segment.end().max(HEADER_PAGE);
            Some(if segment.frames.len() % 2 == 0 { 0..64 } else { start..behind.end })
        }),
    }
}

/// A byte of a frame that `is_wanted`, or of any frame when there is none such.
fn in_a_frame(base: &Base, rng: &mut Rng, is_wanted: impl Fn(&Frame) -> bool) -> Place {
    let all = || base.layout.segments.iter().flat_map(|s| s.frames.iter().map(move |f| (s, f)));
    let mut wanted: Vec<(&Segment, &Frame)> = all().filter(|(_, f)| is_wanted(f)).collect();
    if wanted.is_empty() {
        wanted = all().collect();
    }
    let (segment, frame) = rng.pick(&wanted);
    // The header is small and matters most.
    let len = if rng.chance(1, 4) { HEADER.min(frame.bytes.len()) } else { frame.bytes.len() };
    Place { file: segment.name.clone(), at: frame.bytes.start + rng.index(len) }
}

const HEADER: usize = 96;

/// A byte of what `wanted` finds in a segment, or of any frame when it finds nothing.
fn in_a_segment(
    base: &Base,
    rng: &mut Rng,
    wanted: impl Fn(&Segment) -> Option<Range<usize>>,
) -> Place {
    let segment = rng.pick(&base.layout.segments);
    match wanted(segment).filter(|range| !range.is_empty()) {
        Some(range) => {
            let at = range.start + rng.index(range.len());
            Place { file: segment.name.clone(), at }
        }
        None => in_a_frame(base, rng, |_| true),
    }
}
