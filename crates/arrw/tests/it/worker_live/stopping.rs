//! How workers end: told to, dropped, or with the database.

use super::*;

#[test]
fn a_worker_that_stops_gives_back_what_it_did_not_begin_and_waits_for_the_rest() {
    let db = Db::in_memory().unwrap();
    let (go, gone) = channel::<()>();
    let gone = Mutex::new(gone);
    let worker = builder(&db, "w").concurrency(1).prefetch(3).on_blocking(move |Do(_), _| {
        gone.lock().unwrap().recv().unwrap();
        Ok(())
    });
    let worker = worker.build().unwrap();
    let jobs = enqueue(&db, 4);
    let thread = start(&worker);
    until(|| worker.stats().waiting == 3);
    let leased = states(&db, &jobs);
    assert_eq!(leased, [(JobState::Leased, 1); 4]);
    worker.stop(MINUTE);
    until(|| worker.stats().released == 3);
    assert!(!thread.is_finished(), "one still runs");
    go.send(()).unwrap();
    let stats = thread.join().unwrap().unwrap();
    assert_eq!((stats.completed, stats.released, stats.left_behind), (1, 3, 0));
    let after = states(&db, &jobs);
    assert_eq!((after[0], &after[1..]), ((JobState::Completed, 1), &[(JobState::Ready, 0); 3][..]));
    assert_eq!(worker.run_blocking().unwrap(), stats, "it stopped for good");
}

#[test]
fn who_does_not_end_in_time_is_cancelled_and_then_left_without_an_attempt() {
    let db = Db::in_memory().unwrap();
    let (sender, seen) = channel();
    let (end, ended) = channel::<()>();
    let ended = Mutex::new(ended);
    let worker = builder(&db, "w").on(move |Do(n), job: Attempt| {
        let guard = Guard(sender.clone());
        async move {
            guard.0.send("started").unwrap();
            if n == 0 {
                job.cancelled().await;
                return Err(Failure::new("I was told to end"));
            }
            pending::<()>().await;
            drop(guard);
            Ok(())
        }
    });
    let worker = worker.on_blocking(move |Other(_), _| {
        let _told_to_end = ended.lock().unwrap().recv();
        Ok(())
    });
    let worker = worker.build().unwrap();
    let mut jobs = enqueue(&db, 2);
    jobs.push(db.jobs().enqueue_args("q", &Other(0)).unwrap().wait().unwrap()[0].job);
    let thread = start(&worker);
    assert_eq!([seen.recv().unwrap(), seen.recv().unwrap()], ["started"; 2]);
    until(|| worker.stats().running == 3);
    worker.stop(Duration::ZERO);
    let stats = thread.join().unwrap().unwrap();
    assert_eq!((stats.released, stats.failed, stats.left_behind), (3, 0, 1));
    assert_eq!([seen.recv().unwrap(), seen.recv().unwrap()], ["dropped"; 2]);
    assert_eq!(states(&db, &jobs), [(JobState::Ready, 0); 3]);
    drop(end);
}

#[test]
fn a_worker_that_is_dropped_gives_all_back() {
    let db = Db::in_memory().unwrap();
    let (sender, seen) = channel();
    let worker = builder(&db, "w").concurrency(1).prefetch(2).on(move |Do(_), _| {
        let guard = Guard(sender.clone());
        async move {
            guard.0.send("started").unwrap();
            pending::<()>().await;
            Ok(())
        }
    });
    let worker = worker.build().unwrap();
    let jobs = enqueue(&db, 3);
    let mut run = Box::pin(worker.run());
    block_on(std::future::poll_fn(|context| {
        assert!(run.as_mut().poll(context).is_pending());
        if worker.stats().waiting == 2 { Poll::Ready(()) } else { Poll::Pending }
    }));
    assert_eq!(seen.recv().unwrap(), "started");
    drop(run);
    assert_eq!(seen.recv().unwrap(), "dropped");
    let mut taken = Vec::new();
    while taken.len() < 3 {
        let claim = Claim::new("v", ["q"], 3).unwrap();
        taken.extend(db.jobs().claim(claim).wait(None).unwrap());
    }
    assert_eq!(states(&db, &jobs), [(JobState::Leased, 1); 3], "no attempt was counted before");
}

#[test]
fn what_ended_before_a_worker_is_dropped_is_told() {
    let db = Db::in_memory().unwrap();
    let (sender, seen) = channel();
    let worker = builder(&db, "w").on(move |Do(n), _| {
        let sender = sender.clone();
        async move {
            sender.send(()).unwrap();
            let text = n.to_string();
            Ok(Completion::default().publish(NewEvent::new("done", text.as_bytes())))
        }
    });
    let worker = worker.build().unwrap();
    let jobs = enqueue(&db, 1);
    let mut run = Box::pin(worker.run());
    block_on(std::future::poll_fn(|context| {
        assert!(run.as_mut().poll(context).is_pending());
        if seen.try_recv().is_ok() { Poll::Ready(()) } else { Poll::Pending }
    }));
    drop(run);
    until(|| states(&db, &jobs)[0].0 != JobState::Leased);
    assert_eq!(states(&db, &jobs), [(JobState::Completed, 1)]);
}

#[test]
fn a_worker_ends_with_an_error_when_the_database_is_closed() {
    let db = Db::in_memory().unwrap();
    let (builder, told) = telling(builder(&db, "w"));
    let worker = builder.on(async |Do(_), _| Ok(())).build().unwrap();
    enqueue(&db, 1);
    let thread = start(&worker);
    told.recv().unwrap();
    db.close().unwrap();
    let ended = thread.join().unwrap();
    assert!(matches!(ended, Err(RunError::Claim(_) | RunError::Finish(_))), "{ended:?}");
}
