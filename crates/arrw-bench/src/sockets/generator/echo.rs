//! Calls that are answered with what they carry, one after the other.

use anyhow::Context;
use hdrhistogram::Histogram;

use super::super::order::{Group, Times};
use super::board;
use super::commands::{self, Payload};
use super::{Generator, IDLE, flush, millis};

/// Characters of what a call carries.
const BYTES: u32 = 128;
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
        let mut number = 0;
        while self.desk.now() < until {
            number += 1;
            let link = self.links[at].as_mut().context("the reader is gone")?;
            link.id += 1;
            command.clear();
            commands::echo(link.id, payload.numbered(number), &mut command);
            link.push_frame(&command);
            self.desk.echoed = None;
            let begin = self.desk.now();
            flush(&self.poller, token, link)?;
            let answered = loop {
                if let Some(answered) = self.desk.echoed {
                    break answered;
                }
                self.turn(IDLE)?;
                self.check_time(begin + millis(CALL_MS_MAX), || "a call".to_owned())?;
            };
            if warm <= begin {
                times.record(answered.saturating_sub(begin))?;
            }
        }
        Ok(board::times(&times))
    }
}
