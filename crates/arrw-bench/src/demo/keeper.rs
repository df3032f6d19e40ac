//! Starts the server, kills it, and has it back.

use std::ffi::OsString;
use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::sync::mpsc::Receiver;
use tokio::task::spawn_blocking;
use tokio::time::interval;

use super::board::{Board, Stage};
use super::limits::START_TIME_MAX;
use crate::pace;
use crate::place::SAID;
use crate::server::{self, Server};

/// Ports that are tried before any: beside that of the page, and none that the system draws for connections. With
/// one of those a client could be connected to itself while the server is away.
const PORTS: std::ops::RangeInclusive<u16> = 7_681..=7_699;
/// How often is looked whether the server ended by itself.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Between two attempts to start it where it was.
const AGAIN_AFTER: Duration = Duration::from_millis(100);
/// How long it may take to end when it is told to.
const STOP_TIME_MAX: Duration = Duration::from_secs(10);

/// How the server is started.
#[derive(Clone, Debug)]
pub(super) struct Launcher {
    pub(super) program: OsString,
    pub(super) folder: PathBuf,
}

impl Launcher {
    /// Starts it for the first time, at a port of which nobody else is.
    pub(super) fn first(&self) -> anyhow::Result<Server> {
        let started = PORTS.filter(|port| is_free(*port)).find_map(|port| self.start(port).ok());
        // Who has all of these has something to hide; then any will do.
        started
            .map_or_else(|| self.start(0), Ok)
            .with_context(|| format!("the server does not start{}", said(&self.folder)))
    }

    /// Starts it at the port at which it was, unless all is over.
    fn again(&self, port: u16, board: &Board) -> anyhow::Result<Server> {
        let until = Instant::now() + START_TIME_MAX;
        loop {
            let error = match self.start(port) {
                Ok(server) => return Ok(server),
                Err(error) => error,
            };
            if until < Instant::now() || board.stage() == Stage::Over {
                return Err(
                    error.context(format!("no server at port {port}{}", said(&self.folder)))
                );
            }
            // Somebody may have the port for a moment.
            pace::wait(AGAIN_AFTER);
        }
    }

    fn start(&self, port: u16) -> anyhow::Result<Server> {
        Server::start_tied(&mut self.command(port)?)
    }

    fn command(&self, port: u16) -> anyhow::Result<Command> {
        let path = self.folder.join(SAID);
        // What it said in lives before says nothing of this one.
        let said = File::create(&path);
        let said = said.with_context(|| format!("cannot open `{}`", path.display()))?;
        let mut command = server::serve_at(port, &self.program, &self.folder);
        // In a group of its own, so that Ctrl-C in the terminal reaches this process alone.
        command.stderr(Stdio::from(said)).process_group(0);
        Ok(command)
    }
}

/// Keeps the server until all is over: each order kills it, and has it back at the same port.
pub(super) async fn keep(
    board: Arc<Board>,
    launcher: Launcher,
    mut server: Server,
    mut orders: Receiver<()>,
) {
    let mut looking = interval(LOOK_EVERY);
    loop {
        tokio::select! {
            () = board.over() => break,
            ordered = orders.recv() => {
                if ordered.is_none() {
                    break;
                }
                let (board, launcher) = (Arc::clone(&board), launcher.clone());
                let killed = spawn_blocking(move || kill(&board, &launcher, server)).await;
                match killed {
                    Ok(Some(again)) => server = again,
                    Ok(None) | Err(_) => return,
                }
                // What was asked for while it was away is done.
                while orders.try_recv().is_ok() {}
            }
            _time = looking.tick() => {
                if let Ok(Some(status)) = server.ended() {
                    let said = said(&launcher.folder);
                    board.is_gone(format!("the server ended by itself: {status}{said}"));
                    return;
                }
            }
        }
    }
    // However it ends, it is gone when it is dropped.
    drop(spawn_blocking(move || server.stop(STOP_TIME_MAX)).await);
}

/// Kills it and has it back; `None` when it does not come.
fn kill(board: &Board, launcher: &Launcher, server: Server) -> Option<Server> {
    let port = server.address().port();
    board.killed();
    drop(server);
    match launcher.again(port, board) {
        Ok(server) => {
            board.is_back();
            Some(server)
        }
        Err(error) => {
            board.is_gone(format!("the server does not come back: {error:#}"));
            None
        }
    }
}

/// What the server said last, to be put behind a sentence.
fn said(folder: &Path) -> String {
    let text = std::fs::read_to_string(folder.join(SAID)).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let last = lines[lines.len().saturating_sub(5)..].join("\n  ");
    if last.is_empty() { String::new() } else { format!("; it said\n  {last}") }
}

fn is_free(port: u16) -> bool {
    std::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).is_ok()
}
