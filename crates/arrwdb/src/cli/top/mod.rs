//! `arrwdb top`: a server as it is, looked at again and again.

mod figures;
mod paint;
mod samples;
mod snapshot;
mod state;
mod terminal;
mod view;
mod words;

use std::io::{self, Write};
use std::time::Duration;

use arrw_server::Client;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::exit::Exit;
use super::remote::{Remote, block_on};
use paint::Colours;
use snapshot::Snapshot;
use state::State;
use terminal::Terminal;

/// Columns of a report when there is no terminal.
const REPORT_COLUMNS: usize = 100;

/// How long an answer may take before the view says that the server is away.
const PATIENCE: Duration = Duration::from_secs(5);

/// Show a server live: rates, lag, queues, workers, connections, fsync, memory
///
/// Keys: q quits, Tab or 1 to 4 choose what is listed, p pauses, + and - change how often it looks. While the server is away it says so
/// and goes on trying. With NO_COLOR in the environment there are no colours.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb top --once
  $ arrwdb top --once --json

`arrwdb top` alone is the live view, which needs a terminal."
)]
pub(crate) struct Top {
    /// Look twice, print all of it as text, and end
    #[arg(long)]
    once: bool,
    /// Print it as one line of JSON
    #[arg(long, requires = "once")]
    json: bool,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=60))]
    interval: u64,
    #[command(flatten)]
    remote: Remote,
}

impl Top {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let client = self.remote.client()?.waiting(PATIENCE);
        let state = State::new(self.remote.server().to_owned(), self.interval);
        block_on(async {
            if self.once { self.report(client, state).await } else { live(client, state).await }
        })
    }

    /// Rates need two looks.
    async fn report(&self, mut client: Client, mut state: State) -> anyhow::Result<Exit> {
        state.see(Snapshot::take(&mut client).await?);
        sleep(Duration::from_secs(self.interval)).await;
        state.see(Snapshot::take(&mut client).await?);
        let mut out = io::stdout().lock();
        if self.json {
            writeln!(out, "{}", serde_json::to_string(&state.figures)?)?;
            return Ok(Exit::Fine);
        }
        for line in view::report(&state, REPORT_COLUMNS) {
            writeln!(out, "{}", line.text().trim_end())?;
        }
        Ok(Exit::Fine)
    }
}

/// How often the server is looked at; `None` while it is not.
type Pace = Option<Duration>;

async fn live(client: Client, mut state: State) -> anyhow::Result<Exit> {
    let mut resized = signal(SignalKind::window_change())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    // Until this ends, however that is.
    let _terminal = Terminal::open()?;
    let mut keys = Terminal::keys()?;
    let colours = if has_no_color() { Colours::None } else { Colours::Shown };
    let (pace, paced) = watch::channel(Some(Duration::from_secs(state.interval_s)));
    // One look waits to be shown; there is no other before that is.
    let (seen, mut looks) = mpsc::channel(1);
    tokio::spawn(look(client, paced, seen));
    loop {
        let size = Terminal::size();
        terminal::write(&paint::screen(&view::screen(&state, size), colours))?;
        tokio::select! {
            key = keys.recv() => match key {
                Some(key) if state.press(key) => {
                    let interval = Duration::from_secs(state.interval_s);
                    let wanted = (!state.is_paused).then_some(interval);
                    pace.send_if_modified(|pace| std::mem::replace(pace, wanted) != wanted);
                }
                Some(_) | None => break,
            },
            Some(look) = looks.recv() => match look {
                Ok(snapshot) => state.see(snapshot),
                Err(why) => state.miss(why),
            },
            _ = resized.recv() => (),
            _ = interrupted.recv() => break,
            _ = terminated.recv() => break,
        }
    }
    Ok(Exit::Fine)
}

/// Looks at the server until nobody wants to see it. A look that fails is why it failed, in words.
async fn look(
    mut client: Client,
    mut pace: watch::Receiver<Pace>,
    seen: mpsc::Sender<Result<Snapshot, String>>,
) {
    loop {
        let interval = *pace.borrow_and_update();
        if interval.is_some() {
            let look = Snapshot::take(&mut client).await.map_err(|error| error.to_string());
            if seen.send(look).await.is_err() {
                return;
            }
        }
        let rest = async {
            match interval {
                Some(interval) => sleep(interval).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = rest => (),
            changed = pace.changed() => if changed.is_err() { return },
        }
    }
}

/// As <https://no-color.org> says.
#[expect(clippy::disallowed_methods, reason = "it is no setting of ours, but of all programs")]
fn has_no_color() -> bool {
    std::env::var("NO_COLOR").is_ok_and(|it| !it.is_empty())
}
