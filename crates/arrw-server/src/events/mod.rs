//! `/v1/events`: publish, read a page, follow.

mod follow;
mod incoming;
mod lines;
mod outgoing;
mod page;
mod publish;
mod refusal;
mod sharing;

pub(crate) use follow::stream;
pub(crate) use page::list;
pub(crate) use publish::publish;
pub(crate) use sharing::Sharing;
