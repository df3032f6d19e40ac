//! One client of the floor.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::mem;
use std::rc::Rc;

use arrw_wire::websocket::deflate::Inflater;
use arrw_wire::websocket::handshake::accept_of;
use arrw_wire::websocket::{Compression, Event, Head, Opcode, Peer as Sender, Reader, write};
use tokio::net::TcpStream;
use tokio::task::spawn_local;

use super::Shared;
use super::commands::{self, Request};
use crate::connection::find;

/// Bytes of a message, and of the head of a request, that are taken in.
const MESSAGE_BYTES_MAX: u32 = 1 << 20;
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Bytes that may wait for a client. Then it gets no more.
const WAITING_BYTES_MAX: usize = 64 << 20;
/// What stands before the key of a request for a WebSocket, as the generator writes it.
const KEY: &[u8] = b"sec-websocket-key: ";
/// What is answered to a connect.
const CONNECTED: &[u8] = b"\"connect\":{\"client\":\"00000000-0000-0000-0000-000000000000\",\
    \"version\":\"floor\",\"ping\":25,\"pong\":true}}";

/// A client.
#[derive(Debug)]
pub(super) struct Peer {
    stream: TcpStream,
    /// What it had no room for.
    waiting: RefCell<Vec<u8>>,
}

impl Peer {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, waiting: RefCell::default() }
    }

    /// Writes at once what there is room for, and the rest later.
    fn send(self: &Rc<Self>, bytes: &[u8]) {
        let mut waiting = self.waiting.borrow_mut();
        if !waiting.is_empty() {
            if waiting.len() + bytes.len() <= WAITING_BYTES_MAX {
                waiting.extend_from_slice(bytes);
            }
            return;
        }
        // A client that is gone is noticed where it is read.
        let written = self.stream.try_write(bytes).unwrap_or(0);
        if written < bytes.len() {
            waiting.extend_from_slice(&bytes[written..]);
            drop(spawn_local(Rc::clone(self).write_rest()));
        }
    }

    async fn write_rest(self: Rc<Self>) {
        while self.stream.writable().await.is_ok() {
            let mut waiting = self.waiting.borrow_mut();
            match self.stream.try_write(&waiting) {
                Ok(written) => drop(waiting.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => (),
                Err(_) => return,
            }
            if waiting.is_empty() {
                return;
            }
        }
    }
}

/// Serves it until it goes.
pub(super) async fn serve(peer: Rc<Peer>, shared: Rc<Shared>) {
    let mut subscribed = Vec::new();
    // It ends by the end of the connection, which is what all of them end by.
    drop(converse(&peer, &shared, &mut subscribed).await);
    let mut channels = shared.channels.borrow_mut();
    for name in subscribed {
        if let Some(peers) = channels.get_mut(&name) {
            peers.retain(|other| !Rc::ptr_eq(other, &peer));
        }
    }
}

async fn converse(
    peer: &Rc<Peer>,
    shared: &Shared,
    subscribed: &mut Vec<Box<[u8]>>,
) -> io::Result<()> {
    let mut reader = Reader::new(Sender::Client, Compression::Off, MESSAGE_BYTES_MAX);
    let (mut gathered, mut rest) = (Vec::new(), Vec::new());
    let mut is_upgraded = false;
    loop {
        peer.stream.readable().await?;
        let mut buffer = shared.buffer.borrow_mut();
        let left = rest.len();
        buffer[..left].copy_from_slice(&rest);
        let received = match peer.stream.try_read(&mut buffer[left..]) {
            Ok(0) => return Ok(()),
            Ok(bytes) => &mut buffer[..left + bytes],
            Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        };
        let used = if is_upgraded {
            let mut work = Work { peer, shared, subscribed, answers: Vec::new(), news: Vec::new() };
            let used = work.take(&mut reader, received, &mut gathered)?;
            work.tell();
            used
        } else {
            let Some(end) = find(received, b"\r\n\r\n") else {
                if HEAD_BYTES_MAX < received.len() {
                    return Err(ErrorKind::InvalidData.into());
                }
                received.clone_into(&mut rest);
                continue;
            };
            peer.send(&upgraded(&received[..end]));
            is_upgraded = true;
            end + 4
        };
        received[used..].clone_into(&mut rest);
    }
}

