//! Every bound of an attack, with its unit, its reason and what happens when it is reached.

use std::time::Duration;

/// Seconds of each attack; more is refused, as the figures do not get better.
pub const SECONDS_MAX: u64 = 600;

/// Seconds of each attack when nothing is said: the whole then takes about two minutes.
pub const SECONDS_DEFAULT: u64 = 6;

/// Files that this process and the server may have open each: all attacks at once have about 2,500
/// connections. With fewer it is not begun.
pub(super) const FILES_MIN: u64 = 4_096;

/// The deadlines of the server, in milliseconds: as short as an attack of a second needs to meet them.
pub(super) const HEAD_MS: u64 = 1_000;
/// See [`HEAD_MS`].
pub(super) const BODY_IDLE_MS: u64 = 800;
/// See [`HEAD_MS`].
pub(super) const WRITE_STALL_MS: u64 = 1_000;

/// Connections that the server may have: more than any attack but `crowd` makes, fewer than all at once.
pub(super) const CONNECTIONS: usize = 1_000;

/// Streams that the server may have: few, so that they can be used up.
pub(super) const STREAMS: usize = 50;

/// Good publishers, and how often each of them publishes.
pub(super) const PUBLISHERS: u64 = 4;
/// See [`PUBLISHERS`].
pub(super) const PUBLISH_EVERY: Duration = Duration::from_millis(10);

/// Milliseconds that a page of the good page reader waits for an event.
pub(super) const PAGE_WAIT_MS: u64 = 500;

/// Good latencies that a phase must have, of publishes and of the stream each: below it a 99th percentile is a
/// guess, and the run is too thin.
pub(super) const SAMPLES_MIN: u64 = 100;

/// By how much the 99th percentile may grow beside an attack to meet the bar. It is told, and fails nothing: it
/// depends on the machine.
pub(super) const RATIO_BAR: f64 = 2.0;

/// Bytes of memory that the server may have above its peak in the calm. Its rings take 76 MiB and the chunks
/// that streams share 16 MiB once enough was published; bodies and pages of 4 MiB, of which the attacks have some
/// 20 at once, come from the arenas of the C library, which keep what was freed: 215 MiB were measured over a
/// whole run, while one answer that quotes 40 names of 3 MiB took 540 by itself. More is a fault.
pub(super) const RSS_ABOVE_CALM_MAX: u64 = 320 * 1024 * 1024;

/// How long a good client may wait for an answer, or for an event that was published. Then that is a fault.
pub(super) const GOOD_TIME_MAX: Duration = Duration::from_secs(60);

/// How long the server may take to answer an attack's request, or to end its connection once a deadline has
/// passed: far longer than any of its deadlines. Then that is a fault.
pub(super) const SILENCE_MAX: Duration = Duration::from_secs(30);

/// How long an attack may take to its end once its time is over. Then that is a fault.
pub(super) const ENDING_TIME_MAX: Duration = Duration::from_secs(120);

/// How long the server may take to let go of an attack's connections, and to end when it is told to. Then that
/// is a fault.
pub(super) const SETTLE_TIME_MAX: Duration = Duration::from_secs(30);

/// How often is looked whether something has come true.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Bytes of an answer to an attack: a page is 4 MiB, and all else is small. A larger one is a fault.
pub(super) const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Faults that are told of one attack, of the log and of the good clients each; the others are counted.
pub(super) const FAULTS_TOLD: usize = 10;

/// Tasks that fire the requests of an attack, and the time between two requests of one: 200 requests a second
/// at most, so that what is measured is the server and not a generator that has no time for anything else.
pub(super) const LANES: usize = 4;
/// See [`LANES`].
pub(super) const SHOT_EVERY: Duration = Duration::from_millis(20);

/// Requests that are sent at once in a flood, so that 200 such shots are 4,000 requests a second.
pub(super) const PIPELINED: usize = 20;

/// Connections that are made at once, and the time to the next burst: 2,000 a second, so that the system's queue
/// of new connections is never full.
pub(super) const BURST: usize = 20;
/// See [`BURST`].
pub(super) const BURST_EVERY: Duration = Duration::from_millis(10);

/// Connections that send a head, or a body, or nothing, as slowly as can be.
pub(super) const SLOW_HEADS: usize = 500;
/// See [`SLOW_HEADS`].
pub(super) const SLOW_BODIES: usize = 100;
/// See [`SLOW_HEADS`].
pub(super) const HALF_OPEN: usize = 100;

/// Time between two bytes of a slow head or body: well within the deadlines.
pub(super) const DRIP_EVERY: Duration = Duration::from_millis(100);

/// Connections of each round of slow readers. Each is owed pages of 4 MiB or a stream of as much; a round is
/// made when the server has ended the one before.
pub(super) const SLOW_READERS: usize = 16;
/// See [`SLOW_READERS`].
pub(super) const READERS_EVERY: Duration = Duration::from_millis(1_500);

/// Bytes that a slow reader's socket takes in.
pub(super) const RECEIVE_BYTES: u32 = 4 * 1024;

/// Events that slow readers ask for, and the bytes of each: a page of 4 MiB.
pub(super) const BALLAST_EVENTS: u64 = 60;
/// See [`BALLAST_EVENTS`].
pub(super) const BALLAST_BYTES: usize = 64 * 1024;

/// Connections, and streams, that are opened beyond what the server may have.
pub(super) const BEYOND: usize = 100;

/// How long a connection waits before it says a byte: the server must have ended it by then, or it never got
/// to the server, as happens when the system's queue of new connections is full. The system then ends it.
pub(super) const POKE_AFTER: Duration = Duration::from_secs(5);

/// How long streams beyond what there may be are held, and the time between what was ended and the next.
pub(super) const HELD: Duration = Duration::from_millis(500);

/// Bytes of the line that is too long. Nobody holds them: they are sent again and again from a small piece.
pub(super) const LONG_LINE_BYTES: u64 = 100 * 1024 * 1024;

/// Bytes that come out of a bomb.
pub(super) const BOMB_BYTES: u64 = 1100 * 1024 * 1024;

/// Levels of JSON that is nested.
pub(super) const LEVELS: usize = 100_000;

/// Settings of a server whose WebSockets are attacked: deadlines as short as an attack of a second needs to meet them, few commands a
/// second, few connections of one address, and all that can be asked for.
pub(super) const SOCKET_SETTINGS: &[(&str, &str)] = &[
    ("ARRWDB_LIMITS_CONNECT_MS", "1000"),
    ("ARRWDB_LIMITS_PONG_MS", "2000"),
    ("ARRWDB_LIMITS_STALL_MS", "1000"),
    ("ARRWDB_LIMITS_COMMANDS_PER_SECOND", "500"),
    ("ARRWDB_LIMITS_CONNECTIONS_PER_LOOPBACK", "700"),
    ("ARRWDB_CLIENT_PING_MS", "1000"),
    ("ARRWDB_CLIENT_COMPRESSION", "true"),
    ("ARRWDB_CHANNEL_WITHOUT_NAMESPACE_PRESENCE", "true"),
];

/// Connections that one address may have; see [`SOCKET_SETTINGS`].
pub(super) const ADDRESS_CONNECTIONS: usize = 700;

/// Time between two strikes of one lane: 100 connections a second.
pub(super) const STRIKE_EVERY: Duration = Duration::from_millis(40);

/// Times that a flood sends its frames at most: the server must have ended it long before.
pub(super) const FLOOD_TIMES_MAX: u32 = 2_000;

/// Connections that are open to WebSockets and say nothing, answer no ping, or read nothing.
pub(super) const IDLE_SOCKETS: usize = 100;
