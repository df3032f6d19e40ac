//! Channels as clients follow them: what they get, in which order, and what they get when they were away.

use std::time::Duration;

use arrw_server::{
    ChannelOptions, ChannelSettings, Class, JoinLeave, Options, RecoveryMode, SlowPolicy,
};
use arrw_wire::centrifuge::{
    Answer, Command, Encoding, News, PublishRequest, Replies, Request, SubscribeRequest,
};
use arrw_wire::websocket::{Head, Opcode};
use serde_json::{Value, json};

use crate::asking::Running;
use crate::limits::until_counted;
use crate::socket::Heard;

/// A server whose namespace `n` has these options.
fn with_namespace(options: ChannelOptions) -> Running {
    Running::with_options(|all| {
        let namespaces = vec![("n".to_owned(), options)];
        all.sockets.channels = ChannelSettings { namespaces, ..ChannelSettings::default() };
    })
}

fn publish(server: &Running, topic: &str, numbers: std::ops::Range<u64>) {
    for number in numbers {
        server.publish(topic, number.to_string().as_bytes());
    }
}

#[test]
fn a_subscriber_gets_what_is_published_after_its_reply() {
    let server = Running::new();
    server.publish("news", b"0");
    let mut socket = server.connected();
    let result = socket.subscribe("news");
    assert_eq!((&result["offset"], &result["recoverable"]), (&1.into(), &true.into()));
    publish(&server, "news", 1..4);
    for number in 1..4_u64 {
        let push = socket.push();
        assert_eq!((&push["channel"], &push["pub"]["data"]), (&"news".into(), &number.into()));
        assert_eq!(push["pub"]["offset"], number + 1);
    }
    server.publish("other", b"9");
    assert_eq!(
        socket.ask(json!({ "unsubscribe": { "channel": "news" } }))["unsubscribe"],
        json!({})
    );
    server.publish("news", b"10");
    socket.subscribe("news");
    server.publish("news", b"11");
    assert_eq!(socket.published(), 11);
}