/// The answer to a request for a WebSocket.
fn upgraded(head: &[u8]) -> Vec<u8> {
    let key = find(head, KEY).and_then(|at| head.get(at + KEY.len()..at + KEY.len() + 24));
    let key = key.and_then(|key| str::from_utf8(key).ok()).unwrap_or_default();
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
        sec-websocket-accept: {}\r\n\r\n",
        accept_of(key)
    )
    .into_bytes()
}

/// What was read at once from a client.
struct Work<'a> {
    peer: &'a Rc<Peer>,
    shared: &'a Shared,
    subscribed: &'a mut Vec<Box<[u8]>>,
    /// Frames for the client itself.
    answers: Vec<u8>,
    /// Frames for the subscribers of a channel.
    news: Vec<(Box<[u8]>, Vec<u8>)>,
}

impl Work<'_> {
    /// Answers how much of what was received was used.
    fn take(
        &mut self,
        reader: &mut Reader,
        received: &mut [u8],
        gathered: &mut Vec<u8>,
    ) -> io::Result<usize> {
        let mut inflater = Inflater::default();
        let mut used = 0;
        loop {
            let read = reader.next(&mut received[used..], gathered, &mut inflater);
            let read = read.map_err(io::Error::other)?;
            used += read.consumed;
            match read.event {
                Event::More(_) => return Ok(used),
                Event::Text(text) => text.as_bytes().split(|it| *it == b'\n').for_each(|line| {
                    self.command(line);
                }),
                Event::Close(_) => return Err(ErrorKind::UnexpectedEof.into()),
                Event::Binary(_) | Event::Ping(_) | Event::Pong(_) => (),
            }
        }
    }

    fn command(&mut self, line: &[u8]) {
        let (id, request) = commands::parse(line);
        let answer = match request {
            Request::Connect => CONNECTED,
            Request::Subscribe { channel } => {
                let mut channels = self.shared.channels.borrow_mut();
                channels.entry(channel.into()).or_default().push(Rc::clone(self.peer));
                self.subscribed.push(channel.into());
                b"\"subscribe\":{}}"
            }
            Request::Publish { channel, data } => {
                self.publish(channel, data);
                b"\"publish\":{}}"
            }
            Request::Call { data } => {
                let answer = [b"{\"id\":", id, b",\"rpc\":{\"data\":", data, b"}}"].concat();
                text_frame(&answer, &mut self.answers);
                return;
            }
            Request::Other => return,
        };
        text_frame(&[b"{\"id\":", id, b",", answer].concat(), &mut self.answers);
    }

    fn publish(&mut self, channel: &[u8], data: &[u8]) {
        let at = self.news.iter().position(|(name, _)| **name == *channel);
        let at = at.unwrap_or_else(|| {
            self.news.push((channel.into(), Vec::new()));
            self.news.len() - 1
        });
        let before = b"{\"push\":{\"channel\":\"";
        let push = [before, channel, b"\",\"pub\":{\"data\":", data, b"}}}"].concat();
        text_frame(&push, &mut self.news[at].1);
    }

    /// Writes everything: one write a subscriber.
    fn tell(&mut self) {
        let channels = self.shared.channels.borrow();
        for (name, frames) in mem::take(&mut self.news) {
            channels.get(&name).into_iter().flatten().for_each(|peer| peer.send(&frames));
        }
        if !self.answers.is_empty() {
            self.peer.send(&self.answers);
        }
    }
}

fn text_frame(payload: &[u8], out: &mut Vec<u8>) {
    write::frame(Head::whole(Opcode::Text), payload, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_answered_by_what_its_key_demands() {
        let head = b"GET / HTTP/1.1\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let answer = upgraded(head);
        assert!(find(&answer, b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n").is_some());
    }
}
