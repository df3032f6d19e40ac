//! Publications read from the log for those that are behind: one read for all who need the same.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use arrw::{HistoryQuery, Order};
use tokio::sync::OnceCell;

use super::Hub;
use crate::limits::{PAGE_PUBLICATIONS, PAGES_KEPT};
use crate::sockets::channel::Channel;
use crate::sockets::channel::ring::{Entry, What};
use crate::sockets::form::Shape;

/// Publications of a channel that follow each other, from a multiple of [`PAGE_PUBLICATIONS`] on.
#[derive(Debug, Default)]
pub(crate) struct Page {
    entries: Vec<Arc<Entry>>,
}

impl Page {
    /// Those behind an offset; `None` when the one that follows it is not there.
    pub(crate) fn after(&self, offset: u64) -> Option<&[Arc<Entry>]> {
        let is_next = |entry: &Arc<Entry>| matches!(entry.what, What::Publication { offset: it, .. } if it == offset + 1);
        let at = self.entries.iter().position(is_next)?;
        Some(&self.entries[at..])
    }

    fn is_full(&self) -> bool {
        self.entries.len() == PAGE_PUBLICATIONS
    }
}

/// Which page of which channel, in which shape.
type Key = (u64, u64, u8);

/// A page, or the read that makes it.
type Cell = Arc<OnceCell<Arc<Page>>>;

/// The pages that were read last.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    kept: Mutex<VecDeque<(Key, Cell)>>,
}

impl Pages {
    /// The page that has the publication behind an offset.
    pub(crate) async fn get(
        &self,
        hub: &Hub,
        channel: &Arc<Channel>,
        shape: Shape,
        after: u64,
    ) -> Arc<Page> {
        let number = after / PAGE_PUBLICATIONS as u64;
        let key = (channel.id, number, shape as u8);
        let cell = self.cell(key);
        let page = cell.get_or_init(|| read(hub, channel, shape, number)).await;
        if page.is_full() || page.after(after).is_some() {
            if !page.is_full() {
                // More may be published into it.
                self.forget(key, &cell);
            }
            return Arc::clone(page);
        }
        self.forget(key, &cell);
        read(hub, channel, shape, number).await
    }

    fn cell(&self, key: Key) -> Cell {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, cell)) = kept.iter().find(|(known, _)| *known == key) {
            return Arc::clone(cell);
        }
        if PAGES_KEPT <= kept.len() {
            kept.pop_front();
        }
        let cell = Cell::default();
        kept.push_back((key, Arc::clone(&cell)));
        cell
    }

    fn forget(&self, key: Key, cell: &Cell) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(known, it)| *known != key || !Arc::ptr_eq(it, cell));
    }
}

/// Reads a page. One that cannot be read is empty.
async fn read(hub: &Hub, channel: &Arc<Channel>, shape: Shape, number: u64) -> Arc<Page> {
    let (bus, channel) = (hub.bus.clone(), Arc::clone(channel));
    let reading = hub.read(move || {
        let since = number * PAGE_PUBLICATIONS as u64;
        let query = HistoryQuery {
            since: Some(since),
            limit: PAGE_PUBLICATIONS,
            order: Order::OldestFirst,
        };
        let history = match bus.history(&channel.topic, query) {
            Ok(history) => history,
            Err(error) => {
                tracing::warn!(%error, "cannot read what a client has missed");
                return Page::default();
            }
        };
        let entry = |event| Arc::new(channel.entry(&event, 1 << shape as u8));
        Page { entries: history.iter().map(entry).collect() }
    });
    Arc::new(reading.await.unwrap_or_default())
}
