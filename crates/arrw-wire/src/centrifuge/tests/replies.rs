//! Each reply and push in both encodings, by bytes that were written by hand from the schema.

use super::*;
use crate::code;

/// That a reply is written as these bytes and read from them.
fn check(reply: &Reply<'_>, in_json: &str, in_protobuf: &[u8]) {
    for (encoding, golden) in
        [(Encoding::Json, in_json.as_bytes()), (Encoding::Protobuf, in_protobuf)]
    {
        let written = reply.ready(encoding);
        assert_eq!(written.escape_ascii().to_string(), golden.escape_ascii().to_string());
        let mut read = Replies::new(encoding, golden);
        assert_eq!(read.next().unwrap().as_ref(), Ok(reply));
        assert_eq!(read.next(), None);
    }
}

fn check_answer(id: u32, what: Answer<'_>, in_json: &str, in_protobuf: &[u8]) {
    check(&Reply { id, what }, in_json, in_protobuf);
}

fn check_push(channel: &str, what: News<'_>, in_json: &str, in_protobuf: &[u8]) {
    let push = Push { id: 0, channel: channel.into(), what };
    check(&Reply::push(push), in_json, in_protobuf);
}

fn publication(offset: u64) -> Publication<'static> {
    Publication { data: b"7", offset, ..Publication::default() }
}

#[test]
fn ping_and_error() {
    check(&Reply::ping(), "{}", b"\x00");
    let error = ErrorReply { code: 109, message: "m".into(), temporary: true };
    check_answer(
        1,
        Answer::Error(error),
        r#"{"id":1,"error":{"code":109,"message":"m","temporary":true}}"#,
        b"\x0b\x08\x01\x12\x07\x08\x6d\x12\x01m\x18\x01",
    );
    let of_code = Reply::error(2, code::INTERNAL).ready(Encoding::Json);
    assert_eq!(
        String::from_utf8(of_code).unwrap(),
        r#"{"id":2,"error":{"code":100,"message":"internal server error","temporary":true}}"#
    );
}

#[test]
fn connect() {
    let sub = SubscribeResult {
        recoverable: true,
        epoch: "e".into(),
        offset: 2,
        positioned: true,
        ..SubscribeResult::default()
    };
    let result = ConnectResult {
        client: "c".into(),
        version: "v".into(),
        expires: true,
        ttl: 60,
        data: b"7",
        subs: vec![("s".into(), sub)],
        ping: 25,
        pong: true,
        session: "x".into(),
        node: "n".into(),
        time: 5,
        flag: 1,
    };
    check_answer(
        1,
        Answer::Connect(result),
        r#"{"id":1,"connect":{"client":"c","version":"v","expires":true,"ttl":60,"data":7,"subs":{"s":{"recoverable":true,"epoch":"e","offset":2,"positioned":true}},"ping":25,"pong":true,"session":"x","node":"n","time":5,"flag":1}}"#,
        b"\x2f\x08\x01\x2a\x2b\x0a\x01c\x12\x01v\x18\x01\x20\x3c\x2a\x017\
          \x32\x0e\x0a\x01s\x12\x09\x18\x01\x32\x01e\x48\x02\x50\x01\
          \x38\x19\x40\x01\x4a\x01x\x52\x01n\x58\x05\x60\x01",
    );
}

#[test]
fn subscribe() {
    let result = SubscribeResult {
        expires: true,
        ttl: 9,
        recoverable: true,
        epoch: "e".into(),
        publications: vec![publication(4)],
        recovered: true,
        offset: 3,
        positioned: true,
        data: b"8",
        was_recovering: true,
        delta: true,
        id: 5,
    };
    check_answer(
        2,
        Answer::Subscribe(result),
        r#"{"id":2,"subscribe":{"expires":true,"ttl":9,"recoverable":true,"epoch":"e","publications":[{"data":7,"offset":4}],"recovered":true,"offset":3,"positioned":true,"data":8,"was_recovering":true,"delta":true,"id":5}}"#,
        b"\x23\x08\x02\x32\x1f\x08\x01\x10\x09\x18\x01\x32\x01e\
          \x3a\x05\x22\x017\x30\x04\x40\x01\x48\x03\x50\x01\x5a\x018\x60\x01\x68\x01\x70\x05",
    );
}

