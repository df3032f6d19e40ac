//! The folder: which names are on the disk, which the program sees, which changes lie between.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::rng::Rng;

/// Pending changes up to which every combination is tried.
const CHANGES_EXHAUSTIVE: usize = 10;

/// Combinations tried at random beyond that.
const RANDOM_COMBINATIONS: usize = 256;

/// Number of a file, never used again.
pub(super) type InodeId = u64;

/// Names and their files.
pub(super) type Names = BTreeMap<Arc<str>, InodeId>;

/// The names of a disk.
#[derive(Debug, Default)]
pub(super) struct Folder {
    pub(super) durable: Names,
    pub(super) visible: Names,
    pending: Vec<Change>,
}

/// A change of the folder that no sync has confirmed.
#[derive(Clone, Debug)]
struct Change {
    op: FolderOp,
    /// A sync that should have written it failed.
    failed: bool,
}

/// What a pending change does. A rename is one change: no crash shows half of it.
#[derive(Clone, Debug)]
pub(super) enum FolderOp {
    Create { name: Arc<str>, inode: InodeId },
    Rename { from: Arc<str>, to: Arc<str> },
    Remove { name: Arc<str> },
}

impl Folder {
    /// A folder that is on the disk as it is.
    pub(super) fn of(names: Names) -> Self {
        Self { durable: names.clone(), visible: names, pending: Vec::new() }
    }

    pub(super) fn apply(&mut self, op: FolderOp) {
        op.apply(&mut self.visible);
        self.pending.push(Change { op, failed: false });
    }

    /// Makes all changes durable that were not lost to a failed sync, with those they build on.
    pub(super) fn sync(&mut self) {
        let mut wanted: Vec<bool> = self.pending.iter().map(|change| !change.failed).collect();
        for at in (0..wanted.len()).rev() {
            let (before, from) = wanted.split_at_mut(at);
            for (wanted, change) in before.iter_mut().zip(&self.pending) {
                *wanted |= from[0] && change.op.meets(&self.pending[at].op);
            }
        }
        for (change, _) in self.pending.iter().zip(&wanted).filter(|(_, wanted)| **wanted) {
            change.op.apply(&mut self.durable);
        }
        let mut wanted = wanted.into_iter();
        self.pending.retain(|_| !wanted.next().unwrap_or(false));
    }

    pub(super) fn fail_sync(&mut self) {
        for change in &mut self.pending {
            change.failed = true;
        }
    }

    /// Sets what `name` is, seen and on the disk, whatever was going on.
    pub(super) fn put(&mut self, name: &Arc<str>, inode: Option<InodeId>) {
        self.pending.retain(|change| !change.op.names().contains(&&**name));
        for names in [&mut self.durable, &mut self.visible] {
            match inode {
                Some(inode) => names.insert(Arc::clone(name), inode),
                None => names.remove(&**name),
            };
        }
    }

    /// All files that some crash could leave, or the program sees.
    pub(super) fn inodes(&self) -> BTreeSet<InodeId> {
        let created = self.pending.iter().filter_map(|change| match &change.op {
            FolderOp::Create { inode, .. } => Some(inode),
            FolderOp::Rename { .. } | FolderOp::Remove { .. } => None,
        });
        self.durable.values().chain(self.visible.values()).chain(created).copied().collect()
    }

    /// What a crash may leave: first nothing pending kept, last everything. `seed` draws the samples.
    pub(super) fn crash_states(&self, seed: u64) -> Vec<Names> {
        let count = self.pending.len();
        let mut wishes: Vec<Vec<bool>> = Vec::new();
        if count <= CHANGES_EXHAUSTIVE {
            let masks = 0..1_u32 << count;
            wishes.extend(masks.map(|mask| (0..count).map(|at| mask >> at & 1 == 1).collect()));
        } else {
            let mut rng = Rng::new(seed);
            for at in 0..=count {
                wishes.push((0..count).map(|other| other < at).collect());
                wishes.push((0..count).map(|other| other != at).collect());
                wishes.push((0..count).map(|other| other == at).collect());
            }
            wishes.extend(
                (0..RANDOM_COMBINATIONS).map(|_| (0..count).map(|_| rng.chance(1, 2)).collect()),
            );
        }
        let mut seen = BTreeSet::new();
        let mut states = Vec::new();
        let everything = self.names_with(&vec![true; count]);
        for wish in wishes {
            let names = self.names_with(&wish);
            if names != everything && seen.insert(names.clone()) {
                states.push(names);
            }
        }
        states.push(everything);
        states
    }

    /// The durable names and the wished changes, without those that build on one not wished.
    fn names_with(&self, wish: &[bool]) -> Names {
        let mut names = self.durable.clone();
        let mut lost: Vec<&FolderOp> = Vec::new();
        for (change, &wished) in self.pending.iter().zip(wish) {
            if wished && !lost.iter().any(|lost| lost.meets(&change.op)) {
                change.op.apply(&mut names);
            } else {
                lost.push(&change.op);
            }
        }
        names
    }
}

impl FolderOp {
    fn names(&self) -> Vec<&str> {
        match self {
            Self::Create { name, .. } | Self::Remove { name } => vec![name],
            Self::Rename { from, to } => vec![from, to],
        }
    }

    /// True when both change one name, so that their order matters.
    fn meets(&self, other: &Self) -> bool {
        let others = other.names();
        self.names().iter().any(|name| others.contains(name))
    }

    fn apply(&self, names: &mut Names) {
        match self {
            Self::Create { name, inode } => {
                names.insert(Arc::clone(name), *inode);
            }
            Self::Rename { from, to } => {
                if let Some(inode) = names.remove(from) {
                    names.insert(Arc::clone(to), inode);
                }
            }
            Self::Remove { name } => {
                names.remove(name);
            }
        }
    }
}
