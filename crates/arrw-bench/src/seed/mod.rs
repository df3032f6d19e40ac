//! The group `seed`: every figure that the prototype published, taken on the real thing: real sockets, subscribers that
//! check what they get, files that are synced where it says so.

mod bus;
mod jobs;
mod load;
mod memory;
mod mixed;
mod sockets;

use std::io::Write;

use crate::disk::WorkFolder;
use crate::plan::{Load, Output, Plan, Standing};
use crate::report::{self, Bar, Figures};
use crate::row::{Row, Target};
use crate::runs::Spread;
use crate::sockets::FILES_MIN;

const IN_MEMORY: &str = "none: in memory";
/// Files that 5,000 connections take on each side, with some to spare.
const FILES_BRIEF_MIN: u64 = 5_300;
const SYNCED: &str = "fdatasync before each answer";

/// What a step needs.
#[derive(Clone, Copy, Debug)]
struct Place<'a> {
    plan: &'a Plan,
    folder: &'a WorkFolder,
}

/// Takes some figures.
type Step = fn(Place<'_>, &mut Figures, &mut dyn Write) -> anyhow::Result<()>;

const STEPS: &[(&str, Step)] = &[
    ("event bus: publish", bus::publish),
    ("event bus: publish, durable", bus::publish_durable),
    ("event bus: deliver to 5", bus::deliver),
    ("event bus: latency", bus::latency),
    ("event bus: publish over HTTP", load::http),
    ("jobs: submit", jobs::submit),
    ("jobs: execute with 8 workers", jobs::execute),
    ("jobs: 1, 2, 4, 8 workers", jobs::scale),
    ("sockets: accept", sockets::accept),
    ("sockets: open at once", sockets::concurrent),
    ("sockets: broadcast to 100, 250, 500", sockets::broadcast),
    ("sockets: steady load", load::sockets),
    ("mixed load", mixed::as_the_seed),
    ("mixed load, 100 times", mixed::a_hundred_times),
    ("memory of the bus", memory::drained),
    ("memory of jobs, subscriptions, connections", memory::of_each),
];

/// Takes the figures of the group `seed`, which are those of the prototype, and says what they are.
///
/// Blocks for ten minutes at full load, for less than one at any other; writes some GiB into a folder of its own and
/// removes it. Servers and their clients are the program of [`Plan::child`], as processes of their own.
///
/// # Errors
/// When the folder is not on a real disk, when too few files may be open, when a server, a client or the disk fails, or when
/// an event, a job or a publication is lost, doubled or out of order.
pub fn seed(plan: &Plan, output: &mut Output<'_>) -> anyhow::Result<Standing> {
    let (plan, is_watched) = (&in_brief(plan), output.is_watched);
    report::group(plan, output, |folder, progress| figures(plan, folder, (progress, is_watched)))
}

/// The figures of the group.
pub(crate) fn figures(
    plan: &Plan,
    folder: &WorkFolder,
    (progress, is_watched): (&mut dyn Write, bool),
) -> anyhow::Result<Figures> {
    let plan = &in_brief(plan);
    crate::sockets::check_files(match plan.load {
        Load::Full => FILES_MIN,
        Load::Quick | Load::Brief => FILES_BRIEF_MIN,
    })?;
    let mut figures = Figures::default();
    let mut bar = Bar::new(progress, is_watched, STEPS.len());
    for (name, step) in STEPS {
        bar.begin(name)?;
        step(Place { plan, folder }, &mut figures, &mut bar)?;
        bar.end()?;
    }
    Ok(figures)
}

/// A look at this group is a short one: it has more figures than others.
fn in_brief(plan: &Plan) -> Plan {
    let load = match plan.load {
        Load::Full => Load::Full,
        Load::Quick | Load::Brief => Load::Brief,
    };
    Plan { load, ..plan.clone() }
}

/// What the prototype said, and what it was to reach.
#[derive(Clone, Copy, Debug, Default)]
struct Published {
    result: Option<f64>,
    target: Option<Target>,
}

impl Published {
    /// A rate: its result, and the least that it was to be.
    fn rate(result: f64, least: f64) -> Self {
        Self { result: Some(result), target: Some(Target::AtLeast(least)) }
    }

    /// A result that was to be nothing in particular.
    fn only(result: f64) -> Self {
        Self { result: Some(result), target: None }
    }
}

/// A figure; `about` is the component and what exactly was measured.
fn row(
    id: &'static str,
    (component, metric): (&'static str, &'static str),
    (value, unit): (Spread, &'static str),
    published: Published,
    durability: &'static str,
) -> Row {
    Row {
        id,
        component,
        metric,
        unit,
        value,
        latency: None,
        floor: None,
        peer: None,
        seed: published.result,
        target: published.target,
        durability,
    }
}
