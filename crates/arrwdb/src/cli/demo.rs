//! `arrwdb demo`: shows what the product does, and what becomes of it when the server is killed.

use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use arrw_bench::demo_limits::{CLIENTS_MAX, RATE_MAX, SECONDS_MAX, WORKERS_MAX};
use arrw_bench::{Counted, Demo as Plan, Glance, Proof, Running};
use clap::Args;
use rustix::termios::tcgetwinsize;
use serde_json::json;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{interval, sleep_until};

use super::exit::{Advised, Exit};
use super::keys::Keys;
use super::open_files;
use super::report::Report;
use super::text;

/// Between two lines when nobody looks, and between two changes of the one line in a terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);
const CHANGE_EVERY: Duration = Duration::from_millis(250);
/// How wide a terminal is that does not say it.
const COLUMNS: usize = 80;
/// Goes to the beginning of the line and clears it.
const ANEW: &str = "\r\u{1b}[K";

/// See events, jobs and live clients at work, and kill the server under them
///
/// Starts this program as a server on a folder of its own and puts it to work: example texts stream in as events, triggers make jobs of
/// some, workers do them over HTTP, and clients follow over WebSockets, each of which counts what it gets. A page at the address that is
/// printed shows all of it live. Its button, or the key `k` there and here, kills the server with SIGKILL; it comes back by
/// itself, and so does every client, at the place where it was.
///
/// Ends on `q`, on Ctrl-C or after --seconds, says what was counted, and leaves nothing behind. Exits with 65 when anything was
/// lost or came twice.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb demo
  $ arrwdb demo --rate 1000 --clients 2000 --workers 32
  $ arrwdb demo --seconds 10 --json"
)]
pub(crate) struct Demo {
    /// Events a second
    #[arg(long, value_name = "EVENTS/S", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=i64::from(RATE_MAX)))]
    rate: u32,
    /// Clients that follow over WebSockets
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=i64::from(CLIENTS_MAX)))]
    clients: u32,
    /// Workers that do the jobs
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=i64::from(WORKERS_MAX)))]
    workers: u32,
    /// Address of the page, on this machine; any free port when this one is taken
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7680")]
    listen: SocketAddr,
    /// Folder of the server's data, empty or not there yet, which stays [default: one that is removed at the end]
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// End after that many seconds [default: run until it is told to end]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=SECONDS_MAX))]
    seconds: Option<u64>,
    #[command(flatten)]
    report: Report,
}

impl Demo {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        self.check()?;
        let program = std::env::current_exe().context("cannot find this program")?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context("cannot start the runtime")?;
        // Caught from before anything is started, so that all of it is ended again.
        let mut signals = Signals::catch(&runtime)?;
        let running = Running::start(&Plan {
            program: program.into_os_string(),
            folder: self.dir.clone(),
            rate: self.rate,
            clients: self.clients,
            workers: self.workers,
            listen: self.listen,
        })?;
        let begun = Instant::now();
        let mut keys = Keys::watch()?;
        let mut screen = Screen::of(self.report);
        self.greet(&mut screen, &running, &keys)?;
        let until = self.seconds.map(|seconds| begun + Duration::from_secs(seconds));
        let looked =
            runtime.block_on(look(&running, (&mut screen, &mut keys), &mut signals, until));
        drop(keys);
        looked?;
        screen.clear()?;
        let counted = running.end();
        let (said, exit) = verdict(&counted, begun.elapsed());
        let json = json!({ "is_sound": counted.is_sound(), "counted": counted });
        self.report.say(&said, &json)?;
        Ok(exit)
    }

    fn check(&self) -> anyhow::Result<()> {
        if !self.listen.ip().is_loopback() {
            return Err(Advised {
                what: format!("`{}` can be reached from other machines", self.listen),
                help: "the page kills the server for whoever asks: listen on 127.0.0.1".to_owned(),
            }
            .into());
        }
        // Of this process; the server is another one, and has as many.
        let limit = open_files::raise_limit();
        if open_files::are_too_few(limit, self.clients as usize) {
            let limit = limit.unwrap_or(0);
            return Err(Advised {
                what: format!("{} clients need more open files than {limit}", self.clients),
                help: "raise the limit of the system (`ulimit -Hn`), or ask for fewer --clients"
                    .to_owned(),
            }
            .into());
        }
        Ok(())
    }

    fn greet(&self, screen: &mut Screen, running: &Running, keys: &Keys) -> io::Result<()> {
        let (page, server) = (running.page(), running.server());
        if self.listen.port() != 0 && page.port() != self.listen.port() {
            screen.line(&format!("{} is taken, so the page is elsewhere:", self.listen))?;
        }
        let Self { rate, clients, workers, .. } = self;
        screen.line(&format!("arrwdb demo: open http://{page}"))?;
        screen.line(&format!(
            "{rate} events a second, {clients} clients over WebSockets, {workers} workers; the server is http://{server}"
        ))?;
        if keys.are_there() {
            screen.line("k kills the server with SIGKILL, q ends")?;
        }
        Ok(())
    }
}

