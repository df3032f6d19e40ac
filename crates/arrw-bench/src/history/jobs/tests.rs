//! Planted faults, each of which must be noticed.

use std::collections::BTreeMap;

use super::*;

const DEMAND: JobDemand = JobDemand { jobs: 3, refused: 1, lost: 1, made: 0 };

/// Places in [`sound`]'s enqueues, leases, finishes and log.
const REPEATED: usize = 1;
const UNANSWERED: usize = 2;
const SECOND_LEASE: usize = 1;
const FAILED: usize = 0;
const LATE: usize = 1;
const UNSAID: usize = 5;
const COMPLETED: usize = 2;
const LEASED: usize = 4;
const LOST: usize = 9;

fn task(client: u32, number: u64) -> Task {
    Task { client, number }
}

fn lease(job: u64, token: u64, of: Task, asked_at: u64) -> Lease {
    Lease { job, token, task: Some(of), attempt: 1, asked_at, got_at: asked_at + 5 }
}

fn finish((job, token): (u64, u64), ending: Ending, sent_at: u64, said: Option<Said>) -> Finish {
    let told = told_with(ending.state(), token);
    let answer = said.map(|said| (sent_at + 5, said));
    Finish { job, token, ending, told, delay: 0, follow_up: None, sent_at, answer }
}

/// What is told of the end of a lease with this token.
fn told_with(state: JobState, token: u64) -> Told {
    match state {
        JobState::Completed => Told::Result(Some(token)),
        JobState::Retrying | JobState::Dead => Told::Error(Some(token)),
        JobState::Scheduled | JobState::Ready | JobState::Leased | JobState::Cancelled => {
            Told::Nothing
        }
    }
}

/// Job 1 fails once and is completed then; 2 and 3, of one array that was sent twice, are completed, 3 behind a lease
/// that was lost. Job 4 is of a call that was never answered, as was its completion.
fn sound() -> JobHistory {
    let enqueue = |first, count, answers: &[&[u64]]| {
        let answers = answers.iter().map(|jobs| jobs.to_vec()).collect();
        Enqueue { answers, ..Enqueue::new(first, count) }
    };
    let mut at_work = BTreeMap::new();
    let enqueued = |job, of| Transition { task: Some(of), ..is(job, job, JobState::Ready, 0) };
    let mut is = |seq, job, state| {
        let token = at_work.get(&job).copied().unwrap_or_default();
        if state == JobState::Leased {
            at_work.insert(job, seq);
        }
        is(seq, job, state, token)
    };
    let mut history = JobHistory {
        enqueues: vec![
            enqueue(task(1, 1), 1, &[&[1]]),
            enqueue(task(2, 1), 2, &[&[2, 3], &[2, 3]]),
            enqueue(task(1, 2), 1, &[]),
            enqueue(task(1, 3), 2, &[]),
        ],
        leases: vec![
            lease(1, 5, task(1, 1), 10),
            lease(1, 7, task(1, 1), 40),
            lease(2, 8, task(2, 1), 40),
            lease(3, 11, task(2, 2), 100),
            lease(4, 13, task(1, 2), 120),
        ],
        finishes: vec![
            finish((1, 5), Ending::Fail, 20, Some(Said::Done)),
            finish((1, 5), Ending::Complete, 60, Some(Said::Over)),
            finish((1, 7), Ending::Complete, 70, Some(Said::Done)),
            finish((2, 8), Ending::Complete, 70, Some(Said::Done)),
            finish((3, 11), Ending::Complete, 110, Some(Said::Done)),
            finish((4, 13), Ending::Complete, 130, None),
        ],
        log: vec![
            enqueued(1, task(1, 1)),
            enqueued(2, task(2, 1)),
            enqueued(3, task(2, 2)),
            enqueued(4, task(1, 2)),
            is(5, 1, JobState::Leased),
            is(6, 1, JobState::Retrying),
            is(7, 1, JobState::Leased),
            is(8, 2, JobState::Leased),
            is(9, 3, JobState::Leased),
            is(10, 3, JobState::Ready),
            is(11, 3, JobState::Leased),
            is(12, 1, JobState::Completed),
            is(13, 4, JobState::Leased),
            is(14, 2, JobState::Completed),
            is(15, 3, JobState::Completed),
            is(16, 4, JobState::Completed),
        ],
        shown: vec![Shown {
            job: 2,
            state: JobState::Completed,
            history: vec![
                (14, JobState::Completed, Told::Result(Some(8))),
                (8, JobState::Leased, Told::Nothing),
                (2, JobState::Ready, Told::Nothing),
            ],
        }],
        ..JobHistory::default()
    };
    // It comes before all others, also when it is tried again.
    history.enqueues[0].priority = Priority::Urgent;
    history.log[0].priority = Priority::Urgent;
    history.leases[SECOND_LEASE].attempt = 2;
    // The lease of job 3 was lost, and that counts.
    history.log[LOST].told = Told::Error(None);
    history.leases[3].attempt = 2;
    history
}

