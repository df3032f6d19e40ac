//! The part of an address behind `?`.

use std::borrow::Cow;
use std::str::FromStr;
use std::time::Duration;

use arrw::{Filter, Position, Start};
use percent_encoding::percent_decode_str;

use crate::limits::{Limits, PAGE_EVENTS_DEFAULT};
use crate::nearest::nearest;
use crate::problem::{Code, Problem};
use crate::rfc3339;

/// What a reader of events asks for.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) filter: Filter,
    /// `None` when nothing is said.
    pub(crate) after: Option<Start>,
    pub(crate) limit: usize,
    pub(crate) wait: Duration,
}

impl Query {
    /// Reads a query that may have these parameters.
    pub(crate) fn parse(
        text: Option<&str>,
        known: &[&str],
        limits: &Limits,
    ) -> Result<Self, Problem> {
        let (mut filter, mut after, mut limit, mut wait) = (None, None, None, None);
        for pair in text.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decoded(name)?, decoded(value)?);
            let slot = match name.as_str() {
                name if !known.contains(&name) => return Err(unknown(name, known)),
                "filter" => &mut filter,
                "after" => &mut after,
                "limit" => &mut limit,
                _ => &mut wait,
            };
            if slot.replace(value).is_some() {
                return Err(Problem::new(Code::Query, format!("`{name}` is given twice")));
            }
        }
        let filter = filter.as_deref().unwrap_or(">");
        let wait_max = usize::try_from(limits.page_wait.as_millis()).unwrap_or(usize::MAX);
        let events_default = PAGE_EVENTS_DEFAULT.min(limits.page_events);
        let wait_ms = number("wait_ms", wait, 0, (0, wait_max))?;
        Ok(Self {
            filter: Filter::parse(filter)
                .map_err(|error| Problem::new(Code::Filter, error.to_string()))?,
            after: after.as_deref().map(start).transpose()?,
            limit: number("limit", limit, events_default, (1, limits.page_events))?,
            wait: Duration::from_millis(wait_ms as u64),
        })
    }
}

/// Where to start: `earliest`, `latest`, a position or a time.
pub(crate) fn start(text: &str) -> Result<Start, Problem> {
    let of_time = || rfc3339::parse(text).map(Start::Since);
    match (text, Position::from_str(text)) {
        ("earliest", _) => Ok(Start::Earliest),
        ("latest", _) => Ok(Start::Latest),
        (_, Ok(position)) => Ok(Start::After(position)),
        (_, Err(error)) => of_time().ok_or_else(|| {
            Problem::new(Code::Query, error.to_string()).hint(
                "write `earliest`, `latest`, a position that an answer gave you, or a time such as \
                 2026-01-31T23:59:59Z (with `+` written as `%2B`)",
            )
        }),
    }
}

fn number(
    name: &str,
    value: Option<String>,
    default: usize,
    (min, max): (usize, usize),
) -> Result<usize, Problem> {
    let Some(value) = value else { return Ok(default) };
    match value.parse() {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        Ok(_) | Err(_) => {
            let detail = format!("`{name}` is `{value}`, and must be a number from {min} to {max}");
            Err(Problem::new(Code::Query, detail))
        }
    }
}

fn unknown(name: &str, known: &[&str]) -> Problem {
    let problem = Problem::new(Code::Query, format!("there is no parameter `{name}`"));
    match nearest(name, known) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem.hint(format!("there are `{}`", known.join("`, `"))),
    }
}

/// A name or value without its escapes: `%2E` and `+`.
fn decoded(text: &str) -> Result<String, Problem> {
    let text = text.replace('+', " ");
    let decoded = percent_decode_str(&text).decode_utf8().map(Cow::into_owned);
    decoded.map_err(|_not_utf8| {
        Problem::new(Code::Query, format!("`{text}` is not UTF-8 behind its escapes"))
    })
}

#[cfg(test)]
mod tests {
    use arrw::Timestamp;

    use super::*;

    fn parse(text: Option<&str>) -> Result<Query, Problem> {
        Query::parse(text, &["filter", "after", "limit", "wait_ms"], &Limits::default())
    }

    #[test]
    fn a_query_is_read() {
        let query = parse(None).unwrap();
        assert_eq!((query.filter.as_str(), query.after, query.limit), (">", None, 100));
        let text = "filter=a.%3E&after=00c0ffee00c0ffee:42&limit=7&wait_ms=1500";
        let query = parse(Some(text)).unwrap();
        let position = "00c0ffee00c0ffee:42".parse().unwrap();
        assert_eq!((query.filter.as_str(), query.limit), ("a.>", 7));
        assert_eq!(query.after, Some(Start::After(position)));
        assert_eq!(query.wait, Duration::from_millis(1500));
        let query = parse(Some("after=1970-01-01T01:00:02%2B01:00")).unwrap();
        assert_eq!(query.after, Some(Start::Since(Timestamp::from_micros(2_000_000))));
    }

    #[test]
    fn a_wrong_query_is_refused() {
        let check = |text: &str, code: Code, part: &str| {
            let problem = parse(Some(text)).unwrap_err();
            let json = String::from_utf8(problem.to_json()).unwrap();
            assert_eq!(problem.code(), code, "{json}");
            assert!(json.contains(part), "{json}");
        };
        check("filer=a", Code::Query, "did you mean `filter`?");
        check("x=a", Code::Query, "`wait_ms`");
        check("limit=0", Code::Query, "from 1 to 1000");
        check("limit=many", Code::Query, "`many`");
        check("limit=1&limit=2", Code::Query, "twice");
        check("after=42", Code::Query, "not a position");
        check("wait_ms=30001", Code::Query, "30000");
        check("filter=a.>.b", Code::Filter, "a.>.b");
        check("filter=%ff", Code::Query, "UTF-8");
    }
}