/// Shows how it goes until it is to end.
async fn look(
    running: &Running,
    (screen, keys): (&mut Screen, &mut Keys),
    signals: &mut Signals,
    until: Option<Instant>,
) -> anyhow::Result<()> {
    let mut changes = interval(if screen.is_terminal { CHANGE_EVERY } else { LINE_EVERY });
    let mut looking = interval(CHANGE_EVERY);
    let mut proven = 0;
    loop {
        tokio::select! {
            _time = changes.tick() => screen.show(&running.glance())?,
            _time = looking.tick() => {
                if running.fault().is_some() {
                    return Ok(());
                }
                if let Some(proof) = running.proof().filter(|proof| proven < proof.kill) {
                    proven = proof.kill;
                    screen.line(&proof_line(&proof))?;
                }
            }
            key = keys.next() => match key {
                b'k' | b'K' if running.kill() => screen.line("killed the server with SIGKILL")?,
                b'q' | b'Q' => return Ok(()),
                _ => (),
            },
            () = signals.next() => return Ok(()),
            () = sleep_until(until.unwrap_or_else(Instant::now).into()), if until.is_some() => return Ok(()),
        }
    }
}

/// What tells a program to end.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    fn catch(runtime: &Runtime) -> io::Result<Self> {
        let _within = runtime.enter();
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => (),
            _ = self.terminate.recv() => (),
            _ = self.hang_up.recv() => (),
        }
    }
}

/// Where lines go: to the standard output, or to the standard error when that is for a program.
struct Screen {
    out: Box<dyn Write>,
    is_terminal: bool,
}

impl Screen {
    fn of(report: Report) -> Self {
        if report.is_json() {
            Self { is_terminal: io::stderr().is_terminal(), out: Box::new(io::stderr()) }
        } else {
            Self { is_terminal: io::stdout().is_terminal(), out: Box::new(io::stdout()) }
        }
    }

    /// A line that stays.
    fn line(&mut self, text: &str) -> io::Result<()> {
        self.clear()?;
        writeln!(self.out, "{text}")?;
        self.out.flush()
    }

    /// The line of figures: in a terminal it takes the place of the one before.
    fn show(&mut self, glance: &Glance) -> io::Result<()> {
        let line = figures(glance);
        if !self.is_terminal {
            return self.line(&line);
        }
        // Longer than the terminal is wide, it would not be one line.
        let columns = tcgetwinsize(io::stdout()).map_or(0, |size| size.ws_col);
        let columns = if columns == 0 { COLUMNS } else { usize::from(columns) };
        let fits: String = line.chars().take(columns - 1).collect();
        write!(self.out, "{ANEW}{fits}")?;
        self.out.flush()
    }

    fn clear(&mut self) -> io::Result<()> {
        if self.is_terminal {
            write!(self.out, "{ANEW}")?;
        }
        Ok(())
    }
}

/// What matters most comes first: a narrow terminal shows no more.
fn figures(glance: &Glance) -> String {
    let Glance { is_up, life, events, deliveries, jobs, connected, clients, .. } = *glance;
    let Glance { p50_us, p99_us, lost, repeated, .. } = *glance;
    let state = if is_up { "up" } else { "DOWN" };
    let n = text::grouped;
    format!(
        "{state}, life {life} | {}/{} clients | {} lost, {} repeated | {} events/s, {} deliveries/s, {} jobs/s | p50 {} p99 {} ms",
        n(connected),
        n(clients),
        n(lost),
        n(repeated),
        n(events),
        n(deliveries),
        n(jobs),
        millis(p50_us),
        millis(p99_us)
    )
}

