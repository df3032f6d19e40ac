//! Answers of a server, as they came: printed as lines of JSON, or read for tables.

use std::borrow::Cow;
use std::collections::BTreeMap;

use anyhow::Context;
use serde_json::value::RawValue;

/// A page of a list.
pub(super) struct Page<'a> {
    pub(super) items: Vec<&'a RawValue>,
    /// Where the next one begins; `None` at the end.
    pub(super) next: Option<String>,
}

impl<'a> Page<'a> {
    /// Reads one whose items are the member of that name.
    pub(super) fn read(json: &'a str, member: &str) -> anyhow::Result<Self> {
        let read = || {
            let members: BTreeMap<String, &RawValue> = serde_json::from_str(json)?;
            let text = |name: &str| members.get(name).map_or("null", |value| value.get());
            let items: Option<Vec<&RawValue>> = serde_json::from_str(text(member))?;
            let next = serde_json::from_str(text("next"))?;
            Ok::<_, serde_json::Error>(Self { items: items.unwrap_or_default(), next })
        };
        read().context("cannot read a page of the server's answer")
    }
}

/// JSON as one line. What clients put into it is kept as it came, so it may have more.
pub(super) fn one_line(json: &str) -> Cow<'_, str> {
    match json.contains(['\n', '\r']) {
        // In strings they are escapes.
        true => json.replace(['\n', '\r'], " ").into(),
        false => json.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_keeps_its_items_as_they_came() {
        let page = Page::read(r#"{"jobs":[{"a":  1},[[2]]],"next":"b"}"#, "jobs").unwrap();
        let items: Vec<&str> = page.items.iter().map(|item| item.get()).collect();
        assert_eq!((items, page.next.as_deref()), (vec![r#"{"a":  1}"#, "[[2]]"], Some("b")));
        let page = Page::read(r#"{"next":null}"#, "jobs").unwrap();
        assert!(page.items.is_empty() && page.next.is_none());
        assert!(Page::read("[]", "jobs").is_err());
    }

    #[test]
    fn json_of_more_lines_is_one() {
        assert_eq!(one_line("{\"a\":\r\n 1,\"b\":\"\\n\"}"), "{\"a\":   1,\"b\":\"\\n\"}");
    }
}
