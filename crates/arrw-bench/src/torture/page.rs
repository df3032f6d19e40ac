//! Pages of events, as the server gives them.

use anyhow::{Context, ensure};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::event::Given;

/// A page without gaps: nothing is ever trimmed here.
#[derive(Debug, Deserialize)]
pub(super) struct Page<'a> {
    #[serde(borrow)]
    pub(super) events: Vec<Given<'a>>,
    pub(super) next: String,
    #[serde(borrow)]
    gaps: Option<&'a RawValue>,
}

impl<'a> Page<'a> {
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
