//! Tokens that were taken back: all of a user, one by its id, or all, as long as they would be good otherwise.
//!
//! They are in a file of their own, which is read again when it changes, as the file of API keys is.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use serde::{Deserialize, Serialize};

use crate::anew;
use crate::limits::{REVOCATIONS_MAX, TOKEN_BYTES_MAX};
use crate::problem::cut;
use crate::stamp::Stamp;

/// Which tokens are taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// All that were made before a time, in seconds since 1970.
    All {
        /// The time.
        before: u64,
    },
    /// Those of a user that were made before a time, in seconds since 1970.
    User {
        /// The `sub` of the tokens.
        user: String,
        /// The time. A token made in this very second is still good.
        before: u64,
    },
    /// The one with this `jti`.
    Id(String),
}

/// Tokens that are to be taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Which.
    pub revoked: Revoked,
    /// When the last of them expires, in seconds since 1970: then it is forgotten. `None` for never.
    pub until: Option<u64>,
}

/// A file of revocations that cannot be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RevocationsError {
    /// The file cannot be read or written.
    #[error("cannot use the file of revoked tokens `{file}`")]
    Io {
        /// The file.
        file: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is none of revocations.
    #[error("`{file}` is not a file of revoked tokens: {why}")]
    Wrong {
        /// The file.
        file: String,
        /// What is wrong.
        why: String,
    },
    /// There is no room for one more.
    #[error("{REVOCATIONS_MAX} revocations are in force already")]
    Full,
}

/// The file of revocations, for whoever takes tokens back.
#[derive(Debug)]
pub struct RevocationFile {
    path: PathBuf,
    list: List,
}

/// What the file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    all: Option<Before>,
    #[serde(default)]
    users: BTreeMap<String, Before>,
    #[serde(default)]
    ids: BTreeMap<String, Single>,
}

/// Of several tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Before {
    before: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
}

/// Of one token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Single {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
}

impl RevocationFile {
    /// Reads the file; one that is not there revokes nothing.
    ///
    /// # Errors
    /// When it cannot be read, or is none of revocations.
    pub fn load(path: impl Into<PathBuf>) -> Result<Self, RevocationsError> {
        let path = path.into();
        let list = read(&path)?;
        Ok(Self { path, list })
    }

    /// How many are in force, or were when the file was written last.
    #[must_use]
    pub fn count(&self) -> usize {
        self.list.count()
    }

    /// Takes tokens back, forgets what is over at `now`, and writes the file. What was revoked stays so: of two for the
    /// same user the later time counts, and the later end.
    ///
    /// # Errors
    /// When there are too many, or the file cannot be written.
    pub fn revoke(&mut self, revocation: Revocation, now: u64) -> Result<(), RevocationsError> {
        let mut list = self.list.clone();
        list.forget(now);
        list.add(revocation);
        if REVOCATIONS_MAX < list.count() {
            return Err(RevocationsError::Full);
        }
        self.write(&list)?;
        self.list = list;
        Ok(())
    }

    fn write(&self, list: &List) -> Result<(), RevocationsError> {
        let mut json = serde_json::to_vec_pretty(list).expect("texts and numbers are always JSON");
        json.push(b'\n');
        let file = || self.path.display().to_string();
        anew::write(&self.path, &json)
            .map_err(|source| RevocationsError::Io { file: file(), source })
    }
}

