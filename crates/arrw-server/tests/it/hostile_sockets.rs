//! What clients of WebSockets do wrong: each is told by its code, and nobody else is harmed.

use std::io::Read;

use arrw_wire::websocket::{Head, Opcode};
use serde_json::json;

use crate::asking::{Answer, Running};
use crate::limits::until_counted;
use crate::socket::{Heard, Socket, handshake};

/// Sends messages, and hears with which code the connection is closed.
#[track_caller]
fn check(server: &Running, messages: &[&str], code: u16) {
    let mut socket = server.socket();
    for message in messages {
        socket.say(message);
    }
    assert_eq!(socket.closed(), Some(code), "{messages:?}");
    assert_eq!(socket.hear(), Heard::Ended);
}

const CONNECT: &str = r#"{"id":1,"connect":{}}"#;

#[test]
fn commands_that_are_none_end_the_connection() {
    let server = Running::new();
    for message in
        ["", " \n ", "x", "[]", "{\"id\":1", "{\"id\":1}", "{\"id\":-1,\"rpc\":{}}", "\"a\""]
    {
        check(&server, &[message], 3501);
        check(&server, &[CONNECT, message], 3501);
    }
    let deep =
        format!("{{\"id\":1,\"rpc\":{{\"data\":{}{}}}}}", "[".repeat(1_000), "]".repeat(1_000));
    check(&server, &[CONNECT, &deep], 3501);
    let many = vec![r#"{"id":2,"rpc":{"method":"echo"}}"#; 300].join("\n");
    check(&server, &[CONNECT, &many], 3501);
}

#[test]
fn commands_come_in_their_order() {
    let server = Running::new();
    check(&server, &[r#"{"id":1,"subscribe":{"channel":"news"}}"#], 3501);
    check(&server, &["{}"], 3501);
    check(&server, &[CONNECT, CONNECT], 3501);
    check(&server, &[CONNECT, "{}"], 3501);
    check(&server, &[CONNECT, r#"{"id":2,"subscribe":{"channel":""}}"#], 3501);
    check(&server, &[CONNECT, r#"{"send":{"data":1}}"#], 3508);
}

#[test]
fn commands_that_fail_leave_the_connection_as_it_was() {
    let server =
        Running::with_options(|options| options.sockets.limits.channels_per_connection = 3);
    let mut socket = server.connected();
    let channel = |channel: &str| json!({ "subscribe": { "channel": channel } });
    socket.subscribe("a");
    assert_eq!(socket.fails(channel("a")), 105);
    assert_eq!(socket.fails(channel("x:a")), 102);
    for wrong in ["a b", "a..b", "*", ">", ".", "\u{7f}", &"x".repeat(256)] {
        assert_eq!(socket.fails(channel(wrong)), 107, "{wrong}");
    }
    let of_map = json!({ "subscribe": { "channel": "m", "type": 1 } });
    assert_eq!(socket.fails(of_map), 108);
    socket.subscribe("b");
    socket.subscribe("c");
    assert_eq!(socket.fails(channel("d")), 106);
    until_counted(&server, "channels_per_connection");
    socket.ask(json!({ "unsubscribe": { "channel": "b" } }));
    socket.subscribe("d");
    assert_eq!(socket.fails(json!({ "rpc": { "method": "no such" } })), 104);
    assert_eq!(socket.fails(json!({ "ping": {} })), 108);
    for topic in ["jobs.q.done", "collections.x", "~.jobs.q.progress"] {
        let publish = json!({ "publish": { "channel": topic, "data": 1 } });
        assert_eq!(socket.fails(publish), 107, "{topic}");
    }
    assert_eq!(socket.fails(json!({ "publish": { "channel": "a" } })), 107);
    let large = json!({ "publish": { "channel": "a", "data": "x".repeat(60_000) } });
    assert_eq!(socket.ask(large)["publish"], json!({}));
}

#[test]
fn frames_against_the_protocol_end_the_connection() {
    let server = Running::new();
    let check = |bytes: &[u8], code: u16| {
        let mut socket = server.connected();
        socket.send_bytes(bytes);
        assert_eq!(socket.closed(), Some(code), "{bytes:?}");
    };
    check(b"\x81\x01x", 1002); // not masked
    check(b"\xc1\x81\0\0\0\0x", 1002); // compressed, and that was not agreed on
    check(b"\x83\x81\0\0\0\0x", 1002); // an opcode that is reserved
    check(b"\x89\xfe\x00\x7e\0\0\0\0", 1002); // a long ping
    check(b"\x80\x81\0\0\0\0x", 1002); // continues nothing
    check(b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 1002);
    check(b"\x81\xff\0\0\0\x01\0\0\0\0\0\0\0\0", 1009); // 4 GiB are announced
    check(b"\x81\x81\0\0\0\0\xff", 1007); // no UTF-8
    check(b"\x88\x82\0\0\0\0\x03\xed", 1002); // a code that is not sent
    let mut socket = server.connected();
    socket.say(&"x".repeat(65 << 10));
    assert_eq!(socket.closed(), Some(1009));
    until_counted(&server, "message_bytes");
}

#[test]
fn who_asks_whether_we_are_there_is_answered_so_often() {
    let server = Running::with_options(|options| options.sockets.limits.commands_per_second = 10);
    let mut socket = server.connected();
    socket.send_frame(Head::whole(Opcode::Ping), b"are you");
    assert_eq!(socket.hear(), Heard::Pong(b"are you".to_vec()));
    for _ in 0..100 {
        socket.send_frame(Head::whole(Opcode::Ping), b"");
    }
    assert_eq!(socket.closed(), Some(3013));
    let mut socket = server.connected();
    let mut refused = 0;
    let ended = loop {
        socket.say(r#"{"id":9,"rpc":{"method":"echo"}}"#);
        match socket.hear() {
            Heard::Reply(reply) if reply["error"]["code"] == 111 => refused += 1,
            Heard::Reply(_) => (),
            other => break other,
        }
    };
    assert!(ended == Heard::Closed(Some(3013)) && 10 < refused, "{ended:?} after {refused}");
    until_counted(&server, "commands_per_second");
}

#[test]
fn requests_that_become_no_websocket_are_told_why() {
    let server = Running::new();
    let check = |request: &str, status: u16, code: &str| {
        let mut stream = server.send(request.as_bytes());
        Answer::read(&mut stream).refused(status, code, "");
        assert_eq!(stream.read(&mut [0]).unwrap(), 0, "it is closed");
    };
    let fine = handshake("");
    check(&fine.replace("upgrade: websocket\r\n", ""), 426, "ARW0061");
    check(&fine.replace("version: 13", "version: 8"), 426, "ARW0061");
    check(&fine.replace("HTTP/1.1", "HTTP/1.0"), 426, "ARW0061");
    check(&fine.replace("Upgrade", "close"), 400, "ARW0060");
    check(&fine.replace("dGhl", ""), 400, "ARW0060");
    check(&handshake("content-length: 1\r\n"), 400, "ARW0060");
    check(&handshake("bad header\r\n"), 400, "ARW0060");
    check(&fine.replace("localhost", "evil.example"), 421, "ARW0023");
    check(&fine.replace("host: localhost\r\n", ""), 421, "ARW0023");
    for origin in ["https://evil.example", "null", "http://localhost.evil.example"] {
        check(&handshake(&format!("origin: {origin}\r\n")), 403, "ARW0024");
    }
    check(&handshake("sec-fetch-site: cross-site\r\n"), 403, "ARW0024");
    server.socket_with("origin: http://localhost:3000\r\n");
}

#[test]
fn pages_of_listed_sites_may_connect() {
    let server = Running::with_options(|options| {
        options.origins.push("https://app.example".parse().unwrap());
    });
    server.socket_with("origin: https://app.example\r\nsec-fetch-site: cross-site\r\n");
    let mut stream = server.send(handshake("origin: https://app.example.evil\r\n").as_bytes());
    Answer::read(&mut stream).refused(403, "ARW0024", "");
}

#[test]
fn a_message_in_pieces_is_one_and_what_comes_with_the_handshake_counts() {
    let server = Running::new();
    let mut request = handshake("").into_bytes();
    let mut frame = Vec::new();
    let head = Head::whole(Opcode::Text);
    arrw_wire::websocket::write::masked_frame(head, [9; 4], CONNECT.as_bytes(), &mut frame);
    request.extend_from_slice(&frame);
    let mut stream = server.send(&request);
    assert_eq!(Answer::read_head(&mut stream).status, 101);
    let mut some = [0; 2];
    stream.read_exact(&mut some).unwrap();
    assert_eq!(some[0], 0x81, "a reply");
    let mut socket = server.connected();
    let text = r#"{"id":5,"rpc":{"method":"echo","data":"abc"}}"#.as_bytes();
    let part = |is_final: bool, opcode: Opcode| Head { is_final, ..Head::whole(opcode) };
    socket.send_frame(part(false, Opcode::Text), &text[..10]);
    socket.send_frame(Head::whole(Opcode::Ping), b"between");
    assert_eq!(socket.hear(), Heard::Pong(b"between".to_vec()));
    for byte in &text[10..text.len() - 1] {
        socket.send_frame(part(false, Opcode::Continuation), &[*byte]);
    }
    socket.send_frame(part(true, Opcode::Continuation), &text[text.len() - 1..]);
    assert_eq!(socket.hear(), Heard::Reply(json!({ "id": 5, "rpc": { "data": "abc" } })));
    // Byte by byte on the line.
    let mut frame = Vec::new();
    arrw_wire::websocket::write::masked_frame(head, [7; 4], text, &mut frame);
    for byte in frame {
        socket.send_bytes(&[byte]);
    }
    assert_eq!(socket.hear(), Heard::Reply(json!({ "id": 5, "rpc": { "data": "abc" } })));
}

#[test]
fn who_is_gone_leaves_nothing_behind() {
    let server = Running::new();
    let count = || {
        let metrics = server.get("/metrics").fine().body;
        let gauge = |name: &str| {
            let line = metrics.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
            line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()
        };
        (gauge("arrwdb_sockets"), gauge("arrwdb_channels"), gauge("arrwdb_channel_subscriptions"))
    };
    let sockets: Vec<Socket> = (0..50)
        .map(|number| {
            let mut socket = server.connected();
            socket.subscribe(&format!("c{number}"));
            socket.subscribe("all");
            socket
        })
        .collect();
    assert_eq!(count(), (50, 51, 100));
    let files = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = files();
    drop(sockets);
    while count() != (0, 0, 0) {}
    // The ends of both sides are closed.
    while before - 100 < files() {}
}
