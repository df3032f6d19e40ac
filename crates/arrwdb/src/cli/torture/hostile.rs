//! `arrwdb torture hostile`: the server under clients that mean harm, beside good ones.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use arrw_bench::hostile_limits::{SECONDS_DEFAULT, SECONDS_MAX};
use arrw_bench::{Keep, Report, Surface, hostile_attacks};
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};

use crate::cli::exit::Exit;
use crate::cli::open_files;

/// Attack the server beside good clients, and check that these do not notice
///
/// Starts this program as a server with short deadlines and few places, and lets good clients work: four
/// publish 100 events a second each, one follows, one reads pages. First they are alone; then each attack goes
/// on beside them, and at last all at once. With --sockets the attacks are of WebSockets, and two clients follow the
/// channels of the publishers, one in JSON and one in Protobuf. Checked are: no panic; every answer is valid and of the kind that
/// is due; nothing of a refused or cut request is in the log, in whole or in part; every good event is there
/// once and delivered once in order; connections and memory are given back; the server ends in order.
/// How much the 99th percentile of the good clients grows is told, and fails nothing: it depends on the machine,
/// which attackers, good clients and server share.
///
/// Ends with 65 when something is wrong, and with 2 when too little was seen to prove anything. Then the
/// folder stays: the server's data, and what it said. The table goes to the standard output.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb torture hostile
  $ arrwdb torture hostile --sockets --seconds 3
  $ arrwdb torture hostile --attack truncated --attack deep --seconds 2 --seed 7 --json hostile.json"
)]
pub(crate) struct Hostile {
    /// Seconds of each attack
    #[arg(long, value_name = "N", default_value_t = SECONDS_DEFAULT, value_parser = clap::value_parser!(u64).range(1..=SECONDS_MAX))]
    seconds: u64,
    /// Seed of the order of requests and the places of cuts [default: a new one, which is printed]
    #[arg(long)]
    seed: Option<u64>,
    /// Attack WebSockets in place of HTTP; the good clients then follow channels
    #[arg(long)]
    sockets: bool,
    /// Run this attack only; may be given again [default: each, and all at once]
    #[arg(long, value_name = "NAME", value_parser = names())]
    attack: Vec<String>,
    /// Folder to work in, empty or not there yet
    #[arg(long, value_name = "FOLDER", default_value = "./arrwdb-torture")]
    data: PathBuf,
    /// Keep the folder also when nothing is wrong
    #[arg(long)]
    keep: bool,
    /// Also write the figures to this file, as a JSON array
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Milliseconds of each attack in place of seconds; only tests need it
    #[arg(long, hide = true)]
    attack_ms: Option<u64>,
}

/// The attacks there are.
fn names() -> PossibleValuesParser {
    let values = hostile_attacks().map(|(name, what)| PossibleValue::new(name).help(what));
    PossibleValuesParser::new(values)
}

impl Hostile {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let program = std::env::current_exe().context("cannot find this program")?;
        // Of this process and of the server, which it starts.
        open_files::raise_limit();
        let plan = arrw_bench::Hostile {
            program: program.into_os_string(),
            folder: self.data,
            surface: if self.sockets { Surface::Sockets } else { Surface::Http },
            time: self.attack_ms.map_or(Duration::from_secs(self.seconds), Duration::from_millis),
            seed: self.seed.unwrap_or_else(|| RandomState::new().build_hasher().finish()),
            only: self.attack,
            keep: if self.keep { Keep::Always } else { Keep::Faults },
            json: self.json,
        };
        writeln!(io::stderr(), "seed {}", plan.seed)?;
        let report = arrw_bench::hostile(&plan, &mut io::stderr())?;
        let exit = verdict(&report);
        let mut out = io::stdout().lock();
        write!(out, "{report}\n{}", said(&report))?;
        if exit != Exit::Fine || plan.keep == Keep::Always {
            let folder = plan.folder.display();
            writeln!(out, "seed {}; data and what the server said are in `{folder}`", plan.seed)?;
        }
        Ok(exit)
    }
}

fn verdict(report: &Report) -> Exit {
    match (report.faults(), report.thin()) {
        ([], []) => Exit::Fine,
        // What the server did comes before what could not be seen.
        ([], [_, ..]) => Exit::Thin,
        ([_, ..], _) => Exit::Damaged,
    }
}

fn said(report: &Report) -> String {
    let line = |kind: &str, text: &String| format!("{kind}: {text}\n");
    let faults = report.faults().iter().map(|fault| line("wrong", fault));
    let thin = report.thin().iter().map(|what| line("too thin", what));
    let lines: String = faults.chain(thin).collect();
    if lines.is_empty() { report.summary() + "\n" } else { lines }
}
