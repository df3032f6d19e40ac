//! The long forms of the proofs: `cargo run --release -p arrw-sim -- <proof>`.
#![expect(clippy::print_stdout, reason = "a command prints what it found")]

use std::process::ExitCode;

use arrw_sim::crash;
use arrw_sim::damage::{self, DamagePlan};
use arrw_sim::faults::{self, FaultsPlan};
use arrw_sim::fixture::{self, FIXTURES};
use arrw_sim::work::{self, WorkPlan};
use arrw_sim::workload::{self, Place};
use clap::{Parser, Subcommand};

/// Proves the log on simulated disks, from a seed that a failure prints.
#[derive(Debug, Parser)]
#[command(name = "arrw-sim", arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    proof: Proof,
}

#[derive(Debug, Subcommand)]
enum Proof {
    /// Random operations against a model, on memory, files and the simulated disk.
    Model {
        /// Workloads, divided over the storages.
        #[arg(long, default_value_t = 8_000)]
        cases: u64,
        /// Operations of a workload.
        #[arg(long, default_value_t = 200)]
        ops: usize,
        /// First seed.
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
    /// Every state that a crash may leave, at every operation of random workloads.
    Crash {
        /// Distinct images to check.
        #[arg(long, default_value_t = 100_000)]
        images: usize,
        /// Operations of a workload.
        #[arg(long, default_value_t = 40)]
        ops: u64,
        /// First seed.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Flipped bits, cut files, swapped, zeroed, stale and foreign blocks.
    Damage {
        /// Damages to do.
        #[arg(long, default_value_t = 80_000)]
        count: u64,
        /// The seed.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Only this damage, as a failure tells: number of the log, number of the damage.
        #[arg(long, num_args = 2, value_names = ["LOG", "DAMAGE"])]
        only: Vec<u64>,
    },
    /// Every operation of the disk fails, once and from then on.
    Faults {
        /// The seed.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Workers that die, stall, come back and call twice, over crashes at any write.
    Work {
        /// Histories, each of another seed.
        #[arg(long, default_value_t = 50_000)]
        seeds: u64,
        /// Steps of a life; a history has three.
        #[arg(long, default_value_t = 80)]
        steps: u64,
        /// First seed.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Writes the logs that are kept as fixtures of the format.
    Fixture {
        /// The folder of this format's fixtures.
        folder: std::path::PathBuf,
    },
}

/// Runs the proof.
fn main() -> ExitCode {
    let proved = match Arguments::parse().proof {
        Proof::Model { cases, ops, seed } => model(cases, ops, seed),
        Proof::Crash { images, ops, seed } => {
            let plan = crash::Plan { seed, images, ops, states_max: 2_000 };
            crash::run(plan).map(|report| report.to_string())
        }
        Proof::Damage { count, seed, only } => {
            let only = only.first().copied().zip(only.get(1).copied());
            damages(DamagePlan { seed, damages: count, only, ..DamagePlan::default() })
        }
        Proof::Faults { seed } => {
            let report = faults::run(FaultsPlan { seed, ..FaultsPlan::default() });
            report.verdict().map(|()| report.to_string()).map_err(|why| format!("{why}\n{report}"))
        }
        Proof::Work { seeds, steps, seed } => {
            let plan = WorkPlan { seed, histories: seeds, steps, ..WorkPlan::default() };
            work::run(plan).and_then(|report| report.verdict().map(|()| report.to_string()))
        }
        Proof::Fixture { folder } => {
            let written = fixture::write_all(&folder).map_err(|error| error.to_string());
            written.map(|()| format!("wrote {} logs to {}", FIXTURES.len(), folder.display()))
        }
    };
    match proved {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(what) => {
            println!("FAILED: {what}");
            ExitCode::FAILURE
        }
    }
}

fn damages(plan: DamagePlan) -> Result<String, String> {
    plan.check()?;
    let report = damage::run(plan);
    // One damage alone is no proof: it is looked at.
    let verdict = if plan.only.is_some() { Ok(()) } else { report.verdict() };
    verdict
        .map(|()| report.to_string())
        .map_err(|why| format!("{why}\n{report}\n{:#?}", report.failures))
}

/// Real files are slower and share their code with memory but for the calls of the system: they get one
/// workload in ten.
fn model(cases: u64, ops: usize, seed: u64) -> Result<String, String> {
    let mut counts = [0_u64; 3];
    for case in 0..cases {
        let at = match case % 10 {
            0 => 1,
            1..=4 => 0,
            _ => 2,
        };
        workload::run(Place::ALL[at], seed + case, ops).map_err(|failure| failure.to_string())?;
        counts[at] += 1;
    }
    let [memory, files, disk] = counts;
    Ok(format!(
        "{cases} workloads of {ops} operations agree with the model \
         ({memory} in memory, {files} in files, {disk} on the simulated disk)"
    ))
}
