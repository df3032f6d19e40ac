//! What a run of damages came to, counted.

use std::collections::BTreeMap;
use std::fmt;

use super::harm::{KINDS, Kind};

/// What a damage hit, the worst that applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A frame of records that the rest of the bytes still prove to have been synced.
    BelowMark,
    /// A frame of records that was proven, and all that proved it as well.
    WithItsProof,
    /// A frame of records behind the last proof.
    Tail,
    /// No frame of records: headers, footers, superblocks, marks, free space.
    Elsewhere,
}

/// All classes.
pub const CLASSES: [Class; 4] =
    [Class::BelowMark, Class::WithItsProof, Class::Tail, Class::Elsewhere];

/// How a damage showed, the first that applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The log did not open.
    RefusedAtOpen,
    /// It opened, and reading came to an error.
    ErrorAtRead,
    /// Only `verify` listed a damage; all records were served.
    VerifyOnly,
    /// The end of the log was cut.
    CutTail,
    /// All records were served, and the start or `verify` told of something.
    Noted,
    /// All records were served.
    Harmless,
}

/// All outcomes.
pub const OUTCOMES: [Outcome; 6] = [
    Outcome::RefusedAtOpen,
    Outcome::ErrorAtRead,
    Outcome::VerifyOnly,
    Outcome::CutTail,
    Outcome::Noted,
    Outcome::Harmless,
];

/// What must not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    WrongBytes(String),
    SilentLoss(String),
    Undetected(String),
    Panic(String),
    Repair(String),
    Unexpected(String),
}

/// What became of one damage.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) class: Class,
    pub(crate) outcome: Outcome,
    pub(crate) verify_found: bool,
    /// The start told of a cut end.
    pub(crate) cut_told: bool,
    /// Records of a sibling that were served before an error came.
    pub(crate) foreign: u64,
    /// Records that were proven by bytes that are gone as well.
    pub(crate) proven_gone: u64,
}

impl Finding {
    /// Of a damage that did harm.
    pub(crate) fn failed(class: Class) -> Self {
        let outcome = Outcome::Harmless;
        Self { class, outcome, verify_found: true, cut_told: true, foreign: 0, proven_gone: 0 }
    }
}

/// What a repair did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RepairFinding {
    /// False when there was nothing to repair, or nothing left.
    pub(crate) repaired: bool,
    pub(crate) lost: u64,
    /// Records of a sibling that were kept.
    pub(crate) foreign: u64,
    /// Records of the frames that were damaged.
    pub(crate) hit: u64,
}

/// Counts of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DamageReport {
    /// Damages that were done.
    pub damages: u64,
    /// Sound logs that were damaged.
    pub bases: u64,
    /// By kind, class and outcome.
    pub counts: BTreeMap<(Kind, Class, Outcome), u64>,
    /// Damages below the last mark that `verify` did not list.
    pub missed_by_verify: u64,
    /// Damages that took proven records with all proof of them, after which the log opened shorter.
    pub cut_with_proof: u64,
    /// Of those, how many the start did not tell of.
    pub cut_with_proof_untold: u64,
    /// And those by kind.
    pub untold: BTreeMap<Kind, u64>,
    /// Records of a sibling log that a reader got before the error, in blocks from where the two part: they
    /// continue the common past as ours do, and only what follows shows that they are not ours.
    pub foreign_served: u64,
    /// Records of a sibling log that repairs kept.
    pub foreign_kept: u64,
    /// Records served that were not those appended.
    pub wrong_bytes: u64,
    /// Proven records that were missing without an error.
    pub silent_losses: u64,
    /// Damages below the last mark that showed nowhere.
    pub undetected: u64,
    /// Panics.
    pub panics: u64,
    /// Errors of a kind that no damage may lead to.
    pub unexpected: u64,
    /// Logs that `repair` was run on.
    pub repairs: u64,
    /// Of those, how many needed it.
    pub repaired: u64,
    /// Records that the repairs gave up.
    pub repairs_lost: u64,
    /// Records of the frames that were damaged below the mark, in the logs that were repaired.
    pub repairs_hit: u64,
    /// Repairs that left damage, wrong counts or used seqs again.
    pub repair_faults: u64,
    /// The first failures, with what is needed to repeat them.
    pub failures: Vec<String>,
}

