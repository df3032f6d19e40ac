//! The floor: a server that does what clients of a generator ask by the least work, with raw sockets.
//!
//! One thread that waits for all sockets at once, for a machine of two cores of which the generator has one. What it reads
//! at once from a publisher becomes one run of bytes, which is made once and written to every subscriber.

mod commands;
mod peer;

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::Write;
use std::net::SocketAddr;
use std::rc::Rc;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::task::{LocalSet, spawn_local};

use peer::Peer;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 4_096;
/// Bytes that are read at once.
const READ_BYTES: usize = 64 * 1024;

/// Subscribers by channel.
type Channels = HashMap<Box<[u8]>, Vec<Rc<Peer>>>;

/// What all connections share. One thread has all of them.
#[derive(Debug)]
struct Shared {
    channels: RefCell<Channels>,
    buffer: RefCell<Vec<u8>>,
}

/// Says where it listens, and serves until this process is killed.
pub(super) fn serve(output: &mut dyn Write) -> anyhow::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the executor")?;
    LocalSet::new().block_on(&runtime, async {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind(address)?;
        let listener: TcpListener = socket.listen(BACKLOG)?;
        writeln!(output, "the floor listens on http://{}", listener.local_addr()?)?;
        output.flush()?;
        let shared = Rc::new(Shared {
            channels: RefCell::default(),
            buffer: RefCell::new(vec![0; READ_BYTES]),
        });
        loop {
            let (stream, _) = listener.accept().await?;
            // Without it an answer may wait for an acknowledgement; nothing else depends on it.
            drop(stream.set_nodelay(true));
            // It ends when its client goes.
            drop(spawn_local(peer::serve(Rc::new(Peer::new(stream)), Rc::clone(&shared))));
        }
    })
}
