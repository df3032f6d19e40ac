//! API keys: who may ask, for what, and of which topics.
//!
//! A key is `arrw_<id>_<secret>`: the id finds it, and of the secret only a hash is stored. It was drawn at
//! random, 256 bits, so that no slow hash is needed. Keys live in a file of their own, which is read again
//! when it changes: a key that is revoked there is refused within a second, on streams that are open too.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use arrw::{Filter, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::anew;
use crate::auth::now;
use crate::hash::sha256;
use crate::limits::{KEY_LOOK_EVERY, KEY_NAME_BYTES_MAX, KEY_PATTERNS_MAX, KEYS_MAX};
use crate::nearest::nearest;
use crate::problem::cut;
use crate::rates::{Bucket, Rate};
use crate::rfc3339::{self, rfc3339};
use crate::stamp::Stamp;

/// Characters of the id of a key.
const ID_CHARS: usize = 12;

/// Characters of its secret: 256 bits.
const SECRET_CHARS: usize = 43;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What a key is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyScope {
    /// Reading events, topics and stats, and named consumers.
    Read,
    /// Publishing.
    Publish,
    /// Claiming and completing jobs.
    Work,
    /// Everything, retention and purges included.
    Admin,
}

impl FromStr for KeyScope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = ["read", "publish", "work", "admin"];
        Ok(match text {
            "read" => Self::Read,
            "publish" => Self::Publish,
            "work" => Self::Work,
            "admin" => Self::Admin,
            other => {
                let near = nearest(other, &all);
                let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                return Err(format!("a scope is one of {}{near}", all.join(", ")));
            }
        })
    }
}

/// A key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredKey {
    /// Whose it is, for people.
    pub name: String,
    /// What it is good for.
    pub scopes: Vec<KeyScope>,
    /// Topics that it may read and publish, as filters; all when there is none.
    #[serde(default)]
    pub topics: Vec<String>,
    /// When it was made.
    pub created: String,
    /// When it ends, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// Hashes of its secrets: two while it is being rotated.
    hashes: Vec<SecretHash>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretHash {
    sha256: String,
    /// Of one that was rotated out: how long it is still good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

/// A file of keys that cannot be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// The file cannot be read or written.
    #[error("cannot use the file of keys `{file}`")]
    Io {
        /// The file.
        file: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is none of keys.
    #[error("`{file}` is not a file of keys: {why}")]
    Wrong {
        /// The file.
        file: String,
        /// What is wrong.
        why: String,
    },
    /// A key cannot be as it is wanted.
    #[error("{why}")]
    Key {
        /// What is wrong.
        why: String,
    },
    /// There is no key with that id.
    #[error("there is no key `{id}`")]
    Unknown {
        /// The id.
        id: String,
    },
}

/// The file of keys, for whoever makes and revokes them.
#[derive(Debug)]
pub struct KeyFile {
    path: PathBuf,
    keys: BTreeMap<String, StoredKey>,
}

/// What the file holds.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    keys: BTreeMap<String, StoredKey>,
}

