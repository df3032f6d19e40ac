//! Faults that can be switched on in test builds, to see that the tests catch them.

/// A fault, by the number that switches it on. The numbers go on behind those of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// Whoever names a leased job may end its lease.
    NoToken = 23,
    /// A job that has ended holds its key on.
    KeepTheKey = 24,
    /// More jobs are handed out than may be leased at once.
    NoConcurrency = 25,
    /// A worker that is gone costs no attempt.
    LostForFree = 26,
    /// What is taken back stays in the digest.
    ForgetTheDigest = 27,
    /// A job is handed out without a record.
    LeaseUnlogged = 29,
    /// What made a job is not known after a restart.
    ForgetTheOrigin = 34,
    /// A queue that was paused goes on after a restart.
    ForgetThePause = 35,
    /// A job holds its key only until somebody has it.
    LendTheKey = 36,
    /// All jobs are as urgent after a restart.
    ForgetThePriority = 37,
    /// A job that is put off counts an attempt.
    CountTheSnooze = 38,
}

/// True when this fault is switched on. Always false in a product build, and then optimised away.
pub(crate) fn is_planted(bug: Bug) -> bool {
    arrw_log::planted_bug() == bug as u32
}
