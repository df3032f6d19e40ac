//! `arrwdb serve`: the server.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use anyhow::Context;
use arrw::{Db, Environment, FileStorage};
use arrw_server::{Server, TlsFiles};
use clap::Args;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::exit::{Advised, Exit};
use super::logging;
use super::open_files;
use super::settings::{Config, Flags, LISTEN_DEFAULT, Settings};
use super::text;

/// Run the server; also what `arrwdb` does without a command
///
/// Prints its address once it answers. Ends in order, with code 0, on SIGINT and SIGTERM. Without API keys
/// whoever reaches the address may read and write everything, so it listens on loopback only; `arrwdb key
/// create` makes one. What has no flag is set in a file (`arrwdb config init` writes one) or by a variable of
/// the environment: `arrwdb config show`.
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
    arguments: Arguments,
}

// Not a doc comment: it would become the text of `arrwdb --help`, which has these options too.
// What may be said on the command line.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    flags: Flags,
    /// Size of new segment files; only tests need another than the default
    #[arg(long, value_name = "BYTES", hide = true)]
    segment_bytes: Option<u64>,
    /// Also end when the standard input does: who started this is gone then
    #[arg(long, hide = true)]
    until_input_ends: bool,
}

impl Serve {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        self.arguments.run()
    }
}

impl Arguments {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let config = Settings::read(&self.flags)?.config;
        logging::start(&config);
        let open_files = open_files::raise_limit();
        let storage = FileStorage::new(&config.data)
            .with_context(|| format!("cannot make the folder `{}`", config.data.display()))?;
        let mut options = arrw::Options::default();
        if let Some(bytes) = self.segment_bytes {
            options.log.segment_bytes = bytes;
        }
        let db = Db::open_with(Environment::with_storage(Arc::new(storage)), options)?;
        let runtime = Runtime::new().context("cannot start the runtime")?;
        let ends = if self.until_input_ends { Ends::WithInput } else { Ends::BySignal };
        let served = runtime.block_on(serve(&db, config, open_files, ends));
        // Connections that did not end in time are cut off here, before what they use.
        drop(runtime);
        let closed = db.close();
        match &served {
            Ok(signal) => tracing::info!(reason = signal, "stopped"),
            Err(error) => tracing::info!(reason = %error, "stopped"),
        }
        served?;
        closed?;
        Ok(Exit::Fine)
    }
}

/// Tells when the files that may be open are too few for the connections that there may be.
fn tell_open_files(open_files: Option<u64>, connections: usize) {
    if open_files::are_too_few(open_files, connections) {
        tracing::warn!(
            open_files,
            connections,
            "fewer files may be open than `limits.connections` needs: raise the limit of the system (`ulimit -Hn`), or lower the setting",
        );
    }
}

/// What ends the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    BySignal,
    /// Also the end of the standard input.
    WithInput,
}

/// Waits until the standard input ends.
async fn input_end() {
    let (sender, ended) = oneshot::channel();
    // Its own thread, which the end of this process does not wait for.
    thread::spawn(move || {
        // One that cannot be read has ended as well.
        drop(io::copy(&mut io::stdin().lock(), &mut io::sink()));
        let _nobody_waits = sender.send(());
    });
    drop(ended.await);
}

/// Serves until a signal, whose name it returns.
async fn serve(
    db: &Db,
    config: Config,
    open_files: Option<u64>,
    ends: Ends,
) -> anyhow::Result<&'static str> {
    // Caught from before the address is known, so that who read it can always stop the server in order.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut options = arrw_server::Options::on(config.listen);
    options.sockets.channels = config.channels();
    options.sockets.clients = config.clients;
    options.sockets.limits = config.socket_limits;
    options.sockets.compression = config.compression;
    options.hosts = config.hosts;
    options.origins = config.origins;
    options.keys = Some(config.keys);
    options.backups = config.backups;
    options.files = config.files;
    options.tls = match (config.tls_certificate, config.tls_key) {
        (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            return Err(Advised {
                what: "of `tls.certificate` and `tls.key` only one is set".to_owned(),
                help: "set both for TLS, or neither".to_owned(),
            }
            .into());
        }
    };
    let has_short_secret = options.sockets.clients.tokens.has_short_secret();
    let connections = config.limits.connections;
    options.limits = config.limits;
    let records = db.position().seq.get();
    let scheme = if options.tls.is_some() { "https" } else { "http" };
    let server = Server::bind(db.clone(), options).await?;
    let url = format!("{scheme}://{}", server.address());
    let data = config.data.display().to_string();
    io::stdout().lock().write_all(banner(&url, &data, records).as_bytes())?;
    // Behind the banner, so that a person sees that first.
    tell_start(db, server.address(), &data);
    tell_open_files(open_files, connections);
    if has_short_secret {
        tracing::warn!(
            "a secret of `client.token` has fewer than 32 bytes, so that it can be guessed from a token: `openssl rand -hex 32` draws one"
        );
    }
    let mut caught = "";
    let shutdown = async {
        caught = tokio::select! {
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
            () = input_end(), if ends == Ends::WithInput => "the end of its input",
        };
        tracing::info!(reason = caught, "stopping");
    };
    server.run(shutdown).await?;
    Ok(caught)
}

/// Tells that the server answers, and what its start found.
fn tell_start(db: &Db, address: SocketAddr, data: &str) {
    let report = db.open_report();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        %address,
        data,
        records = db.position().seq.get(),
        created = report.created,
        was_closed = report.was_closed,
        rewritten_records = report.rewritten_records,
        scanned_segments = report.scanned_segments,
        "started",
    );
    if let Some(cut) = &report.cut {
        let (bytes, record) = (cut.to - cut.from, cut.first.get());
        tracing::warn!(
            file = cut.file,
            from = cut.from,
            bytes,
            record,
            "cut the torn end of the log"
        );
    }
    if report.damaged_superblocks != 0 {
        let copies = report.damaged_superblocks;
        tracing::warn!(copies, "wrote damaged copies of the superblock again");
    }
}

/// What a person needs to begin.
fn banner(url: &str, data: &str, records: u64) -> String {
    let option = if url == format!("http://{LISTEN_DEFAULT}") {
        String::new()
    } else {
        format!(" --server {url}")
    };
    let records = text::count(records, "record");
    format!(
        "arrwdb listens on {url}, data in `{data}` ({records})\n\
         Try, in another terminal:\n  \
         arrwdb tail{option}\n  \
         arrwdb pub{option} greetings.world '{{\"text\": \"hello\"}}'\n  \
         curl '{url}/v1/events?filter=greetings.*'\n"
    )
}
