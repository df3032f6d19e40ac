//! The group `bus`: publish, deliver, latency, filters, memory.

mod durable;
mod fan_out;
mod filter;
pub(crate) mod flow;
pub(crate) mod latency;
pub(crate) mod memory;
mod parked;
mod weigh;

use std::io::Write;
use std::time::Instant;

use crate::disk::{WorkFolder, nanos};
use crate::plan::{Output, Plan, Standing};
use crate::report;
use crate::row::Row;
use crate::runs::Spread;

pub use weigh::{Weighed, weigh};

/// Topic of the volatile events.
const VOLATILE: &str = "~.bench.flow";
/// Bytes of a payload.
const PAYLOAD_BYTES: usize = 128;
const IN_MEMORY: &str = "none: volatile topic";
const SYNCED: &str = "fdatasync before each answer";

/// Takes the figures of the group `bus` and says what they are.
///
/// Blocks for minutes; writes some GiB into a folder of its own and removes it.
///
/// # Errors
/// When the folder is not on a real disk, when the database or the disk fails, or when a subscriber misses
/// an event or finds a wrong one.
pub fn bus(plan: &Plan, output: &mut Output<'_>) -> anyhow::Result<Standing> {
    report::group(plan, output, |folder, progress| figures(plan, folder, progress))
}

/// The figures of the group.
pub(crate) fn figures(
    plan: &Plan,
    folder: &WorkFolder,
    progress: &mut dyn Write,
) -> anyhow::Result<Vec<Row>> {
    let mut rows = flow::measure(plan, progress)?;
    rows.extend(latency::measure(plan, progress)?);
    rows.extend(fan_out::measure(plan, progress)?);
    rows.push(durable::measure(plan, folder, progress)?);
    rows.extend(filter::measure(plan, progress)?);
    rows.extend(memory::measure(plan, folder, progress)?);
    Ok(rows)
}

/// A figure of events in memory, with neither floor nor target.
fn row(id: &'static str, metric: &'static str, unit: &'static str, value: Spread) -> Row {
    Row {
        id,
        component: "bus",
        metric,
        unit,
        value,
        latency: None,
        floor: None,
        peer: None,
        seed: None,
        target: None,
        durability: IN_MEMORY,
    }
}

/// Nanoseconds since the start of a run, which a payload carries.
#[derive(Clone, Copy, Debug)]
struct Stopwatch(Instant);

impl Stopwatch {
    fn start() -> Self {
        Self(Instant::now())
    }

    fn now(self) -> u64 {
        nanos(self.0.elapsed())
    }

    /// A payload that was made at a time.
    fn stamp(time: u64) -> [u8; PAYLOAD_BYTES] {
        let mut payload = [0x5A; PAYLOAD_BYTES];
        payload[..8].copy_from_slice(&time.to_le_bytes());
        payload
    }

    /// When a payload was made.
    fn read(payload: &[u8]) -> anyhow::Result<u64> {
        let (time, _) =
            payload.split_first_chunk().ok_or_else(|| anyhow::anyhow!("a payload is too short"))?;
        Ok(u64::from_le_bytes(*time))
    }
}
