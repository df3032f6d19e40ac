//! `arrwdb connections`: who follows channels.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use crate::server::Served;

#[test]
fn connections_are_listed_shown_and_ended() {
    let server = Served::new();
    let address = server.url().replace("http://", "");
    let mut stream = TcpStream::connect(address).unwrap();
    let subs = "%7B%22subs%22%3A%7B%22news%22%3A%7B%7D%7D%7D";
    let request = format!(
        "GET /connection/uni_sse?cf_connect={subs} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while !line.starts_with("data: ") {
        line.clear();
        assert!(0 < stream.read_line(&mut line).unwrap(), "the stream ended");
    }
    let said: serde_json::Value = serde_json::from_str(&line["data: ".len()..]).unwrap();
    let client = said["connect"]["client"].as_str().unwrap();
    let listed = server.ask(&["connections", "list", "--json"]).ended_with(0).json();
    assert_eq!((&listed[0]["client"], &listed[0]["subscriptions"]), (&client.into(), &1.into()));
    let table = server.ask(&["connections", "list"]).ended_with(0).out;
    assert!(table.contains(client) && table.contains("sse"), "{table}");
    assert_eq!(
        server.ask(&["connections", "list", "--user", "42", "--json"]).ended_with(0).out,
        ""
    );
    let shown = server.ask(&["connections", "show", client]).ended_with(0).out;
    assert!(shown.contains("news") && shown.contains("in_step"), "{shown}");
    server.ask(&["connections", "kick", client]).ended_with(0);
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("\"disconnect\":{\"code\":3503"), "{rest}");
    server.ask(&["connections", "show", client]).ended_with(1);
}
