//! A server that sends each message back, on blocking sockets.
//!
//! `cargo run -p arrw-wire --example websocket_echo -- 127.0.0.1:9001` serves until it is killed, for Autobahn's cases:
//! `kosoku -m fuzzingclient 127.0.0.1:9001`. Without an address it has a short talk with itself.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]
#![expect(
    clippy::disallowed_methods,
    reason = "the codec has no threads; a server on blocking sockets does"
)]

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use arrw_wire::websocket::deflate::{Deflater, Inflater};
use arrw_wire::websocket::handshake::{self, Accepted, Offer, Request};
use arrw_wire::websocket::{Compression, Event, Head, Kind, Opcode, Peer, Reader, write};

/// Autobahn's longest message has 16 MiB.
const MESSAGE_BYTES_MAX: u32 = 16 << 20;

/// Autobahn cuts 4 MiB into frames of 64 bytes.
const FRAGMENTS_MAX: u32 = 64 << 10;

/// Bytes of the request. A longer one is not answered.
const HEAD_BYTES_MAX: usize = 8 << 10;

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:0"))?;
    if address.is_none() {
        return talk(&listener);
    }
    println!("listening on {}", listener.local_addr()?);
    for connection in listener.incoming() {
        let connection = connection?;
        // A connection that breaks concerns nobody else.
        thread::spawn(move || serve(connection));
    }
    Ok(())
}

fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let Some((request, received)) = request(&mut stream)? else { return Ok(()) };
    let accepted = match accept(&request) {
        Ok(accepted) => accepted,
        Err(refused) => {
            let status = refused.status();
            return write!(stream, "HTTP/1.1 {status} Refused\r\nContent-Length: 0\r\n\r\n");
        }
    };
    let mut head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n",
        accepted.accept
    );
    if let Some(agreed) = accepted.deflate {
        head += &format!("Sec-WebSocket-Extensions: {}\r\n", agreed.response());
    }
    stream.write_all((head + "\r\n").as_bytes())?;
    echo(stream, received, &accepted)
}

/// The request, and what came after it; none when it is too long or the client is gone.
fn request(stream: &mut TcpStream) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut received = Vec::new();
    let mut part = [0; 1_024];
    while received.len() < HEAD_BYTES_MAX {
        let count = stream.read(&mut part)?;
        if count == 0 {
            return Ok(None);
        }
        received.extend_from_slice(&part[..count]);
        if let Some(end) = received.windows(4).position(|it| it == b"\r\n\r\n") {
            let rest = received.split_off(end + 4);
            return Ok(Some((String::from_utf8_lossy(&received).into_owned(), rest)));
        }
    }
    Ok(None)
}

fn accept(request: &str) -> Result<Accepted<'static>, handshake::Refused> {
    let mut lines = request.lines();
    let mut line = lines.next().unwrap_or_default().split(' ');
    let (method, version) = (line.next().unwrap_or_default(), line.nth(1).unwrap_or_default());
    let headers = lines.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name, value.as_bytes()))
    });
    let ours = Offer { protocols: &[], compression: Compression::On };
    handshake::accept(Request { method, version, headers }, ours)
}

fn echo(mut stream: TcpStream, mut received: Vec<u8>, accepted: &Accepted<'_>) -> io::Result<()> {
    let compression = if accepted.deflate.is_some() { Compression::On } else { Compression::Off };
    let mut deflater = accepted.deflate.map(|agreed| Deflater::new(1, agreed.server_window_bits));
    let mut reader =
        Reader::new(Peer::Client, compression, MESSAGE_BYTES_MAX).with_fragments_max(FRAGMENTS_MAX);
    let (mut gathered, mut inflater) = (Vec::new(), Inflater::default());
    let mut part = vec![0; 64 << 10];
    loop {
        let mut at = 0;
        loop {
            let read = match reader.next(&mut received[at..], &mut gathered, &mut inflater) {
                Ok(read) => read,
                Err(violation) => {
                    let reason = violation.to_string();
                    return end(stream, &write::close(violation.close_code(), &reason));
                }
            };
            at += read.consumed;
            let (kind, payload) = match read.event {
                Event::More(_) => break,
                Event::Text(text) => (Kind::Text, text.as_bytes()),
                Event::Binary(bytes) => (Kind::Binary, bytes),
                Event::Ping(payload) => {
                    stream.write_all(&write::pong(payload))?;
                    continue;
                }
                Event::Pong(_) => continue,
                Event::Close(close) => return end(stream, &close.answer()),
            };
            let frame = match &mut deflater {
                Some(deflater) => write::compressed(kind, payload, deflater),
                None => write::message(kind, payload),
            };
            stream.write_all(&frame)?;
        }
        received.drain(..at);
        let count = stream.read(&mut part)?;
        if count == 0 {
            return Ok(());
        }
        received.extend_from_slice(&part[..count]);
    }
}

/// Sends the last frame, and reads until the client is gone: it would lose the frame if bytes of its were left.
fn end(mut stream: TcpStream, frame: &[u8]) -> io::Result<()> {
    stream.write_all(frame)?;
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    io::copy(&mut stream, &mut io::sink())?;
    Ok(())
}

/// One client that says hello, hears it, and goes.
fn talk(listener: &TcpListener) -> io::Result<()> {
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    let (connection, _) = listener.accept()?;
    let server = thread::spawn(move || serve(connection));
    let key = "dGhlIHNhbXBsZSBub25jZQ==";
    let mut out = format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    .into_bytes();
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    write::masked_frame(Head::whole(Opcode::Text), mask, b"hello", &mut out);
    write::masked_frame(Head::whole(Opcode::Close), mask, &1000_u16.to_be_bytes(), &mut out);
    client.write_all(&out)?;
    let Some((answer, mut received)) = request(&mut client)? else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    println!("{}", answer.lines().next().unwrap_or_default());
    client.read_to_end(&mut received)?;
    let mut reader = Reader::new(Peer::Server, Compression::Off, MESSAGE_BYTES_MAX);
    let (mut gathered, mut inflater) = (Vec::new(), Inflater::default());
    let mut at = 0;
    loop {
        let read = reader
            .next(&mut received[at..], &mut gathered, &mut inflater)
            .map_err(io::Error::other)?;
        at += read.consumed;
        match read.event {
            Event::More(_) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Event::Close(close) => {
                println!("closed: {:?}", close.code);
                break;
            }
            event @ (Event::Text(_) | Event::Binary(_) | Event::Ping(_) | Event::Pong(_)) => {
                println!("{event:?}");
            }
        }
    }
    drop(client);
    server.join().unwrap_or_else(|_| Err(io::Error::other("the server panicked")))
}
