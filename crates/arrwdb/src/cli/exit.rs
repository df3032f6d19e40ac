//! How a run ends: its exit code, and what a person is told about a failure.

use std::borrow::Cow;
use std::io::{self, Write};
use std::process::ExitCode;

use arrw_log::{AppendError, OpenError, ReadError, RepairError, RestoreError, UpkeepError};
use arrw_server::{BindError, ClientError, KeysError, RevocationsError, ServeError};

use super::settings::WrongSettings;

/// How a command ended that did what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well.
    Fine,
    /// It found damage: 65, `EX_DATAERR` of `sysexits.h`.
    Damaged,
    /// The disk failed under it: 74, `EX_IOERR`.
    DiskFailed,
    /// Too little was seen to prove anything: 2, as when it is asked for what proves nothing.
    Thin,
    /// The server answers and is not well: 1.
    NotReady,
    /// A figure is not what it must be: 1.
    Missed,
}

/// Codes of `sysexits.h`, which scripts can tell apart.
const THIN: u8 = 2;
const DAMAGED: u8 = 65;
const NO_LOG: u8 = 66;
const UNAVAILABLE: u8 = 69;
const DISK_FAILED: u8 = 74;
const LOCKED: u8 = 75;
const CONFIG: u8 = 78;
const FAILED: u8 = 1;
/// As of clap.
const USAGE: u8 = 2;
/// Whoever read the output, such as `head`, has gone. Shells say so of programs that the signal ended; it
/// is not success, because lines of `log append` may be left.
const UNREAD: u8 = 141;

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Fine => 0,
            Exit::Damaged => DAMAGED,
            Exit::DiskFailed => DISK_FAILED,
            Exit::Thin => THIN,
            Exit::NotReady | Exit::Missed => FAILED,
        })
    }
}

/// A failure of which the command knows what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub(crate) struct Advised {
    /// What failed.
    pub(crate) what: String,
    /// What to do.
    pub(crate) help: String,
}

/// What is known of a failure besides its text.
struct Verdict {
    code: u8,
    help: Option<Cow<'static, str>>,
}

/// Tells a person what failed and what to do about it.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    let broken_pipe = |cause: &(dyn std::error::Error + 'static)| {
        let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        kind == Some(io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(broken_pipe) {
        return ExitCode::from(UNREAD);
    }
    if let Some(wrong) = error.downcast_ref::<WrongSettings>() {
        return report_settings(wrong);
    }
    let verdict = error.chain().find_map(judge).unwrap_or(Verdict { code: FAILED, help: None });
    let mut text = format!("error: {error}\n");
    for cause in error.chain().skip(1) {
        text.push_str(&format!("  because: {cause}\n"));
    }
    if let Some(help) = verdict.help {
        text.push_str(&format!("help: {help}\n"));
    }
    say(&text);
    ExitCode::from(verdict.code)
}

/// Tells a person everything that is wrong with the settings.
fn report_settings(wrong: &WrongSettings) -> ExitCode {
    let mut text = String::new();
    for fault in &wrong.faults {
        text.push_str(&format!("error: {}\n", fault.what));
        if let Some(help) = &fault.help {
            text.push_str(&format!("help: {help}\n"));
        }
    }
    say(&text);
    let is_usage = wrong.faults.iter().all(|fault| fault.is_usage);
    ExitCode::from(if is_usage { USAGE } else { CONFIG })
}

fn say(text: &str) {
    // When even this cannot be said, the code still tells.
    let _unheard = io::stderr().lock().write_all(text.as_bytes());
}

