//! Every bound of the log, with its unit, its reason and what happens when it is reached.

/// Bytes of one record as stored, with its topic, key, headers and payload.
///
/// Larger objects belong in an object store, with their address in the record. Beyond it a record is
/// refused ([`RecordError::TooLarge`](crate::RecordError::TooLarge)).
pub const RECORD_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Bytes of one frame, so that a flipped length can never make a reader take in a whole file. A batch
/// is never split over frames, so this also bounds a batch.
pub const FRAME_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes after which the writer stops adding batches to a frame and commits it. 1 MiB is where the
/// disk reaches its full rate; a larger frame only makes the first waiter in it wait longer.
pub const FRAME_BYTES_TARGET: usize = 1024 * 1024;

/// Records of one batch, so that the answer to one caller does not hold up all others.
pub const BATCH_RECORDS_MAX: u32 = 65_536;

/// Bytes that a decider may add to a frame on its own ([`Decider::wants`](crate::Decider::wants)), and at
/// most a quarter of a segment: it must not hold up those who wait for the frame, nor end a segment that
/// is hardly used. Of what it wants beyond this it gets nothing in this turn.
pub const DECIDER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes of a topic's name. Fits one byte of the record's header.
pub const TOPIC_BYTES_MAX: usize = 255;

/// Characters of a wrong text that an error repeats. The rest is left out: an answer does not grow with what was
/// asked.
pub const SHOWN_CHARS_MAX: usize = 255;

/// Bytes of a record's key.
pub const KEY_BYTES_MAX: usize = 1024;

/// Headers of one record. Fits one byte of the record's header.
pub const HEADERS_MAX: usize = 64;

/// Bytes of a header's name.
pub const HEADER_NAME_BYTES_MAX: usize = 255;

/// Bytes of a header's value.
pub const HEADER_VALUE_BYTES_MAX: usize = 16 * 1024;

/// Topics that may be alive at once (about 200 B of memory each). A record of one more topic is refused
/// ([`AppendError::TooManyTopics`](crate::AppendError::TooManyTopics)).
pub const TOPICS_MAX: usize = 1_000_000;

/// Smallest segment, for tests: a header and a few frames.
pub const SEGMENT_BYTES_MIN: u64 = 16 * 1024;

/// Largest seq, offset, number of a frame and time that is taken for one: 3,600 years at ten million
/// records a second. Bytes on the disk with a larger one are damaged, whatever their checksum says, so
/// that no sum of two overflows.
pub const NUMBER_MAX: u64 = 1 << 60;

/// Largest segment. Retention removes whole segments, so larger ones would make it too coarse.
pub const SEGMENT_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Segment size when nothing else is set: a roll every few seconds at full rate, a file every few hours
/// at a modest one.
pub const SEGMENT_BYTES_DEFAULT: u64 = 64 * 1024 * 1024;

/// Segments made ready ahead of need when nothing else is set: the next one and the reserve.
pub const SPARES_DEFAULT: usize = 2;

/// Most spares that may be asked for.
pub const SPARES_MAX: usize = 16;

/// Spares that ordinary appends never take, so that completions and trims go on when the disk is full
/// ([`Urgency::Reserved`](crate::Urgency::Reserved)).
pub const SPARES_RESERVED: usize = 1;

/// Batches that may wait for the writer. Beyond it an append waits for room (back-pressure).
pub const INTAKE_BATCHES_MAX: usize = 65_536;

/// Bytes of all batches that may wait for the writer; one batch is always let in.
pub const INTAKE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Bytes of newest frames kept in memory for readers when nothing else is set. Older frames are read
/// from the disk.
pub const RING_BYTES_DEFAULT: usize = 32 * 1024 * 1024;

/// Frames kept in memory for readers, however small they are.
pub const RING_FRAMES_MAX: usize = 65_536;

/// Bytes of a block of memory in which small frames stand together. Whoever holds on to one of them holds the block.
pub const BLOCK_BYTES: usize = 64 * 1024;

/// Bytes that a reader takes from the disk at once; a larger frame is read whole.
pub const READ_AHEAD_BYTES: usize = 256 * 1024;

/// Bytes of segment between two entries of its sparse index: what a reader scans at most to find a
/// record.
pub const INDEX_EVERY_BYTES: u64 = 64 * 1024;

/// Entries of the sparse indexes of full segments that are kept in memory when they were looked up: 3 MiB, of 4 GiB of log. The
/// index that was read first makes room, and is read again when it is wanted.
pub const INDEX_ENTRIES_MAX: usize = 64 * 1024;

/// Milliseconds without a commit after which the writer adds a mark, the proof that the last frame was
/// synced. Short enough that little is unproven after a crash, long enough to cost a busy log nothing.
pub const MARK_IDLE_MS: u64 = 50;

/// Sealed segments whose footer may still be unwritten. The writer waits beyond it, so that opening
/// never has to scan more than these.
pub const SEALS_PENDING_MAX: usize = 4;

/// Bytes that holds may keep beyond what retention would keep, when nothing else is set. A hold over
/// the budget is broken, so that a reader that died can never fill the disk.
pub const HOLD_BYTES_DEFAULT: u64 = 4 * 1024 * 1024 * 1024;

/// Holds that may exist at once.
pub const HOLDS_MAX: usize = 100_000;

/// Bytes of a checkpoint: what a view of the log may have in memory, with room to spare.
pub const CHECKPOINT_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// Records that a repair gives up in one place, 2^40: as many as a log has in a day at ten million a second, and
/// 256 frames that stand for them. A frame that says that more were synced is taken for a fault that no repair mends.
pub const GIVEN_UP_MAX: u64 = 1 << 40;

/// Milliseconds between two tries to make a spare while the disk is full. A try fills what is left of the
/// disk for a moment, so it must be rare; a trim is tried after at once.
pub const FULL_RETRY_MS: u64 = 5_000;