fn is(seq: u64, job: u64, state: JobState, token: u64) -> Transition {
    let (task, queue, priority) = (None, 0, Priority::Normal);
    let is_timed = matches!(state, JobState::Scheduled | JobState::Retrying);
    let run_at = is_timed.then_some(10 * seq);
    let told = told_with(state, token);
    Transition { seq, job, state, task, time: 10 * seq, queue, priority, run_at, told }
}

/// The fault that is found once `plant` has changed a sound history begins with this.
fn check(expected: &str, plant: impl FnOnce(&mut JobHistory)) {
    let mut history = sound();
    plant(&mut history);
    let fault = history.check(&DEMAND).unwrap_err().to_string();
    assert!(fault.starts_with(expected), "{fault}, not {expected}");
}

#[test]
fn a_sound_history_of_jobs_is_counted() {
    let found = sound().check(&DEMAND).unwrap();
    let (acknowledged, unanswered, leases) = (3, 1, 5);
    let (completed, refused, lost) = (3, 1, 1);
    let all = JobSummary {
        acknowledged,
        unanswered,
        leases,
        completed,
        refused,
        lost,
        ..JobSummary::default()
    };
    assert_eq!(found, all);
}

#[test]
fn jobs_that_are_lost_doubled_or_nobodys_are_noticed() {
    let forget = |job: u64| move |it: &mut JobHistory| it.log.retain(|there| there.job != job);
    check("lost: job 1 of client 1", |it| {
        forget(1)(it);
        it.leases.clear();
    });
    check("torn: job 2 of client 2", |it| {
        forget(3)(it);
        it.enqueues[REPEATED].answers.clear();
    });
    check("doubled: job 1 of client 2 is there as 2 and as 9", |it| {
        it.enqueues[REPEATED].answers[1][0] = 9;
    });
    check("doubled: job 1 of client 1 is there as 1 and as 17", |it| {
        it.log.push(Transition { seq: 17, job: 17, ..it.log[0] });
    });
    check("phantom: nobody enqueued job 4", |it| {
        it.enqueues.remove(UNANSWERED);
    });
    check("phantom: nobody enqueued job 1", |it| it.log[0].task = None);
    check("phantom: nobody enqueued job 1", |it| it.leases[0].task = None);
    check("phantom: nobody enqueued job 1", |it| it.leases[0].task = Some(task(1, 2)));
}

