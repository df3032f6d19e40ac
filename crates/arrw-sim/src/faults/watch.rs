//! Watches the operations of a run: when the fault struck, and that no sync is trusted after one that failed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use crate::{OpKind, SimDisk};

/// The operations of one kind that fail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Struck {
    pub(crate) kind: OpKind,
    pub(crate) nth: u64,
    pub(crate) forever: bool,
}

/// What was seen so far.
#[derive(Debug, Default)]
struct Seen {
    counts: BTreeMap<OpKind, u64>,
    strikes: u64,
    /// False when the faults were cleared.
    armed: bool,
    /// Files of which a sync failed in this process; empty for the folder.
    failed: BTreeSet<Arc<str>>,
    /// Of those, the ones that were synced again.
    again: BTreeSet<Arc<str>>,
}

/// An observer of one disk. Clones see the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch(Arc<Mutex<Seen>>);

impl Watch {
    /// Watches `disk`, of which operations will fail as `struck` says.
    pub(crate) fn start(disk: &SimDisk, struck: Option<Struck>) -> Self {
        let watch = Self::default();
        watch.with(|seen| seen.armed = true);
        let theirs = watch.clone();
        disk.before_each_op(move |moment| {
            let op = moment.op();
            theirs.with(|seen| seen.note(op.kind, &op.file, struck));
        });
        watch
    }

    /// How often each kind of operation was asked for.
    pub(crate) fn counts(&self) -> BTreeMap<OpKind, u64> {
        self.with(|seen| seen.counts.clone())
    }

    /// How often the fault struck.
    pub(crate) fn strikes(&self) -> u64 {
        self.with(|seen| seen.strikes)
    }

    /// The faults were cleared.
    pub(crate) fn disarm(&self) {
        self.with(|seen| seen.armed = false);
    }

    /// Another process begins.
    pub(crate) fn restart(&self) {
        self.with(|seen| {
            seen.failed.clear();
            seen.again.clear();
        });
    }

    /// The file that was synced again after a sync of it had failed, at the time of an acknowledgement.
    pub(crate) fn trusted_again(&self) -> Option<String> {
        self.with(|seen| seen.again.first().map(ToString::to_string))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Seen) -> T) -> T {
        act(&mut self.0.lock().expect("no holder of this lock panics"))
    }
}

impl Seen {
    fn note(&mut self, kind: OpKind, file: &Arc<str>, struck: Option<Struck>) {
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        let fails = self.armed
            && struck.is_some_and(|s| {
                s.kind == kind && (*count == s.nth || s.forever && s.nth < *count)
            });
        self.strikes += u64::from(fails);
        let renamed = file.split_once(" -> ").map(|(_, to)| to);
        if matches!(kind, OpKind::Create | OpKind::Rename) && !fails {
            // Another file of that name: nothing of it is in doubt.
            let name = renamed.unwrap_or(file);
            self.failed.remove(name);
            self.again.remove(name);
        }
        if !matches!(kind, OpKind::SyncData | OpKind::SyncFolder) {
            return;
        }
        if fails {
            self.failed.insert(Arc::clone(file));
        } else if self.failed.contains(file) {
            self.again.insert(Arc::clone(file));
        }
    }
}
