//! Pages of events, as the server gives them.

use anyhow::{Context, ensure};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::event::Given;

/// A page without gaps: nothing is ever trimmed here.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "'de: 'a, E: Deserialize<'de>"))]
pub(super) struct PageOf<'a, E> {
    pub(super) events: Vec<E>,
    pub(super) next: String,
    #[serde(borrow)]
    gaps: Option<&'a RawValue>,
}

/// A page of events that writers sent.
pub(super) type Page<'a> = PageOf<'a, Given<'a>>;

impl<'a, E: Deserialize<'a>> PageOf<'a, E> {
    pub(super) fn read(json: &'a [u8]) -> anyhow::Result<Self> {
        let page: Self = serde_json::from_slice(json)?;
        ensure!(page.gaps.is_none(), "it has gaps: {:?}", page.gaps);
        Ok(page)
    }
}

/// The seq of a position.
pub(super) fn seq_of(position: &str) -> anyhow::Result<u64> {
    let seq = position.rsplit_once(':').and_then(|(_, seq)| seq.parse().ok());
    seq.with_context(|| format!("`{position}` is no position"))
}
