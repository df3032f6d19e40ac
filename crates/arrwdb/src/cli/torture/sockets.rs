//! `arrwdb torture sockets`: the server under clients that follow channels, killed again and again.

use std::io;
use std::time::Duration;

use anyhow::Context;
use arrw_bench::SocketTorture;
use arrw_bench::history::ChannelSummary;
use arrw_bench::socket_torture_limits::{
    CHANNELS_MAX, CLIENTS_MAX, KILL_EVERY_MAX, KILLS_MAX, PUBLICATIONS_MAX,
};
use clap::Args;
use serde_json::json;

use super::said::Place;
use crate::cli::exit::Exit;
use crate::cli::open_files;

/// Run the server under clients of WebSockets, kill it again and again, and check what they saw
///
/// Starts this program as a server on a folder. Clients, half in JSON and half in Protobuf, half with compression, follow ten channels each; 20
/// publishers publish by HTTP (one, one with a key until it is answered, a broadcast, an array) and by commands of which several
/// are on their way. At moments from the seed links are cut (by a reset and by an end) and stall (nothing is read for a while),
/// and the server is killed (SIGKILL), also while it starts, and started again. Clients come back with the offset and the epoch
/// that they know. At the end all that was noted is checked: every acknowledged publication came to every client of its channel,
/// once, in the one order that all clients and the publishers saw; nothing came that nobody published, and no broadcast in part;
/// every client recovered whenever it came back, epochs stayed, a wrong epoch was noticed; the presence is right at the end.
///
/// Ends with 65 when something is wrong, and with 2 when too little was seen to prove anything. Then the
/// folder stays: the server's data, what it said, and history.ndjson, which is all that the clients noted.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb torture sockets --clients 100 --channels 100 --publications 50000 --kills 5 --kill-every 2
  $ arrwdb torture sockets --seed 7 --data ./torture --keep"
)]
pub(crate) struct Sockets {
    /// Clients
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=i64::from(CLIENTS_MAX)))]
    clients: u32,
    /// Channels, each followed by ten of the clients when there are as many
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=i64::from(CHANNELS_MAX)))]
    channels: u32,
    /// Publications to be acknowledged, spread evenly over the kills
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=PUBLICATIONS_MAX))]
    publications: u64,
    /// Kills at least
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u64).range(1..=KILLS_MAX))]
    kills: u64,
    /// Seconds from one kill to the next, about
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=KILL_EVERY_MAX))]
    kill_every: u64,
    #[command(flatten)]
    place: Place,
}

impl Sockets {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let ground = self.place.ground()?;
        let program = std::env::current_exe().context("cannot find this program")?;
        // Of this process and of the server, which it starts.
        open_files::raise_limit();
        let torture = SocketTorture {
            program: program.into_os_string(),
            folder: ground.folder.clone(),
            seed: ground.seed,
            clients: self.clients,
            channels: self.channels,
            publications: self.publications,
            kills: self.kills,
            kill_every: Duration::from_secs(self.kill_every),
            keep: ground.keep,
        };
        let outcome = arrw_bench::torture_sockets(&torture, &mut io::stderr())?;
        ground.say(outcome, |summary| (sound(*summary), json!({ "channels": summary })))
    }
}

/// What was found of channels, for a person.
pub(super) fn sound(summary: ChannelSummary) -> String {
    let ChannelSummary { kills, cuts, stalls, acknowledged, unanswered, .. } = summary;
    let ChannelSummary { deliveries, recoveries, strangers, .. } = summary;
    format!(
        "{kills} kills, {cuts} cuts, {stalls} stalls: {acknowledged} publications acknowledged, {unanswered} more of writes that \
         were never answered; {deliveries} deliveries, each once, in one order, none lost; {recoveries} subscriptions recovered, \
         {strangers} wrong epochs noticed; presence is right"
    )
}
