//! `arrwdb torture all`: events, jobs and channels at once, on a server that is killed, frozen and failed by the system.

use std::io;

use anyhow::Context;
use arrw_bench::torture_limits::{ACKS_MIN_MAX, ROUNDS_MAX};
use arrw_bench::whole_limits::CLIENTS_MAX;
use arrw_bench::{Discipline, Happened, WholeSummary, WholeTorture, torture_all};
use clap::Args;
use serde_json::json;

use super::said::Place;
use super::{server, sockets};
use crate::cli::exit::Exit;
use crate::cli::open_files;

/// Run the server under clients of all kinds, kill it, stop it and fail its disk, and check what they saw
///
/// The clients of `torture server` and of `torture sockets` at once, on one server: writers, readers and consumers of events; those
/// who enqueue, work, plan; followers and publishers of channels, whose links are cut and stall. Each keeps records of its own. At
/// moments from the seed the server is stopped (SIGSTOP) and goes on, is killed (SIGKILL), also while it is stopped or starts, and is
/// started again. Where strace is there, every fifth life is one in which the system fails it at an exact call: a write or a sync ends with EIO or
/// ENOSPC, or it is killed at that call. Before all that each sync of a writer of the log is looked at under strace: nothing may be
/// acknowledged that is not synced, which no kill could show.
///
/// One check at the end: nothing acknowledged is lost, events have one order which all saw, nothing is there that nobody sent, no job
/// ran behind its acknowledged completion, subscriptions went on without gap or repeat, presence and counts are right.
///
/// Ends with 65 when something is wrong, and with 2 when too little was seen to prove anything. Then the folder stays: the server's data,
/// what it said, the calls that failed, and history.ndjson and channels.ndjson, which are all that the clients noted.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb torture all --rounds 20
  $ arrwdb torture all --rounds 1000 --seed 7 --data ./torture --keep"
)]
pub(crate) struct All {
    /// Lives of the server
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=ROUNDS_MAX))]
    rounds: u64,
    /// Acknowledged writes of events in each life before the kill
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=ACKS_MIN_MAX))]
    acks_min: u64,
    /// Clients that follow channels, and as many channels
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=i64::from(CLIENTS_MAX)))]
    clients: u32,
    #[command(flatten)]
    place: Place,
}

impl All {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let ground = self.place.ground()?;
        let program = std::env::current_exe().context("cannot find this program")?;
        open_files::raise_limit();
        let torture = WholeTorture {
            program: program.into_os_string(),
            folder: ground.folder.clone(),
            rounds: self.rounds,
            seed: ground.seed,
            acks_min: self.acks_min,
            clients: self.clients,
            keep: ground.keep,
        };
        let outcome = torture_all(&torture, &mut io::stderr())?;
        ground.say(outcome, |summary| (sound(summary), json!(summary)))
    }
}

fn sound(summary: &WholeSummary) -> String {
    let WholeSummary { happened, discipline, events, jobs, channels } = summary;
    let Happened { fair, frozen, killed_frozen, starts_cut, failed, full, .. } = happened;
    let Happened { killed_at_call, unfailed, ended, .. } = happened;
    let done = format!(
        "done to the server: {fair} kills, {killed_frozen} of them while it was stopped; stopped {frozen} times; {starts_cut} starts cut off; \
         {failed} calls failed by the disk, {full} with no space left, {killed_at_call} kills at a call; {ended} times it ended by itself then; \
         {unfailed} faults did not come to be"
    );
    let synced = match discipline {
        Some(Discipline { acknowledged, segments }) => format!(
            "{acknowledged} batches of a writer, each synced before it was acknowledged, {segments} segments named before their first frame"
        ),
        None => "without strace: no call was failed, no sync looked at".to_owned(),
    };
    [
        done,
        synced,
        server::sound(*fair, *events) + &server::sound_jobs(*jobs),
        sockets::sound(*channels),
    ]
    .join("\n")
}
