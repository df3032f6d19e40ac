//! Every bound of a torture of WebSockets, with its unit, its reason and what happens when it is reached.

use std::time::Duration;

/// Clients; each has a socket here and one at the server. More is refused.
pub const CLIENTS_MAX: u32 = 10_000;

/// Channels. More is refused.
pub const CHANNELS_MAX: u32 = 100_000;

/// Publications. What clients saw of them is in memory until it is checked, 24 bytes for each of their ten receivers; more is
/// refused.
pub const PUBLICATIONS_MAX: u64 = 20_000_000;

/// Kills; more is refused, as nothing more is learned.
pub const KILLS_MAX: u64 = 10_000;

/// Seconds from one kill to the next; more is refused, as too little is killed then.
pub const KILL_EVERY_MAX: u64 = 600;

/// Channels that each client follows, or all when there are fewer.
pub const FOLLOWED: u32 = 10;

/// How many times as long as planned a torture may take to get its publications. Then it ends, and the history is too thin.
pub const PATIENCE: u32 = 10;

/// Characters of a payload's text at most, and of a large one, which one in so many is: with these a client that stalls is soon
/// behind.
pub const TEXT_MAX: u64 = 100;
/// See [`TEXT_MAX`].
pub const LARGE_TEXT_MAX: u64 = 8_000;
/// See [`TEXT_MAX`].
pub const LARGE_EVERY: u64 = 100;

/// Publications of an array, channels of a broadcast, and commands that are on their way at once.
pub const BATCH_MAX: u64 = 12;

/// Milliseconds that a connection lasts at most until it is cut or stalls: so short that each life of the server has several.
pub const FATE_MS_MAX: u64 = 4_000;

/// Milliseconds for which a client stalls at most.
pub const STALL_MS_MAX: u64 = 1_500;

/// Calls with which a client that stalls has the server fill its socket, and characters of each: more than the server leaves to the
/// system, less than what it closes a client for.
pub const ECHOES: u32 = 5;
/// See [`ECHOES`].
pub const ECHO_TEXT: usize = 60_000;

/// How long all clients may take to have all that was published once nothing is killed or cut any more. Those that have not
/// missed something, which is a fault.
pub const CALM_TIME_MAX: Duration = Duration::from_secs(60);

/// For how long nothing may come to any client meanwhile. Then nothing more comes, and those that have not all missed something.
pub const SILENCE_MAX: Duration = Duration::from_secs(10);

/// How long it may take until all that is asked of presence is so: members that were cut stay for three seconds. Then it is a fault.
pub const PRESENCE_TIME_MAX: Duration = Duration::from_secs(15);

/// How often the presence is asked for.
pub const PRESENCE_EVERY: Duration = Duration::from_millis(100);

/// Channels that are asked for in one call.
pub const ASKED_AT_ONCE: usize = 500;
