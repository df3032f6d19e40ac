//! Opens connections: connect, request for a WebSocket, commands.

use std::mem;
use std::time::Duration;

use anyhow::ensure;

use super::super::order::{Opened, Opening};
use super::board;
use super::commands;
use super::desk::Introductions;
use super::link::Link;
use super::poller::Interest;
use super::token::token;
use super::{Generator, IDLE, millis};
use crate::runs::float;

impl Generator {
    pub(super) fn open(&mut self, opening: &Opening) -> anyhow::Result<Opened> {
        let introductions = self.introductions(opening)?;
        self.desk.expect(introductions);
        self.upgrade = commands::upgrade(opening.server);
        let count = opening.connections;
        let begin = self.desk.now();
        let until = begin + millis(opening.time_max_ms);
        let mut begun = 0;
        while self.desk.joined < count {
            let mut wait = IDLE;
            while begun < count && begun - self.desk.joined < opening.in_progress {
                let due = begin + millis(opening.spread_ms) * u64::from(begun) / u64::from(count);
                let now = self.desk.now();
                if now < due {
                    wait = Duration::from_nanos(due - now);
                    break;
                }
                self.connect(opening, begun)?;
                begun += 1;
            }
            self.turn(wait)?;
            let joined = self.desk.joined;
            self.check_time(until, || format!("{joined} of {count} connections were opened"))?;
        }
        Ok(Opened {
            seconds: float(self.desk.now() - begin) / 1e9,
            times: board::times(&self.desk.joining),
            recovered: self.desk.recovered,
            publications: self.desk.publications,
        })
    }

    /// All that can be made before is made before.
    fn introductions(&mut self, opening: &Opening) -> anyhow::Result<Introductions> {
        let secret = opening.secret.as_deref();
        let of_user = |number| secret.map(|secret| token(secret, number));
        let is_return = opening.missed.is_some();
        let positions = if is_return { mem::take(&mut self.away) } else { Vec::new() };
        ensure!(
            !is_return || positions.len() == usize::try_from(opening.connections)?,
            "{} connections were cut, so that {} cannot return",
            positions.len(),
            opening.connections
        );
        Ok(Introductions {
            tokens: (0..opening.connections).map_while(of_user).collect(),
            channels: opening.channels.as_ref().map_or_else(Vec::new, super::names),
            positions,
        })
    }

    fn connect(&mut self, opening: &Opening, number: u32) -> anyhow::Result<()> {
        let began = self.desk.now();
        let mut link = Link::connect(opening.server, opening.group, number)?;
        (link.began, link.joined_after) = (began, self.desk.published);
        link.missing = opening.missed.unwrap_or(0);
        self.poller.add(link.socket(), self.links.len() as u64, Interest::Write)?;
        self.links.push(Some(link));
        Ok(())
    }
}
