//! All groups, one after the other.

use crate::plan::{Load, Output, Plan, Standing};
use crate::report::{self, Bar, Figures};
use crate::sockets::Sockets;
use crate::{bus, http, jobs, log, seed, sockets};

/// Groups, and the part of each that runs in a process of its own.
const GROUPS: [(&str, &str); 6] = [
    ("log", "log-fill"),
    ("bus", "bus-weigh"),
    ("http", "http-floor"),
    ("jobs", "jobs-part"),
    ("sockets", "sockets-part"),
    ("seed", "sockets-part"),
];

/// Takes the figures of all groups and says what they are, in one report.
///
/// Blocks for an hour and a half at full load, for a quarter of an hour at [`Load::Quick`].
///
/// # Errors
/// As of each group.
pub fn all(plan: &Plan, peers: &Sockets, output: &mut Output<'_>) -> anyhow::Result<Standing> {
    sockets::check_files(sockets::FILES_MIN)?;
    let is_watched = output.is_watched;
    report::group(plan, output, |folder, progress| {
        let mut figures = Figures::default();
        let mut bar = Bar::new(progress, is_watched, GROUPS.len());
        for (name, part) in GROUPS {
            bar.begin(name)?;
            let plan = &plan.with_part(part);
            let rows = match name {
                "log" => log::figures(plan, folder, &mut bar)?,
                "bus" => bus::figures(plan, folder, &mut bar)?,
                "http" => http::figures(plan, folder, &mut bar)?,
                "jobs" => jobs::figures(plan, folder, &mut bar)?,
                "sockets" => sockets::figures(plan, peers, folder, &mut bar)?,
                _ => {
                    let load = if plan.load == Load::Full { Load::Full } else { Load::Brief };
                    let plan = Plan { load, ..plan.clone() };
                    let Figures { rows, plots } = seed::figures(&plan, folder, (&mut bar, false))?;
                    figures.plots.extend(plots);
                    rows
                }
            };
            figures.rows.extend(rows);
            bar.end()?;
        }
        Ok(figures)
    })
}
