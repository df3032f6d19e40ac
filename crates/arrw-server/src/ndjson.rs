//! NDJSON bodies: lines that are taken as they come, be they events or jobs.

use bytes::{Bytes, BytesMut};
use tokio::task::yield_now;

use crate::app::App;
use crate::body::Inflow;
use crate::counters::Limit;
use crate::limits::{CHUNK_BYTES_MAX, CHUNK_LINES_MAX, LINE_FAULTS_MAX};
use crate::problem::{Code, Problem};
use crate::query::Query;

/// Content types of lines, as they are written by whoever has them.
pub(crate) const CONTENT_TYPES: [&str; 3] =
    ["application/x-ndjson", "application/ndjson", "application/jsonl"];

/// What becomes of a body with a line that cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnError {
    /// It ends there.
    Stop,
    /// It goes on behind it, and the answer says which lines were left out.
    Continue,
}

impl OnError {
    /// What the parameter `on_error` says.
    pub(crate) fn of(query: &Query) -> Self {
        if query.goes_on { Self::Continue } else { Self::Stop }
    }
}

/// How far a body of lines is, and which of them were left out.
#[derive(Debug)]
pub(crate) struct Progress<'a> {
    pub(crate) app: &'a App,
    pub(crate) on_error: OnError,
    /// The number of the first line of the next chunk.
    line: u64,
    /// Lines that were left out: how many, and the first of them, at most [`LINE_FAULTS_MAX`].
    left_out: u64,
    faults: Vec<(u64, Problem)>,
}

impl<'a> Progress<'a> {
    pub(crate) fn new(app: &'a App, on_error: OnError) -> Self {
        Self { app, on_error, line: 1, left_out: 0, faults: Vec::new() }
    }

    /// A line cannot be taken, behind `count` that were: ends the body, or notes that and goes on, as the client asked.
    pub(crate) fn fault(&mut self, line: u64, problem: Problem, count: u64) -> Result<(), Problem> {
        match self.on_error {
            OnError::Stop => Err(end_at(line, problem, count)),
            OnError::Continue => {
                self.app.counters.refused(problem.refused());
                self.left_out += 1;
                if self.faults.len() < LINE_FAULTS_MAX {
                    self.faults.push((line, problem));
                }
                Ok(())
            }
        }
    }

