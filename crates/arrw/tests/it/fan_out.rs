//! Many subscribers, of whom one sleeps for ever and one panics: the others see everything.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::task::{Context, Wake, Waker};

use arrw::{Db, NewEvent, Seq, Start};

const SUBSCRIBERS: usize = 100;
const EVENTS: u64 = 2_000;

#[test]
fn one_that_sleeps_and_one_that_panics_hold_up_nobody() {
    for topic in ["t", "~.t"] {
        let db = Db::in_memory().unwrap();
        let (asleep, release) = channel::<()>();
        let mut release = Some(release);
        let threads: Vec<_> = (0..SUBSCRIBERS)
            .map(|number| {
                let mut subscription = db.bus().subscribe(topic, Start::Latest).unwrap();
                let release = (number == 0).then(|| release.take()).flatten();
                std::thread::spawn(move || {
                    if let Some(release) = release {
                        // Until the test lets go, at its very end.
                        release.recv().ok();
                        return 0;
                    }
                    let mut next = 1;
                    while let Some(events) = subscription.next_within(None).unwrap() {
                        for event in &events {
                            assert_eq!(event.seq(), Seq::new(next));
                            next += 1;
                            assert!(number != 1 || next < 100, "this one panics");
                        }
                    }
                    next - 1
                })
            })
            .collect();
        for _ in 0..EVENTS {
            db.bus().publish(NewEvent::new(topic, b"payload")).unwrap().wait().unwrap();
        }
        db.close().unwrap();
        // The sleeper never read; it wakes up when all is over.
        let mut threads = threads.into_iter();
        let sleeper = threads.next().unwrap();
        assert!(threads.next().unwrap().join().is_err(), "the second one panics");
        for thread in threads {
            assert_eq!(thread.join().unwrap(), EVENTS);
        }
        drop(asleep);
        assert_eq!(sleeper.join().unwrap(), 0);
    }
}

/// Panics when it is woken.
struct Panics(Option<()>);

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        self.0.unwrap();
    }
}

#[test]
fn a_waker_that_panics_is_not_the_publishers_problem() {
    for topic in ["t", "~.t"] {
        let db = Db::in_memory().unwrap();
        let mut first = db.bus().subscribe(topic, Start::Latest).unwrap();
        let mut second = db.bus().subscribe(topic, Start::Latest).unwrap();
        let waker = Waker::from(Arc::new(Panics(None)));
        assert!(first.poll_next(&mut Context::from_waker(&waker)).is_pending());
        assert!(second.poll_next(&mut Context::from_waker(&waker)).is_pending());
        for _ in 0..3 {
            db.bus().publish(NewEvent::new(topic, b"payload")).unwrap().wait().unwrap();
        }
        let waiting = std::thread::spawn(move || second.next_within(None).unwrap().is_some());
        assert!(waiting.join().unwrap());
        assert!(first.try_next().unwrap().is_some());
        db.close().unwrap();
    }
}
