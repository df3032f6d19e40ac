//! How a run ends: its exit code, and what a person is told about a failure.

use std::io::{self, Write};
use std::process::ExitCode;

use arrw_log::{AppendError, OpenError, ReadError, RepairError, RestoreError, UpkeepError};

/// How a command ended that did what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well.
    Fine,
    /// It found damage: 65, `EX_DATAERR` of `sysexits.h`.
    Damaged,
    /// The disk failed under it: 74, `EX_IOERR`.
    DiskFailed,
}

/// Codes of `sysexits.h`, which scripts can tell apart.
const DAMAGED: u8 = 65;
const NO_LOG: u8 = 66;
const DISK_FAILED: u8 = 74;
const LOCKED: u8 = 75;
const FAILED: u8 = 1;

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Fine => 0,
            Exit::Damaged => DAMAGED,
            Exit::DiskFailed => DISK_FAILED,
        })
    }
}

/// What is known of a failure besides its text.
struct Verdict {
    code: u8,
    help: Option<&'static str>,
}

/// Tells a person what failed and what to do about it.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    let broken_pipe = |cause: &(dyn std::error::Error + 'static)| {
        let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        kind == Some(io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(broken_pipe) {
        // Whoever read the output, such as `head`, has enough of it.
        return ExitCode::SUCCESS;
    }
    let verdict = error.chain().find_map(judge).unwrap_or(Verdict { code: FAILED, help: None });
    let mut text = format!("error: {error}\n");
    for cause in error.chain().skip(1) {
        text.push_str(&format!("  because: {cause}\n"));
    }
    if let Some(help) = verdict.help {
        text.push_str(&format!("help: {help}\n"));
    }
    // When even this cannot be said, the code still tells.
    let _unheard = io::stderr().lock().write_all(text.as_bytes());
    ExitCode::from(verdict.code)
}

fn judge(cause: &(dyn std::error::Error + 'static)) -> Option<Verdict> {
    let disk = |help| Verdict { code: DISK_FAILED, help };
    if let Some(error) = cause.downcast_ref::<OpenError>() {
        return Some(judge_open(error));
    }
    if let Some(error) = cause.downcast_ref::<RepairError>() {
        return match error {
            RepairError::Open(error) => Some(judge_open(error)),
            RepairError::NothingLeft { .. } => {
                Some(Verdict { code: DAMAGED, help: Some("put back a backup") })
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
            ReadError::Damaged(_) | ReadError::Lost { .. } => {
                Verdict { code: DAMAGED, help: Some("`arrwdb log verify FOLDER` lists all damage") }
            }
            ReadError::Io { .. } => disk(None),
            ReadError::OtherEpoch { .. }
            | ReadError::Trimmed { .. }
            | ReadError::BeyondTail { .. }
            | _ => Verdict {
                code: FAILED,
                help: Some("`arrwdb log inspect FOLDER` tells which records there are"),
            },
        });
    }
    let stopped = Some("look after the disk; the next start finds out what is in the log");
    if let Some(AppendError::Poisoned(_) | AppendError::Unknown(_) | AppendError::Full) =
        cause.downcast_ref::<AppendError>()
    {
        return Some(disk(stopped));
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
    Verdict { code, help }
}
