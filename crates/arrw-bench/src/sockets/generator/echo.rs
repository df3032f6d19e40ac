//! Calls that are answered with what they carry, one at a time.

use std::time::Duration;

use anyhow::Context;
use hdrhistogram::Histogram;

use super::super::order::{Group, Times};
use super::board;
use super::commands::{self, Payload};
use super::{Generator, flush, millis};

/// Characters of what a call carries.
const BYTES: u32 = 128;
/// When the next call is due after the one before, in nanoseconds: a server may bound the commands of a client by the
/// second.
const INTERVAL: u64 = 200_000;
/// How long a call may take: then it is a failure.
const CALL_MS_MAX: u64 = 10_000;

impl Generator {
    pub(super) fn echo(&mut self, warm_ms: u64, time_ms: u64) -> anyhow::Result<Times> {
        let reader = self.of(Group::Readers).next().map(|(token, _)| token);
        let token = reader.context("nobody to call")?;
        let at = usize::try_from(token)?;
        let (mut payload, mut command) = (Payload::new(BYTES), Vec::new());
        let mut times = Histogram::new(3)?;
        let warm = self.desk.now() + millis(warm_ms);
        let until = warm + millis(time_ms);
        let (mut number, mut due) = (0, self.desk.now());
        while self.desk.now() < until {
            number += 1;
            // One that is late, because of the one before it, counts from when it was due.
            while self.desk.now() < due {
                self.turn(Duration::ZERO)?;
            }
            let link = self.links[at].as_mut().context("the reader is gone")?;
            link.id += 1;
            command.clear();
            commands::echo(link.id, payload.numbered(number), &mut command);
            link.push_frame(&command);
            self.desk.echoed = None;
            flush(&self.poller, token, link)?;
            let answered = loop {
                if let Some(answered) = self.desk.echoed {
                    break answered;
                }
                // Not to wait spares the time that the system takes to wake this process.
                self.turn(Duration::ZERO)?;
                self.check_time(due + millis(CALL_MS_MAX), || "a call".to_owned())?;
            };
            if warm <= due {
                times.record(answered.saturating_sub(due))?;
            }
            due += INTERVAL;
        }
        Ok(board::times(&times))
    }
}