#[test]
fn leases_that_overlap_or_were_never_made_are_noticed() {
    check("unleased: job 3 was handed out with token 10", |it| {
        it.leases.push(lease(3, 10, task(2, 2), 90));
    });
    check("overtaken: job 1 was handed out with token 4 behind 5", |it| {
        it.leases[SECOND_LEASE].token = 4;
    });
    check("overtaken: job 1 was handed out with token 5 behind 5", |it| {
        it.leases[SECOND_LEASE] = Lease { asked_at: 11, got_at: 18, ..it.leases[0] };
    });
    check("again: job 1 was handed out with token 17", |it| {
        it.leases.push(lease(1, 17, task(1, 1), 80));
    });
    check("order: job 1 is leased at 6, and somebody had it already", |it| {
        it.log[LEASED + 1].state = JobState::Leased;
    });
    check("order: job 1 is leased at 17, and it was completed", |it| {
        it.log.push(Transition { seq: 17, ..it.log[LEASED] });
    });
    check("order: job 4 is completed at 16, and nobody had it", |it| {
        it.log.retain(|there| there.seq != 13);
        it.leases.pop();
    });
}

#[test]
fn ends_of_leases_that_are_not_kept_are_noticed() {
    check("late: job 1 was ended with token 5, and 7 was known", |it| {
        it.finishes[LATE].answer = Some((65, Said::Done));
    });
    check("undone: job 1 was told to complete with token 5, and is retrying", |it| {
        it.finishes[FAILED].ending = Ending::Complete;
        it.leases.remove(SECOND_LEASE);
    });
    check("undone: job 1 was told to fail with token 5, and is ended twice", |it| {
        it.finishes[LATE] = it.finishes[FAILED];
    });
    check("refused: job 1 with token 7 was said to be over", |it| {
        it.finishes[LATE] = Finish { token: 7, ..it.finishes[LATE] };
        it.finishes[LATE].answer = Some((65, Said::Over));
    });
    check("open: job 4 is leased at the end", |it| {
        it.log.pop();
    });
    check("history: job 2", |it| it.shown[0].state = JobState::Dead);
    check("history: job 2", |it| it.shown[0].history[0].2 = Told::Result(Some(9)));
    check("history: job 2", |it| it.shown[0].history.truncate(2));
    check("undone: job 1 was told to complete with token 7, and is leased", |it| {
        it.log.retain(|there| there.seq != 12);
        it.shown.clear();
        assert_eq!(it.finishes[COMPLETED].token, 7);
    });
}

#[test]
fn too_little_proves_nothing() {
    check("too thin: 0 lost leases, not 1", |it| {
        it.finishes.push(finish((3, 9), Ending::Release, 30, None));
    });
    check("too thin: 0 refused ends of leases, not 1", |it| {
        it.finishes.remove(LATE);
    });
    check("too thin: 2 acknowledged completions of jobs, not 3", |it| {
        it.finishes.remove(COMPLETED);
    });
    let none = JobDemand { jobs: 0, refused: 0, lost: 0, made: 0 };
    assert_eq!(JobHistory::default().check(&none), Ok(JobSummary::default()));
}

#[test]
fn jobs_that_come_too_early_or_out_of_their_order_are_noticed() {
    check("early: job 1 was handed out with token 7", |it| it.log[LEASED + 1].run_at = Some(71));
    // A millisecond and more than two clocks may differ by.
    check("early: job 1 was handed out with token 7", |it| it.finishes[FAILED].delay = 3_000_000);
    check("early: job 4 was handed out with token 13", |it| {
        it.enqueues[UNANSWERED].delay = 3_000_000;
    });
    check("jumped: job 1 was handed out at 5, and 2 came before it", |it| {
        (it.enqueues[0].priority, it.log[0].priority) = (Priority::Low, Priority::Low);
    });
    check("phantom: nobody enqueued job 1 as it is", |it| it.enqueues[0].priority = Priority::Low);
    check("jumped: job 3 was handed out at 11, and 4 came before it", |it| {
        (it.log[LOST].state, it.log[LOST].run_at) = (JobState::Retrying, Some(41));
    });
}

