//! Each command in both encodings, by bytes that were written by hand from the schema.

use super::*;

/// That a command is written as these bytes and read from them.
fn check(command: &Command<'_>, in_json: &str, in_protobuf: &[u8]) {
    for (encoding, golden) in
        [(Encoding::Json, in_json.as_bytes()), (Encoding::Protobuf, in_protobuf)]
    {
        let mut written = Vec::new();
        command.append(encoding, &mut written);
        assert_eq!(written.escape_ascii().to_string(), golden.escape_ascii().to_string());
        let mut read = Commands::new(encoding, golden).unwrap();
        assert_eq!(read.next().unwrap().as_ref(), Ok(command));
        assert_eq!(read.next(), None);
    }
}

fn check_request(id: u32, what: Request<'_>, in_json: &str, in_protobuf: &[u8]) {
    check(&Command { id, what }, in_json, in_protobuf);
}

fn of_channel() -> ChannelRequest<'static> {
    ChannelRequest { channel: "c".into() }
}

#[test]
fn connect() {
    let again = SubscribeRequest {
        recover: true,
        epoch: "e".into(),
        offset: 3,
        ..SubscribeRequest::default()
    };
    let request = ConnectRequest {
        token: "t".into(),
        data: b"7",
        subs: vec![("s".into(), again)],
        name: "n".into(),
        version: "v".into(),
        headers: vec![("h".into(), "x".into())],
        flag: 1,
        profile: "p".into(),
        dict: "d".into(),
    };
    check_request(
        1,
        Request::Connect(request),
        r#"{"id":1,"connect":{"token":"t","data":7,"subs":{"s":{"recover":true,"epoch":"e","offset":3}},"name":"n","version":"v","headers":{"h":"x"},"flag":1,"profile":"p","dict":"d"}}"#,
        b"\x2e\x08\x01\x22\x2a\x0a\x01t\x12\x017\
          \x1a\x0c\x0a\x01s\x12\x07\x18\x01\x32\x01e\x38\x03\
          \x22\x01n\x2a\x01v\x32\x06\x0a\x01h\x12\x01x\x38\x01\x4a\x01p\x42\x01d",
    );
}

#[test]
fn subscribe() {
    let request = SubscribeRequest {
        channel: "c".into(),
        token: "t".into(),
        recover: true,
        epoch: "e".into(),
        offset: 300,
        data: b"7",
        positioned: true,
        recoverable: true,
        join_leave: true,
        delta: "fossil".into(),
        tf: b"",
        flag: 3,
        kind: 1,
        phase: 2,
        cursor: "k".into(),
        limit: -1,
        asc: true,
    };
    check_request(
        2,
        Request::Subscribe(request),
        r#"{"id":2,"subscribe":{"channel":"c","token":"t","recover":true,"epoch":"e","offset":300,"data":7,"positioned":true,"recoverable":true,"join_leave":true,"delta":"fossil","flag":3,"type":1,"phase":2,"cursor":"k","limit":-1,"asc":true}}"#,
        b"\x3d\x08\x02\x2a\x39\x0a\x01c\x12\x01t\x18\x01\x32\x01e\x38\xac\x02\x42\x017\
          \x48\x01\x50\x01\x58\x01\x62\x06fossil\x70\x03\x78\x01\x80\x01\x02\x8a\x01\x01k\
          \x90\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x98\x01\x01",
    );
}

#[test]
fn a_tag_filter_stays_unread() {
    for (encoding, tf, frame) in [
        (
            Encoding::Json,
            &br#"{"key":"k","cmp":"ex"}"#[..],
            &br#"{"id":1,"subscribe":{"channel":"c","tf":{"key":"k","cmp":"ex"}}}"#[..],
        ),
        (
            Encoding::Protobuf,
            b"\x12\x01k\x1a\x02ex",
            b"\x10\x08\x01\x2a\x0c\x0a\x01c\x6a\x07\x12\x01k\x1a\x02ex",
        ),
    ] {
        let read = Commands::new(encoding, frame).unwrap().next().unwrap().unwrap();
        let channel = "c".into();
        let request = SubscribeRequest { channel, tf, ..SubscribeRequest::default() };
        assert_eq!(read, Command { id: 1, what: Request::Subscribe(request) });
        assert!(Filter::read(encoding, tf).unwrap().is_some());
    }
}

#[test]
fn unsubscribe_presence_and_presence_stats() {
    check_request(
        3,
        Request::Unsubscribe(of_channel()),
        r#"{"id":3,"unsubscribe":{"channel":"c"}}"#,
        b"\x07\x08\x03\x32\x03\x0a\x01c",
    );
    check_request(
        5,
        Request::Presence(of_channel()),
        r#"{"id":5,"presence":{"channel":"c"}}"#,
        b"\x07\x08\x05\x42\x03\x0a\x01c",
    );
    check_request(
        6,
        Request::PresenceStats(of_channel()),
        r#"{"id":6,"presence_stats":{"channel":"c"}}"#,
        b"\x07\x08\x06\x4a\x03\x0a\x01c",
    );
}

#[test]
fn publish() {
    let request =
        PublishRequest { channel: "c".into(), data: b"7", kind: 1, key: "k".into(), removed: true };
    check_request(
        4,
        Request::Publish(request),
        r#"{"id":4,"publish":{"channel":"c","data":7,"type":1,"key":"k","removed":true}}"#,
        b"\x11\x08\x04\x3a\x0d\x0a\x01c\x12\x017\x18\x01\x22\x01k\x28\x01",
    );
}