impl KeyFile {
    /// Reads the file; one that is not there has no keys.
    ///
    /// # Errors
    /// When it cannot be read, or is none of keys.
    pub fn load(path: impl Into<PathBuf>) -> Result<Self, KeysError> {
        let path = path.into();
        let file = path.display().to_string();
        let keys = match fs::read(&path) {
            Ok(bytes) => {
                parse(&bytes).map_err(|why| KeysError::Wrong { file: file.clone(), why })?
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(source) => return Err(KeysError::Io { file, source }),
        };
        Ok(Self { path, keys })
    }

    /// All keys, by id.
    #[must_use]
    pub fn keys(&self) -> &BTreeMap<String, StoredKey> {
        &self.keys
    }

    /// Makes a key and stores it; answers its id and the key itself, which nobody can find out later.
    ///
    /// # Errors
    /// When the key cannot be, or the file cannot be written.
    pub fn create(&mut self, wanted: NewKey) -> Result<(String, String), KeysError> {
        if KEYS_MAX <= self.keys.len() {
            let why = format!("there are {KEYS_MAX} keys already; revoke some");
            return Err(KeysError::Key { why });
        }
        let (id, secret) = (draw(ID_CHARS)?, draw(SECRET_CHARS)?);
        let NewKey { name, scopes, topics, expires, now } = wanted;
        let key = StoredKey {
            name,
            scopes,
            topics,
            created: rfc3339(now),
            expires: expires.map(rfc3339),
            hashes: vec![SecretHash { sha256: hash_of(&secret), until: None }],
        };
        key.check().map_err(|why| KeysError::Key { why })?;
        self.keys.insert(id.clone(), key);
        self.store()?;
        let text = format!("arrw_{id}_{secret}");
        Ok((id, text))
    }

    /// Gives a key a new secret; the one before is good until `until`. Answers the key with the new one.
    ///
    /// # Errors
    /// When there is no such key, or the file cannot be written.
    pub fn rotate(&mut self, id: &str, until: Timestamp) -> Result<String, KeysError> {
        let secret = draw(SECRET_CHARS)?;
        let unknown = || KeysError::Unknown { id: id.to_owned() };
        let key = self.keys.get_mut(id).ok_or_else(unknown)?;
        // At most two: one that was rotated out before ends now.
        let mut last = key.hashes.remove(0);
        last.until = Some(rfc3339(until));
        key.hashes = vec![SecretHash { sha256: hash_of(&secret), until: None }, last];
        self.store()?;
        Ok(format!("arrw_{id}_{secret}"))
    }

    /// Takes a key away for good.
    ///
    /// # Errors
    /// When there is no such key, or the file cannot be written.
    pub fn revoke(&mut self, id: &str) -> Result<StoredKey, KeysError> {
        let key = self.keys.remove(id).ok_or_else(|| KeysError::Unknown { id: id.to_owned() })?;
        self.store()?;
        Ok(key)
    }

    /// Writes the file anew beside the old one and puts it in its place. Only its owner may read it.
    fn store(&self) -> Result<(), KeysError> {
        let file = self.path.display().to_string();
        let failed = |source| KeysError::Io { file: file.clone(), source };
        let document = Document { keys: self.keys.clone() };
        let mut json = serde_json::to_vec_pretty(&document).expect("texts are always JSON");
        json.push(b'\n');
        anew::write(&self.path, &json).map_err(failed)
    }
}

/// Reads what a file of keys holds.
fn parse(json: &[u8]) -> Result<BTreeMap<String, StoredKey>, String> {
    let document: Document =
        serde_json::from_slice(json).map_err(|error| cut(error.to_string()))?;
    if KEYS_MAX < document.keys.len() {
        return Err(format!("it has more than {KEYS_MAX} keys"));
    }
    for (id, key) in &document.keys {
        key.check().map_err(|why| cut(format!("key `{id}`: {why}")))?;
    }
    Ok(document.keys)
}

/// A key that is wanted.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// Whose it is, for people: 1 to 255 bytes of UTF-8 without control characters.
    pub name: String,
    /// What it is good for, one scope at least.
    pub scopes: Vec<KeyScope>,
    /// Topics that it may read and publish, as filters; all when there is none.
    pub topics: Vec<String>,
    /// When it ends, if it does.
    pub expires: Option<Timestamp>,
    /// The time.
    pub now: Timestamp,
}

impl StoredKey {
    fn check(&self) -> Result<(), String> {
        let fits = (1..=KEY_NAME_BYTES_MAX).contains(&self.name.len());
        if !fits || self.name.contains(char::is_control) {
            let max = KEY_NAME_BYTES_MAX;
            return Err(format!("its name must have 1 to {max} bytes and no control characters"));
        }
        if self.scopes.is_empty() {
            return Err("it needs a scope: read, publish, work or admin".to_owned());
        }
        if KEY_PATTERNS_MAX < self.topics.len() {
            return Err(format!("it may name at most {KEY_PATTERNS_MAX} filters"));
        }
        for topics in &self.topics {
            Filter::parse(topics).map_err(|error| error.to_string())?;
        }
        let times =
            self.expires.iter().chain(self.hashes.iter().filter_map(|it| it.until.as_ref()));
        for time in times {
            rfc3339::parse(time).ok_or_else(|| format!("`{time}` is not a time of RFC 3339"))?;
        }
        let is_hash = |it: &SecretHash| it.sha256.len() == 64;
        if self.hashes.is_empty() || !self.hashes.iter().all(is_hash) {
            return Err("`hashes` must have the SHA-256 of a secret, in hexadecimal".to_owned());
        }
        Ok(())
    }

