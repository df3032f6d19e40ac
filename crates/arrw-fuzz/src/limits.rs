//! Every bound of the fuzz loop, with its unit, its reason and what happens when it is reached.

use std::time::Duration;

/// Bytes of an input. Longer ones are cut: what goes wrong with a megabyte goes wrong with this.
pub const INPUT_BYTES_MAX: usize = 64 * 1024;

/// Inputs that are kept for their way through the parser. Further ones are not kept.
pub const POOL_MAX: usize = 4_096;

/// Changes that an input gets at once, at most.
pub const CHANGES_MAX: u64 = 6;

/// Bytes of memory that one execution may take besides [`MEMORY_PER_BYTE`] for each byte of its input. The largest
/// user is a whole server with its database. More is a failure.
pub const MEMORY_MAX: usize = 32 * 1024 * 1024;

/// Bytes of memory that one execution may take for each byte of its input.
pub const MEMORY_PER_BYTE: usize = 128;

/// Executions below which a run of a target shows nothing. It then counts as too thin.
pub const EXECUTIONS_MIN: u64 = 100;

/// How long one execution may take. Parsers take microseconds: this is no measure of speed, it ends a loop that
/// does not end by itself.
pub const EXECUTION_TIME_MAX: Duration = Duration::from_secs(30);

/// Tries to make an input that fails smaller. Then it is told as it is.
pub const SHRINK_TRIES_MAX: usize = 5_000;

/// How long that may take.
pub const SHRINK_TIME_MAX: Duration = Duration::from_secs(10);

/// Characters of an input that are shown. The file has all of it.
pub const SHOWN_MAX: usize = 300;