#[test]
fn what_a_client_publishes_tells_who_did_and_is_answered_when_it_is_on_the_disk() {
    let server = Running::new();
    let mut socket = server.connected();
    socket.subscribe("news");
    let command = json!({ "publish": { "channel": "news", "data": { "a": [1, "\n"] } } });
    assert_eq!(socket.ask(command)["publish"], json!({}));
    let push = socket.push();
    assert_eq!(push["pub"]["data"], json!({ "a": [1, "\n"] }));
    assert!(push["pub"]["info"]["client"].is_string(), "{push}");
    let history = socket.ask(json!({ "history": { "channel": "news", "limit": -1 } }));
    assert_eq!(history["history"]["publications"][0]["data"], json!({ "a": [1, "\n"] }));
    // Many commands in one message are done in their order.
    let commands: Vec<String> = (1..=100)
        .map(|id| json!({ "id": id, "publish": { "channel": "news", "data": id } }).to_string())
        .collect();
    socket.say(&commands.join("\n"));
    let (mut data, mut answered) = (Vec::new(), 0);
    while data.len() < 100 || answered < 100 {
        match socket.hear() {
            Heard::Reply(reply) if reply["push"].is_object() => {
                data.push(reply["push"]["pub"]["data"].as_u64().unwrap());
            }
            Heard::Reply(_) => answered += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(data, (1..=100).collect::<Vec<u64>>());
}

#[test]
fn the_socket_of_a_client_that_went_is_closed_though_its_channel_is_silent() {
    let server = Running::new();
    let (mut one, mut other) = (server.connected(), server.connected());
    one.subscribe("silent");
    other.subscribe("silent");
    assert_eq!(one.part().unwrap(), 0);
    server.publish("silent", b"1");
    assert_eq!(other.published(), 1);
}

#[test]
fn a_client_that_was_away_goes_on_where_it_left() {
    let server = Running::new();
    let mut socket = server.connected();
    let before = socket.subscribe("news");
    assert_eq!(before["offset"], Value::Null, "0 is left out");
    publish(&server, "news", 1..4);
    for number in 1..4 {
        assert_eq!(socket.published(), number);
    }
    drop(socket);
    // More than is in memory of a channel, and than one read of the log brings.
    publish(&server, "news", 4..3_000);
    let mut socket = server.connected();
    let epoch = &before["epoch"];
    let recover = |offset: u64, epoch: &Value| json!({ "subscribe": { "channel": "news", "recover": true, "offset": offset, "epoch": epoch } });
    let result = socket.ask(recover(3, epoch))["subscribe"].clone();
    assert_eq!((&result["recovered"], &result["was_recovering"]), (&true.into(), &true.into()));
    assert_eq!(result["offset"], 3);
    publish(&server, "news", 3_000..3_010);
    for number in 4..3_010 {
        assert_eq!(socket.published(), number);
    }
    // Nothing was missed.
    let mut other = server.connected();
    let result = other.ask(recover(3_009, &result["epoch"]))["subscribe"].clone();
    assert_eq!((&result["recovered"], &result["offset"]), (&true.into(), &3_009.into()));
    server.publish("news", b"3010");
    assert_eq!(other.published(), 3_010);
    // A place that never was, and one of another life.
    for (offset, epoch) in [(9_999, epoch), (3, &"0000000000000001.1".into())] {
        let mut socket = server.connected();
        let result = socket.ask(recover(offset, epoch))["subscribe"].clone();
        assert_eq!((&result["recovered"], &result["offset"]), (&Value::Null, &3_010.into()));
        let mut strict = recover(offset, epoch);
        strict["subscribe"]["flag"] = 2.into();
        let mut socket = server.connected();
        assert_eq!(socket.fails(strict), 112);
        socket.subscribe("news");
    }
}

#[test]
fn no_more_is_recovered_than_the_history_has() {
    let options = ChannelOptions { history_size: 10, ..ChannelOptions::default() };
    let server = with_namespace(options);
    publish(&server, "n:1", 1..21);
    let check = |offset: u64, recovered: bool| {
        let mut socket = server.connected();
        let command = json!({ "subscribe": {
            "channel": "n:1", "recover": true, "offset": offset, "epoch": "" } });
        let result = socket.ask(command)["subscribe"].clone();
        assert_eq!(result["recovered"].as_bool().unwrap_or(false), recovered, "{result}");
        if recovered {
            for number in offset + 1..21 {
                assert_eq!(socket.published(), number);
            }
        }
    };
    check(10, true);
    check(9, false);
    let mut socket = server.connected();
    let history = socket.ask(json!({ "history": { "channel": "n:1", "limit": -1 } }));
    let history = history["history"].clone();
    let data = |history: &Value| {
        let all = history["publications"].as_array().unwrap();
        all.iter().map(|it| it["data"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!((data(&history), &history["offset"]), ((11..21).collect(), &20.into()));
    let ask = |more: Value| {
        let mut command = json!({ "history": { "channel": "n:1", "limit": 3 } });
        command["history"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        command
    };
    let epoch = &history["epoch"];
    let since = |offset: u64| json!({ "offset": offset, "epoch": epoch });
    let after = socket.ask(ask(json!({ "since": since(15) })))["history"].clone();
    assert_eq!(data(&after), [16, 17, 18]);
    let newest = socket.ask(ask(json!({ "reverse": true })))["history"].clone();
    assert_eq!(data(&newest), [20, 19, 18]);
    let before = socket.ask(ask(json!({ "reverse": true, "since": since(13) })))["history"].clone();
    assert_eq!(data(&before), [12, 11], "what is older is not shown");
    assert_eq!(socket.fails(ask(json!({ "reverse": true, "since": since(0) }))), 107);
    let other = json!({ "offset": 15, "epoch": "0000000000000001.1" });
    assert_eq!(socket.fails(ask(json!({ "since": other }))), 112);
    let position = socket.ask(json!({ "history": { "channel": "n:1" } }))["history"].clone();
    assert_eq!((&position["offset"], &position["publications"]), (&20.into(), &Value::Null));
}

#[test]
fn a_cache_brings_the_last_publication_alone() {
    let options =
        ChannelOptions { recovery_mode: RecoveryMode::Cache, ..ChannelOptions::default() };
    let server = with_namespace(options);
    publish(&server, "n:1", 1..2_001);
    let mut socket = server.connected();
    let command = json!({ "subscribe": { "channel": "n:1", "recover": true } });
    let result = socket.ask(command)["subscribe"].clone();
    assert_eq!(result["recovered"], true);
    assert_eq!(socket.published(), 2_000);
    server.publish("n:1", b"2001");
    assert_eq!(socket.published(), 2_001);
}

#[test]
fn a_slow_client_misses_nothing_and_holds_up_nobody() {
    let server = Running::new();
    let mut slow = server.connected();
    slow.subscribe("news");
    let mut quick = server.connected();
    quick.subscribe("news");
    // More than the system's buffers of a connection and the memory of a channel take.
    let payload = "x".repeat(8 << 10);
    for number in 0..3_000_u64 {
        server.publish("news", json!([number, payload]).to_string().as_bytes());
        if number % 100 == 99 {
            for expected in number - 99..=number {
                assert_eq!(quick.published()[0], expected);
            }
        }
    }
    for number in 0..3_000 {
        assert_eq!(slow.published()[0], number);
    }
    server.publish("news", b"[3000]");
    assert_eq!((slow.published(), quick.published()), (json!([3000]), json!([3000])));
}

#[test]
fn who_may_not_be_slow_is_told_so() {
    let check =
        |class: Class, slow_policy: SlowPolicy, expected: &dyn Fn(&mut crate::socket::Socket)| {
            let server =
                with_namespace(ChannelOptions { class, slow_policy, ..ChannelOptions::default() });
            let topic = if class == Class::Volatile { "~.n:1" } else { "n:1" };
            let mut socket = server.connected();
            socket.subscribe("n:1");
            let mut quick = server.connected();
            quick.subscribe("n:1");
            let payload = "x".repeat(16 << 10);
            for number in 0..2_000_u64 {
                server.publish(topic, json!([number, payload]).to_string().as_bytes());
                assert_eq!(quick.published()[0], number);
            }
            expected(&mut socket);
        };
    let is_unsubscribed = |socket: &mut crate::socket::Socket| {
        let mut last = None;
        let ended = loop {
            let push = socket.push();
            match push["pub"]["data"][0].as_u64() {
                Some(number) => {
                    assert!(last.is_none_or(|last| last + 1 == number), "{number} after {last:?}");
                    last = Some(number);
                }
                None => break push,
            }
        };
        assert_eq!(ended["unsubscribe"]["code"], 2500, "{ended}");
        assert!(last.is_some_and(|last| last < 1_999), "{last:?}");
    };
    check(Class::Durable, SlowPolicy::DropOldest, &is_unsubscribed);
    check(Class::Volatile, SlowPolicy::Durable, &is_unsubscribed);
    check(Class::Durable, SlowPolicy::Disconnect, &|socket| {
        assert_eq!(socket.closed(), Some(3008));
    });
    check(Class::Durable, SlowPolicy::Conflate, &|socket| {
        let (mut last, mut is_conflated) = (0, false);
        while last < 1_999 {
            let number = socket.published()[0].as_u64().unwrap();
            assert!(last <= number);
            is_conflated |= last + 1 < number;
            last = number;
        }
        assert!(is_conflated);
    });
}

#[test]
fn a_volatile_channel_has_no_past() {
    let server =
        with_namespace(ChannelOptions { class: Class::Volatile, ..ChannelOptions::default() });
    let mut socket = server.connected();
    let result = socket.subscribe("n:1");
    assert_eq!((&result["recoverable"], &result["epoch"]), (&Value::Null, &Value::Null));
    for number in 0..100_u64 {
        let command = json!({ "publish": { "channel": "n:1", "data": number } });
        assert_eq!(socket.ask(command)["publish"], json!({}));
    }
    for number in 0..100 {
        let push = socket.push();
        assert_eq!((&push["channel"], &push["pub"]["data"]), (&"n:1".into(), &number.into()));
        assert_eq!(push["pub"]["offset"], Value::Null);
    }
    assert_eq!(socket.fails(json!({ "history": { "channel": "n:1" } })), 108);
    // A topic of that name is another one; that of jobs' progress is a channel.
    server.publish("n:1", b"1");
    socket.subscribe("~.free");
    server.publish("~.free", b"2");
    assert_eq!(
        (
            socket.published(),
            server.get("/v1/events?filter=n:1").fine().json()["events"].as_array().unwrap().len()
        ),
        (2.into(), 1)
    );
}

#[test]
fn members_are_known_and_told() {
    let options = ChannelOptions {
        presence: true,
        join_leave: JoinLeave::Forced,
        ..ChannelOptions::default()
    };
    let server = with_namespace(options);
    let mut first = server.connected();
    first.subscribe("n:1");
    let own = first.push();
    assert!(own["join"]["info"]["client"].is_string(), "{own}");
    let mut second = server.connected();
    second.subscribe("n:1");
    let joined = first.push();
    let client = joined["join"]["info"]["client"].as_str().unwrap().to_owned();
    let presence = first.ask(json!({ "presence": { "channel": "n:1" } }));
    let members = presence["presence"]["presence"].as_object().unwrap().clone();
    assert_eq!((members.len(), members.contains_key(&client)), (2, true));
    let stats = first.ask(json!({ "presence_stats": { "channel": "n:1" } }));
    assert_eq!(stats["presence_stats"], json!({ "num_clients": 2, "num_users": 1 }));
    second.ask(json!({ "unsubscribe": { "channel": "n:1" } }));
    let left = first.push();
    assert_eq!(left["leave"]["info"]["client"], client);
    assert_eq!(first.fails(json!({ "presence": { "channel": "other" } })), 108);
}

#[test]
fn a_filter_lets_through_what_its_subscriber_wants() {
    let server = Running::new();
    let mut socket = server.connected();
    let filter = json!({ "key": "lang", "cmp": "in", "vals": ["en", "de"] });
    socket.ask(json!({ "subscribe": { "channel": "news", "tf": filter } }));
    let mut plain = server.connected();
    plain.subscribe("news");
    for (number, lang) in ["en", "fr", "de", "it", "en"].into_iter().enumerate() {
        let headers = [("lang", lang.as_bytes())];
        let payload = number.to_string();
        let event =
            arrw::NewEvent { headers: &headers, ..arrw::NewEvent::new("news", payload.as_bytes()) };
        server.db.bus().publish(event).unwrap().wait().unwrap();
    }
    for number in [0, 2, 4] {
        assert_eq!(socket.published(), number);
    }
    for number in 0..5 {
        assert_eq!(plain.published(), number);
    }
    let wrong = json!({ "subscribe": { "channel": "x", "tf": { "op": "xor" } } });
    assert_eq!(socket.fails(wrong), 107);
}

#[test]
fn clients_of_protobuf_get_bytes_and_clients_of_json_the_same_as_json() {
    let server = Running::new();
    let mut json = server.connected();
    json.subscribe("news");
    let mut socket = server.socket_with("sec-websocket-protocol: centrifuge-protobuf\r\n");
    let mut frame = Vec::new();
    let connect = Command { id: 1, what: Request::Connect(Default::default()) };
    connect.append(Encoding::Protobuf, &mut frame);
    let subscribe = SubscribeRequest { channel: "news".into(), ..Default::default() };
    Command { id: 2, what: Request::Subscribe(subscribe) }.append(Encoding::Protobuf, &mut frame);
    for (id, data) in [(3, &b"\xff\x00"[..]), (4, b"{\"a\": 1}")] {
        let publish = PublishRequest { channel: "news".into(), data, ..Default::default() };
        Command { id, what: Request::Publish(publish) }.append(Encoding::Protobuf, &mut frame);
    }
    socket.send_frame(Head::whole(Opcode::Binary), &frame);
    let (mut data, mut answered) = (Vec::new(), 0);
    while data.len() < 2 || answered < 4 {
        let Heard::Binary(bytes) = socket.hear() else { panic!("it speaks Protobuf") };
        for reply in Replies::new(Encoding::Protobuf, &bytes) {
            match reply.unwrap().what {
                Answer::Push(push) => {
                    let News::Publication(publication) = push.what else { panic!("{push:?}") };
                    data.push(publication.data.to_vec());
                }
                Answer::Error(error) => panic!("{error:?}"),
                _ => answered += 1,
            }
        }
    }
    assert_eq!(data, [b"\xff\x00".to_vec(), b"{\"a\": 1}".to_vec()]);
    assert_eq!((json.published(), json.published()), ("/wA=".into(), json!({ "a": 1 })));
    // Whoever speaks JSON does not send bytes.
    json.send_frame(Head::whole(Opcode::Binary), b"x");
    assert_eq!(json.closed(), Some(3506));
}

/// A purged publication is still in memory as JSON, which is of no use to who speaks Protobuf: it was told that it missed nothing, and
/// then that its subscription had ended, again and again.
#[test]
fn what_is_ready_for_others_alone_and_gone_from_the_log_is_not_recovered() {
    let server = Running::new();
    let mut json = server.connected();
    let epoch = json.subscribe("news")["epoch"].as_str().unwrap().to_owned();
    publish(&server, "news", 1..4);
    (1..4).for_each(|number| assert_eq!(json.published(), number));
    assert_eq!(server.ask("DELETE /v1/topics/news/events", &[], b"").status, 204);
    let mut socket = server.socket_with("sec-websocket-protocol: centrifuge-protobuf\r\n");
    let mut frame = Vec::new();
    let connect = Command { id: 1, what: Request::Connect(Default::default()) };
    connect.append(Encoding::Protobuf, &mut frame);
    let (channel, epoch) = ("news".into(), epoch.into());
    let subscribe =
        SubscribeRequest { channel, epoch, offset: 1, recover: true, ..Default::default() };
    Command { id: 2, what: Request::Subscribe(subscribe) }.append(Encoding::Protobuf, &mut frame);
    socket.send_frame(Head::whole(Opcode::Binary), &frame);
    let mut came = Vec::new();
    while came.is_empty() {
        let Heard::Binary(bytes) = socket.hear() else { panic!("it speaks Protobuf") };
        for reply in Replies::new(Encoding::Protobuf, &bytes) {
            match reply.unwrap().what {
                Answer::Connect(_) => (),
                Answer::Subscribe(result) => {
                    assert!(result.was_recovering && !result.recovered, "{result:?}");
                    assert_eq!(result.offset, 3);
                    server.publish("news", b"4");
                }
                Answer::Push(push) => {
                    let News::Publication(publication) = push.what else { panic!("{push:?}") };
                    came = publication.data.to_vec();
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(came, b"4");
}

#[test]
fn messages_are_compressed_for_those_who_offer_it() {
    let server = Running::with_options(|options: &mut Options| options.sockets.compression = true);
    let offer = "sec-websocket-extensions: permessage-deflate; client_max_window_bits\r\n";
    let mut deflated = server.socket_with(offer);
    let mut plain = server.socket();
    for socket in [&mut deflated, &mut plain] {
        socket.ask(json!({ "connect": {} }));
        socket.subscribe("news");
        socket.bytes = 0;
    }
    let data = json!({ "text": "again and ".repeat(500) });
    server.publish("news", data.to_string().as_bytes());
    assert_eq!((deflated.published(), plain.published()), (data.clone(), data));
    assert!(deflated.bytes * 10 < plain.bytes, "{} of {}", deflated.bytes, plain.bytes);
}

#[test]
fn a_server_that_stops_tells_its_clients_to_come_back() {
    let mut server = Running::new();
    let mut sockets: Vec<_> = (0..20).map(|_| server.connected()).collect();
    server.stop();
    for socket in &mut sockets {
        assert_eq!(socket.closed(), Some(3001));
    }
    drop(sockets);
    server.ended();
}

#[test]
fn a_client_that_does_not_answer_is_let_go_though_it_is_asked_again() {
    let server = Running::with_options(|options| {
        options.sockets.limits.ping = Duration::from_secs(1);
        options.sockets.limits.pong = Duration::from_secs(2);
    });
    assert_eq!(server.connected().closed(), Some(3012));
}

#[test]
fn a_client_that_does_not_answer_is_let_go() {
    let server = Running::with_options(|options| {
        options.sockets.limits.ping = Duration::from_secs(2);
        options.sockets.limits.pong = Duration::from_secs(1);
        options.sockets.limits.connect = Duration::from_secs(1);
    });
    let mut stale = server.socket();
    let mut silent = server.connected();
    let mut alive = server.connected();
    assert_eq!(stale.closed(), Some(3502));
    until_counted(&server, "connect_ms");
    assert_eq!(alive.hear(), Heard::Reply(json!({})));
    alive.say("{}");
    assert_eq!(silent.closed(), Some(3012));
    until_counted(&server, "pong_ms");
    assert_eq!(alive.hear(), Heard::Reply(json!({})));
    alive.say("{}");
    alive.subscribe("news");
}
