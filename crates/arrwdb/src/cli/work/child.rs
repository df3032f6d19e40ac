//! The program of one job: started, fed, listened to, ended.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::VARIABLES;
use super::limits::{
    ERROR_BYTES_MAX, GROUP_PERIOD, OUTPUT_TIME_MAX, RESULT_BYTES_MAX, TERM_TIME_MAX,
};
use super::progress::Pipe;
use super::server::Claimed;

/// Which part of an output is kept.
#[derive(Clone, Copy, Debug)]
enum Keep {
    /// The first bytes.
    First(usize),
    /// The last bytes.
    Last(usize),
}

/// A program that runs.
#[derive(Debug)]
pub(super) struct Program {
    child: Child,
    /// Its group, which has all that it started.
    group: Option<Pid>,
    progress: Option<Pipe>,
    out: Output,
    err: Output,
}

/// What is kept of an output, as far as it has come.
#[derive(Debug)]
struct Output {
    kept: Arc<Mutex<Vec<u8>>>,
    reading: JoinHandle<()>,
}

impl Program {
    /// Starts it and gives it the args.
    pub(super) fn start(command: &str, job: &Claimed) -> io::Result<Self> {
        let values =
            [job.job.to_string(), job.queue.clone(), job.kind.clone(), job.attempt.to_string()];
        let mut shell = Command::new("/bin/sh");
        let progress = Pipe::new()?;
        shell.arg("-c");
        if let Some(pipe) = &progress {
            // A shell of its own opens it, so that the command is read as it was given.
            shell.arg(format!("{}; exec /bin/sh -c \"$0\"", pipe.opening()));
        }
        shell.arg(command).envs(VARIABLES.into_iter().zip(values));
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // In a group of its own, so that a Ctrl-C is for us, and all that it starts can be ended with it.
        let mut child = shell.process_group(0).kill_on_drop(true).spawn()?;
        let args = job.args.as_ref().map_or("null", |args| args.get()).to_owned();
        if let Some(mut input) = child.stdin.take() {
            tokio::spawn(async move {
                // It need not read them.
                let _unread = input.write_all(args.as_bytes()).await;
            });
        }
        let out = Output::of(child.stdout.take(), Keep::First(RESULT_BYTES_MAX));
        let err = Output::of(child.stderr.take(), Keep::Last(ERROR_BYTES_MAX));
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Ok(Self { child, group, progress, out, err })
    }

    /// What it says of how far its job is.
    pub(super) fn take_progress(&mut self) -> Option<Pipe> {
        self.progress.take()
    }

    /// Waits until it has ended. May be dropped and called again.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Ends it and all that it started, by force when that takes too long.
    pub(super) async fn end(&mut self) -> io::Result<ExitStatus> {
        self.signal(Signal::TERM);
        if let Ok(status) = timeout(TERM_TIME_MAX, self.gone()).await {
            return status;
        }
        self.signal(Signal::KILL);
        self.child.wait().await
    }

    /// Waits until nothing of its group is left: a shell ends by the signal at once, and what it runs may not.
    async fn gone(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await;
        while self.group.is_some_and(|group| test_kill_process_group(group).is_ok()) {
            sleep(GROUP_PERIOD).await;
        }
        status
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // It may have ended meanwhile.
            let _gone = kill_process_group(group, signal);
        }
    }

    /// What is kept of its output and of its error, when it has ended.
    pub(super) async fn outputs(self) -> (Vec<u8>, Vec<u8>) {
        (self.out.end().await, self.err.end().await)
    }
}

impl Output {
    fn of(source: Option<impl AsyncRead + Unpin + Send + 'static>, keep: Keep) -> Self {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&kept);
        let reading = tokio::spawn(async move {
            let Some(mut source) = source else { return };
            let mut buffer = vec![0; 8 * 1024];
            // A pipe that cannot be read has ended.
            while let Ok(count @ 1..) = source.read(&mut buffer).await {
                let mut kept = into.lock().expect("no holder of this lock panics");
                keep.add(&mut kept, &buffer[..count]);
            }
        });
        Self { kept, reading }
    }

    async fn end(mut self) -> Vec<u8> {
        let read = timeout(OUTPUT_TIME_MAX, &mut self.reading).await;
        if read.is_err() {
            self.reading.abort();
        }
        std::mem::take(&mut *self.kept.lock().expect("no holder of this lock panics"))
    }
}

impl Keep {
    fn add(self, kept: &mut Vec<u8>, bytes: &[u8]) {
        match self {
            Self::First(max) => {
                let room = max.saturating_sub(kept.len()).min(bytes.len());
                kept.extend_from_slice(&bytes[..room]);
            }
            Self::Last(max) => {
                kept.extend_from_slice(bytes);
                let over = kept.len().saturating_sub(max);
                kept.drain(..over);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_output_its_beginning_or_its_end_is_kept() {
        let check = |keep: Keep, expected: &str| {
            let mut kept = Vec::new();
            for bytes in ["abc", "", "de", "f"] {
                keep.add(&mut kept, bytes.as_bytes());
            }
            assert_eq!(kept, expected.as_bytes());
        };
        check(Keep::First(4), "abcd");
        check(Keep::Last(4), "cdef");
        check(Keep::First(9), "abcdef");
        check(Keep::Last(9), "abcdef");
    }
}
