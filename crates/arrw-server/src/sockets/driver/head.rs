//! The first bytes of a connection: they say whether it becomes a WebSocket.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use crate::limits::SOCKET_HEAD_BYTES_MAX;

/// How a request for a WebSocket begins. The path of one that asks for something else goes on differently.
const REQUEST: &[u8] = b"GET /connection/websocket";

/// What ends the head of a request.
const END: &[u8] = b"\r\n\r\n";

/// What came first.
#[derive(Debug)]
pub(crate) enum Head {
    /// A request for a WebSocket: its head, and what came behind it.
    Socket { head: Vec<u8>, behind: Vec<u8> },
    /// The beginning of something else.
    Other(Vec<u8>),
}

/// Reads until it is known what a connection is for, and if it is for a WebSocket the whole head.
///
/// # Errors
/// When the client is gone, or the head is longer than [`SOCKET_HEAD_BYTES_MAX`].
pub(crate) async fn begin(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Head> {
    let mut received = Vec::with_capacity(1024);
    loop {
        if !is_begin(&received) {
            return Ok(Head::Other(received));
        }
        if let Some(at) = received.windows(END.len()).position(|window| window == END) {
            let behind = received.split_off(at + END.len());
            return Ok(Head::Socket { head: received, behind });
        }
        if SOCKET_HEAD_BYTES_MAX <= received.len() {
            // Whoever answers the rest says that it is too long.
            return Ok(Head::Other(received));
        }
        if stream.read_buf(&mut received).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Whether these bytes are the beginning of a request for a WebSocket, as far as can be told.
fn is_begin(received: &[u8]) -> bool {
    match received.get(..=REQUEST.len()) {
        Some(begin) => begin.starts_with(REQUEST) && [b' ', b'?'].contains(&begin[REQUEST.len()]),
        None => REQUEST.starts_with(&received[..received.len().min(REQUEST.len())]),
    }
}

/// A stream of which the first bytes were read.
#[derive(Debug)]
pub(crate) struct Begun<S> {
    stream: S,
    received: Vec<u8>,
    /// Of these, the bytes that were given.
    given: usize,
}

impl<S> Begun<S> {
    pub(crate) fn new(stream: S, received: Vec<u8>) -> Self {
        Self { stream, received, given: 0 }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Begun<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let rest = &self.received[self.given..];
        if rest.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let given = rest.len().min(buffer.remaining());
        buffer.put_slice(&rest[..given]);
        self.given += given;
        if self.given == self.received.len() {
            (self.received, self.given) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Begun<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_for_a_websocket_is_told_from_all_others() {
        let check = async |bytes: &str, expected: Option<(&str, &str)>| {
            let mut stream = tokio_test_stream(bytes);
            let found = begin(&mut stream).await.unwrap();
            match (found, expected) {
                (Head::Socket { head, behind }, Some(both)) => {
                    let found = (str::from_utf8(&head).unwrap(), str::from_utf8(&behind).unwrap());
                    assert_eq!(found, both);
                }
                (Head::Other(received), None) => assert!(bytes.as_bytes().starts_with(&received)),
                (found, expected) => panic!("{bytes}: {found:?}, not {expected:?}"),
            }
        };
        let request = "GET /connection/websocket?x=1 HTTP/1.1\r\na: b\r\n\r\n";
        check(request, Some((request, ""))).await;
        check(&format!("{request}\u{1}x"), Some((request, "\u{1}x"))).await;
        check("GET /connection/websockets HTTP/1.1\r\n\r\n", None).await;
        check("GET /connection/uni_sse HTTP/1.1\r\n\r\n", None).await;
        check("POST /v1/events HTTP/1.1\r\n\r\n", None).await;
        check(&format!("GET /connection/websocket?{} ", "x".repeat(20_000)), None).await;
    }

    /// A stream that gives one byte at a time.
    fn tokio_test_stream(bytes: &str) -> impl AsyncRead + Unpin {
        struct Bytewise(std::collections::VecDeque<u8>);
        impl AsyncRead for Bytewise {
            fn poll_read(
                mut self: Pin<&mut Self>,
                _context: &mut Context<'_>,
                buffer: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                // The last 2 bytes come together, so that something stands behind a head.
                let count = if self.0.len() <= 3 { self.0.len() } else { 1 };
                let some: Vec<u8> = self.0.drain(..count.min(buffer.remaining())).collect();
                buffer.put_slice(&some);
                Poll::Ready(Ok(()))
            }
        }
        Bytewise(bytes.bytes().collect())
    }
}
