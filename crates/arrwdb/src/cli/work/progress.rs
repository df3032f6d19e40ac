//! How far a job is: its program writes it on descriptor 3, and the server is told.

use std::fs::File;
use std::io::{self, PipeWriter};
use std::mem;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::Shared;
use super::limits::{OUTPUT_TIME_MAX, PROGRESS_LINE_BYTES_MAX, PROGRESS_PERIOD, PROGRESS_TIME_MAX};
use super::server::{self, Claimed, note};

/// The two ends of what becomes descriptor 3 of a program.
#[derive(Debug)]
pub(super) struct Pipe {
    reader: Receiver,
    /// Open until the program has ended, as its shell opens it by a path.
    writer: PipeWriter,
}

impl Pipe {
    /// `None` where a process cannot be found by a path: then there is no descriptor 3.
    pub(super) fn new() -> io::Result<Option<Self>> {
        let (reader, writer) = io::pipe()?;
        let pipe = Self { reader: Receiver::from_owned_fd(OwnedFd::from(reader))?, writer };
        Ok(File::options().write(true).open(pipe.path()).is_ok().then_some(pipe))
    }

    fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.writer.as_raw_fd())
    }

    /// The command of a shell that opens it. Only that shell gets it: all our descriptors are closed in programs.
    pub(super) fn opening(&self) -> String {
        format!("exec 3>{}", self.path())
    }
}

/// How far a job is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(in crate::cli) struct Said {
    pub(in crate::cli) current: u64,
    pub(in crate::cli) total: Option<u64>,
    #[serde(default)]
    pub(in crate::cli) message: String,
}

/// The same as the server takes it.
#[derive(Debug, Serialize)]
struct SaidIn<'a> {
    token: &'a str,
    current: u64,
    total: Option<u64>,
    message: &'a str,
}

impl Said {
    /// Reads `3/10 resizing`, `3 resizing`, or an object of JSON; `None` when it is none of these.
    pub(in crate::cli) fn parse(line: &str) -> Option<Self> {
        let line = line.trim();
        if line.starts_with('{') {
            return serde_json::from_str(line).ok();
        }
        let (numbers, message) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let (current, total) = match numbers.split_once('/') {
            Some((current, total)) => (current, Some(total.parse().ok()?)),
            None => (numbers, None),
        };
        let current = current.parse().ok()?;
        Some(Self { current, total, message: message.trim_start().to_owned() })
    }
}

/// The whole lines of what came, as far as they are not too long.
#[derive(Debug, Default)]
pub(in crate::cli) struct Lines {
    begun: Vec<u8>,
    is_too_long: bool,
}

impl Lines {
    /// Takes what came, and answers the lines that it ends.
    pub(in crate::cli) fn take(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut ended = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let text = part.strip_suffix(b"\n").unwrap_or(part);
            self.is_too_long |= PROGRESS_LINE_BYTES_MAX < self.begun.len() + text.len();
            if !self.is_too_long {
                self.begun.extend_from_slice(text);
            }
            if text.len() < part.len() {
                ended.extend(self.end());
            }
        }
        ended
    }

    /// The line that has begun, which is its last when nothing more comes.
    pub(in crate::cli) fn end(&mut self) -> Option<String> {
        let line = mem::take(&mut self.begun);
        let is_whole = !mem::take(&mut self.is_too_long) && !line.is_empty();
        is_whole.then(|| String::from_utf8_lossy(&line).into_owned())
    }
}

/// What a program says is read and told on, until that is ended.
#[derive(Debug)]
pub(super) struct Telling {
    reading: JoinHandle<()>,
    telling: JoinHandle<()>,
    writer: PipeWriter,
}

impl Telling {
    pub(super) fn start(pipe: Pipe, shared: &Arc<Shared>, job: &Claimed) -> Self {
        let Pipe { reader, writer } = pipe;
        let (said, newest) = watch::channel(None);
        let reading = tokio::spawn(read(reader, said, job.job));
        let telling = tell(newest, Arc::clone(shared), (job.job, job.token.clone()));
        Self { reading, telling: tokio::spawn(telling), writer }
    }

