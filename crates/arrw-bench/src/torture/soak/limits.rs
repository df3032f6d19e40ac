//! Every bound of a soak, with its unit, its reason and what happens when it is reached.

use std::time::Duration;

/// A soak lasts so long at most; more is refused, as all that clients saw is in memory until it is checked.
pub const TIME_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a life is warming up, and says nothing of growth: rings fill in 6 minutes, ids are known for 10, and it takes some
/// turns of these until the heap has room for all of them in the holes that they leave.
pub const WARM_UP: Duration = Duration::from_secs(35 * 60);

/// Lives are watched for so long in all behind their warm-ups, or the soak ends as too thin.
pub const WARM_MIN: Duration = Duration::from_secs(10 * 60);

/// Resident memory may grow by so many per cent of its mean in an hour, behind the warm-up.
pub const SLOPE_MAX: f64 = 1.0;

/// Open files and threads, medians of the second half of a life over the first, may be so many more: those of connections that
/// come and go.
pub const FILES_MORE_MAX: f64 = 3.0;

/// Finished jobs that the server keeps of each state and queue; with its default of 100,000 it would grow for hours, as it is to.
pub const JOBS_KEPT: usize = 2_000;

/// How often the server is looked at.
pub const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Seconds between two lines of progress.
pub const TOLD_EVERY: Duration = Duration::from_secs(60);
