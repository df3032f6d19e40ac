//! `cargo xtask peers`: the same loads on arrwDB and on what others use for the same, in one run.

mod servers;
mod sockets;
mod table;

use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::Context as _;
use serde_json::Value;

use crate::context::Context;
use crate::process;
use crate::report;
use crate::stage::Failure;
use crate::tools;
use servers::{Kind, Servers};
use sockets::Sockets;
use table::{Cell, Load, System};

/// How long a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    /// A look: three runs of a second.
    Quick,
    /// What may be quoted: five runs of five seconds.
    Full,
}

impl Length {
    fn runs(self) -> usize {
        match self {
            Self::Quick => 3,
            Self::Full => 5,
        }
    }

    fn seconds(self) -> &'static str {
        match self {
            Self::Quick => "1",
            Self::Full => "5",
        }
    }
}

/// A load on one system: its program, and the server that it asks.
const fn on(
    name: &'static str,
    generator: &'static str,
    server: Kind,
    durability: &'static str,
) -> System {
    System { name, generator, server, durability }
}

const SYNCED: &str = "synced before the answer";
const MEMORY: &str = "none";

const HTTP: System = on("arrwDB, HTTP", "http", Kind::Arrwdb, SYNCED);
const SOCKET: System = on("arrwDB, WebSocket", "websocket", Kind::Arrwdb, SYNCED);
const REDIS: System = on("Redis, XADD, appendfsync always", "redis", Kind::RedisAlways, SYNCED);
const REDIS_LAZY: System =
    on("Redis, XADD, appendfsync everysec", "redis", Kind::RedisEverysec, "up to 1 s may be lost");
const JETSTREAM: System = on(
    "JetStream, file",
    "nats",
    Kind::Nats,
    "up to 2 min may be lost: this version cannot sync each",
);
const BULLMQ: System = on("BullMQ, appendfsync always", "bullmq", Kind::RedisAlways, SYNCED);
const BULLMQ_LAZY: System =
    on("BullMQ, appendfsync everysec", "bullmq", Kind::RedisEverysec, "up to 1 s may be lost");

/// Events: what is published waits for the disk where the system can have it so.
const PUBLISH: &[System] = &[HTTP, SOCKET, REDIS, REDIS_LAZY, JETSTREAM];
/// Events to who listens, kept nowhere.
const LATENCY: &[System] = &[
    on("arrwDB, WebSocket", "websocket", Kind::Arrwdb, MEMORY),
    on("arrwDB, WebSocket, coalesce_ms 0", "websocket-now", Kind::Arrwdb, MEMORY),
    on("Redis, PUBLISH", "redis", Kind::RedisEverysec, MEMORY),
    on("NATS", "nats", Kind::Nats, MEMORY),
];
const JOBS: &[System] = &[HTTP, BULLMQ, BULLMQ_LAZY];

const LOADS: &[Load] = &[
    Load { id: "publish.one", what: "128 characters published, one under way", systems: PUBLISH },
    Load { id: "publish.many", what: "the same, 64 under way", systems: PUBLISH },
    Load {
        id: "latency",
        what: "one a millisecond to 5 subscribers, until received",
        systems: LATENCY,
    },
    Load { id: "enqueue.one", what: "a job enqueued, one under way", systems: JOBS },
    Load { id: "enqueue.many", what: "the same, 64 under way", systems: JOBS },
    Load { id: "work", what: "jobs that do nothing, 8 at once", systems: JOBS },
];

/// Runs all loads; each system has its turn within each run. The answer names the file with the figures.
pub(crate) fn run(context: &Context, length: Length) -> Result<String, Failure> {
    let mut build = context.cargo("build --release --package arrwdb");
    process::run(&mut build).map_err(Failure::into_build)?;
    let program = context.workspace.target.join("release/arrwdb");
    let node = tools::npm_packages(context, "tests/peers/js")?;
    let installed = tools::brokers(context)?;
    let sockets = Sockets::prepare(context, &node, &installed.libraries())?;
    let folder = context.fresh_folder("peers")?;
    let servers = Servers::start(&program, &installed, &folder)?;
    report::line(&servers.settings().join("\n"));
    let mut cells: Vec<Cell> = Vec::new();
    for load in LOADS {
        let mut found: Vec<Cell> =
            load.systems.iter().map(|system| Cell::new(load, system)).collect();
        for _ in 0..length.runs() {
            for cell in &mut found {
                let port = servers.port(cell.system.server).to_string();
                cell.add(&one(
                    context,
                    &node,
                    [cell.system.generator, &port, load.id, length.seconds()],
                )?)?;
            }
        }
        report::line(&table::of_load(load, &found));
        cells.extend(found);
    }
    let settings = servers.settings();
    drop(servers);
    let sockets = sockets.measure(context, &program, length)?;
    report::line(&table::of_sockets(&sockets)?);
    let file = context.workspace.target.join("peers.json");
    let all = table::json(&settings, &cells, &sockets);
    fs::write(&file, format!("{all:#}\n")).with_context(|| format!("write {}", file.display()))?;
    Ok(format!("{} has all figures", file.display()))
}

/// One run of one load on one system.
fn one(context: &Context, node: &Path, arguments: [&str; 4]) -> Result<Value, Failure> {
    let mut command = context.command("node");
    command.arg("load.mjs").args(arguments).current_dir(node);
    let shown = process::describe(&command);
    // What goes wrong is told on its standard error, which is ours.
    let output =
        command.stderr(Stdio::inherit()).output().with_context(|| format!("start `{shown}`"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    Ok(serde_json::from_str(&said).with_context(|| format!("`{shown}` said: {said}"))?)
}
