//! Holds what a damaged log says and serves against what was in it.

use std::ops::Range;

use arrw_log::{
    Log, Loss, OpenError, ReadError, Reader, RepairError, Seq, Start, Verification, repair, verify,
};

use super::base::{Base, environment_of};
use super::harm::Harm;
use super::model::{Given, batch_of};
use super::report::{Class, Fault, Finding, Outcome, RepairFinding};
use crate::Rng;

/// What a damage changed, by our own reading of the bytes.
#[derive(Clone, Debug)]
pub(crate) struct Extent {
    pub(crate) class: Class,
    /// The last record that the bytes left as they were still prove.
    pub(crate) proven: u64,
    /// Records of frames that were changed, of those that are still proven.
    pub(crate) hit: u64,
}

impl Extent {
    pub(crate) fn of(base: &Base, harm: &Harm) -> Self {
        let is_intact = |name: &str, range: &Range<usize>| match fate_of(harm, name) {
            Fate::Same => true,
            Fate::Gone => false,
            Fate::Changed(after) => after.get(range.clone()) == base.files[name].get(range.clone()),
        };
        let proven = base.layout.proven_by(is_intact);
        let mut extent = Self { class: Class::Elsewhere, proven, hit: 0 };
        let is_touched = |name: &str| !matches!(fate_of(harm, name), Fate::Same);
        for segment in base.layout.segments.iter().filter(|segment| is_touched(&segment.name)) {
            for frame in segment.frames.iter().filter(|frame| frame.has_records) {
                if is_intact(&segment.name, &frame.bytes) {
                    continue;
                }
                let class = if frame.last <= proven {
                    extent.hit += frame.last + 1 - frame.first;
                    Class::BelowMark
                } else if frame.last <= base.proven {
                    Class::WithItsProof
                } else {
                    Class::Tail
                };
                extent.class = extent.class.min(class);
            }
        }
        extent
    }
}

/// What became of a file.
enum Fate<'a> {
    Same,
    Gone,
    Changed(&'a [u8]),
}

fn fate_of<'a>(harm: &'a Harm, name: &str) -> Fate<'a> {
    match harm.changed.iter().find(|(changed, _)| changed == name) {
        None => Fate::Same,
        Some((_, None)) => Fate::Gone,
        Some((_, Some(after))) => Fate::Changed(after),
    }
}

/// What reading in order came to.
struct Served {
    /// The record that would have been next.
    next: u64,
    /// Ranges that the reader was told are lost.
    lost: Vec<(u64, u64)>,
    /// Records of the sibling.
    foreign: u64,
    error: Option<ReadError>,
}

/// Reads from `next` on; wrong bytes and gaps that nobody spoke of are faults.
fn read(base: &Base, reader: &mut Reader, next: u64, frames_max: usize) -> Result<Served, Fault> {
    let mut served = Served { next, lost: Vec::new(), foreign: 0, error: None };
    for _ in 0..frames_max {
        match reader.try_next() {
            Ok(None) => break,
            Ok(Some(frame)) => {
                for record in frame.records() {
                    let known = base.model.has(&record);
                    let foreign = !known && is_foreign(base, &record);
                    served.foreign += u64::from(foreign);
                    if record.seq().get() != served.next || !(known || foreign) {
                        let text = format!("served {record:?} where {} belongs", served.next);
                        return Err(Fault::WrongBytes(text));
                    }
                    served.next += 1;
                }
                if frame.last().next().get() != served.next {
                    return Err(Fault::WrongBytes(format!("a frame ends before {}", served.next)));
                }
            }
            Err(ReadError::Lost { first, last }) if first.get() == served.next => {
                served.lost.push((first.get(), last.get()));
                served.next = last.get() + 1;
            }
            Err(error) => {
                served.error = Some(error);
                break;
            }
        }
    }
    Ok(served)
}