#[test]
fn history() {
    let since = StreamPosition { offset: 9, epoch: "e".into() };
    let request =
        HistoryRequest { channel: "c".into(), limit: -1, since: Some(since), reverse: true };
    check_request(
        7,
        Request::History(request),
        r#"{"id":7,"history":{"channel":"c","limit":-1,"since":{"offset":9,"epoch":"e"},"reverse":true}}"#,
        b"\x1b\x08\x07\x52\x17\x0a\x01c\x38\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\
          \x42\x05\x08\x09\x12\x01e\x48\x01",
    );
}

#[test]
fn ping_and_pong() {
    check_request(8, Request::Ping, r#"{"id":8,"ping":{}}"#, b"\x04\x08\x08\x5a\x00");
    check_request(0, Request::Pong, "{}", b"\x00");
}

#[test]
fn send_and_rpc() {
    let send = SendRequest { data: b"7" };
    check_request(0, Request::Send(send), r#"{"send":{"data":7}}"#, b"\x05\x62\x03\x0a\x017");
    let rpc = RpcRequest { data: b"7", method: "m".into() };
    check_request(
        300,
        Request::Rpc(rpc),
        r#"{"id":300,"rpc":{"data":7,"method":"m"}}"#,
        b"\x0b\x08\xac\x02\x6a\x06\x0a\x017\x12\x01m",
    );
}

#[test]
fn refresh_and_sub_refresh() {
    let token = || "t".into();
    check_request(
        11,
        Request::Refresh(RefreshRequest { token: token() }),
        r#"{"id":11,"refresh":{"token":"t"}}"#,
        b"\x07\x08\x0b\x72\x03\x0a\x01t",
    );
    let request = SubRefreshRequest { channel: "c".into(), token: token(), kind: 0 };
    check_request(
        12,
        Request::SubRefresh(request),
        r#"{"id":12,"sub_refresh":{"channel":"c","token":"t"}}"#,
        b"\x0a\x08\x0c\x7a\x06\x0a\x01c\x12\x01t",
    );
}

fn read_json(frame: &str) -> Vec<Command<'_>> {
    Commands::new(Encoding::Json, frame.as_bytes()).unwrap().map(Result::unwrap).collect()
}

#[test]
fn several_commands_come_in_their_order() {
    let frame = "{\"id\":1,\"ping\":{}}\n{}\n\r\n {\"id\":2,\"ping\":{}} \n";
    let ids: Vec<u32> = read_json(frame).iter().map(|command| command.id).collect();
    assert_eq!(ids, [1, 0, 2]);
    let frame = b"\x04\x08\x01\x5a\x00\x00\x04\x08\x02\x5a\x00";
    let commands = Commands::new(Encoding::Protobuf, frame).unwrap();
    let ids: Vec<u32> = commands.map(|command| command.unwrap().id).collect();
    assert_eq!(ids, [1, 0, 2]);
}

#[test]
fn the_first_request_in_the_order_of_the_schema_counts() {
    let both = r#"{"rpc":{"method":"m"},"publish":{"channel":"c"},"id":1,"send":{}}"#;
    assert!(matches!(read_json(both)[0].what, Request::Publish(_)));
    let null = r#"{"id":1,"connect":null,"publish":null,"rpc":{}}"#;
    assert!(matches!(read_json(null)[0].what, Request::Rpc(_)));
    let frame = b"\x06\x08\x01\x6a\x00\x3a\x00";
    let read = Commands::new(Encoding::Protobuf, frame).unwrap().next().unwrap().unwrap();
    assert!(matches!(read.what, Request::Publish(_)));
}

#[test]
fn without_an_id_only_a_send_is_more_than_a_pong() {
    assert_eq!(read_json(r#"{"connect":{}}"#)[0].what, Request::Pong);
    assert_eq!(read_json(r#"{"id":0}"#)[0].what, Request::Pong);
    assert!(matches!(read_json(r#"{"id":0,"send":{}}"#)[0].what, Request::Send(_)));
    assert!(matches!(read_json(r#"{"id":5,"send":{}}"#)[0], Command { id: 5, .. }));
}

#[test]
fn unknown_members_are_ignored_and_null_is_absent() {
    let read = read_json(
        r#"{"x":[{"id":9}],"id":1,"history":{"channel":"c","since":null,"limit":null,"reverse":null,"y":{}}}"#,
    );
    let request = HistoryRequest { channel: "c".into(), ..HistoryRequest::default() };
    assert_eq!(read, [Command { id: 1, what: Request::History(request) }]);
    // Field 99 as a number, as bytes and as four and eight fixed ones.
    let frame = b"\x1b\x98\x06\x05\x9a\x06\x01x\x9d\x06AAAA\x99\x06AAAAAAAA\x08\x01\x5a\x00";
    let read = Commands::new(Encoding::Protobuf, frame).unwrap().next().unwrap();
    assert_eq!(read, Ok(Command { id: 1, what: Request::Ping }));
}

#[test]
fn payloads_and_texts_are_parts_of_the_frame() {
    let frame = r#"{"id":1,"publish":{"channel":"c\u00e9\n","data":{ "a" : [1, null] }}}"#;
    let read = read_json(frame);
    let Request::Publish(request) = &read[0].what else { unreachable!("{read:?}") };
    assert_eq!(request.channel, "c\u{e9}\n");
    assert_eq!(request.data, br#"{ "a" : [1, null] }"#);
    assert!(frame.as_bytes().as_ptr_range().contains(&request.data.as_ptr()));
    let null = read_json(r#"{"id":1,"publish":{"data":null}}"#);
    assert!(matches!(&null[0].what, Request::Publish(it) if it.data == b"null"));
}
