//! What is refused, with its code, its status, and what to do about it: RFC 9457.
//!
//! The codes are an append-only list: a number never gets another meaning. `docs/errors.md` has a paragraph
//! for each, and a test that both agree.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::counters::{Limit, Refused};
use crate::limits::DETAIL_BYTES_MAX;

/// Whether the same request may succeed later, unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It may.
    Later,
    /// It will be refused again.
    Never,
}

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "`facts` and docs/errors.md say what each means")]
pub enum Code {
    NotJson,
    UnknownField,
    Event,
    Query,
    Filter,
    EmptyBatch,
    ContentType,
    TooLarge,
    VolatileInBatch,
    TooManyTopics,
    DiskFull,
    LogStopped,
    OutcomeUnknown,
    Closing,
    OtherEpoch,
    Trimmed,
    BeyondTail,
    NoHistory,
    TooManySubscriptions,
    ReadFailed,
    NoSuchPath,
    Method,
    Host,
    CrossSite,
    TooManyConnections,
    BodyTooSlow,
    BodyCut,
    Producer,
    IdConflict,
    PartlyPublished,
    TooManyNames,
    Internal,
    RepeatedId,
    Body,
    Consumer,
    NoSuchConsumer,
    OtherFilter,
    Fenced,
    NoSuchTopic,
    NoSuchPolicy,
    LaterRecords,
    KeyMissing,
    KeyWrong,
    ScopeMissing,
    TopicForbidden,
    TooManyRequests,
    BackupName,
    BackupExists,
    BackupFailed,
    BodiesTooLarge,
    Job,
    NoSuchJob,
    LeaseOver,
    JobState,
    JobIdConflict,
    TooManyJobs,
    NoSuchQueue,
    Schedule,
    NoSuchOrder,
    Handshake,
    UpgradeRequired,
    NoSuchConnection,
}

/// What is declared about a code.
#[derive(Debug)]
struct Facts {
    code: Code,
    name: &'static str,
    status: StatusCode,
    retry: Retry,
    title: &'static str,
}

impl Code {
    /// All of them, in the order of their numbers.
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        FACTS.iter().map(|facts| facts.code)
    }

    /// Its stable name, such as `ARW0001`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// The status that it is answered with.
    #[must_use]
    pub fn status(self) -> u16 {
        self.facts().status.as_u16()
    }

    /// The same with its words.
    pub(crate) fn status_code(self) -> StatusCode {
        self.facts().status
    }

    /// Whether trying again helps.
    #[must_use]
    pub fn retry(self) -> Retry {
        self.facts().retry
    }

    /// What it says, without the particulars.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.facts().title
    }

    fn facts(self) -> &'static Facts {
        // They are in the order of the codes; a test says so.
        &FACTS[self as usize]
    }
}

use Retry::{Later, Never};

