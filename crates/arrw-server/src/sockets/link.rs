//! The way to one client: bytes there and back, without waiting.

use std::fmt::Debug;
use std::io;
use std::task::{Context, Poll};

/// A socket, or what stands for one. Whoever drives a connection waits for it; everybody else only tries.
pub(crate) trait Link: Send + Sync + Debug {
    /// Writes some of the bytes, and says how many.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when it takes none now; any other ends it.
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Waits until it takes more, or has ended.
    fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Reads some bytes; 0 when no more will come.
    fn poll_read(&self, context: &mut Context<'_>, bytes: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Says that nothing more will be written.
    fn shutdown(&self);
}
