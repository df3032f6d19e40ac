//! The parsers of this crate as functions that a fuzzer calls.

mod ask;
mod http;
mod job_routes;
mod jobs;
mod keys;
mod orders;
mod text;

pub use arrw::fuzz::{Input, Outcome, REFUSAL_BYTES_MAX, Target, checked, seeds, text_of};

use crate::problem::Problem;

/// Every fuzz function of this crate.
pub const TARGETS: &[Target] = &[
    text::QUERY,
    text::TIME,
    text::HEADERS,
    keys::KEYS,
    crate::sockets::fuzz::TOKEN,
    crate::events::fuzz::EVENT,
    crate::events::fuzz::ARRAY,
    crate::events::fuzz::LINES,
    crate::events::fuzz::TRACE,
    crate::events::fuzz::CLOUD,
    crate::events::fuzz::CLOUD_BATCH,
    crate::events::fuzz::CLOUD_BINARY,
    crate::events::fuzz::EVENT_OUT,
    crate::client::fuzz::MESSAGES,
    crate::client::fuzz::ADDRESS,
    crate::client::fuzz::ANSWER,
    ask::NDJSON,
    ask::BATCH,
    ask::CONTROL,
    http::HTTP,
    jobs::ENQUEUE,
    jobs::FINISH,
    jobs::LIST,
    job_routes::ROUTES,
    orders::ORDERS,
];

/// A character may take six bytes in JSON.
pub(crate) fn check_len(problem: &[u8]) {
    let (len, max) = (problem.len(), 6 * REFUSAL_BYTES_MAX + 1_024);
    assert!(len <= max, "the problem has {len} bytes, more than {max}");
}

/// A refusal by a problem: its parts are bounded, and the client reads it as it was written.
pub(crate) fn refused(problem: &Problem) -> Outcome {
    let json = problem.to_json();
    check_len(&json);
    let refusal: crate::Refusal =
        serde_json::from_slice(&json).expect("the client reads every problem");
    assert_eq!(
        (refusal.status, refusal.code.as_str()),
        (problem.code().status(), problem.code().name())
    );
    assert_eq!(refusal.detail, problem.detail());
    Outcome::refused_because(&format!("{} {}", refusal.code, refusal.detail))
}
