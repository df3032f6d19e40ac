//! That the index finds what a scan of all filters finds, in its order, and keeps no memory.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Filters in the order of `filters`, whose places there are the subscribers, and those that match.
fn check(filters: &[&str], topic: &str, expected: &[usize]) {
    for seed in [0, 1, u64::MAX] {
        let mut index = FilterIndex::with_seed(seed);
        for (subscriber, filter) in filters.iter().enumerate() {
            assert!(index.insert(&Filter::parse(filter).unwrap(), subscriber), "{filter}");
        }
        assert_eq!(found(&index, topic), expected, "{topic} in {filters:?}");
    }
}

fn found<T: Copy + Ord>(index: &FilterIndex<T>, topic: &str) -> Vec<T> {
    let mut found = Vec::new();
    index.for_each_match(topic, |subscriber| found.push(subscriber));
    found
}

fn filter(text: &str) -> Filter {
    Filter::parse(text).unwrap()
}

/// What the tables of the index have allocated. Sets of subscribers and texts of tokens come on top.
fn allocated_bytes<T: Copy + Ord>(index: &FilterIndex<T>) -> usize {
    index.literals.allocation_size() + index.trie.allocated_bytes()
}

fn check_is_clean(index: &FilterIndex<u32>) {
    assert!(index.is_empty());
    assert_eq!((index.literals.len(), index.trie.in_use()), (0, [0; 4]));
    let kept = allocated_bytes(index);
    assert!(kept < 16 * 1024, "{kept} bytes");
}

#[test]
fn a_topic_finds_its_filters_in_a_stated_order() {
    let filters = ["*.*", "*.b", "a.*", "a.b", "*.>", "a.>", ">"];
    check(&filters, "a.b", &[3, 6, 5, 2, 4, 1, 0]);
    check(&filters, "a.c", &[6, 5, 2, 4, 0]);
    check(&filters, "c.b", &[6, 4, 1, 0]);
    check(&filters, "a", &[6]);
    check(&filters, "a.b.c", &[6, 5, 4]);
    check(&filters, "", &[]);
    check(&["*"], "a", &[0]);
    check(&["*"], "a.b", &[]);
    check(&[], "a", &[]);
}

#[test]
fn volatile_topics_find_only_filters_that_name_them() {
    let filters = [">", "*.cursor", "*", "~.>", "~.*", "~.cursor", "~"];
    check(&filters, "~.cursor", &[5, 3, 4]);
    check(&filters, "~", &[6]);
    check(&filters, "~.a.b", &[3]);
    check(&filters, "~a.cursor", &[0, 1]);
}

#[test]
fn one_filter_may_have_many_subscribers_and_one_subscriber_many_filters() {
    let mut index = FilterIndex::with_seed(1);
    for subscriber in [3, 1, 2] {
        assert!(index.insert(&filter("a.*"), subscriber));
        assert!(index.insert(&filter("a.b"), subscriber));
        assert!(!index.insert(&filter("a.*"), subscriber));
        assert!(!index.insert(&filter("a.b"), subscriber));
    }
    assert_eq!((index.len(), index.is_empty()), (6, false));
    assert_eq!(found(&index, "a.b"), [1, 2, 3, 1, 2, 3]);
    assert!(index.remove(&filter("a.b"), 2) && !index.remove(&filter("a.b"), 2));
    assert!(index.remove(&filter("a.*"), 1) && !index.remove(&filter("a.*"), 1));
    assert_eq!(found(&index, "a.b"), [1, 3, 2, 3]);
    assert_eq!(index.len(), 4);
}

#[test]
fn removing_what_is_not_there_changes_nothing() {
    let mut index = FilterIndex::with_seed(1);
    index.insert(&filter("a.*.c"), 1);
    for absent in ["a", "a.*", "a.>", "a.*.c.>", "b.*.c", "a.*.b", ">", "*"] {
        assert!(!index.remove(&filter(absent), 1), "{absent}");
    }
    assert!(!index.remove(&filter("a.*.c"), 2));
    assert_eq!((found(&index, "a.b.c"), index.len()), (vec![1], 1));
}

