//! The servers that are asked, each with its settings, on a port and in a folder of its own.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::running::Running;
use crate::tools::Brokers;

/// How long a server may take until it answers.
const START_MAX: Duration = Duration::from_secs(30);

/// Everybody may do everything; one client may ask as often as it can, since all of a load comes from one; one namespace gathers
/// publications as usual, the other never.
const SETTINGS: &str = "\
client.insecure = true
limits.commands_per_second = 1_000_000

[[channel.namespaces]]
name = \"vol\"
class = \"volatile\"

[[channel.namespaces]]
name = \"now\"
class = \"volatile\"
coalesce_ms = 0
";

/// One of the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Arrwdb,
    RedisAlways,
    RedisEverysec,
    Nats,
}

/// All of them. Dropping it ends them.
pub(crate) struct Servers {
    arrwdb: Running,
    others: Vec<Other>,
}

/// A server of others.
struct Other {
    kind: Kind,
    port: u16,
    child: Child,
    /// As it was started, for the table.
    shown: String,
}

impl Servers {
    /// Starts them; each answers when this returns. `installed` has the programs of others.
    pub(crate) fn start(
        program: &Path,
        installed: &Brokers,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let home = folder.join("arrwdb");
        fs::create_dir_all(&home).context("make a folder")?;
        fs::write(home.join("arrwdb.toml"), SETTINGS).context("write the settings")?;
        let mut servers = Self { arrwdb: Running::start(program, &home)?, others: Vec::new() };
        for kind in [Kind::RedisAlways, Kind::RedisEverysec, Kind::Nats] {
            servers.others.push(Other::start(kind, installed, folder)?);
        }
        Ok(servers)
    }

    pub(crate) fn port(&self, kind: Kind) -> u16 {
        let ours = self.arrwdb.url.rsplit(':').next().and_then(|port| port.parse().ok());
        let other = self.others.iter().find(|it| it.kind == kind).map(|it| it.port);
        other.or(ours).unwrap_or_default()
    }

    /// How each was started.
    pub(crate) fn settings(&self) -> Vec<String> {
        let ours =
            "arrwdb serve, each commit synced before it is answered; limits.commands_per_second raised".to_owned();
        std::iter::once(ours).chain(self.others.iter().map(|it| it.shown.clone())).collect()
    }
}

impl Other {
    fn start(kind: Kind, installed: &Brokers, folder: &Path) -> anyhow::Result<Self> {
        let port = free_port()?;
        let (name, fsync) = match kind {
            Kind::RedisAlways => ("redis-always", Some("always")),
            Kind::RedisEverysec => ("redis-everysec", Some("everysec")),
            Kind::Nats => ("nats", None),
            Kind::Arrwdb => bail!("ours is started otherwise"),
        };
        let home = folder.join(name);
        fs::create_dir_all(&home).context("make a folder")?;
        let mut words = match fsync {
            Some(fsync) => vec![
                "usr/bin/redis-server",
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "yes",
                "--appendfsync",
                fsync,
            ],
            None => vec!["usr/sbin/nats-server", "-a", "127.0.0.1", "-js", "-sd", "."],
        };
        let program = installed.folder.join(words.remove(0));
        let mut command = Command::new(&program);
        let port_text = port.to_string();
        command.args(&words).args([if fsync.is_some() { "--port" } else { "-p" }, &port_text]);
        command.env("LD_LIBRARY_PATH", installed.libraries());
        let log = fs::File::create(home.join("log")).context("make a log")?;
        command.current_dir(&home).stdin(Stdio::null()).stderr(log.try_clone()?).stdout(log);
        let version = crate::process::answer(
            Command::new(&program).arg("--version").env("LD_LIBRARY_PATH", installed.libraries()),
        );
        let shown = format!("{}: {}", version.unwrap_or_default(), words.join(" "));
        let child = command.spawn().with_context(|| format!("start {}", program.display()))?;
        let mut other = Self { kind, port, child, shown };
        other.wait(&home)?;
        Ok(other)
    }

    /// Until somebody listens there.
    fn wait(&mut self, home: &Path) -> anyhow::Result<()> {
        let patience = Instant::now() + START_MAX;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if self.child.try_wait()?.is_some() || patience < Instant::now() {
                bail!(
                    "a server does not answer; it said: {}",
                    fs::read_to_string(home.join("log"))?
                );
            }
            std::thread::yield_now();
        }
        Ok(())
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // It may have ended by itself, which the requests then said.
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// A port that nobody has now.
fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0").context("look for a port")?.local_addr()?.port())
}
