//! A server whose WebSocket sends each message back, for tests of the codec and of what drives it.
//!
//! `cargo run -p arrw-server --example echo` prints where it listens, and ends with its standard input: `cargo xtask autobahn`
//! runs Autobahn's cases against it.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use arrw::{Db, Environment, MemoryStorage};
use arrw_server::{Options, Server};

/// Autobahn's longest message has 16 MiB.
const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// Autobahn takes nothing while it sends several of these.
const OUTBOX_BYTES_MAX: usize = 256 << 20;

/// No case says who it is, and some take a while.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(3600);

fn main() -> Result<(), Box<dyn Error>> {
    let environment = Environment::with_storage(Arc::new(MemoryStorage::new()));
    let db = Db::open_with(environment, arrw::Options::default())?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(serve(&db))?;
    drop(runtime);
    db.close()?;
    Ok(())
}

async fn serve(db: &Db) -> Result<(), Box<dyn Error>> {
    let mut options = Options::on(([127, 0, 0, 1], 0).into());
    options.sockets.echo = true;
    options.sockets.compression = true;
    options.sockets.limits.message_bytes = MESSAGE_BYTES_MAX;
    options.sockets.limits.outbox_bytes = OUTBOX_BYTES_MAX;
    options.sockets.limits.connect = CONNECT_TIME_MAX;
    let server = Server::bind(db.clone(), options).await?;
    println!("http://{}", server.address());
    let ended = tokio::task::spawn_blocking(|| io::stdin().read_to_end(&mut Vec::new()));
    server.run(async { drop(ended.await) }).await?;
    Ok(())
}
