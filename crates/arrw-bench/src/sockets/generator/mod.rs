//! The load: thousands of clients on one thread, in a process of its own.
//!
//! It obeys [`Order`]s that come as lines and answers each by a line. Nothing is allocated for a message, and every time
//! is counted from when something was due.

mod away;
mod board;
mod commands;
mod desk;
mod echo;
mod line;
mod link;
mod opening;
mod poller;
mod publishing;
mod token;

use std::io::{BufRead, BufReader, Read, Write};
use std::mem;
use std::os::fd::AsFd;
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::event::epoll;

use super::order::{Channels, Group, Order, Told};
use desk::Desk;
use link::{Link, Position, Stage};
use poller::{Interest, Poller, Ready};

/// What the input is known by; no connection has this token.
const ORDERS: u64 = u64::MAX - 1;
/// Bytes that are read at once.
const READ_BYTES: usize = 256 * 1024;
/// How long is waited when nothing is due.
const IDLE: Duration = Duration::from_millis(100);

/// Obeys until the input ends, or until something fails: then it says what.
pub(super) fn generate(input: impl Read + AsFd, output: &mut dyn Write) -> anyhow::Result<()> {
    let mut generator = Generator::new()?;
    generator.poller.add(&input, ORDERS, Interest::Read)?;
    let mut input = BufReader::new(input);
    loop {
        let waited = generator.wait_for_order();
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let order = serde_json::from_str(&line).with_context(|| format!("no order: {line}"));
        let told = waited.and(order).and_then(|order| generator.obey(&order));
        let told = told.unwrap_or_else(|error| Told::Failed(format!("{error:#}")));
        writeln!(output, "{}", serde_json::to_string(&told)?)?;
        output.flush()?;
        if matches!(told, Told::Failed(_)) {
            return Ok(());
        }
    }
}

/// All clients, and what they received.
struct Generator {
    poller: Poller,
    /// By token. Those that are gone leave a gap.
    links: Vec<Option<Link>>,
    desk: Desk,
    buffer: Vec<u8>,
    events: Vec<epoll::Event>,
    ready: Vec<Ready>,
    /// The request for a WebSocket.
    upgrade: Vec<u8>,
    /// Where readers were that were cut off, by number.
    away: Vec<Position>,
    has_order: bool,
}

impl Generator {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            poller: Poller::new()?,
            links: Vec::new(),
            desk: Desk::new()?,
            buffer: vec![0; READ_BYTES],
            events: Vec::new(),
            ready: Vec::new(),
            upgrade: Vec::new(),
            away: Vec::new(),
            has_order: false,
        })
    }

    fn wait_for_order(&mut self) -> anyhow::Result<()> {
        while !self.has_order {
            self.turn_once(IDLE)?;
        }
        self.has_order = false;
        Ok(())
    }

    fn obey(&mut self, order: &Order) -> anyhow::Result<Told> {
        Ok(match order {
            Order::Open(opening) => Told::Opened(self.open(opening)?),
            Order::Publish(publishing) => Told::Published(self.publish(publishing)?),
            Order::Echo { warm_ms, time_ms } => Told::Echoed(self.echo(*warm_ms, *time_ms)?),
            Order::Idle { time_ms, pings, time_max_ms } => {
                self.idle(*time_ms, *pings, *time_max_ms)?;
                Told::Done
            }
            Order::Stall => {
                self.stall()?;
                Told::Done
            }
            Order::CatchUp { time_max_ms } => self.catch_up(*time_max_ms)?,
            Order::Cut => {
                self.cut();
                Told::Done
            }
        })
    }

    /// Waits for something to happen, but not longer than `time`, and serves it.
    fn turn(&mut self, time: Duration) -> anyhow::Result<()> {
        self.turn_once(time)?;
        ensure!(!self.has_order, "who gave the order is gone, or gave another one");
        Ok(())
    }

    fn turn_once(&mut self, time: Duration) -> anyhow::Result<()> {
        let mut ready = mem::take(&mut self.ready);
        self.poller.wait(time, &mut self.events, &mut ready)?;
        for one in &ready {
            if one.token == ORDERS {
                self.has_order = true;
            } else {
                self.serve(*one).with_context(|| format!("connection {}", one.token))?;
            }
        }
        self.ready = ready;
        Ok(())
    }

    fn serve(&mut self, ready: Ready) -> anyhow::Result<()> {
        let at = usize::try_from(ready.token)?;
        let Some(link) = self.links.get_mut(at).and_then(Option::as_mut) else { return Ok(()) };
        if link.stage == Stage::Connecting {
            link.check_connected()?;
            link.push_bytes(&self.upgrade);
            link.stage = Stage::Upgrading;
        } else if ready.can_read {
            let left = link.rest.len();
            self.buffer[..left].copy_from_slice(&link.rest);
            if let Some(bytes) = link.read(&mut self.buffer[left..])? {
                self.desk.take(link, &mut self.buffer[..left + bytes])?;
            }
        } else if !ready.can_write {
            return Ok(());
        }
        flush(&self.poller, ready.token, link)
    }

    /// Connections of a group, with their tokens.
    fn of(&mut self, group: Group) -> impl Iterator<Item = (u64, &mut Link)> {
        let links = (0..).zip(&mut self.links);
        let links = links.filter_map(|(token, link)| Some((token, link.as_mut()?)));
        links.filter(move |(_, link)| link.group == group)
    }

    /// An error once this time is over.
    fn check_time(&self, until: u64, what: impl FnOnce() -> String) -> anyhow::Result<()> {
        ensure!(self.desk.now() < until, "it took too long: {}", what());
        Ok(())
    }
}

/// Writes what waits, and waits for room if there is too little.
fn flush(poller: &Poller, token: u64, link: &mut Link) -> anyhow::Result<()> {
    let interest = if link.flush()? { Interest::Read } else { Interest::Write };
    if interest != link.interest {
        poller.change(link.socket(), token, interest)?;
        link.interest = interest;
    }
    Ok(())
}

/// Milliseconds as the clock counts.
fn millis(ms: u64) -> u64 {
    ms.saturating_mul(1_000_000)
}

/// The names of channels.
fn names(of: &Channels) -> Vec<String> {
    (0..of.count).map(|number| format!("{}{number}", of.prefix)).collect()
}
