//! One connection of HTTP/1.1 that asks and is answered, as cheap as can be: it shares the machine with the server.

use std::io;
use std::net::SocketAddr;
use std::ops::Range;

use anyhow::{Context, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Room that is made for each read: an answer to a publish fits, and a page comes in a few reads.
const READ_BYTES: usize = 16 * 1024;
/// Bytes of a head, and of a body, that are taken in at most: more is an error.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Bytes of the line before a chunk.
const CHUNK_LINE_MAX: usize = 64;

/// A connection that is kept.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Bytes at the front of the buffer that were used.
    used: usize,
}

/// A whole message: the first line of its head, and its body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whole<'a> {
    line: &'a [u8],
    pub(crate) body: &'a [u8],
}

impl<'a> Whole<'a> {
    /// The status of an answer; 0 when there is none.
    pub(crate) fn status(&self) -> u16 {
        status(self.line)
    }

    /// True when a problem with this code was answered.
    pub(crate) fn is_refused_with(&self, code: &str) -> bool {
        400 <= self.status() && find(self.body, code.as_bytes()).is_some()
    }

    /// The body of an answer that is a success.
    pub(crate) fn success(self) -> anyhow::Result<&'a [u8]> {
        let status = self.status();
        ensure!(status == 200, "answered {status}: {}", String::from_utf8_lossy(self.body));
        Ok(self.body)
    }
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        Ok(Self::on(TcpStream::connect(address).await?))
    }

    /// A connection that was accepted.
    pub(crate) fn on(stream: TcpStream) -> Self {
        // Without it an answer may wait for an acknowledgement; nothing else depends on it.
        drop(stream.set_nodelay(true));
        Self { stream, buffer: Vec::new(), used: 0 }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Sends a request and waits for the whole answer.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> io::Result<Whole<'_>> {
        self.send(request).await?;
        self.whole().await
    }

    /// The next message with its body, whose length must be told.
    pub(crate) async fn whole(&mut self) -> io::Result<Whole<'_>> {
        let head = self.read_head().await?;
        let bytes = content_length(&self.buffer[head.clone()]);
        if BODY_BYTES_MAX < bytes {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the body is too large"));
        }
        let body = head.end..head.end + bytes;
        while self.buffer.len() < body.end {
            self.more().await?;
        }
        self.used = body.end;
        let line = first_line(&self.buffer[head]);
        Ok(Whole { line, body: &self.buffer[body] })
    }

    /// The status of an answer whose body has no end; [`buffered`](Self::buffered) is what came of it.
    pub(crate) async fn begin_stream(&mut self) -> io::Result<u16> {
        let head = self.read_head().await?;
        self.used = head.end;
        Ok(status(&self.buffer[head]))
    }

    /// The next chunk of such a body; its end is an error.
    pub(crate) async fn chunk(&mut self) -> io::Result<&[u8]> {
        let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        self.make_room();
        let line = loop {
            match find(&self.buffer, b"\r\n") {
                Some(line) => break line,
                None if CHUNK_LINE_MAX < self.buffer.len() => return Err(invalid("no chunk")),
                None => self.more().await?,
            }
        };
        let size = str::from_utf8(&self.buffer[..line]).ok();
        let size = size.and_then(|size| usize::from_str_radix(size, 16).ok());
        let size = size.filter(|size| *size <= BODY_BYTES_MAX);
        let size = size.ok_or_else(|| invalid("the size of a chunk is no number, or too large"))?;
        if size == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let bytes = line + 2..line + 2 + size;
        while self.buffer.len() < bytes.end + 2 {
            self.more().await?;
        }
        self.used = bytes.end + 2;
        Ok(&self.buffer[bytes])
    }

    /// What has come and was not used.
    pub(crate) fn buffered(&self) -> &[u8] {
        &self.buffer[self.used..]
    }

    /// Marks some of [`buffered`](Self::buffered) as used.
    pub(crate) fn use_up(&mut self, bytes: usize) {
        self.used += bytes;
    }

    /// Reads more; the end of the connection is an error.
    pub(crate) async fn more(&mut self) -> io::Result<()> {
        self.buffer.reserve(READ_BYTES);
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Forgets what was used, so that the buffer does not grow.
    pub(crate) fn make_room(&mut self) {
        self.buffer.drain(..self.used);
        self.used = 0;
    }

    /// Where the next head is.
    async fn read_head(&mut self) -> io::Result<Range<usize>> {
        self.make_room();
        let mut looked = 0;
        loop {
            if let Some(at) = find(&self.buffer[looked..], b"\r\n\r\n") {
                return Ok(0..looked + at + 4);
            }
            if HEAD_BYTES_MAX < self.buffer.len() {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the head is too large"));
            }
            looked = self.buffer.len().saturating_sub(3);
            self.more().await?;
        }
    }
}

