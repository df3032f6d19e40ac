//! Every bound of the bus, with its unit, its reason and what happens when it is reached.

use arrw_log::limits::TOPIC_BYTES_MAX;

/// Bytes of a filter: as many as a topic's name may have, because a longer filter without `>` could
/// match nothing. A longer one is refused ([`FilterError`](crate::FilterError)).
pub const FILTER_BYTES_MAX: usize = TOPIC_BYTES_MAX;

/// Tokens of a filter. It follows from [`FILTER_BYTES_MAX`], as each token but the last takes at least
/// one byte and a dot. It bounds how deep a match can go, and so the stack that it needs.
pub const TOKENS_MAX: usize = FILTER_BYTES_MAX.div_ceil(2);

/// Entries up to which a table of the index keeps its memory when entries go. Moving so few costs more
/// than their memory is worth; a larger table shrinks when three quarters of it are empty.
pub const TABLE_KEPT_MAX: usize = 64;

/// Bytes of an event's content type. A longer one is refused.
pub const CONTENT_TYPE_BYTES_MAX: usize = 255;

/// Bytes of the id by which a repeated publish is known. A longer one is refused.
pub const ID_BYTES_MAX: usize = 255;

/// Subscriptions to durable topics, and as many to volatile ones (about 300 B each). One more is refused.
pub const SUBSCRIPTIONS_MAX: usize = 1_000_000;

/// Subscriptions that are listed at once while publishers and subscribers wait: some 20 us of work.
pub const LISTED_AT_ONCE: usize = 1_024;

/// Volatile topics whose events are counted for each since the start (about 100 B each, and their name). Those
/// of further topics are counted in all only.
pub const TOPICS_COUNTED_MAX: usize = 65_536;

/// Records that are noted at once while who goes to sleep waits: some 50 us of work.
pub const DISPATCH_RECORDS: usize = 256;

/// Bytes of volatile events after which a batch takes no more: what fits the cache of a core, so that a
/// subscriber finds there what the publisher just wrote.
pub const TAIL_BATCH_BYTES: usize = 64 * 1024;

/// Microseconds after which a batch of volatile events takes no more: all its events have one time.
pub const TAIL_BATCH_MICROS: u64 = 1_000;

/// Batches of volatile events that are kept, however small they are. The oldest make room.
pub const TAIL_FRAMES_MAX: usize = 65_536;

/// How often the lock of the volatile events is tried before a thread sleeps until it is free: some 10 us, in
/// which its holder, who copies an event or takes some frames, is done many times.
pub const LOCK_TRIES: usize = 200;

/// Bytes of volatile events that are kept when nothing else is set. The oldest make room, and a
/// subscriber that still wanted them is told of the gap.
pub const TAIL_BYTES_DEFAULT: usize = 32 * 1024 * 1024;

/// Batches that a subscriber takes at once, so that it need not come for each.
pub const TAIL_FRAMES_READ: usize = 16;

/// Microseconds of log time for which the id of an event is remembered.
pub const IDS_MICROS: u64 = 10 * 60 * 1_000_000;

/// Ids that are remembered at once (about 150 B each, and their topic and text); the oldest makes room.
pub const IDS_MAX: usize = 1_000_000;

/// Producers whose highest number is remembered, which is for ever (about 100 B each). One more is refused.
pub const PRODUCERS_MAX: usize = 100_000;

/// Largest number of an event of a producer: those above it are not exact in every client's JSON. An event with a
/// larger one is refused, so that there is always a number behind the highest one.
pub const PRODUCER_NUMBER_MAX: u64 = (1 << 53) - 1;

/// Bytes of the name of a producer or consumer, which is the key of its records.
pub const NAME_BYTES_MAX: usize = 255;

/// Patterns of topics that may have a retention of their own. One more is refused.
pub const RETENTIONS_MAX: usize = 1_000;

/// Consumers that may exist at once; each holds history. One more is refused.
pub const CONSUMERS_MAX: usize = 10_000;