#[test]
fn attempts_and_ends_that_are_told_wrong_are_noticed() {
    check("miscounted: token 7 of job 1 is attempt 1, and not 2", |it| {
        it.leases[SECOND_LEASE].attempt = 1;
    });
    check("miscounted: token 11 of job 3 is attempt 2, and not 1", |it| {
        it.log[LOST].told = Told::Nothing;
    });
    check("untold: the end of the lease 5 of job 1", |it| {
        it.log[LEASED + 1].told = Told::Error(None);
    });
    check("untold: the end of the lease 7 of job 1", |it| {
        it.finishes[COMPLETED].told = Told::Nothing;
    });
}

#[test]
fn leases_that_are_lost_too_early_are_noticed() {
    // From seq 9 to seq 10, and 10 microseconds for each.
    check("cut short: the lease 9 of job 3", |it| it.lease_min = 11);
    let mut history = sound();
    history.lease_min = 10;
    assert!(history.check(&DEMAND).is_ok());
}

#[test]
fn a_follow_up_without_its_completion_or_the_other_way_is_noticed() {
    let follow_up = Some(task(1, 2));
    check("half: job 1 with token 7", |it| it.finishes[COMPLETED].follow_up = Some(task(8, 1)));
    // Whoever came too late has nothing done.
    check("half: job 1 with token 5", |it| it.finishes[LATE].follow_up = follow_up);
    check("half: job 4 with token 13", |it| it.finishes[UNSAID].follow_up = Some(task(8, 1)));
    // It was asked for again, and that call has what came of it.
    let mut history = sound();
    history.finishes[UNSAID].follow_up = Some(task(8, 1));
    let again = Finish { follow_up, ..history.finishes[UNSAID] };
    history.finishes.push(again);
    assert!(history.check(&DEMAND).is_ok());
    check("half: job 4 with token 13", |it| {
        it.finishes[UNSAID].follow_up = follow_up;
        it.finishes.push(Finish { follow_up: Some(task(2, 1)), ..it.finishes[UNSAID] });
    });
    check("half: job 1 with token 5", |it| {
        it.finishes[LATE] = Finish { follow_up, answer: None, ..it.finishes[LATE] };
    });
}

#[test]
fn a_key_with_two_holders_or_none_is_noticed() {
    check("shared: jobs 1 and 4 held the key 7", |it| {
        (it.enqueues[0].key, it.enqueues[UNANSWERED].key) = (Some(7), Some(7));
    });
    let refused = |job, sent_at| Enqueue {
        key: Some(7),
        held_by: Some(job),
        sent_at,
        ..Enqueue::new(task(1, 9), 1)
    };
    check("withheld: job 1 was said to hold the key 7", |it| it.enqueues.push(refused(1, 60)));
    check("withheld: job 1 was said to hold the key 7", |it| {
        it.enqueues[0].key = Some(7);
        it.enqueues.push(refused(1, 76));
    });
    check("shared: jobs 1 and 2 held the key 7", |it| {
        it.enqueues[0].key = Some(7);
        it.enqueues.push(Enqueue { first: task(2, 1), ..refused(1, 60) });
    });
}

#[test]
fn jobs_that_were_to_wait_or_to_end_and_did_not_are_noticed() {
    check("held: job 2 was handed out with token 8, and was in a paused queue", |it| {
        it.resumed_at = Some(90);
        it.log.iter_mut().filter(|it| it.job == 2).for_each(|it| it.queue = PAUSED);
    });
    check("held: job 2 was handed out with token 8, and was cancelled", |it| {
        it.cancels.push((2, true));
    });
    check("order: job 1 is cancelled at 6, and nobody wanted it to end so", |it| {
        it.log[LEASED + 1].state = JobState::Cancelled;
    });
    check("order: job 4 is leased at 13, and it was cancelled", |it| {
        it.log.insert(LEASED + 1, is(5, 4, JobState::Cancelled, 0));
    });
    // Nobody discarded it.
    check("open: job 4 is dead at the end", |it| {
        let last = it.log.len() - 1;
        it.log[last].state = JobState::Dead;
    });
}

