//! What may be set when a log is opened, with the defaults and the reasons for them.

use std::time::Duration;

use crate::error::OpenError;
use crate::limits::{
    HOLD_BYTES_DEFAULT, INTAKE_BATCHES_MAX, INTAKE_BYTES_MAX, MARK_IDLE_MS, RING_BYTES_DEFAULT,
    SEGMENT_BYTES_DEFAULT, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, SPARES_DEFAULT, SPARES_MAX,
    SPARES_RESERVED,
};

/// Who does the work of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Drive {
    /// A writer and an upkeep thread, beside callers that wait, who do it themselves when it is free.
    #[default]
    Threads,
    /// The callers alone: nothing happens but inside a call. For simulation, and for short-lived tools.
    Callers,
}

/// How long history is kept. Whole segments go, the oldest first; the one being filled never does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Removes segments whose last record is older. Default: none.
    pub age_max: Option<Duration>,
    /// Removes segments while all together have more bytes. Default: none.
    pub bytes_max: Option<u64>,
    /// Bytes that holds may keep beyond that before they are broken. Default 4 GiB.
    pub hold_bytes_max: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { age_max: None, bytes_max: None, hold_bytes_max: HOLD_BYTES_DEFAULT }
    }
}

/// Settings of a log.
#[derive(Clone, Debug)]
pub struct Options {
    /// Size of new segments, 16 KiB to 1 GiB. Default 64 MiB: a roll every few seconds at full rate.
    pub segment_bytes: u64,
    /// Segments made ready ahead of need, 2 to 16. The last one is the reserve. Default 2.
    pub spares: usize,
    /// Memory for the newest frames, which readers share. Default 32 MiB.
    pub ring_bytes: usize,
    /// Batches that may wait for the writer. Default 65,536.
    pub intake_batches_max: usize,
    /// Bytes that may wait for the writer. Default 64 MiB.
    pub intake_bytes_max: usize,
    /// Quiet time after which the writer proves the last frame with a mark. Default 50 ms.
    pub mark_idle: Duration,
    /// How long history is kept. Default: for ever.
    pub retention: Retention,
    /// Who does the work. Default: threads of the log.
    pub drive: Drive,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: SEGMENT_BYTES_DEFAULT,
            spares: SPARES_DEFAULT,
            ring_bytes: RING_BYTES_DEFAULT,
            intake_batches_max: INTAKE_BATCHES_MAX,
            intake_bytes_max: INTAKE_BYTES_MAX,
            mark_idle: Duration::from_millis(MARK_IDLE_MS),
            retention: Retention::default(),
            drive: Drive::default(),
        }
    }
}

impl Options {
    /// Says which option cannot be as it is.
    pub(crate) fn check(&self) -> Result<(), OpenError> {
        let refuse = |option, actual, rule| Err(OpenError::Option { option, actual, rule });
        if !(SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&self.segment_bytes)
            || !self.segment_bytes.is_multiple_of(4096)
        {
            return refuse(
                "segment_bytes",
                self.segment_bytes,
                "a multiple of 4 KiB from 16 KiB to 1 GiB",
            );
        }
        if !(SPARES_RESERVED + 1..=SPARES_MAX).contains(&self.spares) {
            return refuse("spares", self.spares as u64, "from 2 to 16");
        }
        if self.intake_batches_max == 0 {
            return refuse("intake_batches_max", 0, "at least 1");
        }
        Ok(())
    }
}
