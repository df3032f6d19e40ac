//! How a torture says what it came to, whichever it was.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Write};
use std::path::PathBuf;

use arrw_bench::{Keep, Outcome};
use clap::Args;
use serde_json::{Value, json};

use crate::cli::exit::Exit;
use crate::cli::report::Report;

/// What all tortures of a server may be told.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// Seed of sizes, texts and moments; what the scheduler does is its own [default: a new one, which is printed]
    #[arg(long)]
    seed: Option<u64>,
    /// Folder to work in, empty or not there yet
    #[arg(long, value_name = "FOLDER", default_value = "./arrwdb-torture")]
    data: PathBuf,
    /// Keep the folder also when nothing is wrong
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    report: Report,
}

/// The same, once it is known.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) seed: u64,
    pub(super) folder: PathBuf,
    pub(super) keep: Keep,
    report: Report,
}

impl Place {
    /// Says the seed, so that it is known whatever happens.
    pub(super) fn ground(self) -> anyhow::Result<Ground> {
        let seed = self.seed.unwrap_or_else(|| RandomState::new().build_hasher().finish());
        writeln!(io::stderr(), "seed {seed}")?;
        let keep = if self.keep { Keep::Always } else { Keep::Faults };
        Ok(Ground { seed, folder: self.data, keep, report: self.report })
    }
}

impl Ground {
    /// Says what a torture came to; `sound` is what a person and a program are told when nothing is wrong.
    pub(super) fn say<Summary>(
        &self,
        outcome: Outcome<Summary>,
        sound: impl FnOnce(&Summary) -> (String, Value),
    ) -> anyhow::Result<Exit> {
        let ((mut said, found), exit) = match outcome {
            Outcome::Sound(summary) => (sound(&summary), Exit::Fine),
            Outcome::Faulty { fault } => {
                let found = json!({ "fault": fault });
                ((fault, found), Exit::Damaged)
            }
            Outcome::Thin { what } => {
                let found = json!({ "thin": what });
                ((what, found), Exit::Thin)
            }
        };
        let is_kept = exit != Exit::Fine || self.keep == Keep::Always;
        if is_kept {
            let folder = self.folder.display();
            said += &format!("\nseed {}; data and evidence are in `{folder}`", self.seed);
        }
        let folder = is_kept.then_some(&self.folder);
        self.report.say(&said, &json!({ "seed": self.seed, "found": found, "folder": folder }))?;
        Ok(exit)
    }
}
