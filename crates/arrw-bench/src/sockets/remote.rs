//! A generator in a process of its own, told by whoever measures.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, bail, ensure};

use super::order::{Opened, Opening, Order, Published, Publishing, Times, Told};

/// A process with clients. It is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Generator {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Generator {
    /// Starts one, which has no connection yet.
    pub(super) fn start(part: &[OsString]) -> anyhow::Result<Self> {
        let (program, arguments) = part.split_first().context("no program to generate load")?;
        let mut command = Command::new(program);
        command.args(arguments).arg("generator").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start a generator")?;
        let input = child.stdin.take().context("the generator has an input")?;
        let output = child.stdout.take().context("the generator has an output")?;
        Ok(Self { child, input, output: BufReader::new(output) })
    }

    pub(super) fn open(&mut self, opening: Opening) -> anyhow::Result<Opened> {
        let Told::Opened(opened) = self.tell(&Order::Open(opening))? else { return unexpected() };
        Ok(opened)
    }

    pub(super) fn publish(&mut self, publishing: Publishing) -> anyhow::Result<Published> {
        let Told::Published(published) = self.tell(&Order::Publish(publishing))? else {
            return unexpected();
        };
        Ok(published)
    }

    pub(super) fn echo(&mut self, warm_ms: u64, time_ms: u64) -> anyhow::Result<Times> {
        let Told::Echoed(times) = self.tell(&Order::Echo { warm_ms, time_ms })? else {
            return unexpected();
        };
        Ok(times)
    }

    /// Seconds until those that had stalled had everything.
    pub(super) fn catch_up(&mut self, time_max_ms: u64) -> anyhow::Result<f64> {
        let Told::CaughtUp { seconds } = self.tell(&Order::CatchUp { time_max_ms })? else {
            return unexpected();
        };
        Ok(seconds)
    }

    /// An order of which nothing is to be told.
    pub(super) fn order(&mut self, order: &Order) -> anyhow::Result<()> {
        let Told::Done = self.tell(order)? else { return unexpected() };
        Ok(())
    }

    fn tell(&mut self, order: &Order) -> anyhow::Result<Told> {
        writeln!(self.input, "{}", serde_json::to_string(order)?)?;
        self.input.flush()?;
        let mut line = String::new();
        let bytes = self.output.read_line(&mut line)?;
        ensure!(0 < bytes, "the generator ended while it did {order:?}");
        let told = serde_json::from_str(&line)?;
        if let Told::Failed(why) = &told {
            bail!("the generator says: {why}");
        }
        Ok(told)
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        // One that has ended by itself is gone as well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn unexpected<T>() -> anyhow::Result<T> {
    bail!("the generator answered to something else")
}
