//! Headers of a client that are passed on to back ends.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// Headers that a client came with, as far as a back end wants them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Passed(Vec<(HeaderName, HeaderValue)>);

impl Passed {
    /// Nothing when there are none, as most connections have none.
    pub(super) fn new(headers: Vec<(HeaderName, HeaderValue)>) -> Option<Box<Self>> {
        (!headers.is_empty()).then(|| Box::new(Self(headers)))
    }

    /// Adds what a client says in its connect command because pages cannot set headers. What it came with stays.
    pub(crate) fn with_emulated(self: Box<Self>, emulated: Option<Box<Self>>) -> Box<Self> {
        let mut all = self;
        for (name, value) in emulated.into_iter().flat_map(|it| it.0) {
            if all.0.iter().all(|(known, _)| *known != name) {
                all.0.push((name, value));
            }
        }
        all
    }

    /// Adds those that one back end wants to a request of it.
    pub(super) fn add_to(&self, headers: &mut HeaderMap, wanted: &[HeaderName]) {
        for (name, value) in self.0.iter().filter(|(name, _)| wanted.contains(name)) {
            headers.append(name.clone(), value.clone());
        }
    }
}
