//! What filters are, and what they match.

use proptest::prelude::*;

use super::*;

fn check(filter: &str, topic: &str, expected: bool) {
    let parsed = Filter::parse(filter).unwrap();
    assert_eq!(parsed.matches(topic), expected, "{filter} on {topic}");
    assert_eq!(model(filter, topic), expected, "the model: {filter} on {topic}");
}

fn check_refused(filter: &str, expected: &str) {
    let error = Filter::parse(filter).unwrap_err();
    assert!(error.why.contains(expected), "{error}");
    assert!(error.to_string().ends_with(error.why), "{error}");
}

/// The meaning of a filter, as plainly as it can be said.
fn model(filter: &str, topic: &str) -> bool {
    let filter: Vec<&str> = filter.split('.').collect();
    let topic: Vec<&str> = topic.split('.').collect();
    if topic == [""] || (topic[0] == "~" && filter[0] != "~") {
        return false;
    }
    for (at, token) in filter.iter().enumerate() {
        match *token {
            ">" => return at < topic.len(),
            "*" if at < topic.len() => (),
            literal if topic.get(at) == Some(&literal) => (),
            _ => return false,
        }
    }
    filter.len() == topic.len()
}

#[test]
fn a_literal_matches_its_own_topic_only() {
    check("a", "a", true);
    check("orders.eu.created", "orders.eu.created", true);
    for other in ["b", "aa", "a.b", "A", ""] {
        check("a", other, false);
    }
    check("a.b", "a", false);
    check("a.b", "a.bc", false);
    check("ab.c", "a.bc", false);
}

#[test]
fn a_star_is_exactly_one_token() {
    check("*", "a", true);
    check("*", "größe", true);
    check("*", "a.b", false);
    check("a.*", "a.b", true);
    check("a.*", "a", false);
    check("a.*", "a.b.c", false);
    check("*.b", "a.b", true);
    check("*.b", "b", false);
    check("*.b", "a.c", false);
    check("a.*.c", "a.bbb.c", true);
    check("a.*.c", "a.b.b.c", false);
    check("*.*", "a.b", true);
    check("*.*.*", "a.b", false);
}

#[test]
fn a_final_rest_is_one_token_or_more() {
    check(">", "a", true);
    check(">", "a.b.c", true);
    check("a.>", "a.b", true);
    check("a.>", "a.b.c", true);
    check("a.>", "a", false);
    check("a.>", "ab.c", false);
    check("*.>", "a.b.c", true);
    check("*.>", "a", false);
    check("a.*.>", "a.b", false);
    check("a.*.>", "a.b.c.d", true);
}

#[test]
fn volatile_topics_need_a_filter_that_names_them() {
    for filter in [">", "*", "*.>", "*.cursor", "*.*"] {
        check(filter, "~", false);
        check(filter, "~.cursor", false);
        assert!(!Filter::parse(filter).unwrap().is_volatile());
    }
    check("~", "~", true);
    check("~.>", "~.cursor.moved", true);
    check("~.*", "~.cursor", true);
    check("~.>", "~", false);
    check("~.>", "a.cursor", false);
    assert!(Filter::parse("~").unwrap().is_volatile());
    assert!(Filter::parse("~.>").unwrap().is_volatile());
}

#[test]
fn a_tilde_elsewhere_is_an_ordinary_character() {
    for filter in ["*.>", ">", "~a.>", "~a.b"] {
        check(filter, "~a.b", true);
        assert!(!Filter::parse(filter).unwrap().is_volatile());
    }
    check("a.*", "a.~", true);
    check("~.>", "~a.b", false);
}

#[test]
fn the_empty_topic_of_control_records_matches_nothing() {
    for filter in [">", "*", "*.>", "a", "~", "~.>"] {
        check(filter, "", false);
    }
}

#[test]
fn what_is_not_a_filter_is_refused_with_advice() {
    check_refused("", "write `>`");
    check_refused(&"x".repeat(256), "at most 255 bytes");
    check_refused("a.>.b", "must be last");
    check_refused(">.>", "must be last");
    for filter in [".", "a.", ".a", "a..b", "*..>"] {
        check_refused(filter, "may be empty");
    }
    for filter in ["a*", "**", "a.b>", ">>", "a.*b.c", "*>"] {
        check_refused(filter, "whole tokens");
    }
    for filter in ["a b", "a.\t", "a\u{7f}", "*.a\u{a0}b"] {
        check_refused(filter, "spaces");
    }
}

#[test]
fn a_huge_text_is_not_repeated_in_full() {
    let error = Filter::parse(&"x".repeat(1_000_000)).unwrap_err();
    assert_eq!(error.filter.len(), FILTER_BYTES_MAX);
}

#[test]
fn the_longest_filter_has_tokens_max_tokens() {
    let text = vec!["*"; crate::limits::TOKENS_MAX].join(".");
    assert_eq!(text.len(), FILTER_BYTES_MAX);
    let filter = Filter::parse(&text).unwrap();
    assert!(filter.matches(&text.replace('*', "a")));
    assert_eq!(filter.tokens().count(), crate::limits::TOKENS_MAX);
}

#[test]
fn a_filter_is_shown_as_it_was_written() {
    for text in ["a", "a.*.>", ">", "größe.ü"] {
        let filter: Filter = text.parse().unwrap();
        assert_eq!((filter.as_str(), filter.to_string().as_str()), (text, text));
        assert_eq!(filter.is_literal(), !text.contains(['*', '>']));
    }
}

proptest! {
    #[test]
    fn matching_agrees_with_the_model(
        filter in r"[~ab*](\.[~ab*]){0,4}(\.>)?|>",
        topic in r"|[~ab](\.[~ab]{1,2}){0,5}",
    ) {
        let parsed = Filter::parse(&filter).unwrap();
        prop_assert_eq!(parsed.matches(&topic), model(&filter, &topic));
    }

    #[test]
    fn any_text_is_parsed_or_refused_and_matched_without_a_panic(
        filter in r"[a~*>. é]{0,9}",
        topic in any::<String>(),
    ) {
        let topic_like = filter.replace(['*', '>'], "x");
        match Filter::parse(&filter) {
            Err(error) => prop_assert!(!error.why.is_empty()),
            Ok(parsed) => {
                prop_assert!(arrw_log::check_topic(&topic_like).is_ok());
                prop_assert_eq!(parsed.matches(&topic), model(&filter, &topic));
            }
        }
    }

    /// Against all topics of up to five tokens, with one that no filter names.
    #[test]
    fn a_filter_is_within_a_pattern_that_matches_all_its_topics(
        filter in r"[~ab*](\.[ab*]){0,2}(\.>)?|>",
        pattern in r"[~ab*](\.[ab*]){0,2}(\.>)?|>",
    ) {
        let parsed = [&filter, &pattern].map(|text| Filter::parse(text).unwrap());
        let all = topics(&["~", "a", "b", "c"], 5);
        let expected =
            all.iter().all(|topic| !model(&filter, topic) || model(&pattern, topic));
        prop_assert_eq!(parsed[0].is_within(&parsed[1]), expected);
    }
}

/// All topics of up to so many tokens.
fn topics(tokens: &[&str], tokens_max: usize) -> Vec<String> {
    let mut all: Vec<String> = tokens.iter().map(|token| (*token).to_owned()).collect();
    let mut longest = all.clone();
    for _ in 1..tokens_max {
        let longer =
            longest.iter().flat_map(|topic| tokens.iter().map(move |t| format!("{topic}.{t}")));
        longest = longer.collect();
        all.extend(longest.iter().cloned());
    }
    all
}
