//! What the engine refuses, as a client is told of it.

use arrw::{
    AppendError, ConsumerError, EventError, HistoryError, PublishError, ReadError, RecordError,
    RetentionError, RuleError, SubscribeError, SubscriptionError,
};

use crate::problem::{Code, Problem};

impl From<&PublishError> for Problem {
    fn from(error: &PublishError) -> Self {
        match error {
            PublishError::Event(error) => error.into(),
            PublishError::Volatile { .. } => Self::new(Code::VolatileInBatch, error.to_string())
                .hint("send it as one object, not in an array or as a line"),
            PublishError::Producer { .. } | PublishError::Number { .. } => {
                Self::new(Code::Producer, error.to_string())
            }
            PublishError::Position(error) => error.into(),
            PublishError::Rule(error) => error.into(),
            PublishError::Append(error) => error.into(),
            PublishError::Job(error) => error.into(),
            PublishError::Refused(refused) => refused.into(),
            _ => internal(error),
        }
    }
}

impl From<&EventError> for Problem {
    fn from(error: &EventError) -> Self {
        let problem = Self::new(Code::Event, error.to_string());
        if let EventError::Record(RecordError::Topic { .. }) = error {
            return problem.hint("a topic is words with dots between them, as in `orders.created`");
        }
        problem
    }
}

impl From<&RuleError> for Problem {
    fn from(error: &RuleError) -> Self {
        let detail = error.to_string();
        match error {
            RuleError::IdConflict { .. } => Self::new(Code::IdConflict, detail),
            RuleError::PartlyPublished { .. } => Self::new(Code::PartlyPublished, detail),
            RuleError::RepeatedId { .. } => Self::new(Code::RepeatedId, detail),
            RuleError::TooMany { .. } => Self::new(Code::TooManyNames, detail),
            RuleError::Fenced { .. } => Self::new(Code::Fenced, detail),
            RuleError::AlreadyPublished { .. } | _ => internal(error),
        }
    }
}

impl From<&AppendError> for Problem {
    fn from(error: &AppendError) -> Self {
        let detail = error.to_string();
        match error {
            AppendError::Empty => Self::new(Code::EmptyBatch, "there is no event"),
            AppendError::TooLarge { .. } => Self::new(Code::TooLarge, detail),
            AppendError::TooManyTopics { .. } => Self::new(Code::TooManyTopics, detail),
            AppendError::Full => Self::new(Code::DiskFull, detail)
                .hint("publishing goes on by itself when there is space again"),
            AppendError::Closed => Self::new(Code::Closing, "the server is stopping"),
            AppendError::Unknown(cause) => {
                Self::new(Code::OutcomeUnknown, format!("a write failed: {cause}")).hint(
                    "read what was published when the server is back, and publish what is missing",
                )
            }
            AppendError::Poisoned(cause) => {
                Self::new(Code::LogStopped, format!("a write failed: {cause}"))
                    .hint("nothing of this was published; look after the server's disk")
            }
            AppendError::Conflict { .. } => Self::new(Code::LaterRecords, detail)
                .hint("read on from the position that you expected, and decide anew"),
            AppendError::Refused(_) | _ => internal(error),
        }
    }
}

impl From<&SubscribeError> for Problem {
    fn from(error: &SubscribeError) -> Self {
        let detail = error.to_string();
        match error {
            SubscribeError::Filter(_) => Self::new(Code::Filter, detail),
            SubscribeError::Position(error) => error.into(),
            SubscribeError::NoHistory { .. } => {
                Self::new(Code::NoHistory, detail).hint("ask with `after=latest`")
            }
            SubscribeError::TooMany { .. } => Self::new(Code::TooManySubscriptions, detail),
            _ => internal(error),
        }
    }
}

impl From<&SubscriptionError> for Problem {
    fn from(error: &SubscriptionError) -> Self {
        match error {
            SubscriptionError::Read(error) => error.into(),
            SubscriptionError::Gap { .. } | SubscriptionError::TooSlow { .. } | _ => {
                internal(error)
            }
        }
    }
}

