//! Requests for a WebSocket that are none.

use super::super::ground::Ground;
use super::super::shot::{Draft, Shot};

/// Headers of a request that is right.
const UPGRADE: &str = "upgrade: websocket\r\n";
const CONNECTION: &str = "connection: Upgrade\r\n";
const VERSION: &str = "sec-websocket-version: 13\r\n";
const KEY: &str = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

fn request(ground: &Ground, headers: &[&str]) -> Vec<u8> {
    let (address, headers) = (ground.address, headers.concat());
    format!("GET /connection/websocket HTTP/1.1\r\nhost: {address}\r\n{headers}\r\n").into_bytes()
}

fn refused(ground: &Ground, what: &'static str, headers: &[&str], answers: &'static [u16]) -> Shot {
    Shot::new(what, request(ground, headers), answers)
}

pub(super) const HANDSHAKES: &[Draft] = &[
    |ground| refused(ground, "no key", &[UPGRADE, CONNECTION, VERSION], &[400]),
    |ground| {
        let key = "sec-websocket-key: c2hvcnQ=\r\n";
        refused(ground, "a short key", &[UPGRADE, CONNECTION, VERSION, key], &[400])
    },
    |ground| refused(ground, "two keys", &[UPGRADE, CONNECTION, VERSION, KEY, KEY], &[400]),
    |ground| {
        let version = "sec-websocket-version: 8\r\n";
        refused(ground, "an old version", &[UPGRADE, CONNECTION, version, KEY], &[426])
    },
    |ground| refused(ground, "no version", &[UPGRADE, CONNECTION, KEY], &[426]),
    |ground| refused(ground, "no upgrade of the connection", &[UPGRADE, VERSION, KEY], &[400]),
    |ground| {
        let body = "content-length: 5\r\n";
        refused(ground, "a body", &[UPGRADE, CONNECTION, VERSION, KEY, body], &[400])
    },
    |ground| {
        let origin = "origin: https://evil.example\r\n";
        refused(ground, "another site", &[UPGRADE, CONNECTION, VERSION, KEY, origin], &[403])
    },
    |ground| {
        let origin = "origin: null\r\n";
        refused(ground, "a page of nowhere", &[UPGRADE, CONNECTION, VERSION, KEY, origin], &[403])
    },
    |_| {
        let all = [UPGRADE, CONNECTION, VERSION, KEY].concat();
        let request =
            format!("GET /connection/websocket HTTP/1.1\r\nhost: evil.example\r\n{all}\r\n");
        Shot::new("another host", request, &[421])
    },
    |ground| {
        let right = request(ground, &[UPGRADE, CONNECTION, VERSION, KEY]);
        let old = String::from_utf8_lossy(&right).replace("HTTP/1.1", "HTTP/1.0");
        Shot::new("an old HTTP", old, &[400, 426])
    },
    |ground| {
        let right = request(ground, &[UPGRADE, CONNECTION, VERSION, KEY]);
        let post = String::from_utf8_lossy(&right).replace("GET ", "POST ");
        Shot::new("another method", post, &[400, 404, 405])
    },
];
