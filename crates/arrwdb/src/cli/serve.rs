//! `arrwdb serve`: the server.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use arrw::{Db, Environment, FileStorage};
use arrw_server::Server;
use clap::Args;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use super::exit::Exit;
use super::{key, text};

/// Where a server listens when nothing else is said; its clients expect it there.
const LISTEN_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7650);

/// Run the server; also what `arrwdb` does without a command
///
/// Prints its address once it answers. Ends in order, with code 0, on SIGINT and SIGTERM. Without API keys
/// whoever reaches the address may read and write everything, so it listens on loopback only; `arrwdb key
/// create` makes one.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb serve
  $ arrwdb serve --data /var/lib/arrwdb --listen 127.0.0.1:8000"
)]
pub(crate) struct Serve {
    #[command(flatten)]
    settings: Settings,
}

// Not a doc comment: it would become the text of `arrwdb --help`, which has these options too.
// What may be set.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// Folder of the data; made if it is not there
    #[arg(long, value_name = "FOLDER", default_value = "./arrwdb-data")]
    data: PathBuf,
    /// Address to listen on; port 0 for any that is free
    #[arg(long, value_name = "ADDRESS", default_value_t = LISTEN_DEFAULT)]
    listen: SocketAddr,
    /// A name under which it may also be asked, such as that of a proxy before it
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
    /// File of the API keys; when it has any, every client needs one
    #[arg(long, value_name = "FILE", env = "ARRWDB_KEYS", default_value = key::FILE_DEFAULT)]
    keys: PathBuf,
    /// Size of new segment files; only tests need another than the default
    #[arg(long, value_name = "BYTES", hide = true)]
    segment_bytes: Option<u64>,
}

impl Serve {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        self.settings.run()
    }
}

impl Settings {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let storage = FileStorage::new(&self.data)
            .with_context(|| format!("cannot make the folder `{}`", self.data.display()))?;
        let mut options = arrw::Options::default();
        if let Some(bytes) = self.segment_bytes {
            options.log.segment_bytes = bytes;
        }
        let db = Db::open_with(Environment::with_storage(Arc::new(storage)), options)?;
        let runtime = Runtime::new().context("cannot start the runtime")?;
        let served = runtime.block_on(self.serve(db.clone()));
        // Connections that did not end in time are cut off here, before what they use.
        drop(runtime);
        let closed = db.close();
        served?;
        closed?;
        Ok(Exit::Fine)
    }

    async fn serve(self, db: Db) -> anyhow::Result<()> {
        // Caught from before the address is known, so that who read it can always stop the server in order.
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut options = arrw_server::Options::on(self.listen);
        options.hosts = self.hosts;
        options.keys = Some(self.keys);
        let records = db.position().seq.get();
        let server = Server::bind(db, options).await?;
        let data = self.data.display().to_string();
        io::stdout().lock().write_all(banner(server.address(), &data, records).as_bytes())?;
        let shutdown = async {
            tokio::select! {
                _ = interrupt.recv() => (),
                _ = terminate.recv() => (),
            }
        };
        Ok(server.run(shutdown).await?)
    }
}

/// What a person needs to begin.
fn banner(address: SocketAddr, data: &str, records: u64) -> String {
    let option = if address == LISTEN_DEFAULT {
        String::new()
    } else {
        format!(" --server http://{address}")
    };
    let records = text::count(records, "record");
    format!(
        "arrwdb listens on http://{address}, data in `{data}` ({records})\n\
         Try, in another terminal:\n  \
         arrwdb tail{option}\n  \
         arrwdb pub{option} greetings.world '{{\"text\": \"hello\"}}'\n  \
         curl 'http://{address}/v1/events?filter=greetings.*'\n"
    )
}