/// Failures that are kept as text.
const FAILURES_MAX: usize = 40;

/// Fewest damages of each kind, class and outcome, in thousandths of all.
const KIND_PERMILLE_MIN: u64 = 8;
const BELOW_PERCENT_MIN: u64 = 60;

/// A run that does not prove what it should.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DamageError {
    /// Something happened that must not.
    Failed(Vec<String>),
    /// Too few damages of some sort to prove anything: which, how many, and how many are needed.
    TooThin(String, u64, u64),
}

impl fmt::Display for DamageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failures) => write!(f, "damage did harm:\n{}", failures.join("\n")),
            Self::TooThin(what, count, min) => {
                write!(f, "the run is too thin: {count} damages of sort {what}, {min} are needed")
            }
        }
    }
}

impl std::error::Error for DamageError {}

impl DamageReport {
    pub(crate) fn add(&mut self, kind: Kind, finding: &Finding) {
        self.damages += 1;
        let key = (kind, finding.class, finding.outcome);
        *self.counts.entry(key).or_default() += 1;
        self.missed_by_verify +=
            u64::from(finding.class == Class::BelowMark && !finding.verify_found);
        self.foreign_served += finding.foreign;
        if finding.outcome == Outcome::CutTail && finding.proven_gone > 0 {
            self.cut_with_proof += 1;
            if !finding.cut_told {
                self.cut_with_proof_untold += 1;
                *self.untold.entry(kind).or_default() += 1;
            }
        }
    }

    pub(crate) fn add_repair(&mut self, finding: RepairFinding) {
        self.repairs += 1;
        self.repaired += u64::from(finding.repaired);
        self.repairs_lost += finding.lost;
        self.foreign_kept += finding.foreign;
        self.repairs_hit += finding.hit;
    }

    pub(crate) fn fail(&mut self, fault: &Fault, what: &str) {
        let count = match fault {
            Fault::WrongBytes(_) => &mut self.wrong_bytes,
            Fault::SilentLoss(_) => &mut self.silent_losses,
            Fault::Undetected(_) => &mut self.undetected,
            Fault::Panic(_) => &mut self.panics,
            Fault::Repair(_) => &mut self.repair_faults,
            Fault::Unexpected(_) => &mut self.unexpected,
        };
        *count += 1;
        if self.failures.len() < FAILURES_MAX {
            self.failures.push(format!("{fault:?}: {what}"));
        }
    }

    /// Adds the counts of another run.
    pub(crate) fn merge(&mut self, other: Self) {
        self.damages += other.damages;
        self.bases += other.bases;
        for (key, count) in other.counts {
            *self.counts.entry(key).or_default() += count;
        }
        for (kind, count) in other.untold {
            *self.untold.entry(kind).or_default() += count;
        }
        self.missed_by_verify += other.missed_by_verify;
        self.cut_with_proof += other.cut_with_proof;
        self.cut_with_proof_untold += other.cut_with_proof_untold;
        self.foreign_served += other.foreign_served;
        self.foreign_kept += other.foreign_kept;
        self.wrong_bytes += other.wrong_bytes;
        self.silent_losses += other.silent_losses;
        self.undetected += other.undetected;
        self.panics += other.panics;
        self.unexpected += other.unexpected;
        self.repairs += other.repairs;
        self.repaired += other.repaired;
        self.repairs_lost += other.repairs_lost;
        self.repairs_hit += other.repairs_hit;
        self.repair_faults += other.repair_faults;
        self.failures.extend(other.failures);
        self.failures.truncate(FAILURES_MAX);
    }

