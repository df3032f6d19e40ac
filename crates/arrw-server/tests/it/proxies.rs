//! Back ends that say who a client is, and what its calls answer.

use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use arrw_server::{ChannelOptions, ChannelSettings, Options, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::asking::{Running, line};
use crate::limits::until_counted;
use crate::socket::Heard;

/// A question as a back end gets it.
struct Question {
    /// The lines of its head, in small letters.
    head: Vec<String>,
    body: Value,
}

/// What a back end does.
enum Then {
    Answers(Value),
    /// Bytes that are no answer of a back end.
    Says(String),
    /// Nothing, for as long as it is asked.
    Waits,
    Hangs,
}

/// A back end on a port of its own. It ends with the test.
struct BackEnd {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl BackEnd {
    fn new(answer: impl Fn(&Question) -> Then + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (answer, connections) = (Arc::new(answer), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&connections);
        thread::spawn(move || {
            for stream in listener.incoming() {
                counted.fetch_add(1, Ordering::Relaxed);
                let answer = Arc::clone(&answer);
                thread::spawn(move || serve(stream.unwrap(), &*answer));
            }
        });
        Self { address, connections }
    }

    fn url(&self) -> String {
        format!("http://{}/ask?of=arrw", self.address)
    }
}

fn serve(stream: TcpStream, answer: &impl Fn(&Question) -> Then) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head: Vec<String> = Vec::new();
        loop {
            let line = line(&mut stream);
            if line.is_empty() {
                break;
            }
            head.push(line.to_ascii_lowercase());
        }
        let length = head.iter().find_map(|line| line.strip_prefix("content-length: "));
        let Some(length) = length else { return };
        let mut body = vec![0; length.parse().unwrap()];
        stream.read_exact(&mut body).unwrap();
        let body = serde_json::from_slice(&body).unwrap();
        let said = match answer(&Question { head, body }) {
            Then::Answers(answer) => {
                let answer = answer.to_string();
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{answer}", answer.len())
            }
            Then::Says(bytes) => bytes,
            Then::Waits => {
                // Until the server has given up and closes.
                let _gone = stream.read(&mut [0]);
                return;
            }
            Then::Hangs => return,
        };
        if stream.get_mut().write_all(said.as_bytes()).is_err() {
            return;
        }
    }
}

fn asked_who(back_end: &BackEnd, change: impl FnOnce(&mut Options)) -> Running {
    Running::with_options(|options| {
        let proxy = &mut options.sockets.clients.connect_proxy;
        proxy.endpoint = Some(back_end.url().parse().unwrap());
        // A machine under load is not to fail a test that is about something else.
        proxy.timeout = Duration::from_secs(20);
        change(options);
    })
}

fn asked_what(back_end: &BackEnd, change: impl FnOnce(&mut Options)) -> Running {
    Running::with_options(|options| {
        let proxy = &mut options.sockets.clients.rpc_proxy;
        proxy.endpoint = Some(back_end.url().parse().unwrap());
        proxy.timeout = Duration::from_secs(20);
        change(options);
    })
}

fn call(method: &str, data: &Value) -> Value {
    json!({ "rpc": { "method": method, "data": data } })
}

