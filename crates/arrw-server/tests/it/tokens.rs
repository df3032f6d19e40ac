//! Who clients are by their tokens, and what that lets them do.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arrw_server::{
    Audience, ChannelOptions, ChannelSettings, JoinLeave, Options, Revocation, RevocationFile,
    Revoked, Secret,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};

use crate::asking::Running;
use crate::limits::until_counted;
use crate::socket::{Heard, Socket};

const SECRET: &[u8] = b"a secret of thirty-two bytes, ok";

/// Signs claims as an application does.
fn token(claims: &Value) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let message = format!("{}.{}", part(r#"{"alg":"HS256"}"#), part(&claims.to_string()));
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes()));
    format!("{message}.{signature}")
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A server that knows the secret, with a namespace `n`.
fn server(options: ChannelOptions, change: impl FnOnce(&mut Options)) -> Running {
    Running::with_options(|all| {
        all.sockets.clients.tokens.hmac_secret_key = Some(Secret::new(SECRET).unwrap());
        let namespaces = vec![("n".to_owned(), options)];
        all.sockets.channels = ChannelSettings { namespaces, ..ChannelSettings::default() };
        change(all);
    })
}

fn plain() -> Running {
    server(ChannelOptions::default(), |_options| ())
}

impl Running {
    /// Connects with a token of these claims.
    fn connect(&self, claims: &Value) -> (Socket, Value) {
        let mut socket = self.socket();
        let reply = socket.ask(json!({ "connect": { "token": token(claims) } }));
        assert!(reply["connect"].is_object(), "{reply}");
        (socket, reply["connect"].clone())
    }

    fn user(&self, user: &str) -> Socket {
        self.connect(&json!({ "sub": user })).0
    }
}

fn subscribe(channel: &str, token: &str) -> Value {
    json!({ "subscribe": { "channel": channel, "token": token } })
}

#[test]
fn nobody_connects_without_a_good_token() {
    let server = plain();
    let later = now() + 60;
    let good = token(&json!({ "sub": "42", "exp": later }));
    let (tampered, _) = good.rsplit_once('.').unwrap();
    for wrong in ["", "x", "a.b.c", &format!("{tampered}.AAAA"), &good.repeat(100)] {
        let mut socket = server.socket();
        socket.say(&json!({ "id": 1, "connect": { "token": wrong } }).to_string());
        assert_eq!(socket.closed(), Some(3500), "{wrong}");
    }
    // The client of one that has expired may bring another, by another connection.
    let mut socket = server.socket();
    let expired = token(&json!({ "sub": "42", "exp": now() - 10 }));
    assert_eq!(socket.fails(json!({ "connect": { "token": expired } })), 109);
    socket.say(&json!({ "id": 2, "connect": { "token": good } }).to_string());
    assert_eq!(socket.closed(), Some(3501));
    let (_socket, result) = server.connect(&json!({ "sub": "42", "exp": later }));
    assert_eq!(result["expires"], true);
    assert!((50..=60).contains(&result["ttl"].as_u64().unwrap()), "{result}");
}

#[test]
fn a_connection_lives_as_long_as_its_tokens() {
    let server = server(ChannelOptions::default(), |options| {
        options.sockets.limits.expiry_grace = Duration::from_secs(1);
        options.sockets.limits.ping = Duration::from_secs(60);
    });
    let soon = now() + 1;
    let (mut ends, _) = server.connect(&json!({ "sub": "42", "exp": soon }));
    let (mut goes_on, _) = server.connect(&json!({ "sub": "42", "exp": soon }));
    let next = token(&json!({ "sub": "42", "exp": now() + 60 }));
    let reply = goes_on.ask(json!({ "refresh": { "token": next } }));
    assert_eq!(reply["refresh"]["expires"], true, "{reply}");
    assert_eq!(ends.closed(), Some(3005));
    assert_eq!(goes_on.ask(json!({ "rpc": { "method": "echo", "data": 1 } }))["rpc"]["data"], 1);
    // One of somebody else is none.
    let other = token(&json!({ "sub": "43" }));
    goes_on.say(&json!({ "id": 5, "refresh": { "token": other } }).to_string());
    assert_eq!(goes_on.closed(), Some(3500));
    let mut late = server.user("42");
    let expired = token(&json!({ "sub": "42", "exp": now() - 10 }));
    late.say(&json!({ "id": 5, "refresh": { "token": expired } }).to_string());
    assert_eq!(late.closed(), Some(3005));
}

