//! Tests of what runs in processes of its own: the load and the least server of the group `sockets`.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod sockets;
