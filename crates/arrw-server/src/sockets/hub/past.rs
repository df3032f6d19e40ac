//! How far back a channel may be looked, for clients and for back ends.

use arrw::{Event, HistoryQuery, Order};
use arrw_wire::code::{self, Code};

use super::Hub;
use crate::limits::HISTORY_PAGE_MAX;
use crate::sockets::channel::name::topic;
use crate::sockets::channel::options::ChannelOptions;

/// What is asked of the history of a channel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// How many at most: 0 for the position alone, less for as many as there may be in one answer.
    pub(crate) limit: i64,
    /// Those after this offset of this life; before it when `reverse`.
    pub(crate) since: Option<(u64, &'a str)>,
    /// The newest first.
    pub(crate) reverse: bool,
}

/// A part of the history of a channel.
#[derive(Debug)]
pub(crate) struct Past {
    pub(crate) topic: String,
    pub(crate) query: HistoryQuery,
    /// The life of the topic, and the offset of its last publication.
    pub(crate) epoch: String,
    pub(crate) top: u64,
    /// Publications up to this one are not shown.
    oldest: u64,
    /// Nor those before this time, in microseconds since 1970.
    since_us: u64,
}

impl Hub {
    /// The part of a channel's history that is asked for, as far as its options show it.
    ///
    /// # Errors
    /// [`code::UNRECOVERABLE_POSITION`] when the place is of another life.
    pub(crate) fn past(
        &self,
        channel: &str,
        options: &ChannelOptions,
        asked: Asked<'_>,
    ) -> Result<Past, Code> {
        let topic = topic(channel, options.class).into_owned();
        let end = self.end(&topic);
        if let Some((offset, epoch)) = asked.since
            && !self.is_same_life(epoch, end, offset)
        {
            return Err(code::UNRECOVERABLE_POSITION);
        }
        let limit = usize::try_from(asked.limit).unwrap_or(HISTORY_PAGE_MAX).min(HISTORY_PAGE_MAX);
        let oldest = end.last_offset.saturating_sub(options.history_size as u64);
        let since = asked.since.map(|(offset, _)| offset);
        let (order, since) = match asked.reverse {
            false => (Order::OldestFirst, Some(since.unwrap_or(0).max(oldest))),
            true => (Order::NewestFirst, since),
        };
        let query = HistoryQuery { since, limit, order };
        let (epoch, top, since_us) = (self.epoch(end), end.last_offset, self.oldest_us(options));
        Ok(Past { topic, query, epoch, top, oldest, since_us })
    }
}

impl Past {
    /// Whether an event of the topic is not too old to be shown.
    pub(crate) fn shows(&self, event: &Event<'_>) -> bool {
        self.oldest < event.offset() && self.since_us <= event.time().micros()
    }
}
