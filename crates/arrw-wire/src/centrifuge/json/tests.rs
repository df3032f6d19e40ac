//! The grammar, compared with that of `serde_json`.

use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::scan::Scanner;
use super::*;
use crate::centrifuge::message::Malformed;

fn text_of(json: &str) -> Result<String, Malformed> {
    let mut scanner = Scanner::new(json, 0);
    let quoted = scanner.quoted()?;
    scanner.end()?;
    scanner.unescaped(quoted).map(std::borrow::Cow::into_owned)
}

#[test]
fn values_are_known_by_their_grammar() {
    for json in [
        "0",
        "-0",
        "10",
        "1.50",
        "-1e9",
        "1E+9",
        "2e-3",
        "null",
        "true",
        "false",
        "\"\"",
        "[]",
        "{}",
        " [ 1 , { \"a\" : [ ] } ] ",
        "\"\\ud800\"",
        "{\"a\":1,\"a\":2}",
        "\"\u{e9}\\/\\b\"",
    ] {
        assert!(is_json(json.as_bytes()), "{json}");
    }
    for json in [
        "",
        " ",
        "01",
        "1.",
        ".5",
        "-",
        "+1",
        "1e",
        "1e+",
        "nul",
        "True",
        "'a'",
        "\"",
        "\"\\",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\x\"",
        "\"\n\"",
        "[",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{",
        "{a:1}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{1:1}",
        "1 1",
        "[1]]",
        "\u{a0}1",
        "NaN",
    ] {
        assert!(!is_json(json.as_bytes()), "{json}");
    }
    assert!(!is_json(b"\"\xff\""));
}

#[test]
fn half_a_surrogate_pair_is_no_text() {
    assert_eq!(text_of(r#""\ud83d\ude00\u00e9""#).as_deref(), Ok("\u{1F600}\u{e9}"));
    for json in [r#""\ud83d""#, r#""\ud83dx""#, r#""\ude00""#, r#""\ud83d\ud83d""#, r#""\ud83d\n""#]
    {
        assert!(text_of(json).is_err(), "{json}");
    }
}

/// Pieces of JSON in any order.
fn nearly_json() -> impl Strategy<Value = String> {
    let pieces = [
        "{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\"a\":", "1", "-", "0", ".", "e", "+",
        "null", "true", "false", "\\", "\\u", "00e9", "d83d", "\\ude00", " ", "\t", "\n", "\u{e9}",
        "\u{1}",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..12).prop_map(|it| it.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn what_is_json_is_as_elsewhere(json in nearly_json()) {
        let elsewhere = serde_json::from_str::<IgnoredAny>(&json).is_ok();
        prop_assert_eq!(is_json(json.as_bytes()), elsewhere);
    }

    #[test]
    fn texts_are_as_elsewhere(json in nearly_json()) {
        let elsewhere = serde_json::from_str::<String>(&json).ok();
        prop_assert_eq!(text_of(json.trim_ascii_start()).ok(), elsewhere);
    }

    #[test]
    fn any_text_leads_back(text: String) {
        let mut frame = Vec::new();
        Writer::object(&mut frame, |to| {
            crate::centrifuge::message::Write::text(to, (1, "a"), &text);
            crate::centrifuge::message::Write::flag(to, (2, "b"), &true);
        });
        let read: serde_json::Value = serde_json::from_slice(&frame).unwrap();
        prop_assert_eq!(read["a"].as_str().unwrap_or_default(), &text);
    }
}
