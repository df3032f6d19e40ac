//! WebSocket (RFC 6455) with compressed messages (RFC 7692), for servers, and as much as a client needs.
//!
//! Nothing here owns a buffer of a connection: the caller shows what it received, and gets events. What a server sends
//! is not masked, so a frame is made once and shared by all who get it.
//!
//! ```text
//! request --> handshake::accept --> Accepted | Refused
//!
//! bytes --> Parser (frames, unmasked in place) --> Reader (messages) --> Event | Violation
//!                                                    ^ Inflater, one for many connections
//!
//! payload --> write::message, joined, compressed, ping, pong, close --> Bytes for any number of connections
//! ```
//!
//! The server closes as these values say: it answers [`Event::Close`] with [`Close::answer`] and a [`Violation`] with
//! [`write::close`] of its code, then ends its side. Whoever closes first sends [`write::close`], goes on reading up to
//! [`Event::Close`], and answers nothing.
//!
//! ```
//! use arrw_wire::websocket::deflate::Inflater;
//! use arrw_wire::websocket::limits::MESSAGE_BYTES_MAX;
//! use arrw_wire::websocket::{Compression, Event, Peer, Reader};
//!
//! # fn main() -> Result<(), arrw_wire::websocket::Violation> {
//! let mut reader = Reader::new(Peer::Client, Compression::Off, MESSAGE_BYTES_MAX);
//! let (mut gathered, mut inflater) = (Vec::new(), Inflater::default());
//! let mut received = *b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
//! let read = reader.next(&mut received, &mut gathered, &mut inflater)?;
//! assert_eq!((read.consumed, read.event), (11, Event::Text("Hello")));
//! # Ok(())
//! # }
//! ```

pub mod close;
pub mod deflate;
#[cfg(feature = "fuzz")]
pub mod fuzz;
pub mod handshake;
pub mod limits;
pub mod mask;
pub mod write;

mod frame;
mod parser;
mod reader;
mod violation;

pub use close::Close;
pub use frame::{Head, Opcode};
pub use parser::{Compression, Parsed, Parser, Part, Peer};
pub use reader::{Event, Read, Reader};
pub use violation::Violation;
pub use write::Kind;

#[cfg(test)]
mod tests;
