//! Every state of the disk that a power cut now may leave.

mod choice;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use choice::SECTORS_EXHAUSTIVE;

use super::content::Content;
use super::folder::{InodeId, Names};
use super::{Image, SimDisk, State};
use crate::rng::Rng;

use choice::Change;

/// States made when the driver names no limit.
const STATES_DEFAULT: u64 = 65_536;

/// Draws in a row that gave nothing new before a sample ends.
const MISSES_MAX: u32 = 1000;

/// The states that a crash may leave: a choice for the folder times a choice for each un-synced change of a file.
///
/// ```text
/// folder      each pending change kept or lost; one that builds on a lost one is lost
/// write       each changed 512 B sector old or new (all subsets up to `SECTORS_EXHAUSTIVE` sectors; beyond: none,
///             all, each prefix, each suffix, each one, all but each one, 16 at random);
///             when it makes the file longer: the length as far as the kept sectors reach, or in full, with zeros
/// set_len     kept or lost
/// ```
///
/// Up to the limit all states come; when there are more, the corners (each choice with all else lost, and with all
/// else kept) and then states drawn at random from the seed. One `CrashStates` always gives the same states in the
/// same order. Two states may still be the same image: count by fingerprint.
#[derive(Clone, Debug)]
pub struct CrashStates {
    folders: Vec<Names>,
    files: BTreeMap<InodeId, File>,
    limit: u64,
    seed: u64,
}

/// One state that a crash may leave.
#[derive(Clone, Debug)]
pub struct CrashState {
    image: Image,
    choices: Arc<[u32]>,
}

/// A file and what may become of its un-synced changes.
#[derive(Clone, Debug)]
struct File {
    durable: Arc<Content>,
    changes: Vec<Change>,
    /// Where the choices for its changes start in a list of choices.
    first: usize,
}

impl CrashStates {
    pub(super) fn of(state: &State) -> Self {
        let mut states = Self {
            folders: state.folder.crash_states(0),
            files: BTreeMap::new(),
            limit: STATES_DEFAULT,
            seed: 0,
        };
        let reachable: BTreeSet<InodeId> =
            states.folders.iter().flat_map(|names| names.values().copied()).collect();
        let mut first = 1;
        for id in reachable {
            let inode = state.inode(id);
            let changes = choice::changes(&inode.durable, &inode.pending);
            let count = changes.len();
            states.files.insert(id, File { durable: Arc::clone(&inode.durable), changes, first });
            first += count;
        }
        states
    }

    /// At most so many states; without it, at most 65,536.
    #[must_use]
    pub const fn limit(mut self, states: u64) -> Self {
        self.limit = states;
        self
    }

    /// The seed of what is drawn at random; without it, 0.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Combinations of all choices: at least as many as there are states.
    #[must_use]
    pub fn combinations(&self) -> u128 {
        self.radixes().iter().fold(1, |product: u128, &n| product.saturating_mul(u128::from(n)))
    }

    /// True when all states come, none only by chance.
    ///
    /// A write wider than [`SECTORS_EXHAUSTIVE`] counts as all when its fixed classes come.
    #[must_use]
    pub fn is_exhaustive(&self) -> bool {
        self.combinations() <= u128::from(self.limit)
    }

    /// One state, any with the same chance.
    pub fn random(&self, rng: &mut Rng) -> CrashState {
        let radixes = self.radixes();
        let choices = radixes.iter().map(|&n| draw(rng, n)).collect();
        self.state(self.normal(choices), &mut BTreeMap::new())
    }

    /// The state in which nothing un-synced is kept.
    #[must_use]
    pub fn all_lost(&self) -> CrashState {
        self.state(vec![0; self.radixes().len()], &mut BTreeMap::new())
    }

    /// The state in which everything is kept, as if all had been synced.
    #[must_use]
    pub fn all_kept(&self) -> CrashState {
        let choices = self.radixes().iter().map(|n| n - 1).collect();
        self.state(choices, &mut BTreeMap::new())
    }

    /// The state of [`CrashState::choices`], to look at one again.
    ///
    /// # Panics
    /// When the choices come from the states of another disk.
    #[must_use]
    pub fn replay(&self, choices: &[u32]) -> CrashState {
        let radixes = self.radixes();
        assert!(
            choices.len() == radixes.len() && choices.iter().zip(&radixes).all(|(c, n)| c < n),
            "these choices are of another disk"
        );
        self.state(choices.to_vec(), &mut BTreeMap::new())
    }

    /// What was kept in a state, a line for the folder and one for each un-synced change, for messages.
    #[must_use]
    pub fn describe(&self, state: &CrashState) -> String {
        let names: Vec<&str> = state.image.files.keys().map(|name| &**name).collect();
        let (folder, folders) = (state.choices[0] + 1, self.folders.len());
        let mut lines = vec![format!("folder {folder} of {folders}: {}", names.join(" "))];
        for (name, id) in self.folder(&state.choices) {
            let file = &self.files[id];
            for (change, &choice) in file.changes.iter().zip(&state.choices[file.first..]) {
                lines.push(format!("`{name}` {}", change.describe(choice, self.seed)));
            }
        }
        lines.join("\n")
    }

    /// How many choices there are for the folder and for each change.
    fn radixes(&self) -> Vec<u32> {
        let changes = self.files.values().flat_map(|file| &file.changes);
        let counts = changes.map(|change| change.choices.len());
        std::iter::once(self.folders.len())
            .chain(counts)
            .map(|n| u32::try_from(n).expect("a change has a few thousand choices at most"))
            .collect()
    }

    fn folder(&self, choices: &[u32]) -> &Names {
        &self.folders[choices[0] as usize]
    }

