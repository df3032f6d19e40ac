//! The group `sockets`: connect, broadcast, sustain, call, recover, all over WebSockets.

mod accept;
mod broadcast;
mod concurrent;
mod durable;
mod echo;
mod floor;
mod generator;
mod memory;
mod order;
mod remote;
pub(crate) mod runs;
mod stalled;
mod stand;
mod storm;
mod sustained;

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;

use anyhow::{bail, ensure};

use crate::disk::{self, WorkFolder};
use crate::machine;
use crate::plan::{Output, Plan, Standing};
use crate::report;
use crate::row::Row;
use crate::runs::Spread;
use stand::{Cores, Stand, Subject};

const IN_MEMORY: &str = "none: volatile channel";
const SYNCED: &str = "fdatasync before each receipt";
/// Files that 19,000 connections take on each side, with some to spare.
pub(crate) const FILES_MIN: u64 = 19_200;
/// Settings of our server for most figures: anybody may do anything, and there is a volatile namespace.
const SETTINGS: &str = "\
[client]
insecure = true

[[channel.namespaces]]
name = \"vol\"
class = \"volatile\"

[[channel.namespaces]]
name = \"dur\"
class = \"durable\"
";
/// Put before, where there are more connections than a server takes by default.
const MANY_CONNECTIONS: &str = "[limits]\nconnections = 19200\n\n";

/// What is particular to this group.
#[derive(Clone, Debug, Default)]
pub struct Sockets {
    /// Figures to take, such as `echo`; all when empty.
    pub figures: Vec<String>,
    /// A Python that has the package `socketify`, to measure uWebSockets beside ours.
    pub peer: Option<PathBuf>,
    /// Take the floor for the server: to try the generator, not to measure.
    pub is_floor_only: bool,
}

/// A part of the group that runs in a process of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketsPart {
    /// Obeys orders that come as lines: clients.
    Generator,
    /// The least server.
    Floor,
}

/// Does one part, until its input ends or it is killed.
///
/// # Errors
/// When it cannot read, write or listen. What fails under load is said in the answer to the order.
pub fn sockets_part(
    part: SocketsPart,
    input: impl Read + AsFd,
    output: &mut dyn Write,
) -> anyhow::Result<()> {
    match part {
        SocketsPart::Generator => generator::generate(input, output),
        SocketsPart::Floor => floor::serve(output),
    }
}

/// What measures need.
#[derive(Clone, Copy, Debug)]
struct Bench<'a> {
    plan: &'a Plan,
    sockets: &'a Sockets,
    folder: &'a WorkFolder,
}

/// Takes one or more rows.
type Measure = fn(&Bench<'_>, &mut dyn Write) -> anyhow::Result<Vec<Row>>;

/// The figures by their names.
const FIGURES: &[(&str, Measure)] = &[
    ("accept", accept::measure_plain),
    ("accept.jwt", accept::measure_jwt),
    ("concurrent", concurrent::measure),
    ("memory", memory::measure),
    ("broadcast.burst", broadcast::measure_burst),
    ("broadcast.single", broadcast::measure_single),
    ("sustained", sustained::measure),
    ("sustained.cpu", sustained::measure_cpu),
    ("echo", echo::measure),
    ("durable", durable::measure),
    ("stalled", stalled::measure),
    ("storm", storm::measure),
];

/// Takes the figures of the group `sockets` and says what they are.
///
/// Blocks for half an hour; writes some GiB into a folder of its own and removes it. The server is the program of
/// [`Plan::child`], as a process of its own, and so are the clients.
///
/// # Errors
/// When the folder is not on a real disk, when too few files may be open, when a server or a client fails, or when a
/// publication is not delivered.
pub fn sockets(
    plan: &Plan,
    sockets: &Sockets,
    output: &mut Output<'_>,
) -> anyhow::Result<Standing> {
    report::group(plan, output, |folder, progress| figures(plan, sockets, folder, progress))
}

/// The figures of the group.
pub(crate) fn figures(
    plan: &Plan,
    sockets: &Sockets,
    folder: &WorkFolder,
    progress: &mut dyn Write,
) -> anyhow::Result<Vec<Row>> {
    check_files(FILES_MIN)?;
    let is_known = |name: &String| FIGURES.iter().any(|(known, _)| known == name);
    if let Some(unknown) = sockets.figures.iter().find(|name| !is_known(name)) {
        let names: Vec<_> = FIGURES.iter().map(|(name, _)| *name).collect();
        bail!("there is no figure `{unknown}`; there are {}", names.join(", "));
    }
    let bench = Bench { plan, sockets, folder };
    let mut rows = Vec::new();
    for (name, measure) in FIGURES {
        if sockets.figures.is_empty() || sockets.figures.iter().any(|wanted| wanted == name) {
            rows.extend(measure(&bench, progress)?);
        }
    }
    Ok(rows)
}

/// An error when a process may have less than so many files open.
pub(crate) fn check_files(least: u64) -> anyhow::Result<()> {
    let files = machine::files_max()?;
    ensure!(
        least <= files,
        "a process may have {files} files open here, and this needs {least}; \
         say `ulimit -n 20000` before it"
    );
    Ok(())
}

impl Bench<'_> {
    /// Who is measured, in the order in which they take turns.
    fn subjects(&self) -> Vec<Subject> {
        let peer = self.sockets.peer.as_ref().map(|_| Subject::Peer);
        [Some(Subject::Floor), Some(Subject::Ours), peer].into_iter().flatten().collect()
    }

    /// Starts a server in an empty folder with a generator, and has them do something.
    fn with<T>(
        &self,
        subject: Subject,
        settings: &str,
        cores: Cores,
        work: impl FnOnce(&mut Stand) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let place = self.folder.fresh("sockets")?;
        let mut stand = Stand::start((self.plan, self.sockets), subject, &place, settings, cores)?;
        let done = work(&mut stand)?;
        drop(stand);
        disk::remove(&place)?;
        Ok(done)
    }
}

/// Values of each subject over the runs.
#[derive(Debug, Default)]
struct Sides {
    ours: Vec<f64>,
    floor: Vec<f64>,
    peer: Vec<f64>,
}

impl Sides {
    fn note(&mut self, subject: Subject, value: f64) {
        match subject {
            Subject::Ours => self.ours.push(value),
            Subject::Floor => self.floor.push(value),
            Subject::Peer => self.peer.push(value),
        }
    }

    fn ours(&self) -> Spread {
        Spread::of(self.ours.iter().copied())
    }

    fn floor(&self) -> Option<Spread> {
        (!self.floor.is_empty()).then(|| Spread::of(self.floor.iter().copied()))
    }

    fn peer(&self) -> Option<Spread> {
        (!self.peer.is_empty()).then(|| Spread::of(self.peer.iter().copied()))
    }

    /// A row of these, without a target.
    fn row(&self, id: &'static str, metric: &'static str, unit: &'static str) -> Row {
        Row { floor: self.floor(), peer: self.peer(), ..row(id, metric, unit, self.ours()) }
    }
}

/// A figure of a volatile channel, with neither floor nor target.
fn row(id: &'static str, metric: &'static str, unit: &'static str, value: Spread) -> Row {
    Row {
        id,
        component: "sockets",
        metric,
        unit,
        value,
        latency: None,
        floor: None,
        peer: None,
        seed: None,
        target: None,
        durability: IN_MEMORY,
    }
}

/// Per subscription, or the like: a share of the bytes between two weighings.
fn mib(bytes: u64) -> f64 {
    crate::runs::float(bytes) / crate::runs::float(1 << 20)
}