#[test]
fn a_token_for_a_channel_is_for_its_user_and_client() {
    let server = plain();
    let (mut socket, result) = server.connect(&json!({ "sub": "42" }));
    let client = result["client"].as_str().unwrap().to_owned();
    assert_eq!(socket.fails(subscribe("$news", "")), 103);
    assert_eq!(socket.fails(subscribe("$news", "x.y.z")), 103);
    let claims = json!({ "sub": "42", "channel": "$news", "exp": now() - 10 });
    assert_eq!(socket.fails(subscribe("$news", &token(&claims))), 109);
    let claims = json!({ "sub": "42", "channel": "$news", "client": client, "data": { "a": 1 } });
    let reply = socket.ask(subscribe("$news", &token(&claims)));
    assert_eq!(reply["subscribe"]["data"], json!({ "a": 1 }), "{reply}");
    server.publish("$news", b"1");
    assert_eq!(socket.published(), 1);
    let of_others = [
        json!({ "sub": "43", "channel": "$news" }),
        json!({ "sub": "42", "channel": "$other" }),
        json!({ "sub": "42", "channel": "$news", "client": "another" }),
    ];
    for claims in of_others {
        let mut socket = server.user("42");
        let mut command = subscribe("$news", &token(&claims));
        command["id"] = 3.into();
        socket.say(&command.to_string());
        assert_eq!(socket.closed(), Some(3500), "{claims}");
    }
    // A token for a connection is none for a channel.
    assert_eq!(server.user("42").fails(subscribe("$news", &token(&json!({ "sub": "42" })))), 103);
}