#[test]
fn a_back_end_says_who_connects_and_what_it_may() {
    let back_end = BackEnd::new(|question| {
        let has = |line: &str| question.head.iter().any(|it| it == line);
        assert!(has("post /ask?of=arrw http/1.1") && has("authorization: bearer hush"));
        assert!(has("content-type: application/json") && has("cookie: session=7"));
        assert!(!question.head.iter().any(|it| it.starts_with("user-agent: secret")));
        let Question { body, .. } = question;
        assert!(has("x-page: from the command") && body["client"].is_string(), "{body}");
        let about = (&body["transport"], &body["protocol"], &body["encoding"], &body["data"]);
        let expected = json!(["websocket", "json", "json", { "room": 3 }]);
        assert_eq!(json!([about.0, about.1, about.2, about.3]), expected);
        assert_eq!(json!([body["name"], body["version"]]), json!(["js", "5"]));
        Then::Answers(json!({ "result": {
            "user": "42", "info": { "name": "Ada" }, "data": { "welcome": "\n" },
            "subs": { "n:own": { "data": [1] } },
            "caps": [{ "channels": ["n:other"], "allow": ["sub", "prs"] }],
        } }))
    });
    let server = asked_who(&back_end, |options| {
        let proxy = &mut options.sockets.clients.connect_proxy;
        proxy.http_headers = ["cookie", "x-page"].map(|name| name.parse().unwrap()).into();
        proxy.secret = Some(Secret::new("hush").unwrap());
        let namespace = ChannelOptions { presence: true, ..ChannelOptions::default() };
        let namespaces = vec![("n".to_owned(), namespace)];
        options.sockets.channels = ChannelSettings { namespaces, ..ChannelSettings::default() };
    });
    let mut socket = server.socket_with("cookie: session=7\r\nuser-agent: secret\r\n");
    let reply = socket.ask(json!({ "connect": {
        "data": { "room": 3 }, "name": "js", "version": "5",
        "headers": { "x-page": "from the command", "cookie": "session=8", "x-other": "1" },
    } }));
    assert_eq!(reply["connect"]["data"], json!({ "welcome": "\n" }), "{reply}");
    assert_eq!(reply["connect"]["subs"]["n:own"]["data"], json!([1]), "{reply}");
    server.publish("n:own", b"5");
    assert_eq!(socket.published(), 5);
    socket.subscribe("n:other");
    let reply = socket.ask(json!({ "presence": { "channel": "n:other" } }));
    let (_, member) = reply["presence"]["presence"].as_object().unwrap().iter().next().unwrap();
    assert_eq!((&member["user"], &member["conn_info"]), (&"42".into(), &json!({ "name": "Ada" })));
    // Nothing else may be done, though no key and no token is set.
    assert_eq!(socket.fails(json!({ "subscribe": { "channel": "n:third" } })), 103);
    let metrics = server.get("/metrics").body;
    let counted = r#"arrwdb_proxy_calls_total{proxy="connect",result="answered"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
}

#[test]
fn a_back_end_refuses_who_connects() {
    let back_end = BackEnd::new(|question| {
        Then::Answers(match question.body["data"].as_str().unwrap() {
            "nobody" => json!({}),
            "null" => json!({ "result": null }),
            "error" => json!({ "error": { "code": 1000, "message": "not today" } }),
            "again" => json!({ "error": { "code": 1001, "message": "", "temporary": true } }),
            "ours" => json!({ "disconnect": { "code": 3503, "reason": "" } }),
            _ => {
                json!({ "result": {}, "disconnect": { "code": 4501, "reason": "\u{e4}".repeat(99) } })
            }
        })
    });
    let server = asked_who(&back_end, |_options| ());
    let connect = |as_who: &str| json!({ "connect": { "data": as_who } });
    let ends = |as_who: &str, code: u16| {
        let mut socket = server.socket();
        socket.say(&json!({ "id": 1, "connect": { "data": as_who } }).to_string());
        assert_eq!(socket.closed(), Some(code), "{as_who}");
    };
    ends("nobody", 3500);
    ends("null", 3500);
    ends("ours", 3503);
    ends("own", 4501);
    let mut socket = server.socket();
    let reply = socket.ask(connect("error"));
    assert_eq!(reply["error"], json!({ "code": 1000, "message": "not today" }));
    // It may do nothing more by this connection.
    socket.say(&json!({ "id": 2, "connect": { "data": "error" } }).to_string());
    assert_eq!(socket.closed(), Some(3501));
    let reply = server.socket().ask(connect("again"));
    assert_eq!(reply["error"], json!({ "code": 1001, "temporary": true }));
    assert_eq!(back_end.connections.load(Ordering::Relaxed), 1, "its connection is kept");
}

