//! A client of WebSockets that says and hears exactly what a test says.

use std::collections::VecDeque;
use std::io::{BufReader, Read, Write};
use std::net::TcpStream;

use arrw_wire::websocket::deflate::Inflater;
use arrw_wire::websocket::{Compression, Event, Head, Opcode, Peer, Reader, write};
use serde_json::{Value, json};

use crate::asking::{Answer, Running};

/// A connection.
pub(crate) struct Socket {
    stream: BufReader<TcpStream>,
    reader: Reader,
    received: Vec<u8>,
    gathered: Vec<u8>,
    inflater: Inflater,
    heard: VecDeque<Heard>,
    /// The bytes of frames that it received.
    pub(crate) bytes: usize,
}

/// What the server said.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Heard {
    /// A reply or a push.
    Reply(Value),
    Binary(Vec<u8>),
    Pong(Vec<u8>),
    /// A close frame with its code.
    Closed(Option<u16>),
    /// The connection ended.
    Ended,
}

/// A request that becomes a WebSocket.
pub(crate) fn handshake(more: &str) -> String {
    format!(
        "GET /connection/websocket HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\n\
         connection: keep-alive, Upgrade\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    )
}

impl Running {
    /// A WebSocket on which nothing was said.
    pub(crate) fn socket(&self) -> Socket {
        self.socket_with("")
    }

    /// The same with additional header lines.
    pub(crate) fn socket_with(&self, more: &str) -> Socket {
        let mut stream = self.send(handshake(more).as_bytes());
        let answer = Answer::read_head(&mut stream);
        assert_eq!(answer.status, 101, "{answer:?}");
        let is_deflated = answer.header("sec-websocket-extensions").is_some();
        let compression = if is_deflated { Compression::On } else { Compression::Off };
        Socket {
            stream,
            reader: Reader::new(Peer::Server, compression, 16 << 20),
            received: Vec::new(),
            gathered: Vec::new(),
            inflater: Inflater::default(),
            heard: VecDeque::new(),
            bytes: 0,
        }
    }

    /// A client that is connected.
    pub(crate) fn connected(&self) -> Socket {
        let mut socket = self.socket();
        let reply = socket.ask(json!({ "connect": {} }));
        assert!(reply["connect"]["client"].is_string(), "{reply}");
        socket
    }
}

impl Socket {
    pub(crate) fn send_frame(&mut self, head: Head, payload: &[u8]) {
        let mut frame = Vec::new();
        write::masked_frame(head, [1, 2, 3, 4], payload, &mut frame);
        self.send_bytes(&frame);
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        // It may have been ended already, which is what is heard next.
        let _gone = self.stream.get_mut().write_all(bytes);
    }

    /// Ends its side, and waits until the server has ended its own and said nothing more: an error when it takes too long.
    pub(crate) fn part(&mut self) -> std::io::Result<usize> {
        self.stream.get_mut().shutdown(std::net::Shutdown::Write)?;
        self.stream.read(&mut [0])
    }

    pub(crate) fn say(&mut self, text: &str) {
        self.send_frame(Head::whole(Opcode::Text), text.as_bytes());
    }

    /// Sends a command, and answers its reply; what comes before is kept.
    #[track_caller]
    pub(crate) fn ask(&mut self, mut command: Value) -> Value {
        command["id"] = 77.into();
        self.say(&command.to_string());
        let mut before = VecDeque::new();
        let reply = loop {
            match self.hear() {
                Heard::Reply(reply) if reply["id"] == 77 => break reply,
                other => before.push_back(other),
            }
        };
        before.append(&mut self.heard);
        self.heard = before;
        reply
    }

    /// The next thing that the server says.
    #[track_caller]
    pub(crate) fn hear(&mut self) -> Heard {
        loop {
            if let Some(heard) = self.heard.pop_front() {
                return heard;
            }
            let mut some = [0; 16 << 10];
            let read = self.stream.read(&mut some).unwrap_or(0);
            if read == 0 {
                return Heard::Ended;
            }
            self.bytes += read;
            self.received.extend_from_slice(&some[..read]);
            self.take();
        }
    }

    fn take(&mut self) {
        let mut consumed = 0;
        loop {
            let received = &mut self.received[consumed..];
            let read = self.reader.next(received, &mut self.gathered, &mut self.inflater).unwrap();
            consumed += read.consumed;
            match read.event {
                Event::More(_) => break,
                Event::Text(text) => {
                    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
                    self.heard.extend(lines.map(Heard::Reply));
                }
                Event::Binary(bytes) => self.heard.push_back(Heard::Binary(bytes.to_vec())),
                Event::Pong(payload) => self.heard.push_back(Heard::Pong(payload.to_vec())),
                Event::Ping(_) => panic!("this server asks by empty replies"),
                Event::Close(close) => self.heard.push_back(Heard::Closed(close.code)),
            }
        }
        self.received.drain(..consumed);
    }

    /// The next push; pings are passed over.
    #[track_caller]
    pub(crate) fn push(&mut self) -> Value {
        loop {
            match self.hear() {
                Heard::Reply(reply) if reply == json!({}) => (),
                Heard::Reply(reply) if reply["push"].is_object() => return reply["push"].clone(),
                other => panic!("{other:?} is no push"),
            }
        }
    }

    /// The data of the next publication.
    #[track_caller]
    pub(crate) fn published(&mut self) -> Value {
        let push = self.push();
        assert!(push["pub"].is_object(), "{push}");
        push["pub"]["data"].clone()
    }

    /// Subscribes, and answers the result.
    #[track_caller]
    pub(crate) fn subscribe(&mut self, channel: &str) -> Value {
        let reply = self.ask(json!({ "subscribe": { "channel": channel } }));
        assert!(reply["subscribe"].is_object(), "{reply}");
        reply["subscribe"].clone()
    }

    /// The code of a command that fails.
    #[track_caller]
    pub(crate) fn fails(&mut self, command: Value) -> u64 {
        let reply = self.ask(command);
        reply["error"]["code"].as_u64().unwrap_or_else(|| panic!("{reply}"))
    }

    /// Hears with which code the connection is closed; what comes before is passed over.
    #[track_caller]
    pub(crate) fn closed(&mut self) -> Option<u16> {
        loop {
            match self.hear() {
                Heard::Closed(code) => return code,
                Heard::Ended => panic!("it ended without a close frame"),
                Heard::Reply(_) | Heard::Binary(_) | Heard::Pong(_) => (),
            }
        }
    }
}