    /// Waits until the last that was said is told; not for long.
    pub(super) async fn end(self) {
        let Self { mut reading, mut telling, writer } = self;
        drop(writer);
        // What the program started may hold it open.
        if timeout(OUTPUT_TIME_MAX, &mut reading).await.is_err() {
            reading.abort();
        }
        if timeout(PROGRESS_TIME_MAX, &mut telling).await.is_err() {
            telling.abort();
        }
    }
}

/// Reads what a program says. Only the newest is kept, so that the program never waits for the server.
async fn read(mut reader: Receiver, said: watch::Sender<Option<Said>>, job: u64) {
    let (mut lines, mut buffer, mut is_noted) = (Lines::default(), vec![0; 4 * 1024], false);
    loop {
        // A pipe that cannot be read has ended.
        let count = reader.read(&mut buffer).await.unwrap_or(0);
        let ended = match count {
            0 => lines.end().into_iter().collect(),
            count => lines.take(&buffer[..count]),
        };
        for line in ended {
            match Said::parse(&line) {
                Some(newest) => _ = said.send_replace(Some(newest)),
                None if !is_noted => {
                    is_noted = true;
                    let text = format!(
                        "job {job} wrote on descriptor 3 what is no progress; write `3/10 resizing`, \
                         or an object with `current`, `total` and `message`"
                    );
                    // Nobody reads it.
                    let _unsaid = note(&text);
                }
                None => {}
            }
        }
        if count == 0 {
            return;
        }
    }
}

/// Tells the server what is newest, at most once in a while, and the last at once.
async fn tell(
    mut newest: watch::Receiver<Option<Said>>,
    shared: Arc<Shared>,
    (job, token): (u64, String),
) {
    let Ok(mut client) = shared.work.remote.client() else { return };
    while newest.changed().await.is_ok() {
        let said = newest.borrow_and_update().clone();
        let Some(Said { current, total, message }) = said else { continue };
        let body = SaidIn { token: &token, current, total, message: &message };
        server::progress(&mut client, job, &body).await;
        let mut ended = newest.clone();
        tokio::select! {
            () = sleep(PROGRESS_PERIOD) => (),
            () = async { while ended.changed().await.is_ok() {} } => (),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_a_job_is() {
        let check = |line: &str, expected: Option<(u64, Option<u64>, &str)>| {
            let said = Said::parse(line);
            let said = said.as_ref().map(|it| (it.current, it.total, it.message.as_str()));
            assert_eq!(said, expected, "{line}");
        };
        check("3/10 resizing", Some((3, Some(10), "resizing")));
        check(" 3/10\t two  words ", Some((3, Some(10), "two  words")));
        check("7", Some((7, None, "")));
        check("7 so far", Some((7, None, "so far")));
        check(r#"{"current":3,"total":10,"message":"m"}"#, Some((3, Some(10), "m")));
        check(r#"{"current":3}"#, Some((3, None, "")));
        check(r#"{"total":3}"#, None);
        check("resizing", None);
        check("3/ten", None);
        check("-1", None);
        check("", None);
    }

    #[test]
    fn lines_are_put_together_and_long_ones_left_out() {
        let mut lines = Lines::default();
        assert_eq!(lines.take(b"1\n2"), ["1"]);
        assert_eq!(lines.take(b"0\n\n3"), ["20"]);
        assert_eq!(lines.end().as_deref(), Some("3"));
        assert_eq!(lines.end(), None);
        let long = vec![b'x'; PROGRESS_LINE_BYTES_MAX];
        assert_eq!(lines.take(&long), Vec::<String>::new());
        assert_eq!(lines.take(b"x"), Vec::<String>::new());
        assert_eq!(lines.take(b"x\n4\n"), ["4"]);
    }
}