#[test]
fn a_filter_that_is_the_beginning_of_another_comes_and_goes_alone() {
    let mut index = FilterIndex::with_seed(1);
    let (short, long) = (filter("a.*"), filter("a.*.c"));
    index.insert(&long, 2);
    index.insert(&short, 1);
    assert!(index.remove(&long, 2));
    assert_eq!((found(&index, "a.b"), found(&index, "a.b.c")), (vec![1], vec![]));
    index.insert(&long, 2);
    assert!(index.remove(&short, 1));
    assert_eq!((found(&index, "a.b"), found(&index, "a.b.c")), (vec![], vec![2]));
    assert!(index.remove(&long, 2));
    check_is_clean(&index);
}

#[test]
fn the_longest_filters_and_topics_are_handled() {
    let stars = vec!["*"; 128].join(".");
    let names = vec!["a"; 128].join(".");
    check(&[&stars], &names, &[0]);
    check(&[&stars], &names[2..], &[]);
    check(&[&stars, ">", &names], &names, &[2, 1, 0]);
    // Not a topic, and no reason to panic.
    check(&[&stars, ">"], &".".repeat(1_000), &[1]);
}

#[test]
fn filters_that_come_and_go_leave_no_memory_behind() {
    let mut index = FilterIndex::with_seed(1);
    let mut most = 0;
    for round in 0..20 {
        let filters: Vec<Filter> = (0..1_000)
            .flat_map(|n| [format!("r{round}.{n}.x"), format!("r{round}.*.{n}"), format!("{n}.>")])
            .map(|text| filter(&text))
            .collect();
        for filter in &filters {
            assert!(index.insert(filter, round) && index.insert(filter, round + 1));
        }
        let now = allocated_bytes(&index);
        assert!(now < 200 * filters.len(), "{now} bytes");
        assert!(round == 0 || now <= most, "{now} bytes, and {most} in the first round");
        most = most.max(now);
        for filter in &filters {
            assert!(index.remove(filter, round) && index.remove(filter, round + 1));
        }
        check_is_clean(&index);
    }
}

#[test]
fn memory_shrinks_before_the_last_filter_has_gone() {
    let mut index = FilterIndex::with_seed(1);
    let filters: Vec<Filter> =
        (0..4_000).flat_map(|n| [filter(&format!("a.{n}")), filter(&format!("a.{n}.*"))]).collect();
    for filter in &filters {
        index.insert(filter, 1);
    }
    let before = allocated_bytes(&index);
    for filter in &filters[..filters.len() * 9 / 10] {
        index.remove(filter, 1);
    }
    let after = allocated_bytes(&index);
    assert!(after * 4 < before, "{before} bytes before, {after} after");
    assert_eq!(found(&index, "a.3999.b"), [1]);
}

/// A change of the index: a filter, a subscriber, and whether the pair comes or goes.
fn changes() -> impl Strategy<Value = Vec<(String, u8, bool)>> {
    let filter = r"[~ab*](\.[ab*]){0,3}(\.>)?|>";
    proptest::collection::vec((filter, 0..3_u8, proptest::bool::weighted(0.7)), 0..60)
}

proptest! {
    #[test]
    fn the_index_agrees_with_a_scan(
        changes in changes(),
        topics in proptest::collection::vec(r"|[~abc](\.[abc]){0,5}|[a.*>~]{1,6}", 1..10),
        seed in any::<u64>(),
    ) {
        let mut model = BTreeSet::new();
        let mut index = FilterIndex::with_seed(seed);
        for (text, subscriber, comes) in changes {
            let pair = (filter(&text), subscriber);
            if comes {
                prop_assert_eq!(index.insert(&pair.0, subscriber), model.insert(pair));
            } else {
                prop_assert_eq!(index.remove(&pair.0, subscriber), model.remove(&pair));
            }
            prop_assert_eq!(index.len(), model.len());
        }
        for topic in topics {
            let mut expected: Vec<u8> =
                model.iter().filter(|(filter, _)| filter.matches(&topic)).map(|pair| pair.1).collect();
            let mut found = found(&index, &topic);
            expected.sort_unstable();
            found.sort_unstable();
            prop_assert_eq!(found, expected, "{}", topic);
        }
        for (filter, subscriber) in &model {
            prop_assert!(index.remove(filter, *subscriber));
        }
        prop_assert_eq!(index.trie.in_use(), [0; 4]);
        prop_assert!(index.is_empty() && index.literals.is_empty());
    }
}
