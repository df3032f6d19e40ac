//! `arrwdb torture server`: the server under clients, killed again and again.

use std::io;
use std::time::Duration;

use anyhow::Context;
use arrw_bench::Torture;
use arrw_bench::history::{JobSummary, Summary};
use arrw_bench::torture_limits::{ACKS_MIN_MAX, ROUND_TIME_MAX, ROUNDS_MAX};
use clap::Args;
use serde_json::json;

use super::said::Place;
use crate::cli::exit::Exit;

/// Run the server under clients, kill it again and again, and check what they saw
///
/// Starts this program as a server and lets 10 writers (single events, arrays, lines, numbered lines of a
/// producer, arrays on condition), 5 readers (streams and pages, each resuming where it was cut off) and 2 named
/// consumers at it, and at its queues 2 clients that enqueue jobs and 6 that work: claim, complete, fail, snooze,
/// discard, give back, complete with a follow-up in one commit, come too late, and die. One more puts a schedule of one
/// second and a trigger, and pauses a queue in which jobs wait and are cancelled. At moments from the seed it is
/// frozen (SIGSTOP), killed (SIGKILL), also while it starts, and
/// started again. At the end all that the clients noted is checked: every acknowledged event is there once,
/// where its writer was told; all readers saw one order without gap or repeat, which agrees with time; no cursor
/// went back; nothing is there that was refused or that nobody sent; every acknowledged job is done at the end, and
/// nobody got one that was done, or ended a lease that somebody else had by then. Jobs came in their order and none
/// too early, attempts were counted, results and errors are told; a completion and its follow-up are both there or
/// neither; a unique key had one holder at a time; each slot of the schedule and each event of the trigger has one job.
///
/// Ends with 65 when something is wrong, and with 2 when too little was seen to prove anything. Then the
/// folder stays: the server's data, what it said, and history.ndjson, which is all that the clients noted.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb torture server --rounds 20
  $ arrwdb torture server --rounds 1000 --seed 7 --data ./torture --keep"
)]
pub(crate) struct Server {
    /// Kills
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=ROUNDS_MAX))]
    rounds: u64,
    /// Acknowledged writes in each round before the kill
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=ACKS_MIN_MAX))]
    acks_min: u64,
    #[command(flatten)]
    place: Place,
    /// Milliseconds that a round may take for its writes; only tests need another than the default
    #[arg(long, hide = true)]
    round_ms_max: Option<u64>,
}

impl Server {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let ground = self.place.ground()?;
        let program = std::env::current_exe().context("cannot find this program")?;
        let torture = Torture {
            program: program.into_os_string(),
            folder: ground.folder.clone(),
            rounds: self.rounds,
            seed: ground.seed,
            acks_min: self.acks_min,
            round_time_max: self.round_ms_max.map_or(ROUND_TIME_MAX, Duration::from_millis),
            keep: ground.keep,
        };
        let outcome = arrw_bench::torture(&torture, &mut io::stderr())?;
        ground.say(outcome, |(events, jobs)| {
            let said = sound(torture.rounds, *events) + &sound_jobs(*jobs);
            (said, json!({ "events": events, "jobs": jobs }))
        })
    }
}

/// What was found of events, for a person.
pub(super) fn sound(kills: u64, summary: Summary) -> String {
    let Summary { acknowledged, events, unanswered, refused } = summary;
    format!(
        "{kills} kills: {acknowledged} writes acknowledged, {events} events, {unanswered} of them of \
         writes that were never answered; all once, in one order, seen by all readers and consumers; \
         {refused} writes whose condition was not met are not there"
    )
}

/// What was found of jobs, behind that.
pub(super) fn sound_jobs(jobs: JobSummary) -> String {
    let JobSummary { acknowledged, unanswered, leases, completed, refused, lost, .. } = jobs;
    let JobSummary { follow_ups, held, slots, missed, trips, .. } = jobs;
    format!(
        "\n{acknowledged} jobs acknowledged, {unanswered} more of calls that were never answered; {leases} leases, \
         {completed} completions acknowledged, {refused} ends refused of leases that were over, {lost} leases lost; \
         all jobs done, none handed out behind its completion, each lease ended once; {follow_ups} enqueued with a completion, {held} \
         calls refused as their key was held, {slots} slots of a schedule and {missed} missed, {trips} events of a trigger"
    )
}
