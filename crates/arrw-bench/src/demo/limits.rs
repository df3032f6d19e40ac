//! Every bound of the demonstration, with its unit, its reason and what happens when it is reached.

use std::time::Duration;

/// Events a second. More is refused: every client is shown, and counts in this process.
pub const RATE_MAX: u32 = 10_000;

/// Clients; each has a socket here and one at the server. More is refused.
pub const CLIENTS_MAX: u32 = 10_000;

/// Workers; the page has a line for each. More is refused.
pub const WORKERS_MAX: u32 = 64;

/// Seconds for which it may be told to run. More is refused; without a time it runs until it is told to end.
pub const SECONDS_MAX: u64 = 86_400;

/// How often events are published: what became due meanwhile is one batch.
pub const PUBLISH_EVERY: Duration = Duration::from_millis(20);

/// Events of a batch at most. What is due beyond it comes with the next one.
pub const BATCH_MAX: u64 = 1_000;

/// How long what is due is kept while the server is away. Older events are never made.
pub const BACKLOG: Duration = Duration::from_secs(5);

/// How long an answer may take. Then the connection is given up, and it is asked again on another one.
pub const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);

/// How long the server may take to be there. Then the demonstration ends with an error.
pub const START_TIME_MAX: Duration = Duration::from_secs(60);

/// How long the clients may take to be subscribed at the beginning. Then it ends with an error.
pub const JOIN_TIME_MAX: Duration = Duration::from_secs(30);

/// Milliseconds from the loss of a connection to the first attempt to come back, drawn between these; each
/// attempt doubles them up to the last.
pub const AWAY_MS_MIN: u64 = 50;
/// See [`AWAY_MS_MIN`].
pub const AWAY_MS_FIRST: u64 = 250;
/// See [`AWAY_MS_MIN`].
pub const AWAY_MS_MAX: u64 = 1_000;

/// How long an acknowledged event may be on its way to a client that is connected all the while. One that takes longer
/// counts as lost until it comes.
pub const DELIVERY_TIME_MAX: Duration = Duration::from_secs(5);

/// Times from publish to client are told up to here; a longer one counts as this.
pub const LATENCY_MAX: Duration = Duration::from_secs(600);

/// How long clients and workers may take at the end to have all that there is. What they do not have then is lost.
pub const ENDING_TIME_MAX: Duration = Duration::from_secs(15);

/// How often the figures are gathered and told.
pub const TELL_EVERY: Duration = Duration::from_millis(250);

/// Sets of figures that make up a second.
pub const TOLD_A_SECOND: usize = 4;

/// Sets of figures that are kept for a page that is opened later: those of a minute.
pub const PAST_MAX: usize = 240;

/// Kills that are kept to be drawn. Older ones are only counted.
pub const KILLS_KEPT: usize = 64;

/// Milliseconds that a claim waits at the server for a job: so long a worker may take to see that all is over.
pub const CLAIM_WAIT_MS: u64 = 500;

/// Milliseconds that a worker may be silent before its jobs go back. It works for a few only; a kill lasts longer.
pub const LEASE_MS: u64 = 10_000;

/// How long events are kept, in milliseconds, and finished jobs of a queue, so that a demonstration that runs for days
/// fills no disk.
pub const KEEP_MS: u64 = 600_000;
/// See [`KEEP_MS`].
pub const KEEP_JOBS: u64 = 1_000;

/// Connections of the page at once. One more waits.
pub const PAGES_MAX: usize = 32;

/// How long the head of a request for the page may take. Then it is closed.
pub const HEAD_TIME_MAX: Duration = Duration::from_secs(10);

/// Bytes that opening the page may transfer at most, figures of the past included: a test counts them.
pub const PAGE_BYTES_MAX: usize = 150 * 1024;
