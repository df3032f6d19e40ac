//! All groups, one after the other.

use crate::disk::WorkFolder;
use crate::plan::{Output, Plan, Standing};
use crate::report::{self, Bar, Figures};
use crate::sockets::Sockets;
use crate::{bus, http, jobs, log, seed, sockets};

/// Takes the figures of a group.
type Take = fn(&Plan, &Sockets, &WorkFolder, &mut Bar<'_>) -> anyhow::Result<Figures>;

/// Groups, and the part of each that runs in a process of its own.
const GROUPS: [(&str, &str, Take); 6] = [
    ("log", "log-fill", |plan, _, folder, bar| Ok(log::figures(plan, folder, bar)?.into())),
    ("bus", "bus-weigh", |plan, _, folder, bar| Ok(bus::figures(plan, folder, bar)?.into())),
    ("http", "http-floor", |plan, _, folder, bar| Ok(http::figures(plan, folder, bar)?.into())),
    ("jobs", "jobs-part", |plan, _, folder, bar| Ok(jobs::figures(plan, folder, bar)?.into())),
    ("sockets", "sockets-part", |plan, peers, folder, bar| {
        Ok(sockets::figures(plan, peers, folder, bar)?.into())
    }),
    ("seed", "sockets-part", |plan, _, folder, bar| seed::figures(plan, folder, (bar, false))),
];

/// Takes the figures of all groups and says what they are, in one report.
///
/// Blocks for an hour and a half at full load, for a quarter of an hour at [`Load::Quick`](crate::Load::Quick).
///
/// # Errors
/// As of each group.
pub fn all(plan: &Plan, peers: &Sockets, output: &mut Output<'_>) -> anyhow::Result<Standing> {
    sockets::check_files(sockets::FILES_MIN)?;
    let is_watched = output.is_watched;
    report::group(plan, output, |folder, progress| {
        let mut figures = Figures::default();
        let mut bar = Bar::new(progress, is_watched, GROUPS.len());
        for (name, part, take) in GROUPS {
            bar.begin(name)?;
            let Figures { rows, plots } = take(&plan.with_part(part), peers, folder, &mut bar)?;
            figures.rows.extend(rows);
            figures.plots.extend(plots);
            bar.end()?;
        }
        Ok(figures)
    })
}
