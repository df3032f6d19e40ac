//! Faults that can be switched on in test builds, to see that the tests catch them.

/// A fault, by the number that switches it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// Answers before the sync.
    AckBeforeSync = 1,
    /// Takes any frame as the next one, whatever chain it carries.
    SkipChainCheck = 2,
    /// Starts each segment with the seq that ended the last.
    ReuseSeq = 3,
    /// Leaves the names of new segments unsynced.
    ForgetFolderSync = 4,
    /// Shows records to readers before they are written.
    PublishBeforeCommit = 5,
    /// Trims one segment more than it may.
    TrimTooFar = 6,
    /// Tells the decider nothing of batches for which it made records.
    MadeUntold = 21,
    /// Says that all was committed when it was taken back.
    SettleUnwritten = 22,
}

/// True when this fault is switched on. Always false in a product build, and then optimised away.
pub(crate) fn is_planted(bug: Bug) -> bool {
    planted_bug() == bug as u32
}

/// The number of the fault that is switched on, for those who build on the log and plant their own; 0 in a
/// product build.
#[cfg(not(feature = "planted-bugs"))]
#[doc(hidden)]
#[must_use]
pub const fn planted_bug() -> u32 {
    0
}

/// The number in the environment variable `ARRW_PLANTED_BUG`.
#[cfg(feature = "planted-bugs")]
#[doc(hidden)]
#[must_use]
pub fn planted_bug() -> u32 {
    use std::sync::OnceLock;

    static CHOSEN: OnceLock<u32> = OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "a switch of test builds, no configuration")]
    let chosen = CHOSEN.get_or_init(|| {
        std::env::var("ARRW_PLANTED_BUG").ok().and_then(|text| text.parse().ok()).unwrap_or(0)
    });
    *chosen
}