#[test]
fn a_subscription_lives_as_long_as_its_tokens() {
    let server = server(ChannelOptions::default(), |options| {
        options.sockets.limits.expiry_grace = Duration::from_secs(1);
        options.sockets.limits.ping = Duration::from_secs(2);
    });
    let mut socket = server.user("42");
    for channel in ["$a", "$b"] {
        let claims = json!({ "sub": "42", "channel": channel, "exp": now() + 2 });
        let reply = socket.ask(subscribe(channel, &token(&claims)));
        assert_eq!(reply["subscribe"]["expires"], true, "{reply}");
    }
    let refresh = |token: &str| json!({ "sub_refresh": { "channel": "$a", "token": token } });
    let next = token(&json!({ "sub": "42", "channel": "$a", "exp": now() + 60 }));
    assert_eq!(socket.ask(refresh(&next))["sub_refresh"]["expires"], true);
    let expired = token(&json!({ "sub": "42", "channel": "$a", "exp": now() - 10 }));
    assert_eq!(socket.fails(refresh(&expired)), 110);
    // It answers pings meanwhile.
    let push = loop {
        match socket.hear() {
            Heard::Reply(reply) if reply == json!({}) => socket.say("{}"),
            Heard::Reply(reply) => break reply["push"].clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((&push["channel"], &push["unsubscribe"]["code"]), (&"$b".into(), &2501.into()));
}

#[test]
fn what_a_token_allows_is_allowed_and_nothing_else() {
    let options = ChannelOptions { presence: true, ..ChannelOptions::default() };
    let server = server(options, |_options| ());
    let caps = json!([
        { "channels": ["n:all_*"], "match": "wildcard", "allow": ["sub", "pub", "prs", "hst"] },
        { "channels": ["n:read"], "allow": ["sub"] },
    ]);
    let (mut socket, _) = server.connect(&json!({ "sub": "42", "caps": caps }));
    let commands = |channel: &str| {
        ["publish", "presence", "presence_stats", "history"].map(|name| {
            let mut command = json!({ name: { "channel": channel } });
            if name == "publish" {
                command[name]["data"] = 1.into();
            }
            command
        })
    };
    socket.subscribe("n:all_1");
    for command in commands("n:all_1") {
        assert_eq!(socket.ask(command.clone())["error"], Value::Null, "{command}");
    }
    socket.subscribe("n:read");
    for command in commands("n:read").into_iter().chain(commands("n:other")) {
        assert_eq!(socket.fails(command.clone()), 103, "{command}");
    }
    assert_eq!(socket.fails(subscribe("n:other", "")), 103);
}

#[test]
fn options_say_who_may_do_what() {
    let everybody = Audience { client: true, anonymous: true, ..Audience::default() };
    let users = Audience { client: true, ..Audience::default() };
    let subscribers = Audience { subscriber: true, ..Audience::default() };
    let options = ChannelOptions {
        subscribe: users,
        publish: subscribers,
        history_for: everybody,
        presence_for: subscribers,
        presence: true,
        user_limited: true,
        ..ChannelOptions::default()
    };
    let server = server(options, |_options| ());
    let publish = json!({ "publish": { "channel": "n:1", "data": 1 } });
    let presence = json!({ "presence": { "channel": "n:1" } });
    let history = json!({ "history": { "channel": "n:1" } });
    let mut user = server.user("42");
    assert_eq!((user.fails(publish.clone()), user.fails(presence.clone())), (103, 103));
    user.subscribe("n:1");
    assert_eq!(user.ask(publish)["publish"], json!({}));
    assert!(user.ask(presence)["presence"].is_object());
    let mut nobody = server.user("");
    assert_eq!(nobody.fails(subscribe("n:1", "")), 103);
    assert!(nobody.ask(history)["history"].is_object());
    user.subscribe("n:dialog#41,42");
    assert_eq!(user.fails(subscribe("n:dialog#41,43", "")), 103);
    assert_eq!(nobody.fails(subscribe("n:dialog#", "")), 103);
    assert_eq!(user.fails(subscribe("news", "")), 103, "nothing is said of it");
}

#[test]
fn a_token_subscribes_its_client_from_the_start() {
    let options = ChannelOptions { join_leave: JoinLeave::Asked, ..ChannelOptions::default() };
    let server = server(options, |options| options.sockets.clients.personal = true);
    let overrides = json!({ "force_push_join_leave": { "value": true } });
    let claims = json!({ "sub": "42", "info": { "name": "Ada" }, "subs": {
        "news": { "data": { "x": 1 } },
        "n:room": { "info": { "seat": 3 }, "override": overrides },
    } });
    let (mut socket, result) = server.connect(&claims);
    let subs = result["subs"].as_object().unwrap();
    let names: Vec<&str> = subs.keys().map(String::as_str).collect();
    assert_eq!(names, ["#42", "n:room", "news"]);
    assert_eq!(subs["news"]["data"], json!({ "x": 1 }));
    let join = socket.push();
    let info = &join["join"]["info"];
    assert_eq!((&info["user"], &info["chan_info"]), (&"42".into(), &json!({ "seat": 3 })));
    assert_eq!(info["conn_info"], json!({ "name": "Ada" }));
    for (number, channel) in ["#42", "news", "n:room"].into_iter().enumerate() {
        server.publish(channel, number.to_string().as_bytes());
        assert_eq!(socket.push()["channel"], channel);
    }
    // It goes on where it was when it comes back.
    let epoch = subs["news"]["epoch"].clone();
    drop(socket);
    server.publish("news", b"9");
    let mut socket = server.socket();
    let subs = json!({ "news": { "recover": true, "offset": 1, "epoch": epoch } });
    let reply = socket.ask(json!({ "connect": { "token": token(&claims), "subs": subs } }));
    assert_eq!(reply["connect"]["subs"]["news"]["recovered"], true, "{reply}");
    let push = loop {
        let push = socket.push();
        if push["pub"].is_object() {
            break push;
        }
    };
    assert_eq!((&push["channel"], &push["pub"]["data"]), (&"news".into(), &9.into()));
}

#[test]
fn tokens_are_taken_back() {
    let file = std::env::temp_dir().join(format!("arrw-revoked-{}.json", std::process::id()));
    let path = file.clone();
    let server = server(ChannelOptions::default(), |options| {
        options.sockets.clients.tokens.revocations = Some(path);
    });
    let made = now();
    let claims = |user: &str, id: &str| json!({ "sub": user, "jti": id, "iat": made - 5 });
    let mut by_id = server.connect(&claims("1", "a")).0;
    let mut by_user = server.connect(&claims("2", "b")).0;
    let mut stays = server.connect(&claims("3", "c")).0;
    let mut revoked = RevocationFile::load(&file).unwrap();
    let by = |revoked: Revoked| Revocation { revoked, until: None };
    revoked.revoke(by(Revoked::Id("a".to_owned())), made).unwrap();
    revoked.revoke(by(Revoked::User { user: "2".to_owned(), before: made }), made).unwrap();
    assert_eq!((by_id.closed(), by_user.closed()), (Some(3014), Some(3014)));
    stays.ask(json!({ "rpc": { "method": "echo" } }));
    let mut again = server.socket();
    again.say(&json!({ "id": 1, "connect": { "token": token(&claims("1", "a")) } }).to_string());
    assert_eq!(again.closed(), Some(3500));
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_user_has_so_many_connections_and_a_back_end_rules_over_them() {
    let server = server(ChannelOptions::default(), |options| {
        options.sockets.limits.connections_per_user = 2;
    });
    let mut first = server.user("42");
    let mut second = server.user("42");
    let mut third = server.socket();
    third.say(
        &json!({ "id": 1, "connect": { "token": token(&json!({ "sub": "42" })) } }).to_string(),
    );
    assert_eq!(third.closed(), Some(3504));
    until_counted(&server, "connections_per_user");
    let mut other = server.user("43");
    let call = |method: &str, body: Value| {
        let line = format!("POST /api/{method}");
        let answer =
            server.ask(&line, &["content-type: application/json"], body.to_string().as_bytes());
        let answer = answer.fine().json();
        assert_eq!(answer["error"], Value::Null, "{method}: {answer}");
        answer["result"].clone()
    };
    call("subscribe", json!({ "user": "42", "channel": "news" }));
    for socket in [&mut first, &mut second] {
        assert!(socket.push()["subscribe"].is_object());
    }
    call("publish", json!({ "channel": "news", "data": 1 }));
    assert_eq!((first.published(), second.published()), (1.into(), 1.into()));
    call("unsubscribe", json!({ "user": "42", "channel": "news" }));
    assert_eq!(first.push()["unsubscribe"]["code"], 2000);
    let connections = server.get("/v1/connections?user=42").fine().json();
    let client = connections["connections"][0]["client"].as_str().unwrap().to_owned();
    let shown = server.get(&format!("/v1/connections/{client}")).fine().json();
    assert_eq!((&shown["user"], &shown["subscriptions"]), (&"42".into(), &0.into()));
    call("disconnect", json!({ "user": "42", "client": client, "disconnect": { "code": 4001 } }));
    assert_eq!(first.closed(), Some(4001));
    server.ask("DELETE /v1/connections/x", &[], b"").refused(404, "ARW0062", "");
    call("disconnect", json!({ "user": "42" }));
    assert_eq!(second.closed(), Some(3503));
    call("refresh", json!({ "user": "43", "expired": true }));
    assert_eq!(other.closed(), Some(3005));
}

#[test]
fn calls_reach_the_engine() {
    let server = plain();
    let caps = json!([{ "channels": ["jobs.mail"], "allow": ["pub", "sub"] },
        { "channels": ["jobs.look"], "allow": ["sub"] },
        { "channels": ["news"], "allow": ["sub", "pub"] }]);
    let (mut socket, _) = server.connect(&json!({ "sub": "42", "caps": caps }));
    let call = |method: &str, data: Value| json!({ "rpc": { "method": method, "data": data } });
    let enqueued = socket.ask(call("enqueue", json!({ "queue": "mail", "kind": "welcome" })));
    let job = enqueued["rpc"]["data"]["job"].clone();
    assert_eq!(enqueued["rpc"]["data"]["new"], true, "{enqueued}");
    let shown = socket.ask(call("job", json!({ "job": job })))["rpc"]["data"].clone();
    assert_eq!((&shown["state"], &shown["kind"]), (&"ready".into(), &"welcome".into()));
    let cancelled = socket.ask(call("cancel", json!({ "job": job })))["rpc"]["data"].clone();
    assert_eq!(cancelled["state"], "cancelled");
    assert_eq!(socket.fails(call("enqueue", json!({ "queue": "look", "kind": "k" }))), 103);
    assert_eq!(socket.fails(call("enqueue", json!({ "queue": "other", "kind": "k" }))), 103);
    assert_eq!(socket.fails(call("enqueue", json!({ "queue": "mail" }))), 107);
    assert_eq!(socket.fails(call("job", json!({ "job": 999 }))), 107);
    assert_eq!(socket.fails(call("job", json!([1]))), 107);
    let other = arrw::NewJob::new("other", "k", "1");
    let other = server.db.jobs().enqueue(&other).unwrap().wait().unwrap()[0].job.get();
    for method in ["job", "cancel"] {
        assert_eq!(socket.fails(call(method, json!({ "job": other }))), 103);
    }
    socket.subscribe("news");
    let publish =
        call("publish", json!({ "channel": "news", "data": { "a": 1 }, "tags": { "x": "y" } }));
    assert_eq!(socket.ask(publish)["rpc"]["data"]["offset"], 1);
    let push = socket.push();
    assert_eq!(
        (&push["pub"]["data"], &push["pub"]["tags"]["x"]),
        (&json!({ "a": 1 }), &"y".into())
    );
    let publish = call("publish", json!({ "channel": "other", "data": 1 }));
    assert_eq!(socket.fails(publish), 103);
}