fn proof_line(proof: &Proof) -> String {
    let Proof { kill, back_ms, resumed_ms, clients, resumed, deliveries, lost, repeated } = *proof;
    let n = text::grouped;
    format!(
        "kill {kill}: server back in {} ms, {} of {} clients resumed in {} ms, {} deliveries, {} lost, {} repeated",
        n(back_ms),
        n(resumed),
        n(clients),
        n(resumed_ms),
        n(deliveries),
        n(lost),
        n(repeated)
    )
}

/// Microseconds as milliseconds with one digit behind the point.
fn millis(micros: u64) -> String {
    format!("{}.{}", micros / 1_000, micros % 1_000 / 100)
}

fn verdict(counted: &Counted, time: Duration) -> (String, Exit) {
    let n = text::grouped;
    let back = if counted.kills == 0 {
        String::new()
    } else {
        let all = n(counted.resumed + counted.unresumed);
        format!(
            "; {} of {all} clients that were cut off went on where they were",
            n(counted.resumed)
        )
    };
    let kills = if counted.kills == 1 { "kill" } else { "kills" };
    let mut said = format!(
        "{} s: {} events, {} deliveries, {} jobs done of {} ({} attempts failed and were tried again), {} {kills}{back}: {} lost, {} repeated",
        time.as_secs(),
        n(counted.events),
        n(counted.deliveries),
        n(counted.jobs_done),
        n(counted.jobs_made),
        n(counted.jobs_failed),
        n(counted.kills),
        n(counted.lost),
        n(counted.repeated)
    );
    if counted.jobs_wrong != 0 {
        said += &format!("; {} jobs more or less than events that make one", n(counted.jobs_wrong));
    }
    if let Some(fault) = &counted.fault {
        said += &format!("\nit ended because {fault}");
    }
    (said, if counted.is_sound() { Exit::Fine } else { Exit::Damaged })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted() -> Counted {
        Counted {
            events: 7_612,
            deliveries: 81_234,
            jobs_made: 6_012,
            jobs_done: 6_012,
            jobs_failed: 251,
            kills: 2,
            resumed: 1_000,
            unresumed: 0,
            lost: 0,
            repeated: 0,
            jobs_wrong: 0,
            fault: None,
        }
    }

    #[test]
    fn the_verdict_says_all_that_was_counted() {
        let (said, exit) = verdict(&counted(), Duration::from_secs(38));
        let expected = "38 s: 7,612 events, 81,234 deliveries, 6,012 jobs done of 6,012 (251 attempts failed and were tried again), \
            2 kills; 1,000 of 1,000 clients that were cut off went on where they were: 0 lost, 0 repeated";
        assert_eq!((said.as_str(), exit), (expected, Exit::Fine));
    }

    #[test]
    fn a_line_begins_with_what_matters() {
        let glance = Glance {
            is_up: true,
            life: 2,
            events: 200,
            deliveries: 2_248,
            jobs: 193,
            connected: 500,
            clients: 500,
            p50_us: 1_290,
            p99_us: 15_000,
            lost: 0,
            repeated: 0,
        };
        let expected = "up, life 2 | 500/500 clients | 0 lost, 0 repeated | 200 events/s, 2,248 deliveries/s, 193 jobs/s | p50 1.2 p99 15.0 ms";
        assert_eq!(figures(&glance), expected);
        assert!(figures(&Glance { is_up: false, ..glance }).starts_with("DOWN, life 2 | "));
    }

    #[test]
    fn what_is_wrong_is_no_success() {
        let wrong: [fn(&mut Counted); 5] = [
            |it| it.lost = 1,
            |it| it.repeated = 1,
            |it| it.unresumed = 1,
            |it| it.jobs_wrong = 1,
            |it| it.fault = Some("the server ended by itself".to_owned()),
        ];
        for change in wrong {
            let mut counted = counted();
            change(&mut counted);
            let (said, exit) = verdict(&counted, Duration::from_secs(1));
            assert_eq!(exit, Exit::Damaged, "{said}");
        }
    }
}
