//! `arrwdb torture soak`: a steady load of all kinds for hours, with kills, and whether the server grows.

use std::io;
use std::time::Duration;

use anyhow::Context;
use arrw_bench::SoakSummary;
use arrw_bench::soak_limits::TIME_MAX;
use arrw_bench::whole_limits::CLIENTS_MAX;
use clap::Args;
use serde_json::json;

use super::said::Place;
use super::{server, sockets};
use crate::cli::exit::Exit;
use crate::cli::open_files;

/// Keep the server under a steady load for hours, kill it now and then, and see whether it grows
///
/// The clients of `torture all`, at a steady rate. The server is killed now and then and started again; its resident memory, its open files and its
/// threads are looked at every two seconds. At the end all that clients noted is checked as `torture all` does, and that memory does
/// not grow by more than 1 % an hour behind the warm-up of each life (its first 35 minutes), nor files or threads at all.
///
/// Ends with 65 when something is wrong, and with 2 when too little was seen: a soak of less than 45 minutes, or with kills more often,
/// says nothing of growth. Then the folder stays, with looks.ndjson, which is what was measured.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb torture soak --for 2h
  $ arrwdb torture soak --for 50m --kill-every 50m --data ./soak --keep"
)]
pub(crate) struct Soak {
    /// For how long: a number with s, m or h
    #[arg(long = "for", value_name = "TIME", value_parser = time, default_value = "2h")]
    time: Duration,
    /// From one kill to the next
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "60m")]
    kill_every: Duration,
    /// Writes of events and calls that enqueue jobs, a second
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    writes: u64,
    /// Publications a second
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    publications: u64,
    /// Clients that follow channels, and as many channels
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=i64::from(CLIENTS_MAX)))]
    clients: u32,
    #[command(flatten)]
    place: Place,
}

impl Soak {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let ground = self.place.ground()?;
        let program = std::env::current_exe().context("cannot find this program")?;
        open_files::raise_limit();
        let soak = arrw_bench::Soak {
            program: program.into_os_string(),
            folder: ground.folder.clone(),
            time: self.time,
            kill_every: self.kill_every,
            seed: ground.seed,
            writes_per_s: self.writes,
            publications_per_s: self.publications,
            clients: self.clients,
            keep: ground.keep,
        };
        let outcome = arrw_bench::soak(&soak, &mut io::stderr())?;
        ground.say(outcome, |summary| (sound(summary), json!(summary)))
    }
}

fn sound(summary: &SoakSummary) -> String {
    let SoakSummary { kills, growth, events, jobs, channels } = summary;
    [
        growth.to_string(),
        server::sound(*kills, *events) + &server::sound_jobs(*jobs),
        sockets::sound(*channels),
    ]
    .join("\n")
}

/// A time as people write it: `90s`, `45m`, `2h`.
fn time(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no time; write a number with s, m or h, as in `45m`");
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_not_a_number| wrong())?;
    let time = Duration::from_secs(number.saturating_mul(seconds));
    if time.is_zero() || TIME_MAX < time {
        return Err(format!("`{text}` is not from 1s to {}h", TIME_MAX.as_secs() / 3600));
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit_and_bounds() {
        let check = |text, seconds| assert_eq!(time(text).map(|time| time.as_secs()).ok(), seconds);
        check("90s", Some(90));
        check("45m", Some(2_700));
        check("2h", Some(7_200));
        for wrong in ["", "h", "2", "2d", "-1m", "0s", "25h", "1.5h", "2é"] {
            check(wrong, None);
        }
    }
}