/// What is declared about each code, in the order of their numbers.
const FACTS: &[Facts] = &[
    facts(Code::NotJson, "ARW0001", StatusCode::BAD_REQUEST, Never, "not JSON"),
    facts(Code::UnknownField, "ARW0002", StatusCode::BAD_REQUEST, Never, "unknown field"),
    facts(Code::Event, "ARW0003", StatusCode::BAD_REQUEST, Never, "not an event"),
    facts(Code::Query, "ARW0004", StatusCode::BAD_REQUEST, Never, "wrong query"),
    facts(Code::Filter, "ARW0005", StatusCode::BAD_REQUEST, Never, "not a filter"),
    facts(Code::EmptyBatch, "ARW0006", StatusCode::BAD_REQUEST, Never, "empty batch"),
    facts(
        Code::ContentType,
        "ARW0007",
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Never,
        "content type not supported",
    ),
    facts(Code::TooLarge, "ARW0008", StatusCode::PAYLOAD_TOO_LARGE, Never, "too large"),
    facts(
        Code::VolatileInBatch,
        "ARW0009",
        StatusCode::BAD_REQUEST,
        Never,
        "volatile topic in a batch",
    ),
    facts(Code::TooManyTopics, "ARW0010", StatusCode::CONFLICT, Never, "too many topics"),
    facts(Code::DiskFull, "ARW0011", StatusCode::INSUFFICIENT_STORAGE, Later, "disk full"),
    facts(
        Code::LogStopped,
        "ARW0012",
        StatusCode::SERVICE_UNAVAILABLE,
        Later,
        "the log has stopped",
    ),
    facts(
        Code::OutcomeUnknown,
        "ARW0013",
        StatusCode::SERVICE_UNAVAILABLE,
        Later,
        "outcome unknown",
    ),
    facts(
        Code::Closing,
        "ARW0014",
        StatusCode::SERVICE_UNAVAILABLE,
        Later,
        "the server is stopping",
    ),
    facts(
        Code::OtherEpoch,
        "ARW0015",
        StatusCode::GONE,
        Never,
        "position from another life of the log",
    ),
    facts(Code::Trimmed, "ARW0016", StatusCode::GONE, Never, "position trimmed"),
    facts(Code::BeyondTail, "ARW0017", StatusCode::CONFLICT, Never, "position beyond the tail"),
    facts(Code::NoHistory, "ARW0018", StatusCode::BAD_REQUEST, Never, "no history"),
    facts(
        Code::TooManySubscriptions,
        "ARW0019",
        StatusCode::SERVICE_UNAVAILABLE,
        Later,
        "too many subscriptions",
    ),
    facts(
        Code::ReadFailed,
        "ARW0020",
        StatusCode::INTERNAL_SERVER_ERROR,
        Never,
        "the log cannot be read",
    ),
    facts(Code::NoSuchPath, "ARW0021", StatusCode::NOT_FOUND, Never, "no such path"),
    facts(Code::Method, "ARW0022", StatusCode::METHOD_NOT_ALLOWED, Never, "wrong method"),
    facts(Code::Host, "ARW0023", StatusCode::MISDIRECTED_REQUEST, Never, "wrong host"),
    facts(Code::CrossSite, "ARW0024", StatusCode::FORBIDDEN, Never, "from another site"),
    facts(
        Code::TooManyConnections,
        "ARW0025",
        StatusCode::SERVICE_UNAVAILABLE,
        Later,
        "too many connections",
    ),
    facts(Code::BodyTooSlow, "ARW0026", StatusCode::REQUEST_TIMEOUT, Later, "body too slow"),
    facts(Code::BodyCut, "ARW0027", StatusCode::BAD_REQUEST, Later, "body cut off"),
    facts(Code::Producer, "ARW0028", StatusCode::BAD_REQUEST, Never, "wrong producer"),
    facts(Code::IdConflict, "ARW0029", StatusCode::CONFLICT, Never, "id of another event"),
    facts(Code::PartlyPublished, "ARW0030", StatusCode::CONFLICT, Never, "batch published in part"),
    facts(Code::TooManyNames, "ARW0031", StatusCode::CONFLICT, Never, "too many names"),
    facts(
        Code::Internal,
        "ARW0032",
        StatusCode::INTERNAL_SERVER_ERROR,
        Never,
        "fault of the server",
    ),
    facts(Code::RepeatedId, "ARW0033", StatusCode::BAD_REQUEST, Never, "id twice in a batch"),
    facts(Code::Body, "ARW0034", StatusCode::BAD_REQUEST, Never, "wrong body"),
    facts(Code::Consumer, "ARW0035", StatusCode::BAD_REQUEST, Never, "not a consumer"),
    facts(Code::NoSuchConsumer, "ARW0036", StatusCode::NOT_FOUND, Never, "no such consumer"),
    facts(Code::OtherFilter, "ARW0037", StatusCode::CONFLICT, Never, "consumer of another filter"),
    facts(Code::Fenced, "ARW0038", StatusCode::CONFLICT, Never, "consumer taken over"),
    facts(Code::NoSuchTopic, "ARW0039", StatusCode::NOT_FOUND, Never, "no such topic"),
    facts(Code::NoSuchPolicy, "ARW0040", StatusCode::NOT_FOUND, Never, "no such policy"),
    facts(Code::LaterRecords, "ARW0041", StatusCode::CONFLICT, Never, "there are later records"),
    facts(Code::KeyMissing, "ARW0042", StatusCode::UNAUTHORIZED, Never, "no key"),
    facts(Code::KeyWrong, "ARW0043", StatusCode::UNAUTHORIZED, Never, "wrong key"),
    facts(Code::ScopeMissing, "ARW0044", StatusCode::FORBIDDEN, Never, "key not good for this"),
    facts(Code::TopicForbidden, "ARW0045", StatusCode::FORBIDDEN, Never, "topic not allowed"),
    facts(
        Code::TooManyRequests,
        "ARW0046",
        StatusCode::TOO_MANY_REQUESTS,
        Later,
        "too many requests",
    ),
    facts(Code::BackupName, "ARW0047", StatusCode::BAD_REQUEST, Never, "not a backup's name"),
    facts(Code::BackupExists, "ARW0048", StatusCode::CONFLICT, Never, "backup in the way"),
    facts(Code::BackupFailed, "ARW0049", StatusCode::INSUFFICIENT_STORAGE, Later, "backup failed"),
    facts(
        Code::BodiesTooLarge,
        "ARW0050",
        StatusCode::SERVICE_UNAVAILABLE,
        Later,
        "too many bytes under way",
    ),
    facts(Code::Job, "ARW0051", StatusCode::BAD_REQUEST, Never, "not a job"),
    facts(Code::NoSuchJob, "ARW0052", StatusCode::NOT_FOUND, Never, "no such job"),
    facts(Code::LeaseOver, "ARW0053", StatusCode::CONFLICT, Never, "lease over"),
    facts(Code::JobState, "ARW0054", StatusCode::CONFLICT, Never, "not in this state"),
    facts(Code::JobIdConflict, "ARW0055", StatusCode::CONFLICT, Never, "id of another job"),
    facts(Code::TooManyJobs, "ARW0056", StatusCode::INSUFFICIENT_STORAGE, Later, "too many jobs"),
    facts(Code::NoSuchQueue, "ARW0057", StatusCode::NOT_FOUND, Never, "no such queue"),
    facts(Code::Schedule, "ARW0058", StatusCode::BAD_REQUEST, Never, "not a schedule"),
    facts(
        Code::NoSuchOrder,
        "ARW0059",
        StatusCode::NOT_FOUND,
        Never,
        "no such schedule or trigger",
    ),
    facts(
        Code::Handshake,
        "ARW0060",
        StatusCode::BAD_REQUEST,
        Never,
        "not a request for a WebSocket",
    ),
    facts(
        Code::UpgradeRequired,
        "ARW0061",
        StatusCode::UPGRADE_REQUIRED,
        Never,
        "only for WebSockets",
    ),
    facts(Code::NoSuchConnection, "ARW0062", StatusCode::NOT_FOUND, Never, "no such connection"),
];

