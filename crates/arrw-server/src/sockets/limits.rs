//! The bounds of WebSockets that an operator may set.

use std::time::Duration;

use crate::limits::{
    CHANNELS_MAX, COMMAND_RATE_MAX, CONNECT_TIME_MAX_CLIENT, EXPIRY_GRACE, MESSAGE_BYTES_MAX,
    OUTBOX_BYTES_MAX, PENDING_COMMANDS_MAX, PING_EVERY, PONG_TIME_MAX, PRESENCE_GRACE,
    RINGS_BYTES_MAX, STALL_MAX, USER_CONNECTIONS_MAX,
};

/// Bounds of connections that follow channels, each with its default.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SocketLimits {
    /// Default [`MESSAGE_BYTES_MAX`].
    pub message_bytes: usize,
    /// Default [`CHANNELS_MAX`].
    pub channels_per_connection: usize,
    /// Default [`PENDING_COMMANDS_MAX`].
    pub pending_commands: usize,
    /// Default [`COMMAND_RATE_MAX`].
    pub commands_per_second: usize,
    /// Default [`USER_CONNECTIONS_MAX`].
    pub connections_per_user: usize,
    /// Default [`OUTBOX_BYTES_MAX`].
    pub outbox_bytes: usize,
    /// Default [`RINGS_BYTES_MAX`].
    pub rings_bytes: usize,
    /// Default [`PING_EVERY`]; whole seconds.
    pub ping: Duration,
    /// Default [`PONG_TIME_MAX`]; whole seconds.
    pub pong: Duration,
    /// Default [`CONNECT_TIME_MAX_CLIENT`]; whole seconds.
    pub connect: Duration,
    /// Default [`PRESENCE_GRACE`]; whole seconds.
    pub presence_grace: Duration,
    /// Default [`EXPIRY_GRACE`]; whole seconds.
    pub expiry_grace: Duration,
    /// Default [`STALL_MAX`]; whole seconds.
    pub stall: Duration,
}

impl Default for SocketLimits {
    fn default() -> Self {
        Self {
            message_bytes: MESSAGE_BYTES_MAX,
            channels_per_connection: CHANNELS_MAX,
            pending_commands: PENDING_COMMANDS_MAX,
            commands_per_second: COMMAND_RATE_MAX,
            connections_per_user: USER_CONNECTIONS_MAX,
            outbox_bytes: OUTBOX_BYTES_MAX,
            rings_bytes: RINGS_BYTES_MAX,
            ping: PING_EVERY,
            pong: PONG_TIME_MAX,
            connect: CONNECT_TIME_MAX_CLIENT,
            presence_grace: PRESENCE_GRACE,
            expiry_grace: EXPIRY_GRACE,
            stall: STALL_MAX,
        }
    }
}

/// Whole seconds of a bound, up.
pub(crate) fn seconds(of: Duration) -> u32 {
    u32::try_from(of.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX / 2)
}
