//! What is refused, with its code, its status, and what to do about it: RFC 9457.
//!
//! The codes are an append-only list: a number never gets another meaning. `docs/errors.md` has a paragraph
//! for each, and a test that both agree.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

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
}

/// What is declared about a code.
struct Facts {
    name: &'static str,
    status: StatusCode,
    retry: Retry,
    title: &'static str,
}

impl Code {
    /// All of them, in the order of their numbers.
    pub const ALL: &'static [Self] = &[
        Self::NotJson,
        Self::UnknownField,
        Self::Event,
        Self::Query,
        Self::Filter,
        Self::EmptyBatch,
        Self::ContentType,
        Self::TooLarge,
        Self::VolatileInBatch,
        Self::TooManyTopics,
        Self::DiskFull,
        Self::LogStopped,
        Self::OutcomeUnknown,
        Self::Closing,
        Self::OtherEpoch,
        Self::Trimmed,
        Self::BeyondTail,
        Self::NoHistory,
        Self::TooManySubscriptions,
        Self::ReadFailed,
        Self::NoSuchPath,
        Self::Method,
        Self::Host,
        Self::CrossSite,
        Self::TooManyConnections,
        Self::BodyTooSlow,
        Self::BodyCut,
        Self::Producer,
        Self::IdConflict,
        Self::PartlyPublished,
        Self::TooManyNames,
        Self::Internal,
        Self::RepeatedId,
    ];

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

    fn facts(self) -> Facts {
        use Retry::{Later, Never};
        let (name, status, retry, title) = match self {
            Self::NotJson => ("ARW0001", StatusCode::BAD_REQUEST, Never, "not JSON"),
            Self::UnknownField => ("ARW0002", StatusCode::BAD_REQUEST, Never, "unknown field"),
            Self::Event => ("ARW0003", StatusCode::BAD_REQUEST, Never, "not an event"),
            Self::Query => ("ARW0004", StatusCode::BAD_REQUEST, Never, "wrong query"),
            Self::Filter => ("ARW0005", StatusCode::BAD_REQUEST, Never, "not a filter"),
            Self::EmptyBatch => ("ARW0006", StatusCode::BAD_REQUEST, Never, "empty batch"),
            Self::ContentType => {
                ("ARW0007", StatusCode::UNSUPPORTED_MEDIA_TYPE, Never, "content type not supported")
            }
            Self::TooLarge => ("ARW0008", StatusCode::PAYLOAD_TOO_LARGE, Never, "too large"),
            Self::VolatileInBatch => {
                ("ARW0009", StatusCode::BAD_REQUEST, Never, "volatile topic in a batch")
            }
            Self::TooManyTopics => ("ARW0010", StatusCode::CONFLICT, Never, "too many topics"),
            Self::DiskFull => ("ARW0011", StatusCode::INSUFFICIENT_STORAGE, Later, "disk full"),
            Self::LogStopped => {
                ("ARW0012", StatusCode::SERVICE_UNAVAILABLE, Later, "the log has stopped")
            }
            Self::OutcomeUnknown => {
                ("ARW0013", StatusCode::SERVICE_UNAVAILABLE, Later, "outcome unknown")
            }
            Self::Closing => {
                ("ARW0014", StatusCode::SERVICE_UNAVAILABLE, Later, "the server is stopping")
            }
            Self::OtherEpoch => {
                ("ARW0015", StatusCode::GONE, Never, "position from another life of the log")
            }
            Self::Trimmed => ("ARW0016", StatusCode::GONE, Never, "position trimmed"),
            Self::BeyondTail => {
                ("ARW0017", StatusCode::CONFLICT, Never, "position beyond the tail")
            }
            Self::NoHistory => ("ARW0018", StatusCode::BAD_REQUEST, Never, "no history"),
            Self::TooManySubscriptions => {
                ("ARW0019", StatusCode::SERVICE_UNAVAILABLE, Later, "too many subscriptions")
            }
            Self::ReadFailed => {
                ("ARW0020", StatusCode::INTERNAL_SERVER_ERROR, Never, "the log cannot be read")
            }
            Self::NoSuchPath => ("ARW0021", StatusCode::NOT_FOUND, Never, "no such path"),
            Self::Method => ("ARW0022", StatusCode::METHOD_NOT_ALLOWED, Never, "wrong method"),
            Self::Host => ("ARW0023", StatusCode::MISDIRECTED_REQUEST, Never, "wrong host"),
            Self::CrossSite => ("ARW0024", StatusCode::FORBIDDEN, Never, "from another site"),
            Self::TooManyConnections => {
                ("ARW0025", StatusCode::SERVICE_UNAVAILABLE, Later, "too many connections")
            }
            Self::BodyTooSlow => ("ARW0026", StatusCode::REQUEST_TIMEOUT, Later, "body too slow"),
            Self::BodyCut => ("ARW0027", StatusCode::BAD_REQUEST, Later, "body cut off"),
            Self::Producer => ("ARW0028", StatusCode::BAD_REQUEST, Never, "wrong producer"),
            Self::IdConflict => ("ARW0029", StatusCode::CONFLICT, Never, "id of another event"),
            Self::PartlyPublished => {
                ("ARW0030", StatusCode::CONFLICT, Never, "batch published in part")
            }
            Self::TooManyNames => ("ARW0031", StatusCode::CONFLICT, Never, "too many names"),
            Self::Internal => {
                ("ARW0032", StatusCode::INTERNAL_SERVER_ERROR, Never, "fault of the server")
            }
            Self::RepeatedId => ("ARW0033", StatusCode::BAD_REQUEST, Never, "id twice in a batch"),
        };
        Facts { name, status, retry, title }
    }
}

/// A refusal on its way to the client.
#[derive(Debug)]
pub(crate) struct Problem {
    code: Code,
    detail: String,
    hint: Option<String>,
    line: Option<u64>,
    count: Option<u64>,
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
        Self { code, detail: detail.into(), hint: None, line: None, count: None }
    }

    /// Says what to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says of which part of the request it is.
    pub(crate) fn within(mut self, part: &str) -> Self {
        self.detail = format!("{part}: {}", self.detail);
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

    #[cfg(test)]
    pub(crate) fn code(&self) -> Code {
        self.code
    }

    /// Its body.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let Facts { name, status, retry, title } = self.code.facts();
        let members = Members {
            r#type: format!("urn:arrwdb:error:{name}"),
            title,
            status: status.as_u16(),
            code: name,
            detail: &self.detail,
            hint: self.hint.as_deref(),
            retry: retry == Retry::Later,
            line: self.line,
            count: self.count,
        };
        serde_json::to_vec(&members).expect("texts and numbers are always JSON")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let json = HeaderValue::from_static("application/problem+json");
        let mut response = self.to_json().into_response();
        *response.status_mut() = self.code.facts().status;
        response.headers_mut().insert(header::CONTENT_TYPE, json);
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
        let declared: Vec<String> = Code::ALL
            .iter()
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
    fn codes_are_numbered_in_order() {
        for (at, code) in Code::ALL.iter().enumerate() {
            assert_eq!(code.name(), format!("ARW{:04}", at + 1));
            assert!((400..600).contains(&code.status()));
        }
    }
}
