//! Planted faults, each of which must be noticed.

use super::*;

const DEMAND: JobDemand = JobDemand { jobs: 3, refused: 1, lost: 1 };

/// Places in [`sound`]'s enqueues, leases, finishes and log.
const REPEATED: usize = 1;
const UNANSWERED: usize = 2;
const SECOND_LEASE: usize = 1;
const FAILED: usize = 0;
const LATE: usize = 1;
const COMPLETED: usize = 2;
const LEASED: usize = 4;

fn task(client: u32, number: u64) -> Task {
    Task { client, number }
}

fn lease(job: u64, token: u64, of: Task, asked_at: u64) -> Lease {
    Lease { job, token, task: Some(of), asked_at, got_at: asked_at + 5 }
}

fn finish((job, token): (u64, u64), ending: Ending, sent_at: u64, said: Option<Said>) -> Finish {
    Finish { job, token, ending, sent_at, answer: said.map(|said| (sent_at + 5, said)) }
}

/// Job 1 fails once and is completed then; 2 and 3, of one array that was sent twice, are completed, 3 behind a lease
/// that was lost. Job 4 is of a call that was never answered, as was its completion.
fn sound() -> JobHistory {
    let enqueue = |first, count, answers: &[&[u64]]| {
        let answers = answers.iter().map(|jobs| jobs.to_vec()).collect();
        Enqueue { first, count, answers }
    };
    let enqueued = |job, of| Transition { seq: job, job, state: JobState::Ready, task: Some(of) };
    let is = |seq, job, state| Transition { seq, job, state, task: None };
    JobHistory {
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
        shown: vec![(1, JobState::Completed), (4, JobState::Completed)],
    }
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
    let all = JobSummary { acknowledged, unanswered, leases, completed, refused, lost };
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
    check("open: job 4 is dead at the end", |it| it.shown[1].1 = JobState::Dead);
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
    let none = JobDemand { jobs: 0, refused: 0, lost: 0 };
    assert_eq!(JobHistory::default().check(&none), Ok(JobSummary::default()));
}
