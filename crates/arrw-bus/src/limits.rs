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
