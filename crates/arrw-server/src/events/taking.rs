//! What every event of a request goes through: it is read, its topic is allowed, the request's trace is kept.

use axum::http::HeaderMap;
use serde_json::value::RawValue;

use super::incoming::Incoming;
use crate::keys::Grant;
use crate::problem::Problem;

/// The header of W3C Trace Context, of requests and of events.
const TRACE: &str = "traceparent";

/// Takes events in for one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taking<'a> {
    pub(crate) grant: &'a Grant,
    trace: Option<&'a str>,
}

impl<'a> Taking<'a> {
    pub(crate) fn of(grant: &'a Grant, headers: &'a HeaderMap) -> Self {
        let trace = headers.get(TRACE).and_then(|it| it.to_str().ok()).filter(|it| is_trace(it));
        Self { grant, trace }
    }

    /// Reads an event that may be published.
    pub(crate) fn event<'b>(&self, json: &'b [u8]) -> Result<Incoming<'b>, Problem> {
        self.admit(Incoming::parse(json)?)
    }

    /// Looks whether an event may be published, and adds the trace.
    pub(super) fn admit<'b>(&self, mut event: Incoming<'b>) -> Result<Incoming<'b>, Problem> {
        self.grant.check_topic(event.topic())?;
        if let Some(trace) = self.trace {
            event.add_header(TRACE, trace);
        }
        Ok(event)
    }

    /// Reads the events of an array, or says which of them cannot be.
    pub(crate) fn events<'b>(
        &self,
        elements: &[&'b RawValue],
    ) -> Result<Vec<Incoming<'b>>, Problem> {
        let mut events = Vec::with_capacity(elements.len());
        for (at, element) in elements.iter().enumerate() {
            let event = self.event(element.get().as_bytes());
            events.push(event.map_err(|problem| problem.within(&nth(at)))?);
        }
        Ok(events)
    }
}

/// How an event of an array is named.
pub(super) fn nth(at: usize) -> String {
    format!("event {} of the array", at + 1)
}

/// Whether a text has the form `version-trace-parent-flags`. One that has not is no reason to refuse: it is left
/// out, as the standard wants it.
pub(super) fn is_trace(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let is_hex = |part: &&str| part.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
    let is_some = |part: &str| part.bytes().any(|it| it != b'0');
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths == [2, 32, 16, 2]
        && parts.iter().all(is_hex)
        && parts[0] != "ff"
        && is_some(parts[1])
        && is_some(parts[2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_has_four_parts() {
        assert!(is_trace("00-11112222333344445555666677778888-1234567812345678-01"));
        for wrong in [
            "",
            "00-11112222333344445555666677778888-1234567812345678",
            "00-1111222233334444555566667777888A-1234567812345678-01",
            "00-00000000000000000000000000000000-1234567812345678-01",
            "00-11112222333344445555666677778888-0000000000000000-01",
            "ff-11112222333344445555666677778888-1234567812345678-01",
            "00-11112222333344445555666677778888-1234567812345678-01-x",
        ] {
            assert!(!is_trace(wrong), "{wrong}");
        }
    }
}
