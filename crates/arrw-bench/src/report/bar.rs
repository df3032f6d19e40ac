//! How far a group is: a bar below the lines that say what was measured.

use std::fmt::Write as _;
use std::io::{self, Write};

/// Cells of the bar.
const WIDTH: usize = 24;
/// Back to the begin of the line, and away with it.
const CLEAR: &str = "\r\x1b[K";

/// Lines of progress, and a bar below them if a person sees it.
pub(crate) struct Bar<'a> {
    out: &'a mut dyn Write,
    is_watched: bool,
    done: usize,
    all: usize,
    /// What is measured now.
    what: String,
    /// What has come of a line so far.
    line: Vec<u8>,
}

impl<'a> Bar<'a> {
    pub(crate) fn new(out: &'a mut dyn Write, is_watched: bool, all: usize) -> Self {
        Self { out, is_watched, done: 0, all, what: String::new(), line: Vec::new() }
    }

    /// The next step begins.
    pub(crate) fn begin(&mut self, what: &str) -> io::Result<()> {
        what.clone_into(&mut self.what);
        self.draw()
    }

    /// It is over.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        self.done += 1;
        self.draw()
    }

    fn draw(&mut self) -> io::Result<()> {
        if !self.is_watched {
            return Ok(());
        }
        let is_over = self.done == self.all;
        let bar = if is_over { String::new() } else { drawn(self.done, self.all, &self.what) };
        write!(self.out, "{CLEAR}{bar}")?;
        self.out.flush()
    }
}

/// Each line stands above the bar.
impl Write for Bar<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        let Some(end) = self.line.iter().rposition(|byte| *byte == b'\n') else {
            return Ok(bytes.len());
        };
        if self.is_watched {
            self.out.write_all(CLEAR.as_bytes())?;
        }
        self.out.write_all(&self.line[..=end])?;
        self.line.drain(..=end);
        self.draw()?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn drawn(done: usize, all: usize, what: &str) -> String {
    let full = WIDTH * done / all.max(1);
    let mut text = "#".repeat(full) + &"-".repeat(WIDTH - full);
    // Nothing is written to a text in vain.
    let _written = write!(text, "] {done} of {all}  {what}");
    format!("[{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stand_above_the_bar() {
        let mut seen = Vec::new();
        let mut bar = Bar::new(&mut seen, true, 2);
        bar.begin("publish").unwrap();
        write!(bar, "run 1: {}", 7).unwrap();
        writeln!(bar, " events").unwrap();
        bar.end().unwrap();
        let text = String::from_utf8(seen).unwrap();
        let empty = "-".repeat(24);
        let half = "#".repeat(12) + &"-".repeat(12);
        let expected = format!(
            "{CLEAR}[{empty}] 0 of 2  publish{CLEAR}run 1: 7 events\n\
             {CLEAR}[{empty}] 0 of 2  publish{CLEAR}[{half}] 1 of 2  publish"
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn nobody_who_does_not_watch_gets_a_bar() {
        let mut seen = Vec::new();
        let mut bar = Bar::new(&mut seen, false, 1);
        bar.begin("publish").unwrap();
        writeln!(bar, "run 1").unwrap();
        bar.end().unwrap();
        assert_eq!(seen, b"run 1\n");
    }
}
