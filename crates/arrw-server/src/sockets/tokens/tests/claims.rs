//! Every claim: what it may be, and what comes of it.

use super::*;
use crate::sockets::tokens::capability::Pattern;

#[test]
fn a_user_is_a_text_and_may_be_nobody() {
    let user = |claims: &str| connection(claims).map(|read| read.user);
    assert_eq!(user(r#"{"sub":"42"}"#), Ok("42".to_owned()));
    assert_eq!(user(r#"{"sub":"\u00e9 \u0000"}"#), Ok("é \0".to_owned()));
    assert_eq!(user(r#"{"sub":""}"#), Ok(String::new()));
    assert_eq!(user("{}"), Ok(String::new()));
    for wrong in [r#"{"sub":42}"#, r#"{"sub":null}"#, r#"{"sub":["42"]}"#] {
        assert_eq!(why(user(wrong)), "its claims are not what they must be", "{wrong}");
    }
}

#[test]
fn claims_are_one_object_in_which_each_stands_once() {
    let must = "its claims are not what they must be";
    for wrong in [
        "[]",
        r#"["42"]"#,
        "1",
        "null",
        r#"{"sub":"1","sub":"1"}"#,
        r#"{"exp":1900000000,"exp":2900000000}"#,
        r#"{"subs":{"a":{},"a":{}}}"#,
        r#"{"subs":{"a":[]}}"#,
        r#"{"subs":{"a":{"info":1,"info":2}}}"#,
        r#"{"subs":[]}"#,
        r#"{"channels":"news"}"#,
        r#"{"channels":[1]}"#,
        r#"{"override":1,"override":2}"#,
        r#"{"jti":1}"#,
        r#"{"client":1}"#,
    ] {
        assert_eq!(why(connection(wrong)), must, "{wrong}");
    }
    let json = "its claims are not JSON, or nested too deep";
    for wrong in ["", "{", "{}{}", "{'sub':1}", r#"{"sub":"1",}"#, "\u{feff}{}"] {
        assert_eq!(why(connection(wrong)), json, "{wrong}");
    }
    assert!(connection(r#"{"unknown":[],"unknown":{"sub":"7"}}"#).is_ok());
}

#[test]
fn depth_is_bounded_everywhere() {
    let deep = |depth: usize| {
        let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        connection(&format!(r#"{{"unknown":{nested}}}"#))
    };
    assert!(deep(63).is_ok());
    let refused = "its claims are not JSON, or nested too deep";
    assert_eq!(why(deep(64)), refused);
    assert_eq!(why(deep(2_900)), refused);
    let base64 = base64::engine::general_purpose::STANDARD.encode("[".repeat(2_000));
    let refused = connection(&format!(r#"{{"b64info":"{base64}"}}"#));
    assert_eq!(why(refused), "what it has in base64 is not JSON");
    // A header is read before the signature is checked.
    let header = format!(r#"{{"alg":"HS256","x":{}{}}}"#, "[".repeat(2_900), "]".repeat(2_900));
    assert!(tokens(&with_secret()).connection(&signed(&header, "{}"), NOW).is_ok());
}

#[test]
fn a_token_ends_on_the_second() {
    let exp = |exp: &str| connection(&format!(r#"{{"exp":{exp}}}"#)).map(|read| read.expires_at);
    assert_eq!(exp("1800000001"), Ok(Some(NOW + 1)));
    assert_eq!(exp("1800000001.9"), Ok(Some(NOW + 1)));
    assert_eq!(exp("1.800000001e9"), Ok(Some(NOW + 1)));
    assert_eq!(exp("18446744073709551615"), Ok(Some(u64::MAX)));
    for over in ["1800000000", "1799999999", "0", "1800000000.9"] {
        assert_eq!(exp(over), Err(TokenError::Expired), "{over}");
    }
    for wrong in ["-1", "\"1900000000\"", "null", "1e300", "true", "[1900000000]"] {
        assert_eq!(why(exp(wrong)), "its claims are not what they must be", "{wrong}");
    }
    assert_eq!(connection("{}").unwrap().expires_at, None);
}

#[test]
fn a_token_begins_on_the_second() {
    let nbf = |nbf: u64| connection(&format!(r#"{{"nbf":{nbf}}}"#));
    assert!(nbf(NOW).is_ok());
    assert_eq!(why(nbf(NOW + 1)), "it is not good yet");
    // When it was made is not compared with our clock.
    assert_eq!(connection(r#"{"iat":1900000000}"#).unwrap().issued_at, Some(1_900_000_000));
}

#[test]
fn clocks_may_differ_by_the_leeway() {
    let settings =
        TokenSettings { leeway: std::time::Duration::from_millis(9_001), ..with_secret() };
    let known = tokens(&settings);
    let check = |claims: &str, is_good: bool| {
        let read = known.connection(&signed(r#"{"alg":"HS256"}"#, claims), NOW);
        assert_eq!(read.is_ok(), is_good, "{claims}: {read:?}");
    };
    check(r#"{"exp":1799999991}"#, true);
    check(r#"{"exp":1799999990}"#, false);
    check(r#"{"nbf":1800000010}"#, true);
    check(r#"{"nbf":1800000011}"#, false);
}

#[test]
fn what_a_token_is_for_may_end_before_it_or_after_it_or_never() {
    let check = |claims: &str, expected: Option<u64>| {
        let with = |channel: &str| format!("{{{claims}{channel}}}");
        assert_eq!(connection(&with("")).unwrap().expires_at, expected, "{claims}");
        let read = subscription(&with(r#","channel":"news""#)).unwrap();
        assert_eq!(read.expires_at, expected, "{claims}");
    };
    check(r#""exp":1900000000"#, Some(1_900_000_000));
    check(r#""exp":1900000000,"expire_at":1800000001"#, Some(1_800_000_001));
    check(r#""exp":1900000000,"expire_at":2800000000"#, Some(2_800_000_000));
    check(r#""exp":1900000000,"expire_at":0"#, None);
    check(r#""expire_at":1700000000"#, Some(1_700_000_000));
    let late = r#"{"exp":1700000000,"expire_at":2800000000}"#;
    assert_eq!(connection(late), Err(TokenError::Expired));
}

#[test]
fn audience_and_issuer_are_compared_when_they_are_set() {
    let settings = TokenSettings {
        audience: Some("chat".to_owned()),
        issuer: Some("https://id.example".to_owned()),
        ..with_secret()
    };
    let known = tokens(&settings);
    let check = |claims: &str, expected: Option<&str>| {
        let read = known.connection(&signed(r#"{"alg":"HS256"}"#, claims), NOW);
        match expected {
            Some(expected) => assert_eq!(why(read), expected, "{claims}"),
            None => assert!(read.is_ok(), "{claims}: {read:?}"),
        }
    };
    check(r#"{"aud":"chat","iss":"https://id.example"}"#, None);
    check(r#"{"aud":["mail","chat"],"iss":"https://id.example"}"#, None);
    let audience = Some("it is for another audience");
    for aud in [r#""chats""#, r#"["mail"]"#, "[]", r#""""#, r#""Chat""#] {
        check(&format!(r#"{{"aud":{aud},"iss":"https://id.example"}}"#), audience);
    }
    check(r#"{"iss":"https://id.example"}"#, audience);
    let issuer = Some("it is of another issuer");
    check(r#"{"aud":"chat","iss":"https://id.example/"}"#, issuer);
    check(r#"{"aud":"chat"}"#, issuer);
    let must = Some("its claims are not what they must be");
    check(r#"{"aud":"chat","iss":["https://id.example"]}"#, must);
    check(r#"{"aud":[1,"chat"],"iss":"https://id.example"}"#, must);
    assert!(connection(r#"{"aud":"x","iss":"y"}"#).is_ok());
}

#[test]
fn information_is_one_line_of_json() {
    let read = |claims: &str| connection(claims).map(|read| String::from_utf8(read.info).unwrap());
    assert_eq!(read("{}"), Ok(String::new()));
    assert_eq!(read(r#"{"info":null}"#), Ok(String::new()));
    assert_eq!(
        read(r#"{"info":{"name": "Ann", "n":1.50}}"#),
        Ok(r#"{"name": "Ann", "n":1.50}"#.to_owned())
    );
    assert_eq!(
        read("{\"info\":{\r\n \"a\":\n[1,\r2],\"b\":\"\\n\"}}"),
        Ok(r#"{ "a":[1,2],"b":"\n"}"#.to_owned())
    );
    assert_eq!(read(r#"{"b64info":"eyJhIjoKMX0="}"#), Ok(r#"{"a":1}"#.to_owned()));
    assert_eq!(read(r#"{"info":1,"b64info":"Mg=="}"#), Ok("2".to_owned()));
    assert_eq!(read(r#"{"info":1,"b64info":""}"#), Ok("1".to_owned()));
    for wrong in ["e30", "////", "?", "Mg==Mg==", "MSAy"] {
        let refused = read(&format!(r#"{{"b64info":"{wrong}"}}"#));
        assert_eq!(why(refused), "what it has in base64 is not JSON", "{wrong}");
    }
    let meta = connection(r#"{"meta":{"plan":"pro"}}"#).unwrap().meta;
    assert_eq!(meta, br#"{"plan":"pro"}"#);
}

#[test]
fn a_connection_has_channels_from_the_start() {
    let read = connection(r#"{"channels":["news","a:b"]}"#).unwrap();
    assert_eq!((read.channels, read.subs), (vec!["news".to_owned(), "a:b".to_owned()], vec![]));
    let read = connection(
        r#"{"subs":{
            "z":{"info":{"role":"admin"},"data":[1],"override":{"presence":{"value":true},"join_leave":{"value":false},
                "force_push_join_leave":{},"force_recovery":{"value":true},"force_positioning":{"value":false}}},
            "a\u003a1":{"b64info":"Mg==","b64data":"Mw==","info":7,"unknown":1}}}"#,
    );
    let overrides = Overrides {
        presence: Some(true),
        join_leave: Some(false),
        force_push_join_leave: Some(false),
        force_recovery: Some(true),
        force_positioning: Some(false),
    };
    let first =
        TokenSub { info: br#"{"role":"admin"}"#.to_vec(), data: b"[1]".to_vec(), overrides };
    let second = TokenSub { info: b"2".to_vec(), data: b"3".to_vec(), ..TokenSub::default() };
    assert_eq!(read.unwrap().subs, [("z".to_owned(), first), ("a:1".to_owned(), second)]);
    for wrong in ["true", "[true]", "1", "null", r#"{"value":1}"#] {
        let claims = format!(r#"{{"subs":{{"a":{{"override":{{"presence":{wrong}}}}}}}}}"#);
        match connection(&claims) {
            Ok(read) => assert_eq!((wrong, read.subs[0].1.overrides.presence), ("null", None)),
            refused => assert_eq!(why(refused), "its claims are not what they must be", "{wrong}"),
        }
    }
}

#[test]
fn a_subscription_is_to_one_channel() {
    let read = subscription(
        r#"{"sub":"42","channel":"$room","client":"c1","iat":5,"jti":"x","info":{"a":1},"data":2,
            "override":{"force_recovery":{"value":true}}}"#,
    );
    let expected = SubscriptionToken {
        user: "42".to_owned(),
        channel: "$room".to_owned(),
        client: Some("c1".to_owned()),
        expires_at: None,
        issued_at: Some(5),
        id: Some("x".to_owned()),
        info: br#"{"a":1}"#.to_vec(),
        data: b"2".to_vec(),
        overrides: Overrides { force_recovery: Some(true), ..Overrides::default() },
    };
    assert_eq!(read, Ok(expected));
    assert_eq!(subscription(r#"{"channel":"a","client":""}"#).unwrap().client, None);
    for wrong in [r#"{"sub":"42"}"#, r#"{"channel":""}"#, r#"{"channel":null}"#] {
        assert_eq!(why(subscription(wrong)), "it names no channel", "{wrong}");
    }
    // Who may subscribe to one channel may not therefore connect as its user.
    let refused = connection(r#"{"sub":"42","channel":"news"}"#);
    assert_eq!(why(refused), "it is for a subscription, not for a connection");
}

#[test]
fn capabilities_say_what_may_be_done_where() {
    let read = connection(
        r#"{"caps":[{"channels":["news","user_*"],"match":"wildcard","allow":["sub","hst"]},
            {"channels":["user_*"],"allow":["pub"]},{"channels":["*"],"match":"wildcard","allow":["prs","prs"]}]}"#,
    );
    let caps = read.unwrap().capabilities;
    assert_eq!(caps[1].channels, [Pattern::Exact("user_*".to_owned())]);
    let may = |channel: &str| {
        let allow = Capability::find(&caps, channel).unwrap();
        [allow.subscribe(), allow.publish(), allow.presence(), allow.history()]
    };
    assert_eq!(may("news"), [true, false, false, true]);
    assert_eq!(may("user_42"), [true, false, false, true]);
    // The first that has it decides, not all together.
    assert_eq!(may("user_*"), [true, false, false, true]);
    assert_eq!(may("other"), [false, false, true, false]);
    assert_eq!(Capability::find(&caps[1..2], "user_42"), None);
    assert_eq!(connection(r#"{"caps":[]}"#).unwrap().capabilities, []);
    let check = |caps: &str, expected: &str| {
        assert_eq!(why(connection(&format!(r#"{{"caps":[{caps}]}}"#))), expected, "{caps}");
    };
    let must = "its `caps` are not what they must be";
    check(r#"["news"]"#, must);
    check(r#"{"allow":["sub"]}"#, must);
    check(r#"{"channels":["a"]}"#, must);
    check(r#"{"channels":["a"],"allow":["sub"],"allow":["pub"]}"#, must);
    check(r#"{"channels":["a"],"allow":["all"]}"#, "its `caps` allow what is not known");
    check(
        r#"{"channels":["a"],"match":"regex","allow":[]}"#,
        "its `caps` match by what is not known",
    );
}

#[test]
fn a_star_is_any_run_of_characters() {
    let check = |pattern: &str, channel: &str, expected: bool| {
        let pattern = Pattern::Wildcard(pattern.to_owned());
        assert_eq!(pattern.matches(channel), expected, "{pattern:?} {channel}");
    };
    for (pattern, channel) in [
        ("*", ""),
        ("*", "a:b#c"),
        ("**", "a"),
        ("a*", "a"),
        ("a*", "abc"),
        ("*c", "abc"),
        ("a*c", "ac"),
        ("a*b*c", "a_b_b_c"),
        ("*b*", "abc"),
        ("a*aa", "aaa"),
        ("", ""),
        ("é*", "éa"),
        ("a*b*b", "abb"),
    ] {
        check(pattern, channel, true);
    }
    for (pattern, channel) in [
        ("a*", "ba"),
        ("*c", "cb"),
        ("a*a", "a"),
        ("ab*ba", "aba"),
        ("a*b*c", "acb"),
        ("a*b*b", "ab"),
        ("", "a"),
        ("a", "A"),
        ("a?", "ab"),
        ("*x*", "abc"),
    ] {
        check(pattern, channel, false);
    }
}

#[test]
fn a_token_that_we_made_is_taken_by_the_server_it_is_for() {
    let settings = TokenSettings {
        audience: Some("chat".to_owned()),
        issuer: Some("us".to_owned()),
        ..with_secret()
    };
    let new = NewToken {
        user: "42".to_owned(),
        issued_at: NOW,
        expires_at: Some(NOW + 60),
        id: Some("x".to_owned()),
        info: Some(serde_json::json!({"name": "Ann"})),
        ..NewToken::default()
    };
    let known = tokens(&settings);
    let read = known.connection(&new.signed(&settings).unwrap(), NOW).unwrap();
    assert_eq!((read.user.as_str(), read.expires_at), ("42", Some(NOW + 60)));
    assert_eq!((read.issued_at, read.info), (Some(NOW), br#"{"name":"Ann"}"#.to_vec()));
    let new = NewToken { channel: Some("news".to_owned()), ..new };
    let read = known.subscription(&new.signed(&settings).unwrap(), NOW).unwrap();
    assert_eq!((read.user.as_str(), read.channel.as_str()), ("42", "news"));
    assert!(matches!(new.signed(&TokenSettings::default()), Err(SignError::NoSecret)));
    let long = NewToken { user: "x".repeat(8_000), ..NewToken::default() };
    assert!(matches!(long.signed(&settings), Err(SignError::Long { bytes: 10_000.. })));
}
