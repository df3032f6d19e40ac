//! `/v1/events`: publish, read a page, follow.

mod cloud;
mod follow;
#[cfg(feature = "fuzz")]
pub(crate) mod fuzz;
pub(crate) mod incoming;
mod lines;
pub(crate) mod page;
mod publish;
mod refusal;
mod sharing;
mod taking;

pub(crate) use follow::stream;
pub(crate) use incoming::Incoming;
pub(crate) use page::list;
pub(crate) use publish::{Tally, publish};
pub(crate) use sharing::Sharing;
pub(crate) use taking::Taking;
