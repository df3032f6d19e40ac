//! What the job queue refuses, as a client is told of it.

use arrw::{ClaimError, JobError, JobsError, Refused};

use crate::problem::{Code, Problem};

impl From<&JobError> for Problem {
    fn from(error: &JobError) -> Self {
        let detail = error.to_string();
        match error {
            JobError::TooLarge { .. } => {
                Self::new(Code::TooLarge, detail).hint("put it elsewhere, and enqueue where it is")
            }
            JobError::Name { .. } | JobError::Json { .. } | JobError::Range { .. } | _ => {
                Self::new(Code::Job, detail)
            }
        }
    }
}

impl From<&Refused> for Problem {
    fn from(refused: &Refused) -> Self {
        let detail = refused.to_string();
        match refused {
            Refused::NotFound { .. } => Self::new(Code::NoSuchJob, detail),
            Refused::Stale { .. } => Self::new(Code::LeaseOver, detail),
            Refused::State { .. } => Self::new(Code::JobState, detail),
            Refused::IdConflict { .. } => Self::new(Code::JobIdConflict, detail),
            Refused::TooMany { .. } => Self::new(Code::TooManyJobs, detail),
            Refused::Invalid(error) => error.into(),
            Refused::NoOrder { .. } => Self::new(Code::NoSuchOrder, detail),
            Refused::Record(_) | _ => Self::new(Code::Job, detail),
        }
    }
}

impl From<&JobsError> for Problem {
    fn from(error: &JobsError) -> Self {
        match error {
            JobsError::Job { error, .. } | JobsError::Wrong(error) => error.into(),
            JobsError::TooMany { .. } => Self::new(Code::TooLarge, error.to_string()),
            JobsError::Refused { refused, .. } => refused.into(),
            JobsError::Append(error) => error.into(),
            JobsError::Filter(_) => Self::new(Code::Filter, error.to_string()),
            _ => Self::new(Code::Internal, error.to_string()).hint("please report it"),
        }
    }
}

impl From<&ClaimError> for Problem {
    fn from(error: &ClaimError) -> Self {
        match error {
            ClaimError::Append(error) => error.into(),
            ClaimError::Read(error) => error.into(),
            _ => Self::new(Code::Internal, error.to_string()).hint("please report it"),
        }
    }
}
