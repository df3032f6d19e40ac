//! Planted faults, each of which must be noticed.

use super::*;

const DEMAND: Demand =
    Demand { rounds: 2, acknowledged: 2, streams: 2, consumers: 1, resumed: 1, conditional: 1 };

/// Places in [`sound`]'s writes.
const BATCH: usize = 1;
const CUT_LINES: usize = 2;
const PRODUCER: usize = 4;
const UNSENT: usize = 5;
const MET: usize = 7;
const REFUSED: usize = 8;

type Events = Vec<(u64, Written)>;

fn written(writer: u32, number: u64) -> Written {
    Written { writer, number }
}

fn sent(form: Form, first: Written, count: u64, at: u64) -> Sent {
    Sent { form, first, count, expected: None, sent_at: at, answer: None }
}

fn answered(sent: Sent, count: u64, place: (u64, u64)) -> Sent {
    let at = sent.sent_at + 5;
    Sent { answer: Some(Answer { at, count, place: Some(place) }), ..sent }
}

/// Wants to stand behind a record.
fn behind(expected: u64, sent: Sent) -> Sent {
    Sent { expected: Some(expected), ..sent }
}

/// Two rounds with writes of each form. Two of them were never answered: the third of some lines never came,
/// and of a batch nothing. A producer's first two were there from a try that was cut off.
fn sound() -> History {
    let mut writes = vec![
        answered(sent(Form::Single, written(1, 1), 1, 10), 1, (10, 10)),
        answered(sent(Form::Batch, written(2, 1), 3, 16), 3, (30, 32)),
        sent(Form::Lines, written(3, 1), 3, 17),
        answered(sent(Form::Lines, written(3, 4), 2, 30), 2, (50, 70)),
        answered(sent(Form::Producer, written(4, 1), 3, 11), 1, (60, 60)),
        sent(Form::Batch, written(2, 4), 2, 40),
        answered(sent(Form::Single, written(1, 2), 1, 50), 1, (80, 80)),
        behind(83, answered(sent(Form::Conditional, written(5, 1), 2, 60), 2, (84, 85))),
        behind(85, answered(sent(Form::Conditional, written(5, 3), 2, 70), 0, (0, 0))),
        behind(90, sent(Form::Conditional, written(5, 5), 1, 80)),
    ];
    writes[REFUSED].answer.as_mut().unwrap().place = None;
    writes[PRODUCER].answer.as_mut().unwrap().at = 36;
    let events = vec![
        (10, written(1, 1)),
        (20, written(4, 1)),
        (21, written(4, 2)),
        (30, written(2, 1)),
        (31, written(2, 2)),
        (32, written(2, 3)),
        (40, written(3, 1)),
        (41, written(3, 2)),
        (50, written(3, 4)),
        (60, written(4, 3)),
        (70, written(3, 5)),
        (80, written(1, 2)),
        (84, written(5, 1)),
        (85, written(5, 2)),
        (91, written(5, 5)),
    ];
    let stream = |name: &str| Stream { name: name.to_owned(), events: events.clone(), resumed: 1 };
    let streams = vec![stream("reader 1"), stream("reader 2")];
    let session = |cursor, asked, acknowledged, events: &[_]| {
        let events = events.to_vec();
        Session { cursor, events, asked, acknowledged }
    };
    // The second acknowledgement was never answered and is there; the third was, and 86 is no event.
    let sessions = vec![
        session(0, 21, 20, &events[..6]),
        session(21, 86, 86, &events[3..14]),
        session(86, 91, 91, &events[14..]),
        session(91, 0, 0, &[]),
    ];
    let consumers = vec![Consumer { name: "consumer 1".to_owned(), sessions, resumed: 1 }];
    History { writes, streams, consumers, log: stream("the log"), rounds: vec![3, 2] }
}

/// Plants a fault, and answers what is said of it.
fn planted(change: impl FnOnce(&mut History)) -> Fault {
    let mut history = sound();
    change(&mut history);
    history.check(&DEMAND).unwrap_err()
}

/// Plants a fault in the log; all readers agree with it.
fn planted_in_log(change: impl FnOnce(&mut Events)) -> Fault {
    planted(|history| {
        change(&mut history.log.events);
        for stream in &mut history.streams {
            stream.events.clone_from(&history.log.events);
        }
        history.consumers.clear();
    })
}

