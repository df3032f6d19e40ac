//! Has many commands decided, in as many commits as they need.

use std::sync::Arc;

use arrw_jobs::{Command, Done, Refused};
use arrw_log::{Batch, Log, Urgency};

use crate::jobs::limits::{ASKED_AT_ONCE, ASKED_BYTES_MAX};
use crate::jobs::rules::JobAsk;

/// What became of commands.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// The answers to those that were decided.
    pub(crate) answers: Vec<Result<Done, Refused>>,
    /// Those that the log refused.
    pub(crate) left: Vec<Command>,
}

impl Asked {
    /// True when all was done.
    pub(crate) fn is_done(&self) -> bool {
        self.left.is_empty() && self.answers.iter().all(Result::is_ok)
    }
}

/// Has commands decided, each for itself, and waits for it.
pub(crate) fn ask(log: &Log, commands: Vec<Command>, urgency: Urgency) -> Asked {
    let bytes_max = log.batch_bytes_max().min(ASKED_BYTES_MAX);
    let mut asked = Asked::default();
    let mut commands = commands.into_iter().peekable();
    while commands.peek().is_some() {
        let (mut some, mut bytes) = (Vec::new(), 0);
        // One that is too large alone is the log's to refuse.
        while some.len() < ASKED_AT_ONCE
            && let Some(command) =
                commands.next_if(|it| some.is_empty() || bytes + it.bytes_max() <= bytes_max)
        {
            bytes += command.bytes_max();
            some.push(command);
        }
        let ask = Arc::new(JobAsk::new(some.into(), true));
        let batch = Batch::new().reserving(bytes).with_urgency(urgency);
        let answer = log.append(batch.asking(Arc::<JobAsk>::clone(&ask))).wait();
        match (answer, ask.answers.get()) {
            (Ok(_), Some(answers)) => asked.answers.extend(answers.iter().cloned()),
            (Ok(_), None) | (Err(_), _) => asked.left.extend(ask.commands.iter().cloned()),
        }
    }
    asked
}