    /// The same state by the least choices: what became of files that are not there makes no difference.
    fn normal(&self, mut choices: Vec<u32>) -> Vec<u32> {
        let present: BTreeSet<&InodeId> = self.folder(&choices).values().collect();
        for (_, file) in self.files.iter().filter(|(id, _)| !present.contains(id)) {
            choices[file.first..file.first + file.changes.len()].fill(0);
        }
        choices
    }

    fn state(&self, choices: Vec<u32>, made: &mut Made) -> CrashState {
        let files = self.folder(&choices).iter().map(|(name, id)| {
            (Arc::clone(name), self.files[id].content(*id, &choices, self.seed, made))
        });
        CrashState { image: Image { files: files.collect() }, choices: choices.into() }
    }
}

impl CrashState {
    /// A fresh disk in this state.
    #[must_use]
    pub fn disk(&self) -> SimDisk {
        self.image.disk()
    }

    /// The files, to look at or to damage a clone.
    #[must_use]
    pub const fn image(&self) -> &Image {
        &self.image
    }

    /// See [`Image::fingerprint`].
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.image.fingerprint()
    }

    /// Which choice was made for the folder and for each un-synced change, in order. See [`CrashStates::replay`].
    #[must_use]
    pub fn choices(&self) -> &[u32] {
        &self.choices
    }
}

/// The last content made of each file, and from which choices: most states change one file only.
type Made = BTreeMap<InodeId, (Vec<u32>, Arc<Content>)>;

impl File {
    fn content(&self, id: InodeId, choices: &[u32], seed: u64, made: &mut Made) -> Arc<Content> {
        let choices = &choices[self.first..self.first + self.changes.len()];
        if choices.iter().all(|&choice| choice == 0) {
            return Arc::clone(&self.durable);
        }
        if let Some((last, content)) = made.get(&id)
            && last == choices
        {
            return Arc::clone(content);
        }
        let mut content = Content::clone(&self.durable);
        for (change, &choice) in self.changes.iter().zip(choices) {
            change.apply(choice, seed, &mut content);
        }
        let content = Arc::new(content);
        made.insert(id, (choices.to_vec(), Arc::clone(&content)));
        content
    }
}

fn draw(rng: &mut Rng, n: u32) -> u32 {
    u32::try_from(rng.below(u64::from(n))).expect("it is below a u32")
}

impl IntoIterator for CrashStates {
    type Item = CrashState;
    type IntoIter = CrashStatesIter;

    fn into_iter(self) -> CrashStatesIter {
        let radixes = self.radixes();
        let order = if self.is_exhaustive() {
            Order::All { next: Some(vec![0; radixes.len()]) }
        } else {
            Order::Sample { corner: 0, rng: Rng::new(self.seed), seen: BTreeSet::new(), misses: 0 }
        };
        let left = self.limit;
        CrashStatesIter { states: self, radixes, order, left, made: Made::new() }
    }
}

impl IntoIterator for &CrashStates {
    type Item = CrashState;
    type IntoIter = CrashStatesIter;

    fn into_iter(self) -> CrashStatesIter {
        self.clone().into_iter()
    }
}

/// Makes the states of a [`CrashStates`] one by one.
#[derive(Debug)]
pub struct CrashStatesIter {
    states: CrashStates,
    radixes: Vec<u32>,
    order: Order,
    left: u64,
    made: Made,
}

#[derive(Debug)]
enum Order {
    /// All combinations, the last choice moving fastest.
    All { next: Option<Vec<u32>> },
    /// First the corners, then at random, each combination once.
    Sample { corner: usize, rng: Rng, seen: BTreeSet<Vec<u32>>, misses: u32 },
}

impl Iterator for CrashStatesIter {
    type Item = CrashState;

    fn next(&mut self) -> Option<CrashState> {
        self.left = self.left.checked_sub(1)?;
        let choices = match &mut self.order {
            Order::All { next } => loop {
                let choices = next.take()?;
                *next = successor(&choices, &self.radixes);
                if self.states.normal(choices.clone()) == choices {
                    break choices;
                }
            },
            Order::Sample { corner, rng, seen, misses } => loop {
                // Half the limit at most, so that chance has its share.
                let corners_left = (*corner as u64) < self.states.limit / 2;
                let choices = match corner_choices(*corner, &self.radixes) {
                    Some(choices) if corners_left => choices,
                    _ => self.radixes.iter().map(|&n| draw(rng, n)).collect(),
                };
                *corner += 1;
                let choices = self.states.normal(choices);
                if seen.insert(choices.clone()) {
                    *misses = 0;
                    break choices;
                }
                *misses += 1;
                if *misses == MISSES_MAX {
                    return None;
                }
            },
        };
        Some(self.states.state(choices, &mut self.made))
    }
}

/// The combination after `choices`.
fn successor(choices: &[u32], radixes: &[u32]) -> Option<Vec<u32>> {
    let mut choices = choices.to_vec();
    for at in (0..choices.len()).rev() {
        choices[at] += 1;
        if choices[at] < radixes[at] {
            return Some(choices);
        }
        choices[at] = 0;
    }
    None
}

/// Nothing kept, all kept, then each choice with nothing else kept and with all else kept.
fn corner_choices(corner: usize, radixes: &[u32]) -> Option<Vec<u32>> {
    let (mut choice, kept) = (corner / 2, corner % 2 == 1);
    let mut choices: Vec<u32> = radixes.iter().map(|n| if kept { n - 1 } else { 0 }).collect();
    for (at, &n) in radixes.iter().enumerate() {
        if choice < n as usize {
            choices[at] = u32::try_from(choice).expect("it is below a u32");
            return Some(choices);
        }
        choice -= n as usize;
    }
    None
}