    /// The lines of the next chunk that have something in them, each with its number, without what is blank
    /// around it; or why one cannot be taken.
    pub(crate) fn lines<'c>(
        &mut self,
        chunk: &'c [u8],
    ) -> impl Iterator<Item = (u64, Result<&'c [u8], Problem>)> + use<'c> {
        let (first, bytes_max) = (self.line, self.app.limits.line_bytes);
        let lines = chunk.split_inclusive(|byte| *byte == b'\n');
        self.line += lines.clone().count() as u64;
        let numbered = (first..).zip(lines.map(<[u8]>::trim_ascii));
        let filled = numbered.filter(|(_, line)| !line.is_empty());
        filled.map(move |(number, line)| (number, check_len(line, bytes_max)))
    }

    /// The members that an answer has besides those of what was taken, each behind a comma.
    pub(crate) fn to_json(&self) -> String {
        if self.on_error == OnError::Stop {
            return String::new();
        }
        let line = |(line, problem): &(u64, Problem)| {
            let detail = serde_json::Value::from(problem.detail());
            format!(r#"{{"line":{line},"code":"{}","detail":{detail}}}"#, problem.code().name())
        };
        let lines: Vec<String> = self.faults.iter().map(line).collect();
        format!(r#","failed":{},"errors":[{}]"#, self.left_out, lines.join(","))
    }
}

/// Refuses a line that is longer than it may be.
fn check_len(line: &[u8], bytes_max: usize) -> Result<&[u8], Problem> {
    if bytes_max < line.len() {
        let detail = format!("it has more than {bytes_max} bytes");
        return Err(Problem::new(Code::TooLarge, detail).at_limit(Limit::LineBytes));
    }
    Ok(line)
}

/// The problem of a line at which a body ends, behind `count` things that were taken.
fn end_at(line: u64, problem: Problem, count: u64) -> Problem {
    problem.within(&format!("line {line}")).at_line(line, count)
}

/// What takes the lines of a body.
pub(crate) trait Upload {
    fn progress(&self) -> &Progress<'_>;

    /// How many were taken: they stay, also when the body ends with a problem.
    fn count(&self) -> u64;

    /// Takes whole lines, up to one that is wrong and ends the body.
    async fn chunk(&mut self, chunk: &[u8]) -> Result<(), Problem>;
}

/// Takes all lines of a body.
///
/// What has arrived is committed together, within bounds; the next bytes are taken from the socket only
/// when that is done. All lines before a wrong one stay committed.
pub(crate) async fn take_all(upload: &mut impl Upload, inflow: &mut Inflow) -> Result<(), Problem> {
    let mut lines = Lines::default();
    loop {
        let taken = lines.take_in(inflow).await;
        let is_last = taken.map_err(|problem| problem.count(upload.count()))?;
        while let Some(chunk) = lines.next_chunk(is_last) {
            upload.chunk(&chunk).await?;
            // Much may come out of few bytes, and empty lines wait for nothing.
            yield_now().await;
        }
        // Nobody knows where a line ends that is too long already, so there is no going on behind it.
        let progress = upload.progress();
        let checked = check_len(&lines.buffer, progress.app.limits.line_bytes);
        checked.map_err(|problem| end_at(progress.line, problem, upload.count()))?;
        if is_last {
            return Ok(());
        }
    }
}

/// Bytes that are cut into chunks of whole lines.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    buffer: BytesMut,
    /// Up to here there is no end of a line.
    looked_at: usize,
}

impl Lines {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Takes in what comes next of a body and all that is there then, within bounds; true at its end.
    async fn take_in(&mut self, inflow: &mut Inflow) -> Result<bool, Problem> {
        let more = inflow.next().await?;
        let is_last = more.is_none();
        if let Some(bytes) = more {
            self.push(&bytes);
        }
        while self.bytes() < CHUNK_BYTES_MAX
            && let Some(bytes) = inflow.next_ready()?
        {
            self.push(&bytes);
        }
        inflow.hold(self.bytes())?;
        Ok(is_last)
    }

    fn bytes(&self) -> usize {
        self.buffer.len()
    }

    /// The next complete lines within the bounds of a chunk; at the end also one that has no end.
    pub(crate) fn next_chunk(&mut self, is_last: bool) -> Option<Bytes> {
        let (mut end, mut from) = (0, self.looked_at);
        for _ in 0..CHUNK_LINES_MAX {
            let Some(at) = self.buffer[from..].iter().position(|byte| *byte == b'\n') else {
                break;
            };
            from += at + 1;
            if CHUNK_BYTES_MAX < from && 0 < end {
                break;
            }
            end = from;
        }
        if end == 0 && is_last {
            end = self.buffer.len();
        }
        self.looked_at = if end == 0 { self.buffer.len() } else { 0 };
        (0 < end).then(|| self.buffer.split_to(end).freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks into which chunks some pieces are cut: their lines and bytes.
    fn check(pieces: &[&[u8]], expected: &[(usize, usize)]) {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        let mut take = |lines: &mut Lines, is_last| {
            while let Some(chunk) = lines.next_chunk(is_last) {
                found.push((chunk.split_inclusive(|b| *b == b'\n').count(), chunk.len()));
            }
        };
        for piece in pieces {
            lines.push(piece);
            take(&mut lines, false);
        }
        take(&mut lines, true);
        assert_eq!(found, expected);
    }

    #[test]
    fn bytes_are_cut_at_lines() {
        check(&[], &[]);
        check(&[b"a\nb\n"], &[(2, 4)]);
        check(&[b"a\nb"], &[(1, 2), (1, 1)]);
        check(&[b"a", b"b", b"\nc", b"\n"], &[(1, 3), (1, 2)]);
        check(&["x\n".repeat(2500).as_bytes()], &[(1000, 2000), (1000, 2000), (500, 1000)]);
        let long = "y".repeat(CHUNK_BYTES_MAX - 1) + "\n";
        let text = format!("{long}{long}z\n");
        check(&[text.as_bytes()], &[(1, long.len()), (1, long.len()), (1, 2)]);
        let longer = "y".repeat(2 * CHUNK_BYTES_MAX) + "\nz\n";
        check(&[longer.as_bytes()], &[(1, longer.len() - 2), (1, 2)]);
    }
}