/// True for a record of the sibling. It is no less wrong for that, so it counts as such unless it shows.
fn is_foreign(base: &Base, record: &arrw_log::Record<'_>) -> bool {
    base.sibling.as_ref().is_some_and(|(_, model)| model.has(record))
}

/// What `verify` says; refusing a log that nobody can read is as good as a list of damages.
fn verify_damaged(harm: &Harm) -> Result<Option<Verification>, Fault> {
    match verify(&harm.image.disk()) {
        Ok(found) => Ok(Some(found)),
        Err(OpenError::NotFound { .. } | OpenError::NoSuperblock { .. }) => Ok(None),
        Err(other) => Err(Fault::Unexpected(format!("verify answers: {}", chain(&other)))),
    }
}

/// Verifies, opens and reads a damaged log.
pub(crate) fn examine(
    base: &Base,
    harm: &Harm,
    extent: &Extent,
    rng: &mut Rng,
) -> Result<Finding, Fault> {
    let verified = verify_damaged(harm)?;
    let verify_found = verified.as_ref().is_none_or(|found| !found.damages.is_empty());
    let mut finding = Finding {
        class: extent.class,
        outcome: Outcome::Harmless,
        verify_found,
        cut_told: false,
        foreign: 0,
        proven_gone: 0,
    };
    let disk = harm.image.disk();
    let log = match Log::open_with(environment_of(&disk, rng.next_u64()), base.options.clone()) {
        Ok(log) => log,
        Err(OpenError::Damaged(_) | OpenError::NoSuperblock { .. }) => {
            finding.outcome = Outcome::RefusedAtOpen;
            if extent.class == Class::BelowMark && !verify_found {
                return Err(Fault::Unexpected("refused, and verify finds nothing".to_owned()));
            }
            return Ok(finding);
        }
        Err(other) => return Err(Fault::Unexpected(format!("open answers: {}", chain(&other)))),
    };
    if log.first().get() != base.first {
        return Err(Fault::SilentLoss(format!("starts at {}, not {}", log.first(), base.first)));
    }
    let served = read_all(base, &log)?;
    let report = log.open_report();
    finding.cut_told = report.cut.is_some();
    finding.foreign = served.foreign;
    finding.proven_gone = (base.proven + 1).saturating_sub(served.next);
    let noted = finding.cut_told
        || report.damaged_superblocks > 0
        || report.scanned_segments > base.scanned
        || verified.is_some_and(|found| found.notes.len() > base.notes);
    finding.outcome = match served.error {
        Some(ReadError::Damaged(_)) => Outcome::ErrorAtRead,
        Some(other) => return Err(Fault::Unexpected(format!("read answers: {}", chain(&other)))),
        None if verify_found => Outcome::VerifyOnly,
        None if served.next <= base.layout.last => Outcome::CutTail,
        None if noted => Outcome::Noted,
        None => Outcome::Harmless,
    };
    if finding.outcome != Outcome::ErrorAtRead && served.next <= extent.proven {
        let text = format!("ends before {}, and {} is proven", served.next, extent.proven);
        return Err(Fault::SilentLoss(text));
    }
    if served.foreign > 0 && !(finding.outcome == Outcome::ErrorAtRead && verify_found) {
        return Err(Fault::WrongBytes(format!("{} records of a sibling", served.foreign)));
    }
    read_somewhere(base, &log, extent, rng)?;
    let found =
        matches!(finding.outcome, Outcome::ErrorAtRead | Outcome::VerifyOnly) && verify_found;
    if extent.class == Class::BelowMark && !found {
        let text = format!("{:?}, verify finds it: {verify_found}", finding.outcome);
        return Err(Fault::Undetected(text));
    }
    Ok(finding)
}

fn read_all(base: &Base, log: &Log) -> Result<Served, Fault> {
    let mut reader = log.reader(Start::Earliest).map_err(|error| unexpected(&error))?;
    let served = read(base, &mut reader, base.first, usize::MAX)?;
    let tail = log.tail().get();
    if !served.lost.is_empty() {
        return Err(Fault::Unexpected(format!("{:?} lost before a repair", served.lost)));
    }
    if served.error.is_none() && served.next != tail {
        return Err(Fault::SilentLoss(format!("read to {}, the tail is {tail}", served.next)));
    }
    Ok(served)
}

