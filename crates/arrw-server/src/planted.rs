//! Faults that can be switched on in test builds, to see that the tests catch them.

/// A fault, by the number that switches it on. The numbers go on behind those of the bus, and then of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// A stream that resumes begins an event too late.
    SkipOnResume = 13,
    /// A stream that resumes begins an event too early.
    RepeatOnResume = 14,
    /// A full page says that the next one begins an event too late.
    CutTooFar = 15,
    /// The last of several lines is answered and not published.
    LeaveOutALine = 16,
    /// A condition is not looked at.
    NoCondition = 17,
    /// An acknowledgement of a consumer is answered and not made.
    NoAcknowledgement = 18,
    /// Lines are not numbered for their producer.
    ForgetProducer = 19,
    /// A key may touch every topic.
    AnyTopic = 20,
    /// Any token that a job ever had ends its lease.
    AnyToken = 30,
    /// What a repeated enqueue is known by is left out.
    ForgetJobIds = 31,
    /// The last of several completions is answered, and its job is given back.
    GiveBackTheLast = 32,
    /// A client that recovers is given a publication too few.
    RecoverTooLate = 39,
    /// A client that recovers is given its last publication again.
    RecoverTooEarly = 40,
    /// Behind a page of the log a publication is passed over.
    PassOverBehindPage = 41,
    /// A client that took nothing for a while is given its last publication again.
    RepeatAfterStall = 42,
    /// A client may go on from any epoch.
    AnyEpoch = 43,
    /// Who was cut stays in the presence.
    StayPresent = 44,
    /// The first of several publications is not in the frames of Protobuf.
    LeaveOutForProtobuf = 45,
    /// Several publications of a frame are turned round.
    TurnRound = 46,
    /// Clients may subscribe to every channel.
    AnyChannel = 47,
}

/// True when this fault is switched on. Always false in a product build, and then optimised away.
pub(crate) fn is_planted(bug: Bug) -> bool {
    arrw::planted_bug() == bug as u32
}
