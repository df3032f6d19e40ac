//! Faults that can be switched on in test builds, to see that the tests catch them.

/// A fault, by the number that switches it on. The numbers go on behind those of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// A subscriber that was woken goes on behind the event that woke it.
    SkipTheFirst = 7,
    /// What a producer published last is published again.
    RepeatTheLast = 8,
    /// Ids are not remembered over a restart.
    ForgetIds = 9,
    /// An acknowledgement may go back.
    CursorGoesBack = 10,
    /// A reader that was fenced off may acknowledge.
    NoFence = 11,
    /// What was purged comes back after a restart.
    ForgetFloors = 12,
}

/// True when this fault is switched on. Always false in a product build, and then optimised away.
pub(crate) fn is_planted(bug: Bug) -> bool {
    arrw_log::planted_bug() == bug as u32
}
