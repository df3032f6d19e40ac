//! Connections that do nothing, stop reading, read on, or are cut.

use anyhow::ensure;

use super::super::order::{Group, Told};
use super::link::Position;
use super::poller::Interest;
use super::{Generator, IDLE, millis};
use crate::runs::float;

impl Generator {
    /// Waits for this time, and until every reader was pinged so often from now on.
    pub(super) fn idle(&mut self, time: u64, pings: u32, time_max: u64) -> anyhow::Result<()> {
        let begin = self.desk.now();
        self.of(Group::Readers).for_each(|(_, link)| link.pings = 0);
        while self.desk.now() < begin + millis(time)
            || self.of(Group::Readers).any(|(_, link)| link.pings < pings)
        {
            self.turn(IDLE)?;
            self.check_time(begin + millis(time_max), || format!("{pings} pings of everybody"))?;
        }
        Ok(())
    }

    pub(super) fn stall(&mut self) -> anyhow::Result<()> {
        for link in self.links.iter().flatten().filter(|link| link.group == Group::Stalled) {
            self.poller.remove(link.socket())?;
        }
        Ok(())
    }

    pub(super) fn catch_up(&mut self, time_max: u64) -> anyhow::Result<Told> {
        let begin = self.desk.now();
        for (token, link) in (0..).zip(&mut self.links) {
            if let Some(link) = link.as_mut().filter(|link| link.group == Group::Stalled) {
                self.poller.add(link.socket(), token, Interest::Read)?;
                link.interest = Interest::Read;
            }
        }
        let last = self.desk.published;
        loop {
            let behind = self.of(Group::Stalled).filter(|(_, link)| link.last < last).count();
            if behind == 0 {
                break;
            }
            self.turn(IDLE)?;
            let late = || format!("{behind} have not caught up");
            self.check_time(begin + millis(time_max), late)?;
        }
        let end = self.desk.now();
        for (token, link) in self.of(Group::Stalled) {
            let (seen, expected) = (link.seen, last - link.joined_after);
            ensure!(seen == expected, "connection {token} got {seen} of {expected} publications");
        }
        Ok(Told::CaughtUp { seconds: float(end - begin) / 1e9 })
    }

    /// Ends readers at once, without a word.
    pub(super) fn cut(&mut self) {
        self.away.clear();
        for slot in &mut self.links {
            if let Some(link) = slot.take_if(|link| link.group == Group::Readers) {
                let Position { epoch, offset } = link.position;
                self.away.push(Position { epoch, offset: offset + link.seen });
            }
        }
    }
}