const fn facts(
    code: Code,
    name: &'static str,
    status: StatusCode,
    retry: Retry,
    title: &'static str,
) -> Facts {
    Facts { code, name, status, retry, title }
}

/// A refusal on its way to the client.
#[derive(Debug)]
pub(crate) struct Problem {
    code: Code,
    detail: String,
    hint: Option<String>,
    line: Option<u64>,
    count: Option<u64>,
    /// The limit that was reached, if it was one.
    limit: Option<Limit>,
    /// Seconds to wait before the next try.
    retry_after: Option<u64>,
}

/// Its body.
#[derive(Serialize)]
struct Members<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    retry: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        let status = code.facts().status;
        let is_for_now = status == StatusCode::SERVICE_UNAVAILABLE && code.retry() == Later;
        Self {
            code,
            detail: cut(detail.into()),
            hint: None,
            line: None,
            count: None,
            limit: None,
            retry_after: is_for_now.then_some(1),
        }
    }

    /// Says what to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(cut(hint.into()));
        self
    }

    /// Says of which part of the request it is.
    pub(crate) fn within(mut self, part: &str) -> Self {
        self.detail = cut(format!("{part}: {}", self.detail));
        self
    }

    /// Says at which line of the body it is, and how many events before it were committed.
    pub(crate) fn at_line(mut self, line: u64, count: u64) -> Self {
        self.line = Some(line);
        self.count(count)
    }

    /// Says how many events of the request were committed.
    pub(crate) fn count(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    /// Says which limit was reached.
    pub(crate) fn at_limit(mut self, limit: Limit) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Says how long to wait before the next try.
    pub(crate) fn wait(mut self, wait: Duration) -> Self {
        let begun = u64::from(0 < wait.subsec_nanos());
        self.retry_after = Some((wait.as_secs() + begun).max(1));
        self
    }

    /// Seconds to wait before the next try.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        self.retry_after
    }

    /// What is counted of it.
    pub(crate) fn refused(&self) -> Refused {
        Refused { code: self.code, limit: self.limit }
    }

    pub(crate) fn code(&self) -> Code {
        self.code
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// Its body.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let Facts { name, status, retry, title, .. } = self.code.facts();
        let members = Members {
            r#type: format!("urn:arrwdb:error:{name}"),
            title,
            status: status.as_u16(),
            code: name,
            detail: &self.detail,
            hint: self.hint.as_deref(),
            retry: *retry == Retry::Later,
            line: self.line,
            count: self.count,
        };
        serde_json::to_vec(&members).expect("texts and numbers are always JSON")
    }
}

