//! Which tags a filter lets through.

use super::*;
use crate::centrifuge::limits::{FILTER_DEPTH_MAX, FILTER_ITEMS_MAX};

fn read(json: &str) -> Result<Option<Filter>, FilterError> {
    Filter::read(Encoding::Json, json.as_bytes())
}

/// Whether a filter matches a publication with the tags a = 10 and b = "".
fn matches(json: &str) -> bool {
    let filter = read(json).unwrap().unwrap();
    filter.matches(|key| match key {
        "a" => Some("10"),
        "b" => Some(""),
        _ => None,
    })
}

/// One comparison of the tag `key`.
fn holds(key: &str, cmp: &str, val: &str) -> bool {
    matches(&format!(r#"{{"key":"{key}","cmp":"{cmp}","val":"{val}","vals":["{val}","y"]}}"#))
}

#[test]
fn a_tag_that_is_there_is_compared() {
    for (cmp, val, is_match) in [
        ("eq", "10", true),
        ("eq", "1", false),
        ("neq", "10", false),
        ("neq", "1", true),
        ("in", "10", true),
        ("in", "1", false),
        ("nin", "10", false),
        ("nin", "1", true),
        ("ex", "", true),
        ("nex", "", false),
        ("sw", "1", true),
        ("sw", "0", false),
        ("ew", "0", true),
        ("ew", "1", false),
        ("ct", "10", true),
        ("ct", "2", false),
        ("lt", "9", false),
        ("lt", "10", false),
        ("lt", "11", true),
        ("lte", "10.0", true),
        ("lte", "9.9", false),
        ("gt", "9", true),
        ("gt", "10", false),
        ("gte", "10", true),
        ("gte", "10.1", false),
        ("lt", "x", false),
        ("gt", "x", false),
    ] {
        assert_eq!(holds("a", cmp, val), is_match, "{cmp} {val}");
    }
}

#[test]
fn a_tag_that_is_not_there_is_unequal_and_empty_in_sets() {
    for (cmp, val, is_match) in [
        ("eq", "10", false),
        ("neq", "10", true),
        ("in", "10", false),
        ("in", "", true),
        ("nin", "10", true),
        ("nin", "", false),
        ("ex", "", false),
        ("nex", "", true),
        ("sw", "1", false),
        ("ew", "1", false),
        ("ct", "1", false),
        ("lt", "11", false),
        ("lte", "11", false),
        ("gt", "9", false),
        ("gte", "9", false),
    ] {
        assert_eq!(holds("none", cmp, val), is_match, "{cmp} {val}");
    }
    assert!(holds("b", "ex", "") && !holds("b", "lt", "1"));
}

#[test]
fn nodes_combine() {
    let (yes, no) = (r#"{"key":"a","cmp":"ex"}"#, r#"{"key":"a","cmp":"nex"}"#);
    for (op, nodes, is_match) in [
        ("and", format!("{yes},{yes}"), true),
        ("and", format!("{yes},{no}"), false),
        ("or", format!("{no},{yes}"), true),
        ("or", format!("{no},{no}"), false),
        ("not", no.to_owned(), true),
        ("not", yes.to_owned(), false),
    ] {
        let filter = format!(r#"{{"op":"{op}","nodes":[{nodes}]}}"#);
        assert_eq!(matches(&filter), is_match, "{filter}");
        let negated = format!(r#"{{"op":"not","nodes":[{filter}]}}"#);
        assert_eq!(matches(&negated), !is_match, "{negated}");
    }
}

#[test]
fn a_filter_that_makes_no_sense_is_refused() {
    for (json, error) in [
        ("{}", FilterError::Cmp),
        (r#"{"key":"a","cmp":"is","val":"b"}"#, FilterError::Cmp),
        (r#"{"key":"a","cmp":"eq"}"#, FilterError::Incomplete),
        (r#"{"cmp":"eq","val":"b"}"#, FilterError::Incomplete),
        (r#"{"key":"a","cmp":"in","val":"b"}"#, FilterError::Incomplete),
        (r#"{"op":"xor","nodes":[{"key":"a","cmp":"ex"}]}"#, FilterError::Op),
        (r#"{"op":"and"}"#, FilterError::Nodes),
        (r#"{"op":"or","nodes":[]}"#, FilterError::Nodes),
        (r#"{"op":"not"}"#, FilterError::Nodes),
        (r#"{"op":"not","nodes":[{"cmp":"ex"},{"cmp":"ex"}]}"#, FilterError::Nodes),
        (r#"{"op":"and","nodes":[{}]}"#, FilterError::Cmp),
    ] {
        assert_eq!(read(json), Err(error), "{json}");
    }
    assert!(matches!(read("[]"), Err(FilterError::Malformed(_))));
}

#[test]
fn no_filter_is_none() {
    assert_eq!(read(""), Ok(None));
    assert_eq!(read("null"), Ok(None));
    assert_eq!(Filter::read(Encoding::Protobuf, b""), Ok(None));
}

#[test]
fn a_filter_is_bounded() {
    let nots = |levels: usize| {
        let mut filter = r#"{"cmp":"ex"}"#.to_owned();
        (1..levels).for_each(|_| filter = format!(r#"{{"op":"not","nodes":[{filter}]}}"#));
        filter
    };
    assert!(read(&nots(FILTER_DEPTH_MAX)).is_ok());
    assert_eq!(read(&nots(FILTER_DEPTH_MAX + 1)), Err(FilterError::Depth));
    let values =
        |count| format!(r#"{{"key":"a","cmp":"in","vals":[{}"x"]}}"#, "\"x\",".repeat(count));
    assert!(read(&values(FILTER_ITEMS_MAX - 1)).is_ok());
    let error = FilterError::Malformed(Malformed::Items);
    assert_eq!(read(&values(FILTER_ITEMS_MAX)), Err(error));
}
