//! How far a long command is: a bar on the standard error, for people only.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use super::text;

/// How often it is drawn at most.
const DRAWN_EVERY: Duration = Duration::from_millis(100);

/// Cells of the bar.
const WIDTH: usize = 30;

/// A bar that is taken away when this is dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    is_seen: bool,
    /// What is counted, in the singular.
    unit: &'static str,
    begun: Instant,
    drawn: Option<Instant>,
}

impl Progress {
    /// Draws nothing when the standard error is no terminal.
    pub(crate) fn of(unit: &'static str) -> Self {
        let is_seen = io::stderr().is_terminal();
        Self { is_seen, unit, begun: Instant::now(), drawn: None }
    }

    /// So many units are done, which is `part` (done, all) in any measure; when nobody knows all, it is 0.
    pub(crate) fn show(&mut self, count: u64, part: (u64, u64)) {
        if !self.is_seen || self.drawn.is_some_and(|drawn| drawn.elapsed() < DRAWN_EVERY) {
            return;
        }
        self.drawn = Some(Instant::now());
        put(&format!("\r\x1b[K{}", line(self.unit, count, part, self.begun.elapsed())));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.drawn.is_some() {
            put("\r\x1b[K");
        }
    }
}

/// What cannot be drawn is not worth an error.
fn put(text: &str) {
    let mut err = io::stderr().lock();
    drop(err.write_all(text.as_bytes()).and_then(|()| err.flush()));
}

fn line(unit: &str, count: u64, (done, all): (u64, u64), time: Duration) -> String {
    let counted = text::count(count, unit);
    let rate = u128::from(count) * 1000 / time.as_millis().max(1);
    let speed = format!("{counted}, {rate}/s");
    if all == 0 {
        return speed;
    }
    let thousandths = u128::from(done.min(all)) * 1000 / u128::from(all);
    let thousandths = usize::try_from(thousandths).unwrap_or(1000);
    let full = WIDTH * thousandths / 1000;
    let bar = "#".repeat(full) + &"-".repeat(WIDTH - full);
    format!("[{bar}] {:3} %  {speed}", thousandths / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_and_how_fast() {
        let second = Duration::from_secs(1);
        let shown = line("event", 2_500, (1, 2), second);
        assert_eq!(shown, "[###############---------------]  50 %  2500 events, 2500/s");
        let shown = line("line", 1, (7, 7), second * 2);
        assert_eq!(shown, "[##############################] 100 %  1 line, 0/s");
        assert_eq!(line("line", 10, (3, 0), second), "10 lines, 10/s");
        assert_eq!(line("line", 10, (0, 0), Duration::ZERO), "10 lines, 10000/s");
    }
}
