//! One connection: its socket, what it is about, and bytes that came or wait to go.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use arrw_wire::websocket::{Compression, Head, Opcode, Peer, Reader, write};
use socket2::{Domain, Protocol, Socket, Type};

use super::super::order::Group;
use super::line::Shape;
use super::poller::Interest;

/// Bytes of a message that a server may send: all that a connection missed may come as one.
const MESSAGE_BYTES_MAX: u32 = 64 << 20;
/// What frames are masked with: nobody is between whom an unpredictable one would keep from anything.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
/// Addresses that connections come from, so that their ports do not run out.
const SOURCES: u32 = 8;

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The system connects.
    Connecting,
    /// The request for a WebSocket is sent.
    Upgrading,
    /// Commands are sent, of which so many are not answered.
    Joining(u8),
    /// It may be used.
    Joined,
}

/// A place from which a subscription can go on.
#[derive(Clone, Debug, Default)]
pub(super) struct Position {
    pub(super) epoch: Box<str>,
    pub(super) offset: u64,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    socket: Socket,
    pub(super) group: Group,
    pub(super) stage: Stage,
    /// What is waited for.
    pub(super) interest: Interest,
    /// Which one it is among those that were opened with it.
    pub(super) number: u32,
    pub(super) reader: Reader,
    pub(super) gathered: Vec<u8>,
    /// What of the last bytes was not consumed.
    pub(super) rest: Vec<u8>,
    /// Bytes that wait to be written, and how many of them are.
    out: Vec<u8>,
    written: usize,
    pub(super) shape: Shape,
    pub(super) position: Position,
    /// When it began, in nanoseconds.
    pub(super) began: u64,
    /// The last publication that it got.
    pub(super) last: u64,
    /// How many it got.
    pub(super) seen: u64,
    /// Publications that it missed and did not get so far.
    pub(super) missing: u32,
    /// The last number that was published before it was opened.
    pub(super) joined_after: u64,
    pub(super) pings: u32,
    /// Whether the server wants them answered.
    pub(super) answers_pings: bool,
    /// The id of its last command, and how many were not answered.
    pub(super) id: u32,
    pub(super) in_flight: u32,
}

impl Link {
    /// Begins to connect, without waiting.
    pub(super) fn connect(server: SocketAddr, group: Group, number: u32) -> anyhow::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))
            .context("cannot make a socket")?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        // Ended by a reset, so that no port stays taken.
        socket.set_linger(Some(Duration::ZERO))?;
        let source = Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits() + 1 + number % SOURCES);
        socket.bind(&SocketAddr::from((source, 0)).into())?;
        let under_way = rustix::io::Errno::INPROGRESS.raw_os_error();
        match socket.connect(&server.into()) {
            Err(error) if error.raw_os_error() != Some(under_way) => {
                return Err(error).with_context(|| format!("cannot connect to {server}"));
            }
            Ok(()) | Err(_) => (),
        }
        Ok(Self {
            socket,
            group,
            stage: Stage::Connecting,
            interest: Interest::Write,
            number,
            reader: Reader::new(Peer::Server, Compression::Off, MESSAGE_BYTES_MAX),
            gathered: Vec::new(),
            rest: Vec::new(),
            out: Vec::new(),
            written: 0,
            shape: Shape::default(),
            position: Position::default(),
            began: 0,
            last: 0,
            seen: 0,
            missing: 0,
            joined_after: 0,
            pings: 0,
            answers_pings: false,
            id: 0,
            in_flight: 0,
        })
    }

    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Why the system could not connect, if it could not.
    pub(super) fn check_connected(&self) -> anyhow::Result<()> {
        self.socket.take_error()?.map_or(Ok(()), Err).context("cannot connect")
    }

    /// Reads what there is: `None` when there is nothing. The end of the connection is an error.
    pub(super) fn read(&mut self, into: &mut [u8]) -> io::Result<Option<usize>> {
        match (&self.socket).read(into) {
            Ok(0) => Err(io::Error::new(ErrorKind::UnexpectedEof, "the server closed")),
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if is_nothing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Bytes to go as they are.
    pub(super) fn push_bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// A frame of commands to go.
    pub(super) fn push_frame(&mut self, commands: &[u8]) {
        write::masked_frame(Head::whole(Opcode::Text), MASK, commands, &mut self.out);
    }

    pub(super) fn push_pong(&mut self, payload: &[u8]) {
        write::masked_frame(Head::whole(Opcode::Pong), MASK, payload, &mut self.out);
    }

    /// Writes what there is room for; true when nothing waits any more.
    pub(super) fn flush(&mut self) -> io::Result<bool> {
        while self.written < self.out.len() {
            match (&self.socket).write(&self.out[self.written..]) {
                Ok(bytes) => self.written += bytes,
                Err(error) if is_nothing(&error) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        self.out.clear();
        self.written = 0;
        Ok(true)
    }
}

fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
