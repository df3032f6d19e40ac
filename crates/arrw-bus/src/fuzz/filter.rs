//! Filters: read, printed, and compared with a matcher that takes no short cut.

use arrw_log::check_topic;

use super::{Outcome, Target, seeds, text_of};
use crate::filter::Filter;
use crate::index::FilterIndex;
use crate::limits::{FILTER_BYTES_MAX, TOKENS_MAX};

pub(super) const FILTER: Target = Target {
    name: "bus-filter",
    what: "lines: filters, then a topic: they match as a plain matcher says, alone and in an index",
    run: filters,
    seeds: || {
        seeds(&[
            "orders.*.created\norders.>\norders.eu.created",
            ">\n*\n~.>\n~.room.1",
            "a.*.c\na.>\n*.b.c\n>\na.b.c",
            "a.>.b\na",
            "größe.*\ngröße.ü",
        ])
    },
    words: &["\n", ".", "..", "*", ">", ".*", ".>", "~", "~.", "*.*", "a*", "ü", " ", "\u{a0}"],
};

/// Filters of one input at most.
const FILTERS_MAX: usize = 16;

fn filters(input: &[u8]) -> Outcome {
    let (texts, topic) = text_of(input).rsplit_once('\n').unwrap_or(("", text_of(input)));
    let mut filters = Vec::new();
    let mut refused = None;
    for text in texts.split('\n').take(FILTERS_MAX) {
        match Filter::parse(text) {
            Ok(filter) => {
                assert_eq!(filter.as_str(), text);
                assert_eq!(Filter::parse(&filter.to_string()).as_ref(), Ok(&filter));
                let tokens = filter.tokens().count();
                assert!(text.len() <= FILTER_BYTES_MAX && tokens <= TOKENS_MAX, "`{text}`");
                filters.push(filter);
            }
            Err(error) => refused = Some(error),
        }
    }
    if let Some(error) = refused {
        return Outcome::refused_because(&error);
    }
    if check_topic(topic).is_err() {
        return Outcome::refused(&[filters.len()]);
    }
    let wanted = check_each(&filters, topic);
    check_index(&filters, topic);
    Outcome::accepted(&[filters.len(), wanted, topic.split('.').count()])
}

/// Compares what each filter says of a topic; answers how many want it.
fn check_each(filters: &[Filter], topic: &str) -> usize {
    for filter in filters {
        let expected = is_match(&tokens(filter.as_str()), &tokens(topic));
        assert_eq!(filter.matches(topic), expected, "`{filter}` and `{topic}`");
        let is_name = Filter::parse(topic).is_ok_and(|topic| topic.is_within(filter));
        assert_eq!(is_name, expected, "`{topic}` within `{filter}`");
        assert!(filter.is_within(filter), "`{filter}` is not within itself");
        assert!(!filter.is_literal() || filter.matches(filter.as_str()), "`{filter}`");
        for pattern in filters.iter().filter(|pattern| filter.is_within(pattern)) {
            assert!(!filter.matches(topic) || pattern.matches(topic), "`{filter}` in `{pattern}`");
        }
    }
    filters.iter().filter(|filter| filter.matches(topic)).count()
}

/// Compares an index of the filters with each of them, while they come and go.
fn check_index(filters: &[Filter], topic: &str) {
    let mut index = FilterIndex::with_seed(7);
    for (at, filter) in filters.iter().enumerate() {
        assert!(index.insert(filter, at) && !index.insert(filter, at), "`{filter}`");
    }
    for gone in 0..=filters.len() {
        let mut found = Vec::new();
        index.for_each_match(topic, |at| found.push(at));
        found.sort_unstable();
        let all = filters.iter().enumerate().skip(gone);
        let wanted = all.filter(|(_, filter)| filter.matches(topic)).map(|(at, _)| at);
        assert_eq!(found, wanted.collect::<Vec<_>>(), "`{topic}` without the first {gone}");
        if let Some(filter) = filters.get(gone) {
            assert!(index.remove(filter, gone) && !index.remove(filter, gone), "`{filter}`");
        }
    }
    assert!(index.is_empty());
}

fn tokens(text: &str) -> Vec<&str> {
    text.split('.').collect()
}

/// Whether tokens of a filter match those of a topic, token by token.
fn is_match(filter: &[&str], topic: &[&str]) -> bool {
    if (filter[0] == "~") != (topic[0] == "~") {
        return false;
    }
    filter.iter().enumerate().all(|(at, token)| match *token {
        ">" => at < topic.len(),
        "*" => at < topic.len(),
        token => topic.get(at) == Some(&token),
    }) && (filter.last() == Some(&">") || filter.len() == topic.len())
}