/// A schedule whose slots 1,000, 1,100 and 1,300 have jobs, and a trigger whose event 5 has one.
fn standing() -> JobHistory {
    let enqueued = |seq, client, number, time| {
        let task = Some(Task { client, number });
        Transition { task, time, ..is(seq, seq, JobState::Ready, 0) }
    };
    let mut log = vec![
        enqueued(1, 51, 1_000, 1_010),
        enqueued(2, 51, 1_100, 1_100),
        enqueued(3, 51, 1_300, 1_350),
        enqueued(6, 52, 5, 1_360),
    ];
    for (seq, job) in (10..).step_by(2).zip([1, 2, 3, 6]) {
        log.push(Transition { time: 2_000, ..is(seq, job, JobState::Leased, 0) });
        log.push(Transition { time: 2_000, ..is(seq + 1, job, JobState::Completed, seq) });
    }
    let standing =
        Standing { schedule: 51, step: 100, said: (3, 1), trigger: 52, after: 4, events: vec![5] };
    JobHistory { log, standing: Some(standing), ..JobHistory::default() }
}

#[test]
fn slots_and_events_without_their_one_job_are_noticed() {
    let none = JobDemand { jobs: 0, refused: 0, lost: 0, made: 0 };
    let found = standing().check(&none).unwrap();
    assert_eq!((found.slots, found.missed, found.trips, found.unanswered), (3, 1, 1, 0));
    let check = |expected: &str, plant: &dyn Fn(&mut JobHistory)| {
        let mut history = standing();
        plant(&mut history);
        let fault = history.check(&none).unwrap_err().to_string();
        assert!(fault.starts_with(expected), "{fault}, not {expected}");
    };
    let of = |history: &mut JobHistory, plant: &dyn Fn(&mut Standing)| {
        history.standing.as_mut().map(plant).unwrap();
    };
    let slot = |number| Some(Task { client: 51, number });
    check("doubled: job 1000 of client 51", &|it| it.log[1].task = slot(1_000));
    check("slot: the schedule's slot 1000 has its job before its time", &|it| it.log[0].time = 999);
    check("slot: the schedule's slot 1100 has a job, and a newer one", &|it| {
        it.log[1].time = 1_201;
    });
    check("slot: the schedule's slot 1150 is not in step", &|it| {
        (it.log[1].task, it.log[1].time) = (slot(1_150), 1_150);
    });
    check("slot: the schedule's slot 1200 has no job, and the server was there", &|it| {
        for (time, seq) in (1_200..1_300).step_by(10).zip((30..).step_by(3)) {
            let task = Some(Task { client: 52, number: seq });
            let job = seq + 100;
            it.log.push(Transition { task, time, ..is(job, job, JobState::Ready, 0) });
            it.log.push(Transition { time, ..is(job + 1, job, JobState::Leased, 0) });
            it.log.push(Transition { time, ..is(job + 2, job, JobState::Completed, job + 1) });
            of(it, &|standing| standing.events.push(seq));
        }
    });
    check("slot: the schedule's slot 1300 is the last, and", &|it| of(it, &|it| it.said = (3, 0)));
    check("slot: the schedule's slot 1300 is the last, and", &|it| of(it, &|it| it.said = (4, 1)));
    check("trigger: the event 7 has no job", &|it| of(it, &|it| it.events.push(7)));
    check("trigger: the event 5 has a job, and is not there", &|it| {
        of(it, &|it| it.events.clear());
    });
    check("trigger: the event 8 has its job before it was there", &|it| {
        it.log[3].task = Some(Task { client: 52, number: 8 });
        of(it, &|it| it.events = vec![8]);
    });
    check("doubled: job 5 of client 52", &|it| {
        it.log.push(Transition { seq: 40, job: 40, time: 2_100, ..it.log[3] });
    });
}
