//! Publications read from the log for those that are behind: one read for all who need the same.
//!
//! Who is far behind reads pages that begin at multiples of their length, so that others who are far behind share them. Who has missed
//! little reads just that, as do all who were cut off at the same place.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrw::{HistoryQuery, Order};
use tokio::sync::OnceCell;

use super::Hub;
use crate::limits::{PAGE_PUBLICATIONS, PAGES_BYTES_MAX, PAGES_KEPT};
use crate::sockets::channel::Channel;
use crate::sockets::channel::ring::{Entry, What};
use crate::sockets::form::Shape;

/// Publications of a channel that follow each other, as many as there were when they were read but at most [`PAGE_PUBLICATIONS`].
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

    fn bytes(&self) -> usize {
        self.entries.iter().map(|entry| entry.bytes()).sum()
    }
}

/// The page of which channel behind which offset, in which shape.
type Key = (u64, u64, u8);

/// A page, or the read that makes it.
type Cell = Arc<OnceCell<Arc<Page>>>;

/// The pages that were read last.
#[derive(Debug, Default)]
pub(crate) struct Pages(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// Each with its bytes, once they are known.
    cells: HashMap<Key, (Cell, usize)>,
    /// The oldest first.
    order: VecDeque<Key>,
    bytes: usize,
}

impl Kept {
    fn remove(&mut self, key: Key) {
        if let Some((_, bytes)) = self.cells.remove(&key) {
            self.bytes -= bytes;
            self.order.retain(|known| *known != key);
        }
    }

    /// Lets go of the oldest until the rest is as little as it must be.
    fn shrink(&mut self) {
        while PAGES_KEPT < self.order.len() || PAGES_BYTES_MAX < self.bytes {
            let Some((_, bytes)) = self.order.pop_front().and_then(|key| self.cells.remove(&key))
            else {
                return;
            };
            self.bytes -= bytes;
        }
    }
}

impl Pages {
    /// A page that has the publication behind an offset.
    pub(crate) async fn get(
        &self,
        hub: &Hub,
        channel: &Arc<Channel>,
        shape: Shape,
        after: u64,
    ) -> Arc<Page> {
        let length = PAGE_PUBLICATIONS as u64;
        let missed = channel.lock().ring.last_offset().saturating_sub(after);
        let from = if missed < length { after } else { after / length * length };
        let key = (channel.id, from, shape as u8);
        let cell = self.cell(key);
        let made = async {
            let page = read(hub, channel, shape, from).await;
            self.weigh(key, &cell, page.bytes());
            page
        };
        let page = cell.get_or_init(|| made).await;
        if page.after(after).is_some() {
            return Arc::clone(page);
        }
        // It was read before there was more.
        self.forget(key, &cell);
        read(hub, channel, shape, from).await
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cell(&self, key: Key) -> Cell {
        let mut kept = self.lock();
        if let Some((cell, _)) = kept.cells.get(&key) {
            return Arc::clone(cell);
        }
        let cell = Cell::default();
        kept.cells.insert(key, (Arc::clone(&cell), 0));
        kept.order.push_back(key);
        kept.shrink();
        cell
    }

    /// A page was read, and has so many bytes.
    fn weigh(&self, key: Key, cell: &Cell, bytes: usize) {
        let mut kept = self.lock();
        if let Some((known, of)) = kept.cells.get_mut(&key)
            && Arc::ptr_eq(known, cell)
        {
            *of = bytes;
            kept.bytes += bytes;
            kept.shrink();
        }
    }

    fn forget(&self, key: Key, cell: &Cell) {
        let mut kept = self.lock();
        if kept.cells.get(&key).is_some_and(|(known, _)| Arc::ptr_eq(known, cell)) {
            kept.remove(key);
        }
    }
}

/// Reads the page behind an offset. One that cannot be read is empty.
async fn read(hub: &Hub, channel: &Arc<Channel>, shape: Shape, from: u64) -> Arc<Page> {
    let (bus, channel) = (hub.bus.clone(), Arc::clone(channel));
    let reading = hub.read(move || {
        let query =
            HistoryQuery { since: Some(from), limit: PAGE_PUBLICATIONS, order: Order::OldestFirst };
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
