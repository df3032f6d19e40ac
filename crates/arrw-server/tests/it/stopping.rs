//! A server that stops lets go in order.

use std::io::{Read, Write};

use arrw::Start;

use crate::asking::{Answer, PATIENCE, Running};

#[test]
fn streams_end_when_the_server_stops() {
    let mut server = Running::new();
    let mut stream = server.send(b"GET /v1/events/stream HTTP/1.1\r\nhost: localhost\r\n\r\n");
    Answer::read_head(&mut stream).fine();
    server.stop();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("\r\n0\r\n\r\n"), "{rest:?}");
    server.ended();
    assert!(std::net::TcpStream::connect(server.address).is_err());
}

#[test]
fn a_request_that_is_under_way_is_answered() {
    let mut server = Running::new();
    let mut events = server.db.bus().subscribe("n", Start::Latest).unwrap();
    let head = "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/jsonl\r\n\
                transfer-encoding: chunked\r\n\r\n";
    let chunk = "17\r\n{\"topic\":\"n\",\"data\":1}\n\r\n";
    let mut stream = server.send(format!("{head}{chunk}").as_bytes());
    events.next_within(Some(PATIENCE)).unwrap().unwrap();
    server.stop();
    // The stop is known when nobody is let in any more.
    while std::net::TcpStream::connect(server.address).is_ok() {}
    stream.get_mut().write_all(format!("{chunk}0\r\n\r\n").as_bytes()).unwrap();
    let answer = Answer::read(&mut stream).fine();
    assert_eq!(answer.json()["count"], 2);
    server.ended();
}

#[test]
fn an_idle_connection_does_not_hold_the_server() {
    let mut server = Running::new();
    let mut stream = server.send(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n");
    Answer::read(&mut stream).fine();
    server.stop();
    server.ended();
    let mut rest = Vec::new();
    assert_eq!(stream.read_to_end(&mut rest).unwrap(), 0);
}