/// Starts to read at a few places.
fn read_somewhere(base: &Base, log: &Log, extent: &Extent, rng: &mut Rng) -> Result<(), Fault> {
    let span = log.tail().get().saturating_sub(base.first).max(1);
    for _ in 0..2 {
        let start = base.first + rng.below(span);
        let reader = log.reader(Start::At(Seq::new(start)));
        let served = match reader {
            Ok(mut reader) => read(base, &mut reader, start, 3)?,
            Err(error) => return Err(unexpected(&error)),
        };
        match served.error {
            None if served.next == start && start <= extent.proven => {
                return Err(Fault::SilentLoss(format!("nothing at {start}")));
            }
            None | Some(ReadError::Damaged(_)) => (),
            Some(other) => return Err(unexpected(&other)),
        }
    }
    Ok(())
}

/// Repairs a damaged log and looks at what is left.
pub(crate) fn repair_and_check(
    base: &Base,
    harm: &Harm,
    extent: &Extent,
    rng: &mut Rng,
) -> Result<RepairFinding, Fault> {
    let disk = harm.image.disk();
    let environment = environment_of(&disk, rng.next_u64());
    let repaired = match repair(&environment, Loss::Accept) {
        Ok(repaired) => repaired,
        Err(RepairError::NothingLeft { .. }) => return Ok(RepairFinding::default()),
        Err(error) => return Err(Fault::Repair(format!("repair answers: {}", chain(&error)))),
    };
    let verified = verify(&disk).map_err(|error| Fault::Repair(chain(&error)))?;
    if !verified.damages.is_empty() {
        return Err(Fault::Repair(format!("damages are left: {:?}", verified.damages)));
    }
    let opened = Log::open_with(environment, base.options.clone());
    let log = opened.map_err(|error| Fault::Repair(format!("does not open: {}", chain(&error))))?;
    let first = log.first().get();
    let mut reader = log.reader(Start::Earliest).map_err(|error| Fault::Repair(chain(&error)))?;
    let served = read(base, &mut reader, first, usize::MAX)?;
    if let Some(error) = served.error {
        return Err(Fault::Repair(format!("cannot be read: {}", chain(&error))));
    }
    let lost: u64 = served.lost.iter().map(|(first, last)| last + 1 - first).sum();
    let told = repaired.found.affected_records();
    if lost != told || lost != verified.given_up {
        let given_up = verified.given_up;
        let text = format!("{lost} are lost, repair says {told}, verify {given_up}");
        return Err(Fault::Repair(text));
    }
    if first != base.first && repaired.found.first.get() == base.first {
        return Err(Fault::Repair(format!("starts at {first}, not {}", base.first)));
    }
    go_on(&log, extent, served.next, rng)?;
    Ok(RepairFinding {
        repaired: repaired.epoch.is_some(),
        lost,
        foreign: served.foreign,
        hit: extent.hit,
    })
}

/// Appends to a repaired log: the seqs of what was proven are not used again.
fn go_on(log: &Log, extent: &Extent, tail: u64, rng: &mut Rng) -> Result<(), Fault> {
    if log.tail().get() != tail || tail <= extent.proven {
        let text = format!("tail {} after {tail}, proven {}", log.tail(), extent.proven);
        return Err(Fault::Repair(text));
    }
    let batch = batch_of(&[Given::draw(rng, 10, 0)]);
    let committed = log.append(batch).wait().map_err(|error| Fault::Repair(chain(&error)))?;
    if committed.first.get() != tail {
        return Err(Fault::Repair(format!("{} was used, not {tail}", committed.first)));
    }
    Ok(())
}

fn unexpected(error: &ReadError) -> Fault {
    Fault::Unexpected(format!("read answers: {}", chain(error)))
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    text
}
