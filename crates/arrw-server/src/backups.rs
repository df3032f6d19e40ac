//! `/v1/backups`: copies of all data, made while it is in use.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use arrw::BackupReport;
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::consumers::blocking;
use crate::json;
use crate::keys::Grant;
use crate::limits::BACKUP_NAME_BYTES_MAX;
use crate::problem::{Code, Problem};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    name: String,
}

#[derive(Debug, Serialize)]
struct Made {
    name: String,
    folder: String,
    first: u64,
    last: u64,
    bytes: u64,
}

/// Makes one, in a folder of its own below that of the setting `backups`.
pub(crate) async fn make(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    // It has every topic.
    grant.check_all()?;
    let Wanted { name } = json::read(&app, &headers, request.into_body()).await?;
    check_name(&name)?;
    let Ok(turn) = Arc::clone(&app.backing_up).try_acquire_owned() else {
        return Err(Problem::new(Code::BackupExists, "another backup is being made")
            .hint("make it when that one is done"));
    };
    let made = blocking(app, move |app| {
        let folder = app.backups.join(&name);
        let made = back_up(app, &name, &folder);
        drop(turn);
        let folder = fs::canonicalize(&folder).unwrap_or(folder).display().to_string();
        let BackupReport { first, last, bytes, .. } = made?;
        Ok(Made { name, folder, first: first.get(), last: last.get(), bytes })
    });
    Ok(json::answer(&made.await?))
}

/// A name that is a folder's and leads nowhere else.
fn check_name(name: &str) -> Result<(), Problem> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let is_fine = (1..=BACKUP_NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(is_plain)
        && !name.starts_with('.');
    if is_fine {
        return Ok(());
    }
    let detail = format!("{} is no name of a backup", json::shown(name));
    Err(Problem::new(Code::BackupName, detail).hint(format!(
        "use 1 to {BACKUP_NAME_BYTES_MAX} letters, digits, `.`, `_` and `-`, with no `.` first"
    )))
}

fn back_up(app: &App, name: &str, folder: &Path) -> Result<BackupReport, Problem> {
    let failed = |error: &dyn std::fmt::Display| {
        Problem::new(Code::BackupFailed, format!("cannot make the backup `{name}`: {error}"))
            .hint("see that there is space where the setting `backups` leads, and try again")
    };
    fs::create_dir_all(&app.backups).map_err(|error| failed(&error))?;
    match fs::create_dir(folder) {
        Ok(()) => (),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(Problem::new(
                Code::BackupExists,
                format!("there is a backup `{name}` already"),
            )
            .hint("give another name; backups are never overwritten"));
        }
        Err(error) => return Err(failed(&error)),
    }
    app.db.backup(folder).map_err(|error| {
        // What is there is no backup, and its name should be free for the next try.
        drop(fs::remove_dir_all(folder));
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            text.push_str(&format!(": {error}"));
            cause = error.source();
        }
        failed(&text)
    })
}
