//! Attempts that take too long: told, dropped or not begun, and tried again.

use super::*;

/// The ends that are told up to the last of those that are wanted.
fn ends_until(told: &Receiver<End>, wanted: &[End]) -> Vec<End> {
    let mut ends = Vec::new();
    while !wanted.iter().all(|end| ends.contains(end)) {
        ends.push(told.recv().unwrap());
    }
    ends
}

#[test]
fn a_job_that_waits_for_its_turn_is_not_begun_when_it_was_cancelled_or_timed_out() {
    let db = Db::in_memory().unwrap();
    let (go, gone) = channel::<()>();
    let gone = Mutex::new(gone);
    let (builder, told) = telling(builder(&db, "w"));
    let worker = builder.concurrency(1).prefetch(2).on_blocking(move |Do(_), job: Attempt| {
        assert!(job.timeout_ms() == 0 || job.attempt() > 1, "it has timed out");
        let _nobody_says_go_any_more = gone.lock().unwrap().recv();
        Ok(())
    });
    let worker = worker.build().unwrap();
    let mut jobs = enqueue(&db, 2);
    let soon = Plan { timeout_ms: 10, backoff: arrw::Backoff::Fixed { ms: 0 }, ..Plan::default() };
    let thread = start(&worker);
    until(|| worker.stats().waiting == 1);
    db.jobs().run(vec![Command::Cancel(jobs[1])], false).unwrap().wait().unwrap();
    jobs.extend(enqueue_by(&db, 1, &soon));
    until(|| matches!(states(&db, &jobs)[2], (JobState::Retrying | JobState::Ready, 1)));
    drop(go);
    let mut ends = ends_until(&told, &[(jobs[2], Some(JobState::Completed))]);
    let stats = stop(&worker, thread);
    ends.extend(told.try_iter());
    let times = |job, state| ends.iter().filter(|end| **end == (job, state)).count() as u64;
    let first_two = [(jobs[0], JobState::Completed), (jobs[1], JobState::Cancelled)];
    assert_eq!(first_two.map(|(job, state)| times(job, Some(state))), [1, 1]);
    // On a busy machine a later attempt may have taken too long as well.
    assert!(times(jobs[2], None) >= 1, "{ends:?}");
    assert_eq!((stats.completed, stats.cancelled), (2, 1));
    assert_eq!(stats.timed_out, times(jobs[2], None));
}

#[test]
fn an_attempt_that_takes_too_long_is_dropped_or_told_and_tried_again() {
    let plan = Plan { timeout_ms: 20, backoff: arrw::Backoff::Fixed { ms: 0 }, ..Plan::default() };
    let db = Db::in_memory().unwrap();
    let (sender, dropped) = channel();
    let (builder, told) = telling(builder(&db, "w"));
    let worker = builder.on(move |Do(_), job: Attempt| {
        let guard = Guard(sender.clone());
        async move {
            if job.attempt() == 1 {
                assert!(job.deadline().is_some());
                pending::<()>().await;
            }
            drop(guard);
            Ok(())
        }
    });
    let worker = worker.on_blocking(|Other(_), job: Attempt| {
        if job.attempt() == 1 {
            assert!(job.wait_cancelled(MINUTE));
        }
        Ok(())
    });
    let worker = worker.build().unwrap();
    let mut jobs = enqueue_by(&db, 1, &plan);
    let other = Other(0).encode().unwrap();
    let other = NewJob { plan, ..other.on("q") };
    jobs.push(db.jobs().enqueue(&other).unwrap().wait().unwrap()[0].job);
    let thread = start(&worker);
    let both = jobs.iter().flat_map(|job| [(*job, None), (*job, Some(JobState::Completed))]);
    ends_until(&told, &both.collect::<Vec<_>>());
    assert_eq!(dropped.recv().unwrap(), "dropped");
    let stats = stop(&worker, thread);
    // On a busy machine a later attempt may have taken too long as well.
    assert!(stats.timed_out >= 2, "{stats:?}");
    assert_eq!((stats.failed, stats.completed), (stats.timed_out, 2));
    let states = states(&db, &jobs);
    assert!(states.iter().all(|(state, _)| *state == JobState::Completed), "{states:?}");
    let attempts: u64 = states.iter().map(|(_, attempts)| u64::from(*attempts)).sum();
    assert_eq!(attempts, stats.completed + stats.failed + stats.stale);
}
