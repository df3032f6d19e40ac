//! The part of an address behind `?`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use arrw::{Filter, Order, Position, Start};
use percent_encoding::percent_decode_str;

use crate::counters::Limit;
use crate::limits::{Limits, PAGE_EVENTS_DEFAULT};
use crate::nearest::nearest;
use crate::problem::{Code, Problem};
use crate::rfc3339;

/// What a reader asks for; what a route does not know stays at its default.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) filter: Filter,
    /// `None` when nothing is said.
    pub(crate) after: Option<Start>,
    pub(crate) after_topic: Option<String>,
    pub(crate) since_offset: Option<u64>,
    pub(crate) generation: Option<u64>,
    pub(crate) order: Order,
    /// Whether to go on behind a wrong line.
    pub(crate) goes_on: bool,
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
        let mut given = Given::parse(text, known)?;
        let limit = given.limit(limits)?;
        let mut take = |name: &str| given.take(name);
        let filter = take("filter").unwrap_or_else(|| ">".to_owned());
        let wait_max = u64::try_from(limits.page_wait.as_millis()).unwrap_or(u64::MAX);
        let wait_ms = settable("wait_ms", take("wait_ms"), (0, wait_max), Limit::PageWaitMs)?;
        Ok(Self {
            filter: Filter::parse(&filter)
                .map_err(|error| Problem::new(Code::Filter, error.to_string()))?,
            after: take("after").as_deref().map(start).transpose()?,
            after_topic: take("after_topic"),
            since_offset: number("since_offset", take("since_offset"), (0, u64::MAX))?,
            generation: number("generation", take("generation"), (1, u64::MAX))?,
            order: order(take("order").as_deref())?,
            goes_on: goes_on(take("on_error").as_deref())?,
            limit,
            wait: Duration::from_millis(wait_ms.unwrap_or(0)),
        })
    }
}

/// Parameters by name, of which each is given once at most.
#[derive(Debug)]
pub(crate) struct Given(BTreeMap<String, String>);

impl Given {
    /// Reads a query that may have these parameters.
    pub(crate) fn parse(text: Option<&str>, known: &[&str]) -> Result<Self, Problem> {
        let mut given: BTreeMap<String, String> = BTreeMap::new();
        for pair in text.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decoded(name)?, decoded(value)?);
            if !known.contains(&name.as_str()) {
                return Err(unknown(&name, known));
            }
            if given.contains_key(&name) {
                return Err(Problem::new(Code::Query, format!("`{name}` is given twice")));
            }
            given.insert(name, value);
        }
        Ok(Self(given))
    }

    /// The value of a parameter, if it is given.
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    /// How much a page may have.
    pub(crate) fn limit(&mut self, limits: &Limits) -> Result<usize, Problem> {
        let max = limits.page_events as u64;
        let limit = settable("limit", self.take("limit"), (1, max), Limit::PageEvents)?;
        let limit = limit.and_then(|limit| usize::try_from(limit).ok());
        Ok(limit.unwrap_or_else(|| PAGE_EVENTS_DEFAULT.min(limits.page_events)))
    }
}

fn goes_on(text: Option<&str>) -> Result<bool, Problem> {
    match text {
        None | Some("stop") => Ok(false),
        Some("continue") => Ok(true),
        Some(other) => Err(Problem::new(Code::Query, format!("`on_error` is `{other}`"))
            .hint("write `stop` or `continue`")),
    }
}

fn order(text: Option<&str>) -> Result<Order, Problem> {
    match text {
        None | Some("oldest") => Ok(Order::OldestFirst),
        Some("newest") => Ok(Order::NewestFirst),
        Some(other) => Err(Problem::new(Code::Query, format!("`order` is `{other}`"))
            .hint("write `oldest` or `newest`, which come first")),
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
    (min, max): (u64, u64),
) -> Result<Option<u64>, Problem> {
    let Some(value) = value else { return Ok(None) };
    match value.parse() {
        Ok(number) if (min..=max).contains(&number) => Ok(Some(number)),
        Ok(_) | Err(_) => {
            let detail = format!("`{name}` is `{value}`, and must be a number from {min} to {max}");
            Err(Problem::new(Code::Query, detail))
        }
    }
}

/// A number whose largest value is a limit that can be set.
fn settable(
    name: &str,
    value: Option<String>,
    (min, max): (u64, u64),
    limit: Limit,
) -> Result<Option<u64>, Problem> {
    let is_beyond =
        value.as_ref().is_some_and(|value| value.parse().is_ok_and(|number: u64| max < number));
    let number = number(name, value, (min, max));
    number.map_err(|problem| if is_beyond { problem.at_limit(limit) } else { problem })
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
