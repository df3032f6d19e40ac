//! Paths and methods that are not there, and requests that a browser was tricked into.

use std::io::Write;

use crate::asking::{Answer, Running};

#[test]
fn a_live_server_says_so() {
    let server = Running::new();
    assert_eq!(server.get("/livez").fine().body, "ok");
    let mut stream = server.send(b"HEAD /livez HTTP/1.1\r\nhost: localhost\r\n\r\n");
    Answer::read_head(&mut stream).fine();
}

#[test]
fn paths_and_methods_that_are_not_there_are_problems() {
    let server = Running::new();
    server.get("/v1/event").refused(404, "ARW0021", "did you mean `/v1/events`?");
    server.get("/").refused(404, "ARW0021", "/openapi.json");
    let answer = server.ask("DELETE /v1/events", &[], b"");
    answer.refused(405, "ARW0022", "DELETE");
    let allow = answer.header("allow").unwrap();
    assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");
}

#[test]
fn only_our_own_names_are_answered() {
    let server = Running::new();
    let ask = |host: &str| server.ask("GET /livez", &[&format!("host: {host}")], b"");
    for host in ["localhost", "127.0.0.1:1", "[::1]", "db.example", "DB.EXAMPLE:443"] {
        ask(host).fine();
    }
    ask("evil.example").refused(421, "ARW0023", "--host evil.example");
    ask("127.0.0.1.evil.example:7650").refused(421, "ARW0023", "127.0.0.1.evil.example");
    ask("localhost\r\nhost: localhost").refused(421, "ARW0023", "one `Host`");
    let mut stream = server.send(b"GET /livez HTTP/1.0\r\n\r\n");
    Answer::read(&mut stream).refused(421, "ARW0023", "one `Host`");
}

#[test]
fn a_page_of_another_site_may_not_write() {
    let server = Running::new();
    let post = |header: &str| {
        let headers = ["content-type: application/json", header];
        server.ask("POST /v1/events", &headers, br#"{"topic":"a","data":1}"#)
    };
    post("origin: http://evil.example").refused(403, "ARW0024", "another site");
    post("origin: null").refused(403, "ARW0024", "another site");
    post("sec-fetch-site: cross-site").refused(403, "ARW0024", "another site");
    assert_eq!(server.db.position().seq.get(), 0);
    post("origin: http://localhost:3000").fine();
    post("origin: https://db.example").fine();
    post("sec-fetch-site: same-origin").fine();
    let answer = server.ask("GET /livez", &["origin: http://localhost"], b"").fine();
    assert!(answer.header("access-control-allow-origin").is_none());
}

#[test]
fn pages_of_a_site_that_was_named_may_read_and_write() {
    let server = Running::with_options(|options| {
        options.origins = vec!["https://app.example".parse().unwrap()];
    });
    let allowed = |answer: &Answer| answer.header("access-control-allow-origin").map(str::to_owned);
    let preflight = |origin: &str| {
        let headers = [
            &format!("origin: {origin}"),
            "access-control-request-method: PUT",
            "access-control-request-headers: authorization,content-type",
        ];
        server.ask("OPTIONS /v1/consumers/c", &headers, b"")
    };
    let answer = preflight("https://app.example").fine();
    assert_eq!(allowed(&answer).as_deref(), Some("https://app.example"));
    assert_eq!(
        answer.header("access-control-allow-headers"),
        Some("authorization,content-type"),
        "{answer:?}"
    );
    assert!(answer.header("access-control-allow-methods").unwrap().contains("PUT"));
    assert_eq!(allowed(&preflight("https://evil.example")), None);

    let post = |origin: &str| {
        let headers = ["content-type: application/json", origin, "sec-fetch-site: cross-site"];
        server.ask("POST /v1/events", &headers, br#"{"topic":"a","data":1}"#)
    };
    let answer = post("origin: https://app.example").fine();
    assert_eq!(allowed(&answer).as_deref(), Some("https://app.example"));
    let answer = post("origin: https://evil.example");
    answer.refused(403, "ARW0024", "--origin");
    assert_eq!(allowed(&answer), None);
    let refused = server.ask("GET /v1/event", &["origin: https://app.example"], b"");
    refused.refused(404, "ARW0021", "/v1/events");
    assert!(allowed(&refused).is_some(), "a page sees why it was refused");
    assert!(refused.header("access-control-expose-headers").unwrap().contains("arrw-next"));
}

#[test]
fn pages_of_all_sites_may_when_that_is_wanted() {
    let server = Running::with_options(|options| options.origins = vec!["*".parse().unwrap()]);
    let headers = ["content-type: application/json", "origin: https://any.example"];
    let answer = server.ask("POST /v1/events", &headers, br#"{"topic":"a","data":1}"#).fine();
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
}

#[test]
fn a_head_that_is_none_or_too_large_is_refused() {
    let server = Running::new();
    let status = |bytes: &[u8]| Answer::read(&mut server.send(bytes)).status;
    assert_eq!(status(b"\x16\x03\x01\x02\x00\x01\r\n\r\n"), 400);
    let many = format!("GET /livez HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: y\r\n".repeat(100));
    assert_eq!(status(many.as_bytes()), 431);
    let mut stream = server.send(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n");
    // It may be refused before it is sent whole.
    let _unread = stream.get_mut().write_all("x".repeat(256 << 10).as_bytes());
    assert_eq!(Answer::read(&mut stream).status, 431);
}
