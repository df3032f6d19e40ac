//! What is done to a log while faults strike: the same steps for the same seed.

use crate::Rng;

/// One call, or a few.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A batch of so many records with payloads of about so many bytes.
    Append {
        records: usize,
        bytes: usize,
        reserved: bool,
    },
    Mark,
    Roll,
    /// Removes what is older than so many hundredths of the log.
    Trim(u64),
    Backup,
    /// Reads all from the oldest record on.
    ReadAll,
    CloseAndOpen,
}

/// `steps` steps, with rolls, trims, backups and closes among the appends.
pub(crate) fn script(seed: u64, steps: usize) -> Vec<Step> {
    let mut rng = Rng::new(seed);
    let mut script = Vec::with_capacity(steps);
    for at in 0..steps {
        script.push(match at % 60 {
            17 => Step::Roll,
            53 => Step::Trim(30 + rng.below(50)),
            31 => Step::ReadAll,
            41 if at < 60 => Step::Backup,
            47 => Step::CloseAndOpen,
            _ if rng.chance(1, 12) => Step::Mark,
            _ => Step::Append {
                records: 1 + rng.index(4),
                bytes: 50 + rng.index(700),
                reserved: rng.chance(1, 6),
            },
        });
    }
    script
}