    /// Whether it is good now with this secret.
    fn takes(&self, secret: &str, now: Timestamp) -> bool {
        let is_over = |time: &Option<String>| {
            time.as_deref().and_then(rfc3339::parse).is_some_and(|end| end <= now)
        };
        let hash = hash_of(secret);
        // Both are compared whatever came of the first, and each as a whole: time tells nothing of a secret.
        let is_right = self.hashes.iter().fold(false, |is_right, it| {
            is_right | (is_same(it.sha256.as_bytes(), hash.as_bytes()) & !is_over(&it.until))
        });
        is_right && !is_over(&self.expires)
    }
}

fn is_same(one: &[u8], other: &[u8]) -> bool {
    let differences = one.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b));
    std::hint::black_box(differences) == 0 && one.len() == other.len()
}

fn hash_of(secret: &str) -> String {
    sha256(&[secret.as_bytes()])
}

/// Random letters and digits.
fn draw(count: usize) -> Result<String, KeysError> {
    let mut text = String::with_capacity(count);
    let mut bytes = [0_u8; 64];
    while text.len() < count {
        getrandom::fill(&mut bytes)
            .map_err(|error| KeysError::Key { why: format!("no random numbers: {error}") })?;
        // Bytes beyond the last whole alphabet would make some letters likelier.
        let even = bytes.iter().filter(|byte| **byte < 248);
        let letters = even.map(|byte| char::from(ALPHABET[usize::from(*byte) % 62]));
        text.extend(letters.take(count - text.len()));
    }
    Ok(text)
}

/// What a request may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    /// Whose key it was; `None` when no key was needed.
    pub(crate) key: Option<Arc<str>>,
    scopes: Vec<KeyScope>,
    /// Topics that it may touch; `None` for all.
    topics: Option<Arc<[Filter]>>,
}

impl Grant {
    /// Everything, for a server without keys.
    pub(crate) fn all() -> Self {
        Self { key: None, scopes: vec![KeyScope::Admin], topics: None }
    }

    pub(crate) fn has(&self, scope: KeyScope) -> bool {
        self.scopes.contains(&KeyScope::Admin) || self.scopes.contains(&scope)
    }

    /// Whether it may publish to this topic.
    pub(crate) fn covers_topic(&self, topic: &str) -> bool {
        self.topics.as_ref().is_none_or(|topics| topics.iter().any(|it| it.matches(topic)))
    }

    /// Whether it may see all that there is.
    pub(crate) fn covers_all(&self) -> bool {
        self.topics.is_none()
    }

    /// Whether it may see all that a filter wants.
    pub(crate) fn covers(&self, filter: &Filter) -> bool {
        self.topics.as_ref().is_none_or(|topics| topics.iter().any(|it| filter.is_within(it)))
    }
}

/// The keys of a running server.
pub(crate) struct Keys {
    path: Option<PathBuf>,
    state: RwLock<State>,
    /// Counts how often the keys changed: streams look again then.
    version: watch::Sender<u64>,
}

/// What the file held when it was read.
struct State {
    keys: BTreeMap<String, StoredKey>,
    /// How much of its rate each has used up.
    used: BTreeMap<String, Bucket>,
    stamp: Option<Stamp>,
    /// True from the first key on, also when the last one is taken away.
    is_needed: bool,
}

