//! The file of API keys, and texts that may be one of them.

use arrw::Timestamp;

use super::{Input, Outcome, Target, text_of};
use crate::hash::sha256;
use crate::keys::Keys;
use crate::limits::KEY_PATTERNS_MAX;

pub(super) const KEYS: Target = Target {
    name: "server-keys",
    what: "a file of keys and the text of a key: written again it is the same, and no other text is the key",
    run: keys,
    seeds: keys_seeds,
    words: &[
        "\"keys\":{",
        "\"name\":\"n\"",
        "\"scopes\":[\"read\"]",
        "\"topics\":[\"a.>\"]",
        "\"expires\":",
        "\"hashes\":[",
        "\"until\":\"2026-01-31T23:59:59Z\"",
        "\"created\":",
        "null",
        "arrw_id_secret",
        "arrw_",
        "_",
    ],
};

fn keys(input: &[u8]) -> Outcome {
    let mut input = Input::new(input);
    let (text, json) = (input.text(), input.rest());
    let (keys, written) = match Keys::of(json) {
        Ok(read) => read,
        Err(why) => return Outcome::refused_because(&why),
    };
    let (again, written_again) = Keys::of(written.as_bytes()).expect("it was just written");
    assert_eq!(written_again, written);
    let now = Timestamp::from_micros(1_700_000_000_000_000);
    let grant = keys.grant(text, now);
    assert_eq!(again.grant(text, now), grant);
    if let Some(grant) = &grant {
        let (_, secret) = text.rsplit_once('_').expect("a key has two lines in it");
        let hash = sha256(&[secret.as_bytes()]);
        assert!(text_of(json).contains(&hash), "`{text}` is taken, and its hash is not there");
        assert!(keys.is_still_good(grant, now), "{grant:?}");
        let other = format!("{text}x");
        assert_eq!(keys.grant(&other, now), None, "`{other}` is taken, too");
    }
    let topics = written.matches("\"a.>\"").count();
    assert!(topics <= KEY_PATTERNS_MAX * json.len());
    Outcome::accepted(&[usize::from(keys.are_needed()), usize::from(grant.is_some()), topics])
}

fn keys_seeds() -> Vec<Vec<u8>> {
    let hash = sha256(&[b"secret"]);
    let key = format!(
        "{{\"keys\":{{\"id\":{{\"name\":\"n\",\"scopes\":[\"read\",\"publish\"],\"topics\":[\"a.>\"],\
         \"created\":\"2026-01-31T23:59:59Z\",\"expires\":\"2226-01-31T23:59:59Z\",\
         \"hashes\":[{{\"sha256\":\"{hash}\"}},{{\"sha256\":\"{hash}\",\"until\":\"2026-01-31T23:59:59Z\"}}]}}}}}}"
    );
    let text = "arrw_id_secret";
    let len = [u8::try_from(text.len()).expect("it is short")];
    vec![[&len[..], text.as_bytes(), key.as_bytes()].concat(), b"\0{\"keys\":{}}".to_vec()]
}