#[test]
fn results_without_fields_are_there() {
    let (unsubscribe, publish) = (Answer::Unsubscribe, Answer::Publish);
    check_answer(3, unsubscribe, r#"{"id":3,"unsubscribe":{}}"#, b"\x04\x08\x03\x3a\x00");
    check_answer(4, publish, r#"{"id":4,"publish":{}}"#, b"\x04\x08\x04\x42\x00");
}

#[test]
fn presence_and_stats() {
    let info =
        ClientInfo { user: "u".into(), client: "k".into(), conn_info: b"1", chan_info: b"2" };
    check_answer(
        5,
        Answer::Presence(PresenceResult { presence: vec![("k".into(), info)] }),
        r#"{"id":5,"presence":{"presence":{"k":{"user":"u","client":"k","conn_info":1,"chan_info":2}}}}"#,
        b"\x17\x08\x05\x4a\x13\x0a\x11\x0a\x01k\x12\x0c\x0a\x01u\x12\x01k\x1a\x011\x22\x012",
    );
    check_answer(
        6,
        Answer::PresenceStats(PresenceStatsResult { num_clients: 2, num_users: 1 }),
        r#"{"id":6,"presence_stats":{"num_clients":2,"num_users":1}}"#,
        b"\x08\x08\x06\x52\x04\x08\x02\x10\x01",
    );
}

#[test]
fn history_and_rpc() {
    let result = HistoryResult { publications: vec![publication(1)], epoch: "e".into(), offset: 1 };
    check_answer(
        7,
        Answer::History(result),
        r#"{"id":7,"history":{"publications":[{"data":7,"offset":1}],"epoch":"e","offset":1}}"#,
        b"\x10\x08\x07\x5a\x0c\x0a\x05\x22\x017\x30\x01\x12\x01e\x18\x01",
    );
    check_answer(
        8,
        Answer::Rpc(Payload { data: b"7" }),
        r#"{"id":8,"rpc":{"data":7}}"#,
        b"\x07\x08\x08\x6a\x03\x0a\x017",
    );
}

#[test]
fn refresh_and_sub_refresh() {
    let result = RefreshResult { client: "c".into(), version: "v".into(), expires: true, ttl: 60 };
    check_answer(
        9,
        Answer::Refresh(result),
        r#"{"id":9,"refresh":{"client":"c","version":"v","expires":true,"ttl":60}}"#,
        b"\x0e\x08\x09\x72\x0a\x0a\x01c\x12\x01v\x18\x01\x20\x3c",
    );
    check_answer(
        10,
        Answer::SubRefresh(Expiry { expires: true, ttl: 60 }),
        r#"{"id":10,"sub_refresh":{"expires":true,"ttl":60}}"#,
        b"\x08\x08\x0a\x7a\x04\x08\x01\x10\x3c",
    );
}

#[test]
fn push_of_a_publication() {
    let publication = Publication {
        data: b"7",
        info: Some(ClientInfo { user: "u".into(), ..ClientInfo::default() }),
        offset: 1,
        tags: vec![("k".into(), "v".into())],
        delta: true,
        channel: "d".into(),
        epoch: "e".into(),
    };
    check_push(
        "c",
        News::Publication(publication),
        r#"{"push":{"channel":"c","pub":{"data":7,"info":{"user":"u"},"offset":1,"tags":{"k":"v"},"delta":true,"channel":"d","epoch":"e"}}}"#,
        b"\x21\x22\x1f\x12\x01c\x22\x1a\x22\x017\x2a\x03\x0a\x01u\x30\x01\
          \x3a\x06\x0a\x01k\x12\x01v\x40\x01\x52\x01d\x72\x01e",
    );
    let of_id = Push { id: 5, channel: "".into(), what: News::Publication(self::publication(0)) };
    check(
        &Reply::push(of_id),
        r#"{"push":{"id":5,"pub":{"data":7}}}"#,
        b"\x09\x22\x07\x08\x05\x22\x03\x22\x017",
    );
}

#[test]
fn pushes_of_members() {
    let info = ClientInfo { user: "u".into(), client: "k".into(), ..ClientInfo::default() };
    let member = Member { info: Some(info) };
    check_push(
        "c",
        News::Join(member.clone()),
        r#"{"push":{"channel":"c","join":{"info":{"user":"u","client":"k"}}}}"#,
        b"\x0f\x22\x0d\x12\x01c\x2a\x08\x0a\x06\x0a\x01u\x12\x01k",
    );
    check_push(
        "c",
        News::Leave(member),
        r#"{"push":{"channel":"c","leave":{"info":{"user":"u","client":"k"}}}}"#,
        b"\x0f\x22\x0d\x12\x01c\x32\x08\x0a\x06\x0a\x01u\x12\x01k",
    );
}

#[test]
fn pushes_about_a_subscription() {
    check_push(
        "c",
        News::Unsubscribe(Ended { code: 2500, reason: "r".into() }),
        r#"{"push":{"channel":"c","unsubscribe":{"code":2500,"reason":"r"}}}"#,
        b"\x0d\x22\x0b\x12\x01c\x3a\x06\x10\xc4\x13\x1a\x01r",
    );
    let subscribed = Subscribed {
        recoverable: true,
        epoch: "e".into(),
        offset: 2,
        positioned: true,
        data: b"7",
    };
    check_push(
        "c",
        News::Subscribe(subscribed),
        r#"{"push":{"channel":"c","subscribe":{"recoverable":true,"epoch":"e","offset":2,"positioned":true,"data":7}}}"#,
        b"\x13\x22\x11\x12\x01c\x4a\x0c\x08\x01\x22\x01e\x28\x02\x30\x01\x3a\x017",
    );
}

#[test]
fn pushes_about_the_connection() {
    check_push(
        "",
        News::Message(Payload { data: b"7" }),
        r#"{"push":{"message":{"data":7}}}"#,
        b"\x07\x22\x05\x42\x03\x0a\x017",
    );
    check_push(
        "",
        News::Connect(ConnectResult { client: "c".into(), ..ConnectResult::default() }),
        r#"{"push":{"connect":{"client":"c"}}}"#,
        b"\x07\x22\x05\x52\x03\x0a\x01c",
    );
    check_push(
        "",
        News::Disconnect(Disconnected { code: 3501, reason: "r".into(), reconnect: true }),
        r#"{"push":{"disconnect":{"code":3501,"reason":"r","reconnect":true}}}"#,
        b"\x0c\x22\x0a\x5a\x08\x08\xad\x1b\x12\x01r\x18\x01",
    );
    check_push(
        "",
        News::Refresh(Expiry { expires: true, ttl: 60 }),
        r#"{"push":{"refresh":{"expires":true,"ttl":60}}}"#,
        b"\x08\x22\x06\x62\x04\x08\x01\x10\x3c",
    );
}

#[test]
fn a_push_alone_has_no_reply_around_it() {
    let push = Push { channel: "c".into(), ..Push::default() };
    for (encoding, golden) in
        [(Encoding::Json, &br#"{"channel":"c"}"#[..]), (Encoding::Protobuf, b"\x03\x12\x01c")]
    {
        let mut frame = Vec::new();
        push.append_bare(encoding, &mut frame);
        assert_eq!(frame, golden);
    }
}

#[test]
fn ready_bytes_join_as_replies_do() {
    let (ping, publish) = (Reply::ping(), Reply { id: 1, what: Answer::Publish });
    for (encoding, golden) in [
        (Encoding::Json, &b"{}\n{\"id\":1,\"publish\":{}}\n{}"[..]),
        (Encoding::Protobuf, b"\x00\x04\x08\x01\x42\x00\x00"),
    ] {
        let (mut appended, mut joined) = (Vec::new(), Vec::new());
        for reply in [&ping, &publish, &ping] {
            reply.append(encoding, &mut appended);
            join(encoding, &mut joined, &reply.ready(encoding));
        }
        assert_eq!(appended, golden);
        assert_eq!(joined, golden);
    }
}

#[test]
fn a_payload_of_several_lines_stays_one_line() {
    let what = Answer::Rpc(Payload { data: b"{\r\n \"a\\n\": 1\n}" });
    let written = Reply { id: 1, what }.ready(Encoding::Json);
    let golden: &[u8] = br#"{"id":1,"rpc":{"data":{   "a\n": 1 }}}"#;
    assert_eq!(written.escape_ascii().to_string(), golden.escape_ascii().to_string());
}
