//! Protocols of clients: bytes in, values out.
//!
//! Nothing here reads a socket, a clock or an engine, and no bytes make it panic or take more memory than its limits say.

#![forbid(unsafe_code)]

pub mod centrifuge;
pub mod code;
pub mod websocket;
