//! A connection of the Centrifuge protocol, as clients have it, that can be cut.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use arrw_wire::centrifuge::{Command, Encoding, Request};
use arrw_wire::websocket::deflate::Inflater;
use arrw_wire::websocket::{Compression, Event, Head, Opcode, Peer, Reader, write};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::connection::find;

/// The key of the example of RFC 6455, and what a server must answer to it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &[u8] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// What a client sends that takes compressed messages.
const EXTENSIONS: &str = "sec-websocket-extensions: permessage-deflate; \
    server_no_context_takeover; client_no_context_takeover\r\n";
/// What frames are masked with: nobody is between whom an unpredictable one would keep from anything.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
/// Addresses that clients come from, so that their ports do not run out.
const SOURCES: u32 = 8;
/// Bytes of a message of the server at most: more is an error.
const MESSAGE_BYTES_MAX: u32 = 16 * 1024 * 1024;
/// Room that is made for each read.
const READ_BYTES: usize = 64 * 1024;
/// Bytes that the system takes in for a client that is to fall behind soon.
const RECEIVE_BYTES: u32 = 16 * 1024;
/// Bytes of the head of an answer at most.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// How a client connects.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// Which client it is.
    pub(crate) number: u32,
    pub(crate) encoding: Encoding,
    /// Whether it takes compressed messages.
    pub(crate) compression: Compression,
    /// Whether the system takes in little for it, so that it falls behind soon.
    pub(crate) is_narrow: bool,
}

/// How a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The other side learns of it by a reset.
    Reset,
    /// The other side reads the end.
    End,
}

/// What was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// A message of the server.
    Message,
    /// The server closed, with this code.
    Closed(Option<u16>),
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    pub(crate) encoding: Encoding,
    reader: Reader,
    gathered: Vec<u8>,
    inflater: Inflater,
    received: Vec<u8>,
    /// Bytes at the front of `received` that were used.
    used: usize,
}

impl Wire {
    /// Connects and makes a WebSocket of it.
    pub(crate) async fn open(server: SocketAddr, manner: Manner) -> io::Result<Self> {
        let Manner { number, encoding, compression, is_narrow } = manner;
        let socket = TcpSocket::new_v4()?;
        if is_narrow {
            socket.set_recv_buffer_size(RECEIVE_BYTES)?;
        }
        let source = Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits() + 1 + number % SOURCES);
        socket.bind((source, 0).into())?;
        let stream = socket.connect(server).await?;
        stream.set_nodelay(true)?;
        let mut wire = Self {
            stream,
            encoding,
            reader: Reader::new(Peer::Server, compression, MESSAGE_BYTES_MAX),
            gathered: Vec::new(),
            inflater: Inflater::default(),
            received: Vec::new(),
            used: 0,
        };
        wire.upgrade(server, compression).await?;
        Ok(wire)
    }

    async fn upgrade(&mut self, server: SocketAddr, compression: Compression) -> io::Result<()> {
        let query = match self.encoding {
            Encoding::Json => "",
            Encoding::Protobuf => "?cf_protocol=protobuf",
        };
        let offer = match compression {
            Compression::Off => "",
            Compression::On => EXTENSIONS,
        };
        let request = format!(
            "GET /connection/websocket{query} HTTP/1.1\r\nhost: {server}\r\nupgrade: websocket\r\n\
             connection: Upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: {KEY}\r\n{offer}\r\n"
        );
        self.stream.write_all(request.as_bytes()).await?;
        loop {
            if let Some(end) = find(&self.received, b"\r\n\r\n") {
                let head = &self.received[..end];
                if !head.starts_with(b"HTTP/1.1 101 ") || find(head, ACCEPT).is_none() {
                    return Err(invalid("the server makes no WebSocket"));
                }
                if (compression == Compression::On) != find(head, b"permessage-deflate").is_some() {
                    return Err(invalid("the server agrees on another compression"));
                }
                self.used = end + 4;
                return Ok(());
            }
            if HEAD_BYTES_MAX < self.received.len() {
                return Err(invalid("the head is too large"));
            }
            self.more().await?;
        }
    }

    /// Sends a frame of commands.
    pub(crate) async fn say(&mut self, commands: &[u8]) -> io::Result<()> {
        let opcode = match self.encoding {
            Encoding::Json => Opcode::Text,
            Encoding::Protobuf => Opcode::Binary,
        };
        self.send(opcode, commands).await
    }

    /// Answers the server that asks whether we are there.
    pub(crate) async fn answer_ping(&mut self) -> io::Result<()> {
        let mut frame = Vec::new();
        Command { id: 0, what: Request::Pong }.append(self.encoding, &mut frame);
        self.say(&frame).await
    }

    /// Sends bytes as they are.
    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    async fn send(&mut self, opcode: Opcode, payload: &[u8]) -> io::Result<()> {
        let mut frame = Vec::with_capacity(payload.len() + 16);
        write::masked_frame(Head::whole(opcode), MASK, payload, &mut frame);
        self.stream.write_all(&frame).await
    }

    /// Waits for a message, which is then in `message`. May be given up and called again.
    pub(crate) async fn hear(&mut self, message: &mut Vec<u8>) -> io::Result<Heard> {
        message.clear();
        loop {
            let unused = &mut self.received[self.used..];
            let read = self.reader.next(unused, &mut self.gathered, &mut self.inflater);
            let read = read.map_err(|violation| invalid(&violation.to_string()))?;
            self.used += read.consumed;
            match read.event {
                Event::Text(text) => message.extend_from_slice(text.as_bytes()),
                Event::Binary(bytes) => message.extend_from_slice(bytes),
                Event::Close(close) => return Ok(Heard::Closed(close.code)),
                Event::Pong(_) | Event::Ping(_) => continue,
                Event::More(_) => {
                    self.received.drain(..self.used);
                    self.used = 0;
                    self.more().await?;
                    continue;
                }
            }
            return Ok(Heard::Message);
        }
    }

    /// The socket, with all that came and was not heard.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream
    }

    async fn more(&mut self) -> io::Result<()> {
        self.received.reserve(READ_BYTES);
        match self.stream.read_buf(&mut self.received).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Ends the connection without a word.
    pub(crate) fn cut(self, how: Cut) {
        let linger = (how == Cut::Reset).then_some(Duration::ZERO);
        // The system may have ended it before.
        drop(SockRef::from(&self.stream).set_linger(linger));
        if how == Cut::End {
            drop(SockRef::from(&self.stream).shutdown(std::net::Shutdown::Write));
        }
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}
