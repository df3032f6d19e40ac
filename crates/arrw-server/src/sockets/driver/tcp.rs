//! Links over the sockets of tokio, plain and encrypted.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::sockets::link::Link;

/// A plain socket.
#[derive(Debug)]
pub(crate) struct Tcp(pub(crate) TcpStream);

impl Link for Tcp {
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_write_ready(context)
    }

    fn poll_read(&self, context: &mut Context<'_>, bytes: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            match self.0.try_read(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    std::task::ready!(self.0.poll_read_ready(context))?;
                }
                read => return Poll::Ready(read),
            }
        }
    }

    fn shutdown(&self) {
        // When it cannot be, the connection is over anyway.
        drop(socket2::SockRef::from(&self.0).shutdown(std::net::Shutdown::Write));
    }
}

/// An encrypted socket.
pub(crate) struct Encrypted(Mutex<TlsStream<TcpStream>>);

impl Encrypted {
    pub(crate) fn new(stream: TlsStream<TcpStream>) -> Self {
        Self(Mutex::new(stream))
    }

    fn lock(&self) -> MutexGuard<'_, TlsStream<TcpStream>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Encrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encrypted").finish_non_exhaustive()
    }
}

/// What is pending would have to be waited for, which whoever drives the connection does.
fn or_would_block<T>(poll: Poll<io::Result<T>>) -> io::Result<T> {
    match poll {
        Poll::Ready(done) => done,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

impl Link for Encrypted {
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut stream = self.lock();
        let context = &mut Context::from_waker(Waker::noop());
        let written = or_would_block(Pin::new(&mut *stream).poll_write(context, bytes))?;
        // What does not go out now does so when the socket takes more.
        match or_would_block(Pin::new(&mut *stream).poll_flush(context)) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _flushed_or_not => Ok(written),
        }
    }

    fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.lock()).poll_flush(context)
    }

    fn poll_read(&self, context: &mut Context<'_>, bytes: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(bytes);
        let mut stream = self.lock();
        std::task::ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer))?;
        // Ciphertext that a write left behind goes out with the next look.
        let flushed = Pin::new(&mut *stream).poll_flush(context);
        drop(stream);
        if let Poll::Ready(Err(error)) = flushed {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(buffer.filled().len()))
    }

    fn shutdown(&self) {
        let context = &mut Context::from_waker(Waker::noop());
        drop(Pin::new(&mut *self.lock()).poll_shutdown(context));
    }
}