fn place(events: &[(u64, Written)], event: Written) -> usize {
    events.iter().position(|(_, there)| *there == event).unwrap()
}

#[test]
fn a_sound_history_is_counted() {
    let summary = Summary { acknowledged: 6, events: 15, unanswered: 3, refused: 1 };
    assert_eq!(sound().check(&DEMAND), Ok(summary));
}

#[test]
fn what_is_lost_is_noticed() {
    for event in [written(1, 1), written(2, 2), written(3, 5), written(4, 1), written(4, 3)] {
        let fault = planted_in_log(|log| {
            log.remove(place(log, event));
        });
        assert_eq!(fault, Fault::Lost { event });
    }
}

#[test]
fn what_is_doubled_is_noticed() {
    for event in [written(1, 1), written(3, 1), written(4, 2)] {
        let fault = planted_in_log(|log| log.push((999, event)));
        assert!(
            matches!(fault, Fault::Doubled { event: found, second: 999, .. } if found == event),
            "{fault}"
        );
    }
}

#[test]
fn what_is_moved_is_noticed() {
    let moved = |change: fn(&mut Events), part: &str| {
        let fault = planted_in_log(change);
        assert!(matches!(fault, Fault::Moved { .. }), "{fault}");
        assert!(fault.to_string().contains(part), "{fault}");
    };
    // Not where its writer was told.
    moved(|log| log[0].0 -= 1, "was acknowledged");
    // Behind what its writer sent later.
    moved(
        |log| {
            let (first, second) = (place(log, written(3, 2)), place(log, written(3, 5)));
            (log[first].1, log[second].1) = (log[second].1, log[first].1);
        },
        "of writer 3",
    );
    // The middle of a batch, which no answer names.
    let fault = planted(|history| {
        let at = place(&history.log.events, written(2, 2));
        history.log.events[at].0 = 32;
        history.log.events[at + 1].0 = 33;
        history.writes[BATCH].answer.as_mut().unwrap().place = Some((30, 33));
    });
    assert!(fault.to_string().contains("of the same batch"), "{fault}");
}

#[test]
fn an_order_against_time_is_noticed() {
    let fault = planted(|history| {
        // Sent when all others had been answered, and yet not behind them.
        history.writes[PRODUCER].sent_at = 60;
        history.writes[PRODUCER].answer.as_mut().unwrap().at = 70;
    });
    assert!(fault.to_string().contains("had been acknowledged"), "{fault}");
}

#[test]
fn a_phantom_is_noticed() {
    for event in [written(1, 3), written(9, 1), written(3, 6), Written::by_nobody(999)] {
        let fault = planted_in_log(|log| log.push((999, event)));
        assert_eq!(fault, Fault::Phantom { seq: 999, event });
    }
    // Only one reader saw it.
    let fault = planted(|history| history.streams[1].events.push((999, written(9, 9))));
    let reader = "reader 2".to_owned();
    assert_eq!(fault, Fault::Unseen { reader, seq: 999, event: written(9, 9) });
    let fault = planted(|history| history.streams[0].events[3].1 = written(9, 9));
    assert!(matches!(fault, Fault::Unseen { .. }), "{fault}");
}

#[test]
fn a_torn_write_is_noticed() {
    // One event of a batch that was never answered, and a later line without the one before it.
    let fault = planted_in_log(|log| log.push((999, written(2, 5))));
    assert_eq!(fault, Fault::Torn { first: written(2, 4), missing: written(2, 4) });
    let fault = planted_in_log(|log| {
        log.remove(place(log, written(3, 1)));
    });
    assert_eq!(fault, Fault::Torn { first: written(3, 1), missing: written(3, 1) });
    let mut history = sound();
    assert_eq!(history.writes[UNSENT].answer, None);
    history.writes.remove(CUT_LINES);
    assert!(history.check(&DEMAND).is_err(), "its events have no sender any more");
}

