//! The writer's rules of all views: puts each question to the views that it is for, and joins their answers.

use std::sync::Arc;

use arrw_bus::Rules;
use arrw_log::{AfterTurn, Batch, Decider, Decision, Place, Question, Records, Settled};

use crate::jobs::rules::{Core, JobAsk};

/// What a batch asks that is for both the bus and the jobs: all of it is done, or nothing.
#[derive(Debug)]
pub(crate) struct Both {
    /// For the bus.
    pub(crate) bus: Question,
    /// For the jobs.
    pub(crate) jobs: Arc<JobAsk>,
}

/// The rules of all views.
#[derive(Debug)]
pub(crate) struct Views {
    rules: Rules,
    jobs: Arc<Core>,
    /// What was decided last concerns the bus.
    for_bus: bool,
    /// What was decided or made last concerns the jobs.
    for_jobs: bool,
    /// The bus was asked in this turn.
    asked_bus: bool,
}

impl Views {
    pub(crate) fn new(rules: Rules, jobs: Arc<Core>) -> Self {
        Self { rules, jobs, for_bus: false, for_jobs: false, asked_bus: false }
    }
}

impl Decider for Views {
    fn decide(&mut self, question: &Question, place: Place, made: &mut Batch) -> Decision {
        if let Some(ask) = question.downcast_ref::<JobAsk>() {
            (self.for_bus, self.for_jobs) = (false, true);
            return self.jobs.lock().decide(ask, place, made);
        }
        self.asked_bus = true;
        let Some(both) = question.downcast_ref::<Both>() else {
            (self.for_bus, self.for_jobs) = (true, false);
            return self.rules.decide(question, place, made);
        };
        (self.for_bus, self.for_jobs) = (true, true);
        let decision = self.rules.decide(&both.bus, place, made);
        if !matches!(decision, Decision::Commit { skip: 0 }) {
            return decision;
        }
        self.jobs.lock().decide(&both.jobs, place, made)
    }

    fn place(&mut self, records: Records<'_>) {
        if self.for_jobs {
            self.jobs.lock().place();
        }
        if self.for_bus {
            self.rules.place(records);
        }
    }

    fn settle(&mut self, settled: Settled) {
        if std::mem::take(&mut self.asked_bus) {
            self.rules.settle(settled);
        }
        self.jobs.lock().settle(settled);
    }

    fn wants(&self) -> usize {
        self.jobs.lock().wants()
    }

    fn more(&mut self, place: Place, bytes: usize, made: &mut Batch) {
        (self.for_bus, self.for_jobs) = (false, true);
        self.jobs.lock().more(place, bytes, made);
    }

    fn after_turn(&self) -> Option<AfterTurn> {
        let jobs = Arc::clone(&self.jobs);
        Some(Arc::new(move || jobs.after_turn()))
    }
}