#[test]
fn who_has_a_token_is_not_asked_about() {
    let back_end = BackEnd::new(|_question| Then::Answers(json!({ "result": { "user": "1" } })));
    let server = asked_who(&back_end, |options| {
        let secret = Secret::new("a secret of thirty-two bytes, ok").unwrap();
        options.sockets.clients.tokens.hmac_secret_key = Some(secret);
    });
    let mut socket = server.socket();
    socket.say(r#"{"id":1,"connect":{"token":"x.y.z"}}"#);
    assert_eq!(socket.closed(), Some(3500));
    assert_eq!(back_end.connections.load(Ordering::Relaxed), 0);
    assert!(server.socket().ask(json!({ "connect": {} }))["connect"].is_object());
    // Clients that only listen are asked about, too, and get what may be subscribed to.
    let mut stream = server.send(
        b"GET /connection/uni_sse?cf_connect=%7B%22subs%22%3A%7B%22a%22%3A%7B%7D%7D%7D HTTP/1.1\r\nhost: localhost\r\n\r\n",
    );
    let disconnect = loop {
        let line = line(&mut stream);
        if line.contains("disconnect") {
            break line;
        }
    };
    assert!(disconnect.contains("3507"), "{disconnect}");
    assert!(0 < back_end.connections.load(Ordering::Relaxed));
}

#[test]
fn a_back_end_that_does_not_answer_rightly_is_an_error_that_passes() {
    let said = |status: &str, body: &str| {
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    };
    let back_end = BackEnd::new(move |question| match question.body["data"].as_str().unwrap() {
        "status" => Then::Says(said("500 Oh", r#"{"result":{"user":"42"}}"#)),
        "elsewhere" => Then::Says(said("302 Found\r\nlocation: http://127.0.0.1:1/", "")),
        "empty" => Then::Says(said("200 OK", "")),
        "garbage" => Then::Says(said("200 OK", "{]")),
        "array" => Then::Says(said("200 OK", "[]")),
        "user" => Then::Answers(json!({ "result": { "user": 42 } })),
        "caps" => Then::Answers(json!({ "result": { "caps": [{ "channels": "all" }] } })),
        "code" => Then::Answers(json!({ "disconnect": { "code": 17 } })),
        "none" => Then::Answers(json!({ "error": { "code": 0 } })),
        "large" => Then::Answers(json!({ "result": { "user": "x".repeat(2 << 20) } })),
        "endless" => Then::Says(format!("HTTP/1.1 200 OK\r\n\r\n{}", " ".repeat(2 << 20))),
        "not http" => Then::Says("what?\r\n\r\n".to_owned()),
        "deep" => Then::Says(said("200 OK", &"{\"a\":".repeat(10_000))),
        _ => Then::Hangs,
    });
    let server = asked_who(&back_end, |_options| ());
    let all = [
        "status",
        "elsewhere",
        "empty",
        "garbage",
        "array",
        "user",
        "caps",
        "code",
        "none",
        "large",
        "endless",
        "not http",
        "deep",
        "hangs up",
    ];
    for how in all {
        let reply = server.socket().ask(json!({ "connect": { "data": how } }));
        assert_eq!(reply["error"]["code"], 100, "{how}: {reply}");
        assert_eq!(reply["error"]["temporary"], true, "{how}: {reply}");
    }
    let metrics = server.get("/metrics").body;
    let counted = format!(r#"proxy="connect",result="failed"}} {}"#, all.len());
    assert!(metrics.contains(&counted), "{metrics}");
    // Nobody is there at all.
    let nowhere = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = asked_who(&back_end, |options| {
        let endpoint = format!("http://{nowhere}/").parse().unwrap();
        options.sockets.clients.connect_proxy.endpoint = Some(endpoint);
    });
    assert_eq!(server.socket().fails(json!({ "connect": {} })), 100);
}

#[test]
fn a_back_end_that_is_late_is_not_waited_for() {
    let back_end = BackEnd::new(|_question| Then::Waits);
    let soon = |options: &mut Options| {
        options.sockets.clients.connect_proxy.timeout = Duration::from_millis(10);
    };
    let server = asked_who(&back_end, soon);
    assert_eq!(server.socket().fails(json!({ "connect": {} })), 100);
    // One that goes meanwhile leaves nothing behind.
    let server = asked_who(&back_end, |_options| ());
    let mut socket = server.socket();
    socket.say(r#"{"id":1,"connect":{}}"#);
    socket.part().unwrap();
    assert!(server.get("/metrics").body.contains("\narrwdb_sockets 0\n"));
}

#[test]
fn calls_that_the_engine_has_not_are_the_back_ends() {
    let back_end = BackEnd::new(|Question { body, .. }| {
        Then::Answers(match body["method"].as_str().unwrap() {
            "price" => {
                assert_eq!((&body["user"], &body["data"]), (&"".into(), &json!({ "of": "tea" })));
                assert_eq!(body["encoding"], "json");
                json!({ "result": { "data": { "price": 3, "text": "a\nb" } } })
            }
            "bytes" => json!({ "result": { "b64data": STANDARD.encode("[1,\r\n2]") } }),
            "no json" => json!({ "result": { "b64data": STANDARD.encode([0xff, 0]) } }),
            "nothing" => json!({ "result": {} }),
            "less" => json!({}),
            "error" => json!({ "error": { "code": 1500, "message": "sold out" } }),
            "failed" => json!({ "oops": 1, "error": { "message": "no code" } }),
            _ => json!({ "disconnect": { "code": 4000, "reason": "come again" } }),
        })
    });
    let server = asked_what(&back_end, |_options| ());
    let mut socket = server.connected();
    let reply = socket.ask(call("price", &json!({ "of": "tea" })));
    assert_eq!(reply["rpc"]["data"], json!({ "price": 3, "text": "a\nb" }), "{reply}");
    assert_eq!(socket.ask(call("bytes", &json!(1)))["rpc"]["data"], json!([1, 2]));
    assert_eq!(socket.fails(call("no json", &json!(1))), 100);
    for method in ["nothing", "less"] {
        assert_eq!(socket.ask(call(method, &json!(1)))["rpc"], json!({}));
    }
    let reply = socket.ask(call("error", &json!(1)));
    assert_eq!(reply["error"], json!({ "code": 1500, "message": "sold out" }));
    assert_eq!(socket.fails(call("failed", &json!(1))), 100);
    // Those of the engine stay with it.
    assert_eq!(socket.ask(call("echo", &json!(7)))["rpc"]["data"], 7);
    assert_eq!(socket.fails(call("job", &json!({ "job": 1 }))), 107);
    socket.say(r#"{"id":9,"rpc":{"method":"go"}}"#);
    assert_eq!(socket.closed(), Some(4000));
}

#[test]
fn calls_say_whose_they_are() {
    let back_end = BackEnd::new(|Question { body, head }| {
        let has_cookie = head.iter().any(|line| line == "cookie: a=b");
        Then::Answers(match body.get("method") {
            None => json!({ "result": { "user": "42", "meta": { "plan": "free" } } }),
            Some(_) => json!({ "result": { "data": [body["user"], body["meta"], has_cookie] } }),
        })
    });
    let server = asked_who(&back_end, |options| {
        let clients = &mut options.sockets.clients;
        clients.connect_proxy.http_headers = vec!["cookie".parse().unwrap()];
        clients.rpc_proxy = clients.connect_proxy.clone();
    });
    let mut socket = server.socket_with("Cookie: a=b\r\n");
    assert!(socket.ask(json!({ "connect": {} }))["connect"].is_object());
    let reply = socket.ask(call("who", &json!(null)));
    assert_eq!(reply["rpc"]["data"], json!(["42", { "plan": "free" }, true]), "{reply}");
}

#[test]
fn as_many_calls_wait_as_may() {
    let back_end = BackEnd::new(|_question| Then::Waits);
    let server = asked_what(&back_end, |options| options.sockets.limits.pending_commands = 2);
    let mut socket = server.connected();
    for id in 1..=3 {
        socket.say(&json!({ "id": id, "rpc": { "method": "wait" } }).to_string());
    }
    match socket.hear() {
        Heard::Reply(reply) => {
            assert_eq!(
                (&reply["id"], &reply["error"]["code"]),
                (&json!(3), &json!(111)),
                "{reply}"
            );
        }
        other => panic!("{other:?}"),
    }
    until_counted(&server, "pending_commands");
}