fn read(path: &Path) -> Result<List, RevocationsError> {
    let file = || path.display().to_string();
    match fs::read(path) {
        Ok(bytes) => parse(&bytes).map_err(|why| RevocationsError::Wrong { file: file(), why }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(List::default()),
        Err(source) => Err(RevocationsError::Io { file: file(), source }),
    }
}

fn parse(json: &[u8]) -> Result<List, String> {
    // Members could be read of an array in order, too.
    if json.trim_ascii_start().first() != Some(&b'{') {
        return Err("it is no object of JSON".to_owned());
    }
    let list: List = serde_json::from_slice(json).map_err(|error| cut(error.to_string()))?;
    if REVOCATIONS_MAX < list.count() {
        return Err(format!("it has more than {REVOCATIONS_MAX}"));
    }
    if list.users.keys().chain(list.ids.keys()).any(|name| TOKEN_BYTES_MAX < name.len()) {
        return Err(format!("it has a name of more than {TOKEN_BYTES_MAX} bytes"));
    }
    Ok(list)
}

impl List {
    fn count(&self) -> usize {
        usize::from(self.all.is_some()) + self.users.len() + self.ids.len()
    }

    fn add(&mut self, Revocation { revoked, until }: Revocation) {
        match revoked {
            Revoked::All { before } => {
                let new = Before { before, until };
                self.all = Some(self.all.map_or(new, |old| old.with(new)));
            }
            Revoked::User { user, before } => {
                let new = Before { before, until };
                self.users.entry(user).and_modify(|old| *old = old.with(new)).or_insert(new);
            }
            Revoked::Id(id) => {
                let new = Single { until };
                let old = self.ids.entry(id).or_insert(new);
                old.until = later(old.until, until);
            }
        }
    }

    /// Forgets those whose tokens have all expired.
    fn forget(&mut self, now: u64) {
        let is_kept = |until: Option<u64>| until.is_none_or(|until| now < until);
        self.all = self.all.filter(|it| is_kept(it.until));
        self.users.retain(|_, it| is_kept(it.until));
        self.ids.retain(|_, it| is_kept(it.until));
    }

    fn has(&self, user: &str, id: Option<&str>, issued_at: Option<u64>) -> bool {
        // A token that does not say when it was made may be from before.
        let is_before = |it: &Before| issued_at.is_none_or(|at| at < it.before);
        id.is_some_and(|id| self.ids.contains_key(id))
            || self.all.as_ref().is_some_and(is_before)
            || self.users.get(user).is_some_and(is_before)
    }
}

impl Before {
    fn with(self, other: Self) -> Self {
        Self { before: self.before.max(other.before), until: later(self.until, other.until) }
    }
}

/// The later end, of which `None` is the latest.
fn later(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    Some(one?.max(other?))
}

/// What is revoked on a running server.
#[derive(Debug)]
pub(crate) struct Revocations {
    path: Option<PathBuf>,
    state: RwLock<State>,
}

#[derive(Debug)]
struct State {
    list: List,
    /// That of the file when it was read.
    stamp: Option<Stamp>,
}

impl Revocations {
    /// Those of a file; none at all without a file.
    pub(crate) fn open(path: Option<PathBuf>) -> Result<Self, RevocationsError> {
        let state = RwLock::new(State::read(path.as_deref())?);
        Ok(Self { path, state })
    }

    fn lock(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a token was taken back, by what it says of itself.
    pub(crate) fn is_revoked(&self, user: &str, id: Option<&str>, issued_at: Option<u64>) -> bool {
        self.lock().list.has(user, id, issued_at)
    }

    /// Forgets what is over, and reads the file again if it changed: true then. One that cannot be read changes nothing.
    pub(crate) fn refresh(&self, now: u64) -> Result<bool, RevocationsError> {
        let before = self.lock().stamp;
        let changed = match &self.path {
            Some(path) if before != Some(Stamp::of(path)) => Some(State::read(Some(path))?),
            Some(_) | None => None,
        };
        let is_changed = changed.is_some();
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(changed) = changed {
            *state = changed;
        }
        state.list.forget(now);
        Ok(is_changed)
    }
}

impl State {
    fn read(path: Option<&Path>) -> Result<Self, RevocationsError> {
        // Before it is read: what is written meanwhile is read with the next look.
        let stamp = path.map(Stamp::of);
        let list = path.map_or(Ok(List::default()), read)?;
        Ok(Self { list, stamp })
    }
}
