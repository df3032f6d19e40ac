//! Every bound of `arrwdb work`, with its unit, its reason and what happens when it is reached.

use std::time::Duration;

/// Programs at once: a claim gives as many jobs. More is refused.
pub(super) const CONCURRENCY_MAX: i64 = 100;

/// Milliseconds that a claim waits for a job. It is asked again then, so this is how late it may learn that it is to end.
pub(super) const CLAIM_WAIT_MS: u64 = 2_000;

/// Bytes of the standard output that are kept as the result of a job. Of more only so many are kept.
pub(super) const RESULT_BYTES_MAX: usize = 256 * 1024;

/// Bytes of the standard error that are kept, its end, to say why a job failed.
pub(super) const ERROR_BYTES_MAX: usize = 4 * 1024;

/// How long a program may take to end after a SIGTERM. Then it gets a SIGKILL.
pub(super) const TERM_TIME_MAX: Duration = Duration::from_secs(10);

/// How long to wait before looking again whether something is left of a program that got a SIGTERM: nobody tells.
pub(super) const GROUP_PERIOD: Duration = Duration::from_millis(50);

/// How long the output of a program is waited for when it has ended: others that it started may hold it open.
pub(super) const OUTPUT_TIME_MAX: Duration = Duration::from_secs(1);

/// Bytes of a line on descriptor 3. A longer one is left out: of a message the server keeps 150.
pub(super) const PROGRESS_LINE_BYTES_MAX: usize = 4 * 1024;

/// How long to wait before the server is told again how far a job is; what is said meanwhile makes room for what is newer.
pub(super) const PROGRESS_PERIOD: Duration = Duration::from_secs(1);

/// How long the server may take to hear the last of it. Then the end of the job is told all the same.
pub(super) const PROGRESS_TIME_MAX: Duration = Duration::from_secs(2);

/// How long a job may run on that is cancelled, because its worker has not asked yet. With shorter leases it asks sooner.
pub(super) const CANCEL_TIME_MAX: Duration = Duration::from_secs(5);

/// Milliseconds for which a job is put off whose program asked for it.
pub(super) const SNOOZE_MS: u64 = 60_000;

/// How long to wait before the first try to reach a server again that has gone; each further wait is twice as long, up
/// to the second number.
pub(super) const AGAIN_AFTER: (Duration, Duration) =
    (Duration::from_millis(250), Duration::from_secs(5));