#[test]
fn a_gap_or_a_repeat_behind_a_resume_is_noticed() {
    let fault = planted(|history| {
        history.streams[0].events.remove(4);
    });
    assert!(matches!(&fault, Fault::Gap { reader, .. } if reader == "reader 1"), "{fault}");
    // The end counts too.
    let fault = planted(|history| {
        history.streams[1].events.pop();
    });
    assert!(matches!(&fault, Fault::Gap { reader, .. } if reader == "reader 2"), "{fault}");
    for again in [4, 2] {
        let fault = planted(|history| {
            let event = history.streams[0].events[again];
            history.streams[0].events.insert(5, event);
        });
        assert!(matches!(fault, Fault::Repeat { .. }), "{fault}");
    }
    let fault = planted(|history| history.log.events.swap(0, 1));
    assert!(matches!(fault, Fault::Repeat { .. }), "{fault}");
}

#[test]
fn a_conditional_write_that_is_elsewhere_is_noticed() {
    let fault = planted(|history| history.writes[MET].expected = Some(82));
    assert!(fault.to_string().contains("right behind 82"), "{fault}");
    // The same of one that was never answered.
    let fault = planted(|history| history.writes[REFUSED + 1].expected = Some(89));
    assert!(fault.to_string().contains("right behind 89"), "{fault}");
    // One of a batch.
    let fault = planted_in_log(|log| {
        log.remove(place(log, written(5, 2)));
    });
    assert_eq!(fault, Fault::Lost { event: written(5, 2) });
    for event in [written(5, 3), written(5, 4)] {
        let fault = planted_in_log(|log| {
            log.pop();
            log.push((86, event));
        });
        assert_eq!(fault, Fault::Kept { event, seq: 86 });
    }
}

#[test]
fn a_cursor_that_is_not_where_it_was_left_is_noticed() {
    let session = |at: usize, change: fn(&mut Session)| {
        planted(|history| change(&mut history.consumers[0].sessions[at]))
    };
    let consumer = || "consumer 1".to_owned();
    // An acknowledgement that was answered is forgotten; one that nobody sent is there.
    let fault = session(1, |session| session.cursor = 19);
    assert_eq!(fault, Fault::CursorBack { consumer: consumer(), cursor: 19, acknowledged: 20 });
    let fault = session(1, |session| session.cursor = 22);
    assert_eq!(fault, Fault::CursorAhead { consumer: consumer(), cursor: 22, asked: 21 });
    // One that was seen to have moved goes back, although its acknowledgement was never answered.
    let fault = session(2, |session| session.cursor = 85);
    assert_eq!(fault, Fault::CursorBack { consumer: consumer(), cursor: 85, acknowledged: 86 });
    // What is behind the cursor does not come, comes twice, or is something else; the end counts too.
    let fault = session(1, |session| session.events = session.events.split_off(1));
    assert_eq!(fault, Fault::Gap { reader: consumer(), seq: 30, event: written(2, 1) });
    let fault = session(1, |session| session.events[1] = session.events[0]);
    assert!(matches!(fault, Fault::Repeat { .. }), "{fault}");
    let fault = session(1, |session| session.events[0].1 = written(9, 9));
    assert!(matches!(fault, Fault::Unseen { .. }), "{fault}");
    let fault = session(1, |session| session.events.truncate(10));
    assert_eq!(fault, Fault::Gap { reader: consumer(), seq: 85, event: written(5, 2) });
    let fault = session(2, |session| session.events.clear());
    assert_eq!(fault, Fault::Gap { reader: consumer(), seq: 91, event: written(5, 5) });
}

#[test]
fn a_thin_history_proves_nothing() {
    let thin = |change: fn(&mut History), what: &str| {
        let fault = planted(change);
        assert!(matches!(fault, Fault::Thin { .. }), "{fault}");
        assert!(fault.to_string().contains(what), "{fault}");
    };
    thin(|history| history.rounds.truncate(1), "1 rounds");
    thin(|history| history.rounds[1] = 1, "1 acknowledged writes");
    thin(|history| history.streams.truncate(1), "1 readers");
    thin(|history| history.streams[0].resumed = 0, "resumed");
    thin(|history| history.consumers.clear(), "0 consumers");
    thin(|history| history.consumers[0].resumed = 0, "a consumer resumed");
    thin(|history| history.writes[REFUSED].answer = None, "0 refused conditional");
    thin(|history| history.writes[MET].answer = None, "0 acknowledged conditional");
    // A fault outweighs it.
    let fault = planted(|history| {
        history.rounds.clear();
        history.log.events.remove(0);
    });
    assert_eq!(fault, Fault::Lost { event: written(1, 1) });
}