/// A text, or its beginning if it is too long.
pub(crate) fn cut(text: impl Into<String>) -> String {
    let mut text = text.into();
    if DETAIL_BYTES_MAX < text.len() {
        text.truncate(text.floor_char_boundary(DETAIL_BYTES_MAX));
        text.push_str("...");
        // What was cut off is given back: refusals of many lines are kept for a while.
        text.shrink_to_fit();
    }
    text
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let json = HeaderValue::from_static("application/problem+json");
        let mut response = self.to_json().into_response();
        *response.status_mut() = self.code.facts().status;
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response.extensions_mut().insert(self.refused());
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_errors_has_every_code_as_it_is_declared() {
        let document = include_str!("../../../docs/errors.md");
        let headings: Vec<&str> =
            document.lines().filter(|line| line.starts_with("## ARW")).collect();
        let declared: Vec<String> = Code::all()
            .map(|code| {
                let retry = if code.retry() == Retry::Later { ", try again later" } else { "" };
                format!("## {}: {} ({}{retry})", code.name(), code.title(), code.status())
            })
            .collect();
        assert_eq!(headings, declared, "docs/errors.md");
        for section in document.split("\n## ARW").skip(1) {
            let text = section.split_once('\n').map_or("", |(_, text)| text.trim());
            assert!(40 < text.len(), "ARW{section}: say what it means and what to do");
        }
    }

    #[test]
    fn what_a_refusal_quotes_is_cut() {
        let short = "é".repeat(DETAIL_BYTES_MAX / 2);
        assert_eq!(Problem::new(Code::Event, short.clone()).detail(), short);
        let long = format!("x{}", "é".repeat(1 << 20));
        let problem = Problem::new(Code::Event, long.clone()).hint(long).within("line 7");
        assert!(problem.detail().starts_with("line 7: xé") && problem.detail().ends_with("é..."));
        assert!(problem.detail().len() <= DETAIL_BYTES_MAX + 3, "{problem:?}");
        assert!(problem.to_json().len() < 3 * DETAIL_BYTES_MAX);
    }

    #[test]
    fn codes_are_numbered_in_order() {
        for (at, code) in Code::all().enumerate() {
            assert_eq!(code as usize, at);
            assert_eq!(code.name(), format!("ARW{:04}", at + 1));
            assert!((400..600).contains(&code.status()));
        }
    }
}
