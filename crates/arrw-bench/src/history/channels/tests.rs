//! Each fault is told from a history that is sound but for it.

use super::*;

fn event(number: u64) -> Written {
    Written { writer: 1, number }
}

fn resume(from: Option<u64>, offset: u64) -> Resume {
    Resume { from, is_recovered: from.is_some(), offset, epoch: "a".into() }
}

fn publish(form: PublishForm, number: u64, channels: &[u32], offsets: Option<&[u64]>) -> Publish {
    let at = number * 10;
    let answer = offsets.map(|offsets| Acknowledged { at: at + 5, offsets: offsets.to_vec() });
    Publish { form, first: event(number), channels: channels.to_vec(), sent_at: at, answer }
}

/// Two clients of channel 0, one of channel 1.
fn sound() -> ChannelHistory {
    let seen = vec![(1, event(1)), (2, event(2)), (3, event(4))];
    let followed = |channel, seen: &[(u64, Written)], resumes: Vec<Resume>| Followed {
        channel,
        resumes,
        seen: seen.to_vec(),
    };
    let follower =
        |name: &str, followed| Follower { name: name.to_owned(), followed, cuts: 1, stalls: 1 };
    let other = [(1, event(2)), (2, event(3))];
    ChannelHistory {
        published: vec![
            publish(PublishForm::Single, 1, &[0], Some(&[1])),
            publish(PublishForm::Broadcast, 2, &[0, 1], Some(&[2, 1])),
            publish(PublishForm::Batch, 3, &[1, 0], Some(&[])),
            publish(PublishForm::Command, 5, &[0], None),
        ],
        followers: vec![
            follower("one", vec![followed(0, &seen, vec![resume(None, 0), resume(Some(1), 1)])]),
            follower(
                "two",
                vec![
                    followed(0, &seen[1..], vec![resume(None, 1), resume(Some(3), 3)]),
                    followed(1, &other, vec![resume(None, 0), resume(Some(0), 0)]),
                ],
            ),
        ],
        ends: vec![3, 2],
        strangers: vec![(0, false)],
        kills: 2,
    }
}

const DEMAND: ChannelDemand =
    ChannelDemand { kills: 2, acknowledged: 5, cuts: 2, stalls: 2, strangers: 1, recoveries: 3 };

#[track_caller]
fn check(change: impl FnOnce(&mut ChannelHistory), expected: &str) {
    let mut history = sound();
    change(&mut history);
    let fault = history.check(&DEMAND).unwrap_err().to_string();
    assert!(fault.starts_with(expected), "{fault}");
}

#[test]
fn a_sound_history_is_summed_up() {
    let expected = ChannelSummary {
        kills: 2,
        cuts: 2,
        stalls: 2,
        acknowledged: 5,
        unanswered: 0,
        deliveries: 7,
        recoveries: 3,
        strangers: 1,
    };
    assert_eq!(sound().check(&DEMAND), Ok(expected));
}

#[test]
fn what_a_client_missed_or_got_twice_is_noticed() {
    fn seen(it: &mut ChannelHistory) -> &mut Vec<(u64, Written)> {
        &mut it.followers[0].followed[0].seen
    }
    check(|it| _ = seen(it).remove(0), "gap: one never got 1 of channel 0");
    check(|it| _ = seen(it).remove(1), "gap: one never got 2 of channel 0");
    check(|it| _ = seen(it).pop(), "gap: one never got 3 of channel 0");
    check(|it| seen(it).insert(1, (1, event(1))), "repeat: one got 1 of channel 0 behind 1");
    check(|it| seen(it).push((4, event(5))), "phantom: one got 4 of channel 0, which ends at 3");
    check(|it| seen(it)[1].1 = event(5), "two orders: at 2 of channel 0");
    check(|it| it.followers[1].followed[1].resumes.clear(), "gap: two never got 2 of channel 1");
}

#[test]
fn what_became_of_publications_is_noticed() {
    fn last(it: &mut ChannelHistory, event: Written) {
        it.followers[0].followed[0].seen[2].1 = event;
        it.followers[1].followed[0].seen[1].1 = event;
    }
    check(|it| last(it, event(5)), "lost: event 4 of writer 1");
    check(|it| last(it, event(9)), "phantom: nobody published what is at 3 of channel 0");
    check(|it| last(it, event(3)), "phantom: nobody published what is at 3 of channel 0");
    check(|it| last(it, event(2)), "doubled: event 2 of writer 1 is in channel 0 at 2 and at 3");
    let torn = |it: &mut ChannelHistory| {
        it.published[2].answer = None;
        last(it, event(5));
    };
    check(torn, "torn: the write that begins with event 3 of writer 1");
    check(|it| last(it, event(1)), "doubled");
    let told = |it: &mut ChannelHistory| it.published[0].answer.as_mut().unwrap().offsets[0] = 2;
    check(told, "moved: event 1 of writer 1 is at 1 of channel 0, and 2 was acknowledged");
    check(
        |it| it.published[0].sent_at = 40,
        "moved: event 1 of writer 1 is at 1 of channel 0, sent",
    );
    let turned = |it: &mut ChannelHistory| {
        it.ends = vec![3, 2];
        it.followers[1].followed[1].seen = vec![(1, event(3)), (2, event(2))];
    };
    check(turned, "moved: event 2 of writer 1 is at 2 of channel 1, behind 3");
}

#[test]
fn what_a_client_was_told_is_looked_at() {
    fn back(it: &mut ChannelHistory) -> &mut Resume {
        &mut it.followers[0].followed[0].resumes[1]
    }
    check(|it| back(it).is_recovered = false, "not recovered: one came back to channel 0 from 1");
    check(|it| back(it).offset = 2, "not recovered: one came back to channel 0 from 1");
    check(|it| back(it).epoch = "b".into(), "epoch: channel 0 was in `b` and then in `a`");
    check(|it| it.strangers.push((1, true)), "believed: a client of channel 1");
}

#[test]
fn too_little_proves_nothing() {
    check(|it| it.kills = 1, "too thin: 1 kills, not 2");
    check(|it| it.followers[0].cuts = 0, "too thin: 1 cuts");
    check(|it| it.followers[0].stalls = 0, "too thin: 1 stalls");
    check(|it| it.strangers.clear(), "too thin: 0 clients that named a wrong epoch");
    check(|it| it.published[0].answer = None, "too thin: 4 acknowledged publications");
    let fewer = |it: &mut ChannelHistory| drop(it.followers[0].followed[0].resumes.pop());
    check(fewer, "too thin: 2 subscriptions that recovered");
}