fn judge(cause: &(dyn std::error::Error + 'static)) -> Option<Verdict> {
    let disk =
        |help: Option<&'static str>| Verdict { code: DISK_FAILED, help: help.map(Cow::from) };
    if let Some(error) = cause.downcast_ref::<OpenError>() {
        return Some(judge_open(error));
    }
    if let Some(advice) = cause.downcast_ref::<Advised>() {
        return Some(Verdict { code: FAILED, help: Some(advice.help.clone().into()) });
    }
    if let Some(verdict) = judge_server(cause) {
        return Some(verdict);
    }
    if let Some(error) = cause.downcast_ref::<RepairError>() {
        return match error {
            RepairError::Open(error) => Some(judge_open(error)),
            RepairError::NothingLeft { .. } => {
                Some(Verdict { code: DAMAGED, help: Some("put back a backup".into()) })
            }
            RepairError::Io { .. } | _ => {
                Some(disk(Some("free space for a copy of each damaged file, and run it again")))
            }
        };
    }
    if let Some(error) = cause.downcast_ref::<RestoreError>() {
        return match error {
            RestoreError::Open(error) => Some(judge_open(error)),
            RestoreError::Damaged { .. } => Some(Verdict { code: DAMAGED, help: None }),
            RestoreError::NotABackup { .. } => Some(Verdict { code: NO_LOG, help: None }),
            RestoreError::NotEmpty { .. } | _ => None,
        };
    }
    if let Some(error) = cause.downcast_ref::<ReadError>() {
        return Some(match error {
            ReadError::Damaged(_) | ReadError::Lost { .. } => Verdict {
                code: DAMAGED,
                help: Some("`arrwdb log verify FOLDER` lists all damage".into()),
            },
            ReadError::Io { .. } => disk(None),
            ReadError::OtherEpoch { .. }
            | ReadError::Trimmed { .. }
            | ReadError::BeyondTail { .. }
            | _ => Verdict {
                code: FAILED,
                help: Some("`arrwdb log inspect FOLDER` tells which records there are".into()),
            },
        });
    }
    let stopped = Some("look after the disk; the next start finds out what is in the log");
    match cause.downcast_ref::<AppendError>() {
        // The log goes on: what was answered is in it.
        Some(AppendError::Full) => {
            return Some(disk(Some("free space, then append again what was not answered")));
        }
        Some(AppendError::Poisoned(_) | AppendError::Unknown(_)) => return Some(disk(stopped)),
        Some(_) | None => (),
    }
    if let Some(UpkeepError::Poisoned(_) | UpkeepError::Io { .. }) =
        cause.downcast_ref::<UpkeepError>()
    {
        return Some(disk(stopped));
    }
    if let Some(UpkeepError::Damaged(_)) = cause.downcast_ref::<UpkeepError>() {
        return Some(Verdict { code: DAMAGED, help: None });
    }
    cause.is::<io::Error>().then(|| disk(None))
}

/// Failures of a server, or of asking one.
fn judge_server(cause: &(dyn std::error::Error + 'static)) -> Option<Verdict> {
    if let Some(error) = cause.downcast_ref::<ClientError>() {
        return Some(judge_client(error));
    }
    if let Some(error) = cause.downcast_ref::<BindError>() {
        let (code, help) = match error {
            BindError::Listen { .. } => (
                UNAVAILABLE,
                "stop the program that listens there, or choose another address with --listen",
            ),
            BindError::NoKeys { .. } => (
                FAILED,
                "make one with `arrwdb key create NAME --scope admin`, or listen on 127.0.0.1",
            ),
            BindError::Insecure { .. } => {
                (CONFIG, "listen on 127.0.0.1, or take `client.insecure` away")
            }
            BindError::Tokens(_) => (CONFIG, "`arrwdb config show` says where each key is set"),
            BindError::Keys(_) | _ => {
                (FAILED, "name the file of keys with --keys, or put it right")
            }
        };
        return Some(Verdict { code, help: Some(help.into()) });
    }
    if let Some(error) = cause.downcast_ref::<KeysError>() {
        let help = match error {
            KeysError::Unknown { .. } => {
                Some("`arrwdb key list` shows which keys there are".into())
            }
            KeysError::Io { .. } | KeysError::Wrong { .. } | KeysError::Key { .. } | _ => None,
        };
        return Some(Verdict { code: FAILED, help });
    }
    if let Some(RevocationsError::Full) = cause.downcast_ref() {
        let help =
            "revoke all of a user, or all, instead of each; with `--expires-in` they are forgotten";
        return Some(Verdict { code: FAILED, help: Some(help.into()) });
    }
    if let Some(ServeError::LogStopped(_)) = cause.downcast_ref::<ServeError>() {
        return Some(Verdict {
            code: DISK_FAILED,
            help: Some("look after the disk; the next start finds out what is in the log".into()),
        });
    }
    None
}

fn judge_client(error: &ClientError) -> Verdict {
    let (code, help) = match error {
        ClientError::Connect { .. } => (
            UNAVAILABLE,
            Some("start it with `arrwdb serve`, or name another one with --server".into()),
        ),
        ClientError::Lost { .. } => {
            (UNAVAILABLE, Some("see whether the server runs, and what it says".into()))
        }
        ClientError::Refused(refusal) => (FAILED, refusal.hint.clone().map(Cow::from)),
        ClientError::Address { .. } => (
            FAILED,
            Some("as in `--server http://127.0.0.1:7650`, or with https and --ca-file".into()),
        ),
        ClientError::Foreign { .. } | _ => (FAILED, None),
    };
    Verdict { code, help }
}

fn judge_open(error: &OpenError) -> Verdict {
    let (code, help) = match error {
        OpenError::Locked { .. } => {
            (LOCKED, Some("stop the other process, or wait until it has ended"))
        }
        OpenError::Damaged(_) => (
            DAMAGED,
            Some("`arrwdb log repair FOLDER` says what a repair would lose, and changes nothing"),
        ),
        OpenError::NoSuperblock { .. } => {
            (DAMAGED, Some("`arrwdb log repair FOLDER` says whether the rest can be saved"))
        }
        OpenError::NotFound { .. } => (NO_LOG, Some("give the folder in which the log is")),
        OpenError::Io { .. } => (DISK_FAILED, None),
        OpenError::Backup { .. } | OpenError::Format { .. } | OpenError::Option { .. } | _ => {
            (FAILED, None)
        }
    };
    Verdict { code, help: help.map(Cow::from) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_one_that_failed() {
        let check = |error: AppendError, part: &str| {
            let verdict = judge(&error).unwrap();
            assert_eq!(verdict.code, DISK_FAILED, "{error}");
            assert!(verdict.help.unwrap().contains(part), "{error}");
        };
        let failed = || std::sync::Arc::new(io::Error::other("gone"));
        check(AppendError::Full, "append again what was not answered");
        check(AppendError::Poisoned(failed()), "the next start");
        check(AppendError::Unknown(failed()), "the next start");
        assert!(judge(&AppendError::Closed).is_none());
    }
}