impl State {
    fn read(path: Option<&PathBuf>) -> Result<Self, KeysError> {
        let stamp = path.map(|path| Stamp::of(path));
        let keys = path.map_or(Ok(BTreeMap::new()), |path| Ok(KeyFile::load(path)?.keys));
        let keys: BTreeMap<String, StoredKey> = keys?;
        let used = keys.keys().map(|id| (id.clone(), Bucket::default())).collect();
        let is_needed = !keys.is_empty();
        Ok(Self { keys, used, stamp, is_needed })
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Keys {
    /// Those that a file of this text would hold.
    #[cfg(feature = "fuzz")]
    pub(crate) fn of(json: &[u8]) -> Result<(Self, String), String> {
        let keys = parse(json)?;
        let again = serde_json::to_string(&Document { keys: keys.clone() });
        let is_needed = !keys.is_empty();
        let state = RwLock::new(State { keys, used: BTreeMap::new(), stamp: None, is_needed });
        let keys = Self { path: None, state, version: watch::Sender::new(0) };
        Ok((keys, again.expect("texts are always JSON")))
    }

    /// Those of a file; none at all without a file.
    pub(crate) fn open(path: Option<PathBuf>) -> Result<Self, KeysError> {
        let state = RwLock::new(State::read(path.as_ref())?);
        Ok(Self { path, state, version: watch::Sender::new(0) })
    }

    /// True when a request needs a key.
    pub(crate) fn are_needed(&self) -> bool {
        self.lock().is_needed
    }

    fn lock(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until what a grant came from is not good any more. One that ends by itself does so on the minute.
    pub(crate) async fn wait_until_bad(&self, grant: &Grant) {
        let mut version = self.version.subscribe();
        while self.is_still_good(grant, now()) {
            // Not only changes of the file end a key.
            let _changed_or_time = timeout(KEY_LOOK_EVERY, version.changed()).await;
        }
    }

    /// Reads the file again if it changed. One that cannot be read changes nothing: the keys stay as they were.
    pub(crate) fn refresh(&self) -> Result<bool, KeysError> {
        let Some(path) = &self.path else { return Ok(false) };
        let before = self.lock().stamp;
        if before == Some(Stamp::of(path)) {
            return Ok(false);
        }
        let mut read = State::read(Some(path))?;
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        for (id, used) in &mut read.used {
            *used = state.used.remove(id).unwrap_or_default();
        }
        let is_needed = state.is_needed || read.is_needed;
        *state = State { is_needed, ..read };
        drop(state);
        self.version.send_modify(|version| *version += 1);
        Ok(true)
    }

    /// What a key is good for now; `None` when it is none of ours.
    pub(crate) fn grant(&self, text: &str, now: Timestamp) -> Option<Grant> {
        let (id, secret) = text.strip_prefix("arrw_")?.split_once('_')?;
        let state = self.lock();
        let key = state.keys.get(id)?;
        key.takes(secret, now).then(|| Self::grant_of(id, key))
    }

    /// Counts a request with the key that a grant came from; else, how long to wait for the next.
    pub(crate) fn ask(&self, grant: &Grant, rate: &Rate) -> Result<(), Duration> {
        let Some(id) = &grant.key else { return Ok(()) };
        self.lock().used.get(&**id).map_or(Ok(()), |used| rate.take(used))
    }

    /// What the key that a grant came from is good for now.
    pub(crate) fn is_still_good(&self, grant: &Grant, now: Timestamp) -> bool {
        let Some(id) = &grant.key else { return !self.are_needed() };
        self.lock().keys.get(&**id).is_some_and(|key| {
            let end = key.expires.as_deref().and_then(rfc3339::parse);
            end.is_none_or(|end| now < end) && Self::grant_of(id, key) == *grant
        })
    }

    fn grant_of(id: &str, key: &StoredKey) -> Grant {
        let topics: Vec<Filter> =
            key.topics.iter().filter_map(|topics| Filter::parse(topics).ok()).collect();
        let topics = (!topics.is_empty()).then(|| topics.into());
        Grant { key: Some(id.into()), scopes: key.scopes.clone(), topics }
    }
}
