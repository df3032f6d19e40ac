//! One attempt of a job: its program runs, and the server is told how that ended.

use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

use super::Shared;
use super::child::Program;
use super::limits::SNOOZE_MS;
use super::progress::Telling;
use super::server::{self, Claimed, note};

/// The exit code of a program that asks for later: `EX_TEMPFAIL` of `sysexits.h`.
const LATER: i32 = 75;

/// A job that runs.
pub(super) struct Attempt {
    pub(super) job: Claimed,
    pub(super) shared: Arc<Shared>,
    /// Notified when it is to be cancelled.
    pub(super) cancel: Arc<Notify>,
    /// Told true when it is to be given back.
    pub(super) give_back: watch::Receiver<bool>,
}

/// Why a program ended.
#[derive(Debug, PartialEq, Eq)]
enum Why {
    /// By itself.
    Itself,
    /// The job was cancelled.
    Cancelled,
    /// It took too long.
    TooLong,
    /// This worker ends.
    GivenBack,
}

/// What the server is told.
#[derive(Debug, Default, Serialize)]
struct End<'a> {
    token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    for_ms: Option<u64>,
}

impl Attempt {
    /// Runs it to its end.
    ///
    /// # Errors
    /// When nothing can be printed any more.
    pub(super) async fn run(mut self) -> anyhow::Result<()> {
        let program = Program::start(&self.shared.work.exec, &self.job);
        let (ending, body) = match program {
            Ok(program) => self.follow(program).await,
            Err(error) => ("fail", self.failure(format!("cannot start `/bin/sh`: {error}"))),
        };
        let body = serde_json::to_string(&End { token: &self.job.token, ..body })?;
        let ended = server::end(&self.shared, &self.job, ending, &body).await?;
        self.say(ended)
    }

    /// Waits until the program has ended; answers what the server is to be told.
    async fn follow(&mut self, mut program: Program) -> (&'static str, End<'static>) {
        let pipe = program.take_progress();
        let telling = pipe.map(|pipe| Telling::start(pipe, &self.shared, &self.job));
        let why = self.why(&mut program).await;
        let status = match why {
            Why::Itself => program.wait().await,
            Why::Cancelled | Why::TooLong | Why::GivenBack => program.end().await,
        };
        if let Some(telling) = telling {
            telling.end().await;
        }
        let (out, err) = program.outputs().await;
        let status = match status {
            Ok(status) => status,
            Err(error) => return ("fail", self.failure(format!("cannot wait for it: {error}"))),
        };
        match why {
            // It may have done its work in spite of the signal.
            Why::GivenBack if !status.success() => ("release", End::default()),
            Why::TooLong => {
                let text = format!("it took longer than {} ms", self.job.timeout_ms);
                ("fail", self.failure(text))
            }
            Why::Cancelled if !status.success() => ("fail", self.failure("cancelled".to_owned())),
            Why::Itself | Why::Cancelled | Why::GivenBack => match status.code() {
                Some(0) => ("complete", End { result: result(&out), ..End::default() }),
                Some(LATER) => ("snooze", End { for_ms: Some(SNOOZE_MS), ..End::default() }),
                Some(_) | None => ("fail", self.failure(error(status, &err))),
            },
        }
    }

    async fn why(&mut self, program: &mut Program) -> Why {
        let timeout_ms = self.job.timeout_ms;
        let too_long = async {
            match timeout_ms {
                0 => std::future::pending().await,
                ms => sleep(Duration::from_millis(ms)).await,
            }
        };
        tokio::select! {
            _ended = program.wait() => Why::Itself,
            () = self.cancel.notified() => Why::Cancelled,
            () = too_long => Why::TooLong,
            _told = self.give_back.wait_for(|is| *is) => Why::GivenBack,
        }
    }

    #[expect(clippy::unused_self, reason = "it reads as what it is of")]
    fn failure(&self, text: String) -> End<'static> {
        End { error: Some(text), ..End::default() }
    }

    /// Prints what became of the job.
    fn say(&self, ended: Result<String, String>) -> anyhow::Result<()> {
        let Claimed { job, kind, attempt, .. } = &self.job;
        let state = match ended {
            Ok(state) => state,
            Err(why) => return Ok(note(&format!("job {job} ended, and the server: {why}"))?),
        };
        let line = if self.shared.work.json {
            serde_json::json!({ "job": job, "kind": kind, "attempt": attempt, "state": state })
                .to_string()
        } else {
            format!("job {job} ({kind}), attempt {attempt}: {state}")
        };
        Ok(io::stdout().lock().write_all(format!("{line}\n").as_bytes())?)
    }
}

/// What a program wrote, as the result of its job: JSON as it is, else a text; nothing when that is empty.
fn result(out: &[u8]) -> Option<Box<RawValue>> {
    let text = String::from_utf8_lossy(out);
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    let json = serde_json::from_str::<Box<RawValue>>(text);
    json.or_else(|_not_json| serde_json::value::to_raw_value(text)).ok()
}

/// Why a program failed: its code or signal, and the end of what it wrote to the standard error.
fn error(status: ExitStatus, err: &[u8]) -> String {
    let how = match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    };
    let text = String::from_utf8_lossy(err);
    match text.trim() {
        "" => how,
        text => format!("{how}: {text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_wrote_is_its_result() {
        let check = |out: &str, expected: Option<&str>| {
            let found = result(out.as_bytes());
            assert_eq!(found.as_ref().map(|it| it.get()), expected, "{out}");
        };
        check("", None);
        check(" \n", None);
        check("{\"a\":  1}\n", Some("{\"a\":  1}"));
        check("done\n", Some("\"done\""));
        check("1 2", Some("\"1 2\""));
    }

    #[test]
    fn why_a_program_failed_is_told() {
        assert_eq!(error(ExitStatus::from_raw(3 << 8), b" no route\n"), "exit code 3: no route");
        assert_eq!(error(ExitStatus::from_raw(9), b""), "ended by signal 9");
    }
}
