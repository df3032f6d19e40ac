//! Each answer has the name of its request.

use crate::asking::{Answer, Running};

fn id(answer: &Answer) -> &str {
    answer.header("x-request-id").unwrap()
}

#[test]
fn a_name_that_a_request_brings_comes_back() {
    let server = Running::new();
    for given in ["a", "7f3c-42:x/~!", &"x".repeat(128)] {
        let header = format!("x-request-id: {given}");
        assert_eq!(id(&server.ask("GET /livez", &[&header], b"").fine()), given);
    }
    let refused = server.ask("GET /nowhere", &["x-request-id: b"], b"");
    refused.refused(404, "ARW0021", "/nowhere");
    assert_eq!(id(&refused), "b");
    let refused = server.ask("GET /livez", &["x-request-id: c", "host: evil.example"], b"");
    refused.refused(421, "ARW0023", "evil.example");
    assert_eq!(id(&refused), "c");
}

#[test]
fn a_request_without_a_fit_name_gets_one_of_its_own() {
    let server = Running::new();
    let too_long = format!("x-request-id: {}", "x".repeat(129));
    let headers =
        ["accept: */*", "x-request-id: a b", "x-request-id:", "x-request-id: \u{e9}", &too_long];
    let mut names: Vec<String> = headers
        .iter()
        .map(|header| id(&server.ask("GET /livez", &[header], b"").fine()).to_owned())
        .collect();
    let is_drawn = |name: &String| name.len() == 16 && name.bytes().all(|b| b.is_ascii_hexdigit());
    assert!(names.iter().all(is_drawn), "{names:?}");
    names.sort();
    names.dedup();
    assert_eq!(names.len(), headers.len());
}
