//! What is to be measured, for how long and where.

use std::ffi::OsString;
use std::fmt;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// How much load is put on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Load {
    /// 5 runs of 10 s: what documents may quote.
    #[default]
    Full,
    /// 3 runs of 2 s: a look.
    Quick,
    /// 3 runs of half a second: whether all of it works, and is fast enough.
    Brief,
}

impl Load {
    /// Runs of each figure; odd, so that there is one in the middle.
    pub(crate) fn runs(self) -> usize {
        match self {
            Self::Full => 5,
            Self::Quick | Self::Brief => 3,
        }
    }

    /// Time for which a run counts.
    pub(crate) fn time(self) -> Duration {
        Duration::from_millis(match self {
            Self::Full => 10_000,
            Self::Quick => 2_000,
            Self::Brief => 500,
        })
    }

    /// Time under load before a run counts.
    pub(crate) fn warm_up(self) -> Duration {
        Duration::from_millis(match self {
            Self::Full => 1000,
            Self::Quick => 500,
            Self::Brief => 200,
        })
    }
}

/// A measurement that was asked for.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Folder to work in. It is made if need be, must be on a real disk, and what is put there is removed.
    pub folder: PathBuf,
    /// How much load.
    pub load: Load,
    /// What is done with the figures.
    pub kept: Kept,
    /// Program and first arguments of the part that runs in a process of its own:
    /// [`fill_until_killed`](crate::fill_until_killed) for the group `log`, [`weigh`](crate::weigh) for `bus`,
    /// [`jobs_part`](crate::jobs_part) for `jobs`, [`sockets_part`](crate::sockets_part) for `sockets`,
    /// [`answer_prepared`](crate::answer_prepared) for `http`, whose server is `PROGRAM serve`.
    pub child: Vec<OsString>,
    /// The command that was given, for the rows.
    pub command: String,
}

/// What is done with figures besides the table.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// File for the rows, as a JSON array.
    pub json: Option<PathBuf>,
    /// Folder for a page with plots, `index.html`. It is made if need be.
    pub report: Option<PathBuf>,
    /// File of rows that were taken before: what is slower by more than a fifth is told.
    pub compare: Option<PathBuf>,
    /// File with a line for each run, to which this one is added, and whose trend the page shows.
    pub history: Option<PathBuf>,
}

/// How figures stand to what they are held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// As they must be.
    Good,
    /// One is below what it must reach, or slower than it was.
    Bad,
}

impl Plan {
    /// The same with another part in a process of its own.
    pub(crate) fn with_part(&self, name: &str) -> Self {
        let mut plan = self.clone();
        if let Some(part) = plan.child.last_mut() {
            *part = name.into();
        }
        plan
    }
}

/// Where is said what.
pub struct Output<'a> {
    /// The head and the table.
    pub report: &'a mut dyn Write,
    /// Each run, once it is over.
    pub progress: &'a mut dyn Write,
    /// Whether a person sees the progress as it goes: then there is a bar below it.
    pub is_watched: bool,
}

impl fmt::Debug for Output<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").finish_non_exhaustive()
    }
}