impl From<&ReadError> for Problem {
    fn from(error: &ReadError) -> Self {
        let detail = error.to_string();
        match error {
            ReadError::OtherEpoch { epoch, .. } => Self::new(Code::OtherEpoch, detail).hint(
                format!("start over from `earliest`, or go on from `{epoch}:<seq>` if you know that no event you need lies between"),
            ),
            ReadError::Trimmed { first, .. } => {
                Self::new(Code::Trimmed, detail).hint(format!(
                    "start over from `earliest`, which now is event {first}; those before it are gone"
                ))
            }
            ReadError::BeyondTail { .. } => Self::new(Code::BeyondTail, detail)
                .hint("start over from `latest`; this position was never given out in this life of the log"),
            ReadError::Lost { .. } | ReadError::Damaged(_) | ReadError::Io { .. } | _ => {
                Self::new(Code::ReadFailed, detail)
                    .hint("`arrwdb log verify` on the server's folder lists all damage")
            }
        }
    }
}

impl From<&ConsumerError> for Problem {
    fn from(error: &ConsumerError) -> Self {
        let detail = error.to_string();
        match error {
            ConsumerError::Name { .. } | ConsumerError::Volatile { .. } => {
                Self::new(Code::Consumer, detail)
            }
            ConsumerError::OtherFilter { .. } => Self::new(Code::OtherFilter, detail),
            ConsumerError::Unknown { .. } => Self::new(Code::NoSuchConsumer, detail).hint(
                "make it with `PUT /v1/consumers/{name}`, or `arrwdb consumer create NAME FILTER`",
            ),
            ConsumerError::Fenced { .. } => Self::new(Code::Fenced, detail),
            ConsumerError::TooMany { .. } => Self::new(Code::TooManyNames, detail),
            ConsumerError::Subscribe(error) => error.into(),
            ConsumerError::Subscription(error) => error.into(),
            ConsumerError::Append(error) => error.into(),
            ConsumerError::Hold(_) | _ => internal(error),
        }
    }
}

impl From<&RetentionError> for Problem {
    fn from(error: &RetentionError) -> Self {
        let detail = error.to_string();
        match error {
            RetentionError::Filter(_) => Self::new(Code::Filter, detail),
            RetentionError::Topic(error) => error.into(),
            RetentionError::Volatile { .. } => Self::new(Code::NoHistory, detail),
            RetentionError::Rule(error) => error.into(),
            RetentionError::Read(error) => error.into(),
            RetentionError::Append(error) => error.into(),
            RetentionError::Upkeep(_) | _ => internal(error),
        }
    }
}

impl From<&HistoryError> for Problem {
    fn from(error: &HistoryError) -> Self {
        match error {
            HistoryError::Topic(error) => error.into(),
            HistoryError::Volatile { .. } => Self::new(Code::NoHistory, error.to_string()),
            HistoryError::Read(error) => error.into(),
            _ => internal(error),
        }
    }
}

fn internal(error: &impl std::error::Error) -> Problem {
    Problem::new(Code::Internal, error.to_string()).hint("please report it")
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use super::*;

    #[test]
    fn what_the_log_refuses_has_the_status_that_tells_whose_turn_it_is() {
        let cause = || Arc::new(io::Error::other("no such device"));
        let check = |error: AppendError, status: u16, code: Code| {
            let problem = Problem::from(&PublishError::from(error));
            assert_eq!((problem.code(), problem.code().status()), (code, status));
        };
        check(AppendError::Empty, 400, Code::EmptyBatch);
        check(AppendError::TooLarge { actual: 2, max: 1 }, 413, Code::TooLarge);
        check(AppendError::TooManyTopics { max: 1 }, 409, Code::TooManyTopics);
        check(AppendError::Full, 507, Code::DiskFull);
        check(AppendError::Closed, 503, Code::Closing);
        check(AppendError::Unknown(cause()), 503, Code::OutcomeUnknown);
        check(AppendError::Poisoned(cause()), 503, Code::LogStopped);
    }
}