    /// Damages for which `wanted` holds.
    pub fn count(&self, wanted: impl Fn(Kind, Class, Outcome) -> bool) -> u64 {
        let keys = self.counts.iter().filter(|((k, c, o), _)| wanted(*k, *c, *o));
        keys.map(|(_, count)| count).sum()
    }

    /// Damages below the last mark.
    #[must_use]
    pub fn below_mark(&self) -> u64 {
        self.count(|_, class, _| class == Class::BelowMark)
    }

    /// Whether the run proves that damage does no harm.
    ///
    /// # Errors
    /// When it did, or when there were too few damages of some kind, class or outcome.
    pub fn verdict(&self) -> Result<(), DamageError> {
        let faults = self.wrong_bytes + self.silent_losses + self.undetected + self.panics;
        if faults + self.unexpected + self.repair_faults > 0 || !self.failures.is_empty() {
            return Err(DamageError::Failed(self.failures.clone()));
        }
        let kind_min = (self.damages * KIND_PERMILLE_MIN / 1000).max(1);
        let mut wanted = vec![
            (
                "below the mark".to_owned(),
                self.below_mark(),
                self.damages * BELOW_PERCENT_MIN / 100,
            ),
            ("repaired".to_owned(), self.repaired, self.repairs / 2),
        ];
        for kind in KINDS {
            let min = if kind == Kind::SiblingSegment { 1 } else { kind_min };
            wanted.push((format!("{kind:?}"), self.count(|k, _, _| k == kind), min));
        }
        for class in CLASSES {
            wanted.push((format!("{class:?}"), self.count(|_, c, _| c == class), 10));
        }
        for outcome in OUTCOMES {
            // That `verify` alone finds something is possible, not necessary.
            let min = if outcome == Outcome::VerifyOnly { 0 } else { 10 };
            wanted.push((format!("{outcome:?}"), self.count(|_, _, o| o == outcome), min));
        }
        match wanted.into_iter().find(|(_, count, min)| count < min) {
            Some((what, count, min)) => Err(DamageError::TooThin(what, count, min)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for DamageReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let below = self.below_mark();
        let permille = below * 1000 / self.damages.max(1);
        writeln!(f, "{} damages to {} logs", self.damages, self.bases)?;
        writeln!(f, "{below} below the last mark: {}.{} %", permille / 10, permille % 10)?;
        write!(f, "{:16}", "")?;
        for outcome in OUTCOMES {
            write!(f, "{:>15}", format!("{outcome:?}"))?;
        }
        writeln!(f)?;
        for class in CLASSES {
            write!(f, "{:16}", format!("{class:?}"))?;
            for outcome in OUTCOMES {
                write!(f, "{:>15}", self.count(|_, c, o| c == class && o == outcome))?;
            }
            writeln!(f)?;
        }
        for kind in KINDS {
            write!(f, "{:16}", format!("{kind:?}"))?;
            for outcome in OUTCOMES {
                write!(f, "{:>15}", self.count(|k, _, o| k == kind && o == outcome))?;
            }
            writeln!(f)?;
        }
        writeln!(
            f,
            "wrong bytes {}, silent losses {}, undetected {}, panics {}, unexpected errors {}",
            self.wrong_bytes, self.silent_losses, self.undetected, self.panics, self.unexpected
        )?;
        writeln!(
            f,
            "not listed by verify {}; cut together with its proof {}, of which untold {} {:?}",
            self.missed_by_verify, self.cut_with_proof, self.cut_with_proof_untold, self.untold
        )?;
        writeln!(
            f,
            "records of a sibling: served before the error {}, kept by repairs {}",
            self.foreign_served, self.foreign_kept
        )?;
        write!(
            f,
            "repairs {}, needed {}, records given up {} (damaged {}), faults {}",
            self.repairs, self.repaired, self.repairs_lost, self.repairs_hit, self.repair_faults
        )
    }
}