/// Where `needle` is first.
pub(crate) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// The number behind `name`, such as `"count":`, in a text of JSON.
pub(crate) fn number_behind(json: &[u8], name: &str) -> anyhow::Result<u64> {
    let missing = || format!("no `{name}` in `{}`", String::from_utf8_lossy(json));
    let at = find(json, name.as_bytes()).with_context(missing)? + name.len();
    let digits = json[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let text = str::from_utf8(&json[at..at + digits])?;
    text.parse().with_context(missing)
}

/// The content types of a body that is one JSON value, and of lines.
pub(crate) const JSON: &str = "content-type: application/json\r\n";
pub(crate) const NDJSON: &str = "content-type: application/x-ndjson\r\n";

/// A request with a body. Each of `headers` ends with a line break.
pub(crate) fn request(address: SocketAddr, line: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let len = body.len();
    let head =
        format!("{line} HTTP/1.1\r\nhost: {address}\r\n{headers}content-length: {len}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// A request without one.
pub(crate) fn get(address: SocketAddr, target: &str, headers: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nhost: {address}\r\n{headers}\r\n").into_bytes()
}

fn first_line(head: &[u8]) -> &[u8] {
    head.split(|byte| *byte == b'\r').next().unwrap_or_default()
}

/// The number behind `HTTP/1.1 `; 0 when there is none.
fn status(head: &[u8]) -> u16 {
    let text = head.get(9..12).and_then(|text| str::from_utf8(text).ok());
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// 0 when nothing is said.
fn content_length(head: &[u8]) -> usize {
    const NAME: &[u8] = b"content-length:";
    let value = head.split(|byte| *byte == b'\n').find_map(|line| {
        let (name, value) = line.split_at_checked(NAME.len())?;
        name.eq_ignore_ascii_case(NAME).then_some(value)
    });
    let text = value.and_then(|value| str::from_utf8(value).ok());
    text.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tokio::runtime::Builder;

    use super::*;

    #[test]
    fn messages_are_told_apart_wherever_they_are_cut() {
        let first = b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{\"count\":7}".to_vec();
        let second = b"HTTP/1.1 409 Conflict\r\ncontent-length: 2\r\n\r\nno".to_vec();
        let third = b"HTTP/1.1 200 OK\r\n\r\n4\r\nof a\r\nB\r\n long story\r\n".to_vec();
        let bytes = [first, second, third].concat();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        for cut in 0..bytes.len() {
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = listener.local_addr().unwrap();
                let mut reading = Connection::open(address).await.unwrap();
                let mut writing = Connection::on(listener.accept().await.unwrap().0);
                let (before, after) = bytes.split_at(cut);
                writing.send(before).await.unwrap();
                if cut > 0 {
                    reading.more().await.unwrap();
                }
                writing.send(after).await.unwrap();
                let body = reading.whole().await.unwrap().success().unwrap();
                assert_eq!(number_behind(body, "\"count\":").unwrap(), 7);
                let refused = reading.whole().await.unwrap();
                assert_eq!((refused.status(), refused.body), (409, &b"no"[..]));
                assert!(refused.success().is_err());
                assert_eq!(reading.begin_stream().await.unwrap(), 200);
                assert_eq!(reading.chunk().await.unwrap(), b"of a");
                assert_eq!(reading.chunk().await.unwrap(), b" long story");
                drop(writing);
                assert!(reading.more().await.is_err());
            });
        }
    }
}
