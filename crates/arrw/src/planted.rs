//! Faults that can be switched on in test builds, to see that the tests catch them.

/// A fault, by the number that switches it on. The numbers go on behind those of the jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// What jobs were enqueued with goes with the oldest records.
    TrimArgs = 28,
    /// One event in sixteen trips no trigger.
    LeaveOutTrips = 33,
}

/// True when this fault is switched on. Always false in a product build, and then optimised away.
pub(crate) fn is_planted(bug: Bug) -> bool {
    arrw_log::planted_bug() == bug as u32
}
