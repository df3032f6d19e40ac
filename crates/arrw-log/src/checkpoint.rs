//! Keeps what a view made of the log, with the seq up to which it did, so that a start need not read it all.
//!
//! A checkpoint is one file, `NAME.ckpt`. The next one takes its name once it is on the disk, so there is
//! always a whole one. `docs/log-format.md` draws it.

use std::io;
use std::sync::Arc;

use crate::bytes_at::{put_at, u32_at, u64_at, u128_at};
use crate::checksum::crc64;
use crate::error::UpkeepError;
use crate::limits::{CHECKPOINT_BYTES_MAX, NUMBER_MAX};
use crate::log::Log;
use crate::position::Seq;
use crate::segment::FORMAT;
use crate::storage::{Storage, is_full, read_exact_at, write_all_at};

/// Ending of the name of a checkpoint's file.
pub(crate) const SUFFIX: &str = ".ckpt";
/// Ending of one that is not finished.
pub(crate) const UNFINISHED: &str = ".ckpt.tmp";

const HEADER_BYTES: usize = 64;
const MAGIC: u64 = u64::from_le_bytes(*b"ARRWCKPT");
const MAGIC_AT: usize = 0;
const FORMAT_AT: usize = 8;
const LOG_ID_AT: usize = 16;
const SEQ_AT: usize = 32;
const LEN_AT: usize = 40;
const CRC_AT: usize = 48;

/// What a view had made of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// All records up to this one are in it.
    pub seq: Seq,
    /// What the view saved.
    pub bytes: Vec<u8>,
}

impl Log {
    /// Saves what a view made of all records up to `checkpoint.seq`, in place of what it saved before.
    ///
    /// Blocks for two syncs. `name` is the view's: letters, digits and `-`.
    ///
    /// # Errors
    /// When the log stopped, or the disk refuses; a full disk leaves the checkpoint before.
    ///
    /// # Panics
    /// When the name is none, or the bytes are more than [`CHECKPOINT_BYTES_MAX`].
    pub fn save_checkpoint(&self, name: &str, checkpoint: &Checkpoint) -> Result<(), UpkeepError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        assert!(!name.is_empty() && name.bytes().all(plain), "`{name}` is no name of a view");
        assert!(checkpoint.bytes.len() <= CHECKPOINT_BYTES_MAX, "a view is bounded");
        let shared = self.shared();
        if let Some(error) = shared.poison.get() {
            return Err(UpkeepError::Poisoned(Arc::clone(error)));
        }
        let Some(_folder) = shared.folder() else { return Err(UpkeepError::Closed) };
        let storage = shared.environment.storage.as_ref();
        write(storage, name, self.id(), checkpoint).map_err(|error| {
            let source = Arc::new(error);
            if !is_full(&source) {
                shared.stop(Arc::clone(&source));
            }
            UpkeepError::Io { action: format!("save the checkpoint `{name}`"), source }
        })
    }

    /// What a view saved last; `None` when there is nothing that can be used: then it is made of the log.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn load_checkpoint(&self, name: &str) -> Result<Option<Checkpoint>, UpkeepError> {
        let storage = self.shared().environment.storage.as_ref();
        let found = read(storage, name, self.id()).map_err(|error| {
            let action = format!("read the checkpoint `{name}`");
            UpkeepError::Io { action, source: Arc::new(error) }
        })?;
        // One that knows more than the log is of another life of it.
        Ok(found.filter(|checkpoint| checkpoint.seq < self.tail()))
    }
}

pub(crate) fn write(
    storage: &dyn Storage,
    name: &str,
    log_id: u128,
    checkpoint: &Checkpoint,
) -> io::Result<()> {
    let (name, unfinished) = (format!("{name}{SUFFIX}"), format!("{name}{UNFINISHED}"));
    match storage.remove(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => (),
    }
    let file = storage.create(&unfinished)?;
    let mut header = [0; HEADER_BYTES];
    put_at(&mut header, MAGIC_AT, MAGIC.to_le_bytes());
    put_at(&mut header, FORMAT_AT, FORMAT.to_le_bytes());
    put_at(&mut header, LOG_ID_AT, log_id.to_le_bytes());
    put_at(&mut header, SEQ_AT, checkpoint.seq.get().to_le_bytes());
    put_at(&mut header, LEN_AT, (checkpoint.bytes.len() as u64).to_le_bytes());
    let mut bytes = header.to_vec();
    bytes.extend_from_slice(&checkpoint.bytes);
    let crc = crc64(&bytes);
    put_at(&mut bytes, CRC_AT, crc.to_le_bytes());
    let written = write_all_at(file.as_ref(), &bytes, 0);
    if let Err(error) = written {
        storage.remove(&unfinished)?;
        return Err(error);
    }
    // Not to be tried again, whatever the failure is called.
    file.sync_data().map_err(io::Error::other)?;
    storage.rename(&unfinished, &name)?;
    storage.sync_folder().map_err(io::Error::other)
}

pub(crate) fn read(
    storage: &dyn Storage,
    name: &str,
    log_id: u128,
) -> io::Result<Option<Checkpoint>> {
    let file = match storage.open(&format!("{name}{SUFFIX}")) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let len = usize::try_from(file.len()?).unwrap_or(usize::MAX);
    if !(HEADER_BYTES..=HEADER_BYTES + CHECKPOINT_BYTES_MAX).contains(&len) {
        return Ok(None);
    }
    let mut bytes = vec![0; len];
    read_exact_at(file.as_ref(), &mut bytes, 0)?;
    let crc = u64_at(&bytes, CRC_AT);
    put_at(&mut bytes, CRC_AT, [0; 8]);
    let seq = u64_at(&bytes, SEQ_AT);
    let is_ours = crc64(&bytes) == crc
        && u64_at(&bytes, MAGIC_AT) == MAGIC
        && u32_at(&bytes, FORMAT_AT) == FORMAT
        && u128_at(&bytes, LOG_ID_AT) == log_id
        && u64_at(&bytes, LEN_AT) == (len - HEADER_BYTES) as u64
        && seq <= NUMBER_MAX;
    Ok(is_ours.then(|| Checkpoint { seq: Seq::new(seq), bytes: bytes.split_off(HEADER_BYTES) }))
}
