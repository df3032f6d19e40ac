//! Bodies and answers in gzip and zstd.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use crate::asking::Running;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_body_may_be_gzip() {
    let server = Running::new();
    let lines = "{\"topic\":\"a\",\"data\":1}\n".repeat(5_000);
    let post = |kind: &str, body: &[u8], encoding: &str| {
        let headers = [format!("content-type: {kind}"), format!("content-encoding: {encoding}")];
        server.ask("POST /v1/events", &[&headers[0], &headers[1]], body)
    };
    let ndjson = "application/x-ndjson";
    assert_eq!(post(ndjson, &gzip(lines.as_bytes()), "gzip").fine().json()["count"], 5_000);
    let json = "application/json";
    let array = format!("[{}]", ["{\"topic\":\"a\",\"data\":1}"; 3].join(","));
    assert_eq!(post(json, &gzip(array.as_bytes()), "GZIP").fine().json()["count"], 3);
    assert_eq!(post(json, array.as_bytes(), "identity").fine().json()["count"], 3);

    let cut = gzip(array.as_bytes());
    post(json, &cut[..cut.len() / 2], "gzip").refused(400, "ARW0027", "body");
    post(json, b"no gzip", "gzip").refused(400, "ARW0027", "body");
    post(json, array.as_bytes(), "br").refused(415, "ARW0007", "gzip or zstd");
    post(json, &cut, "gzip, gzip").refused(415, "ARW0007", "gzip or zstd");
    // 5 MiB in a few KiB: the bound is on what comes out.
    let bomb = gzip(format!("[\"{}\"]", "x".repeat(5 << 20)).as_bytes());
    assert!(bomb.len() < 64 * 1024);
    post(json, &bomb, "gzip").refused(413, "ARW0008", "4194304");
    assert_eq!(server.db.position().seq.get(), 5_006);
}

#[test]
fn an_answer_comes_as_the_client_takes_it() {
    let server = Running::new();
    for _ in 0..50 {
        server.publish("a", b"{\"text\":\"the same and the same again\"}");
    }
    let request = "GET /v1/events HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\naccept-encoding: gzip\r\n\r\n";
    let mut stream = server.send(request.as_bytes());
    let mut raw = Vec::new();
    stream.read_to_end(&mut raw).unwrap();
    let head_end = raw.windows(4).position(|it| it == b"\r\n\r\n").unwrap() + 4;
    let head = std::str::from_utf8(&raw[..head_end]).unwrap();
    assert!(
        head.contains("content-encoding: gzip") && head.contains("vary: accept-encoding"),
        "{head}"
    );
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    let mut body = Vec::new();
    let mut rest = &raw[head_end..];
    while let Some(end) = rest.windows(2).position(|it| it == b"\r\n") {
        let size = std::str::from_utf8(&rest[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
        if size == 0 {
            break;
        }
    }
    let mut text = String::new();
    GzDecoder::new(&body[..]).read_to_string(&mut text).unwrap();
    assert_eq!(text.matches("the same and").count(), 50);
    assert!(body.len() < text.len() / 3);
    assert!(server.get("/v1/events").fine().header("content-encoding").is_none());
}
