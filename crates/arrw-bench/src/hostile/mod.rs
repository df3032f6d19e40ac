//! The real server under clients that mean harm, beside good ones that must not notice.

mod answer;
mod attacks;
mod bombs;
mod deep;
mod driver;
mod floods;
mod good;
mod ground;
mod ledger;
pub mod limits;
mod look;
mod nonsense;
mod numbers;
mod oversize;
mod readers;
mod report;
mod request;
mod shot;
mod slow;
mod sockets;
mod truncated;
mod utf8;

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::machine;
use crate::place::{Folder, Keep};
use attacks::{ATTACKS, Attack};
use driver::Driver;
use limits::FILES_MIN;
use sockets::ATTACKS as SOCKET_ATTACKS;

pub use report::Report;

/// What is attacked, and by what the good clients beside work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// HTTP.
    Http,
    /// WebSockets: the good clients follow channels.
    Sockets,
}

/// Attacks that were asked for.
#[derive(Clone, Debug)]
pub struct Hostile {
    /// The program whose `serve` is the server.
    pub program: OsString,
    /// Folder to work in: one that is empty, or not there yet.
    pub folder: PathBuf,
    /// What is attacked.
    pub surface: Surface,
    /// How long each attack goes on.
    pub time: Duration,
    /// From which the order of the requests and the places of cuts follow. What the scheduler does is its own.
    pub seed: u64,
    /// Names of the attacks to run; none for all, and then all at once as well.
    pub only: Vec<String>,
    /// Whether the folder stays when nothing is wrong.
    pub keep: Keep,
    /// File for the rows, as a JSON array.
    pub json: Option<PathBuf>,
}

/// Name of each attack, and what it does.
pub fn hostile_attacks() -> impl Iterator<Item = (&'static str, &'static str)> {
    ATTACKS.iter().chain(SOCKET_ATTACKS).map(|attack| (attack.name, attack.what))
}

/// Attacks the server beside good clients, and checks what came of it. Blocks for about [`Hostile::time`] and a
/// second for each attack.
///
/// # Errors
/// When the folder is not empty, when too few files may be open, when an attack is not known, or when the
/// server cannot be started at all.
pub fn hostile(plan: &Hostile, progress: &mut dyn Write) -> anyhow::Result<Report> {
    let files = machine::files_max()?;
    ensure!(
        FILES_MIN <= files,
        "a process may have {files} files open here, and this needs {FILES_MIN}; \
         raise the limit of the system (`ulimit -Hn`)"
    );
    let attacks = chosen(plan.surface, &plan.only)?;
    let folder = Folder::make(&plan.folder)?;
    // The calm, each attack, and all of them.
    let mut driver = Driver::new(plan, &folder.path, attacks.len() + 2)?;
    driver.calm()?;
    let mut is_there = true;
    for attack in &attacks {
        is_there = is_there && driver.attack((attack.name, attack.what), &[*attack], progress)?;
    }
    if is_there && 1 < attacks.len() {
        driver.attack(("all", "all of them at once"), &attacks, progress)?;
    }
    let report = driver.end()?;
    if let Some(path) = &plan.json {
        fs::write(path, report.to_json()? + "\n")
            .with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    if report.faults().is_empty() && report.thin().is_empty() && plan.keep == Keep::Faults {
        folder.remove()?;
    }
    Ok(report)
}

/// The attacks of these names, in the order of the table; all when there are none.
fn chosen(surface: Surface, names: &[String]) -> anyhow::Result<Vec<&'static Attack>> {
    let (table, other) = match surface {
        Surface::Http => (ATTACKS, "is of WebSockets, which need `--sockets`"),
        Surface::Sockets => (SOCKET_ATTACKS, "is of HTTP; leave out `--sockets`"),
    };
    for name in names {
        let is_known = table.iter().any(|attack| attack.name == name);
        ensure!(is_known, "the attack `{name}` {other}");
    }
    let is_wanted = |attack: &&Attack| names.is_empty() || names.iter().any(|it| it == attack.name);
    Ok(table.iter().filter(is_wanted).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_attack_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = hostile_attacks().map(|(name, _)| name).collect();
        assert_eq!(names.len(), ATTACKS.len() + SOCKET_ATTACKS.len());
        assert!(30 <= SOCKET_ATTACKS.len());
        assert!(!names.contains("calm") && !names.contains("all"));
        let asked = ["streams".to_owned(), "deep".to_owned()];
        let chosen: Vec<&str> =
            chosen(Surface::Http, &asked).unwrap().iter().map(|attack| attack.name).collect();
        assert_eq!(chosen, ["deep", "streams"]);
        assert!(super::chosen(Surface::Http, &["sloth".to_owned()]).is_err());
    }
}
