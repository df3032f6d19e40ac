//! Faults to come: which operation fails, when, and how.

use std::io;
use std::sync::Arc;

/// The error number of a bad disk.
pub const EIO: i32 = 5;

/// The error number of a full disk.
pub const ENOSPC: i32 = 28;

/// What a program asks of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "they are named as the calls")]
pub enum OpKind {
    Open,
    Create,
    Rename,
    Remove,
    List,
    SyncFolder,
    Lock,
    Read,
    Write,
    SyncData,
    Len,
    SetLen,
}

/// What a fault does.
///
/// An error of `SyncData` or `SyncFolder` does what the kernel does: all that it should have written counts as
/// written from then on, no later sync writes it, and a crash may keep or lose it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing is done and the call answers an error of this kind.
    Error(io::ErrorKind),
    /// Nothing is done and the call answers this error of the system, such as [`EIO`].
    Errno(i32),
    /// A write writes at most so many bytes.
    ShortWrite(usize),
    /// A read reads at most so many bytes.
    ShortRead(usize),
    /// The process dies before the operation: this call and all later ones of it answer an error.
    Stop,
}

/// A fault to come. See [`SimDisk::plan_fault`](super::SimDisk::plan_fault).
#[derive(Clone, Debug)]
pub struct Fault {
    kind: Option<OpKind>,
    file: Option<String>,
    nth: u64,
    effect: Effect,
    repeat: Repeat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeat {
    Once,
    FromThenOn,
}

impl Fault {
    /// The `nth` operation from now (1 is the next) of that kind, or of any kind for `None`.
    ///
    /// # Panics
    /// When `nth` is 0.
    #[must_use]
    pub fn once(kind: impl Into<Option<OpKind>>, nth: u64, effect: Effect) -> Self {
        Self::new(kind.into(), nth, effect, Repeat::Once)
    }

    /// As [`once`](Self::once), and all such operations after it.
    ///
    /// # Panics
    /// When `nth` is 0.
    #[must_use]
    pub fn from_then_on(kind: impl Into<Option<OpKind>>, nth: u64, effect: Effect) -> Self {
        Self::new(kind.into(), nth, effect, Repeat::FromThenOn)
    }

    /// Counts only operations on the file that was opened, created, renamed or removed as `name`.
    #[must_use]
    pub fn on_file(mut self, name: &str) -> Self {
        self.file = Some(name.to_owned());
        self
    }

    fn new(kind: Option<OpKind>, nth: u64, effect: Effect, repeat: Repeat) -> Self {
        assert!(nth != 0, "the next operation is number 1");
        Self { kind, file: None, nth, effect, repeat }
    }

    fn matches(&self, kind: OpKind, files: &[Arc<str>]) -> bool {
        self.kind.is_none_or(|wanted| wanted == kind)
            && self.file.as_deref().is_none_or(|wanted| files.iter().any(|file| **file == *wanted))
            && match self.effect {
                Effect::ShortWrite(_) => kind == OpKind::Write,
                Effect::ShortRead(_) => kind == OpKind::Read,
                Effect::Error(_) | Effect::Errno(_) | Effect::Stop => true,
            }
    }
}

impl Effect {
    /// The error that the call answers, if it is one.
    pub(super) fn error(self) -> Option<io::Error> {
        match self {
            Self::Error(kind) => Some(kind.into()),
            Self::Errno(number) => Some(io::Error::from_raw_os_error(number)),
            Self::Stop => Some(stopped()),
            Self::ShortWrite(_) | Self::ShortRead(_) => None,
        }
    }
}

/// What a process that has died would hear, if it could.
pub(super) fn stopped() -> io::Error {
    io::Error::other("the simulated process has stopped")
}

/// The faults to come on one disk.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// With how many matching operations each has seen.
    faults: Vec<(Fault, u64)>,
}

impl Plan {
    pub(super) fn add(&mut self, fault: Fault) {
        self.faults.push((fault, 0));
    }

    pub(super) fn clear(&mut self) {
        self.faults.clear();
    }

    /// What happens to an operation. When several faults meet on it, the first planned wins.
    pub(super) fn next(&mut self, kind: OpKind, files: &[Arc<str>]) -> Option<Effect> {
        let mut effect = None;
        self.faults.retain_mut(|(fault, seen)| {
            if !fault.matches(kind, files) {
                return true;
            }
            *seen += 1;
            if *seen < fault.nth {
                return true;
            }
            effect = effect.or(Some(fault.effect));
            fault.repeat == Repeat::FromThenOn && fault.effect != Effect::Stop
        });
        effect
    }
}

/// An operation that a disk was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceEntry {
    /// Counted from 0 since the disk was made.
    pub index: u64,
    /// What was asked.
    pub kind: OpKind,
    /// Name of the file when it was opened; `from -> to` for a rename, empty for the folder.
    pub file: Arc<str>,
}
