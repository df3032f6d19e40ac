//! Reads frames from a segment's file in large pieces, and says what is wrong with those that are not.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::frame::{
    FRAME_ALIGN, FRAME_HEADER_BYTES, FrameHeader, body_is_intact, decode_header, tip_after,
};
use crate::planted::{Bug, is_planted};
use crate::position::Tip;
use crate::storage::{StorageFile, read_up_to};

/// What stands at a place of a file.
#[derive(Debug)]
pub(crate) enum Probe {
    /// A frame that continues the log, and the log's end behind it.
    Next(FrameHeader, Bytes, Tip),
    /// A valid header of this file whose body is not what was written.
    BadBody(FrameHeader),
    /// A valid frame of this file that does not continue the log.
    Elsewhere(FrameHeader),
    /// No frame of this file.
    Nothing,
}

/// A file of frames, read ahead.
#[derive(Debug)]
pub(crate) struct FrameSource {
    file: Arc<dyn StorageFile>,
    /// The life of the file; `None` takes frames of any.
    nonce: Option<u64>,
    /// What was read last, and where it starts.
    buffer: Bytes,
    buffer_at: u64,
    read_ahead: usize,
}

impl FrameSource {
    pub(crate) fn new(file: Arc<dyn StorageFile>, nonce: Option<u64>, read_ahead: usize) -> Self {
        Self { file, nonce, buffer: Bytes::new(), buffer_at: 0, read_ahead }
    }

    /// What stands at `at`, for a log that ends at `tip`. Nothing behind `limit` is read.
    pub(crate) fn probe(&mut self, at: u64, tip: &Tip, limit: u64) -> io::Result<Probe> {
        let Some(header) = self.header_at(at, limit)? else { return Ok(Probe::Nothing) };
        let bytes = self.bytes_at(at, header.len as usize, limit)?;
        if !body_is_intact(&header, &bytes) {
            return Ok(Probe::BadBody(header));
        }
        let chained = header.continues(tip)
            || is_planted(Bug::SkipChainCheck) && header.first == tip.next_seq;
        match tip_after(&header, &bytes) {
            Some(next) if chained => Ok(Probe::Next(header, bytes, next)),
            _ => Ok(Probe::Elsewhere(header)),
        }
    }

    /// The first whole frame of this file at or behind `from` that does not come before `tip`.
    pub(crate) fn find_later(
        &mut self,
        from: u64,
        tip: &Tip,
        limit: u64,
    ) -> io::Result<Option<(u64, FrameHeader)>> {
        let mut at = from.next_multiple_of(FRAME_ALIGN as u64);
        while at + FRAME_HEADER_BYTES as u64 <= limit {
            if let Some(header) = self.header_at(at, limit)?
                && tip.next_frame <= header.number
                && body_is_intact(&header, &self.bytes_at(at, header.len as usize, limit)?)
            {
                return Ok(Some((at, header)));
            }
            at += FRAME_ALIGN as u64;
        }
        Ok(None)
    }

    /// The first byte behind the last one at or behind `from` that is not zero; `from` when all are.
    pub(crate) fn last_nonzero(&mut self, from: u64, limit: u64) -> io::Result<u64> {
        let (mut at, mut found) = (from, from);
        while at < limit {
            let len = usize::try_from(limit - at).unwrap_or(self.read_ahead).min(self.read_ahead);
            let bytes = self.bytes_at(at, len, limit)?;
            if bytes.is_empty() {
                break;
            }
            if let Some(last) = bytes.iter().rposition(|byte| *byte != 0) {
                found = at + last as u64 + 1;
            }
            at += bytes.len() as u64;
        }
        Ok(found)
    }

    /// The valid header of this file at `at`.
    fn header_at(&mut self, at: u64, limit: u64) -> io::Result<Option<FrameHeader>> {
        let bytes = self.bytes_at(at, FRAME_HEADER_BYTES, limit)?;
        Ok(decode_header(&bytes)
            .filter(|header| self.nonce.is_none_or(|nonce| nonce == header.nonce)))
    }

    /// `len` bytes at `at`, or fewer where the file or the limit ends.
    fn bytes_at(&mut self, at: u64, len: usize, limit: u64) -> io::Result<Bytes> {
        let inside = |buffer_at: u64, buffer: &Bytes| {
            let from = usize::try_from(at.checked_sub(buffer_at)?).ok()?;
            (from + len <= buffer.len()).then_some(from)
        };
        if let Some(from) = inside(self.buffer_at, &self.buffer) {
            return Ok(self.buffer.slice(from..from + len));
        }
        let wanted = (len.max(self.read_ahead) as u64).min(limit.saturating_sub(at));
        let wanted = usize::try_from(wanted).expect("bounded by a length in memory");
        let mut fresh = match std::mem::take(&mut self.buffer).try_into_mut() {
            // Nobody else has the old piece: use its memory again.
            Ok(old) => old,
            Err(_) => BytesMut::new(),
        };
        fresh.resize(wanted, 0);
        let count = read_up_to(self.file.as_ref(), &mut fresh, at)?;
        fresh.truncate(count);
        self.buffer = fresh.freeze();
        self.buffer_at = at;
        Ok(self.buffer.slice(..len.min(count)))
    }
}
