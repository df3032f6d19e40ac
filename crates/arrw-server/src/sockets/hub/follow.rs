//! Follows the bus, and puts what is published into the rings of the channels that somebody is subscribed to.

use std::sync::{Arc, Mutex, PoisonError};

use arrw::{Bus, Event, Filter, Policy, Start, SubscribeError, Subscription, SubscriptionError};
use tokio::sync::Notify;

use super::Hub;
use crate::limits::FOLLOW_PAUSE;

/// What is followed: all that is durable, and all that is volatile.
#[derive(Debug, Default)]
pub(crate) struct Following {
    state: Mutex<State>,
    opened: Notify,
}

#[derive(Debug, Default)]
enum State {
    /// Nobody asked yet: a bus that nobody follows need not wake anybody.
    #[default]
    Idle,
    Opened(Box<Subscription>),
    /// Its task has it.
    Followed,
}

impl Following {
    /// Follows from now on. What is published after this reaches the rings.
    ///
    /// # Errors
    /// When the bus has no room for a subscription.
    pub(crate) fn begin(&self, bus: &Bus, is_volatile: bool) -> Result<(), SubscribeError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Idle = &*state {
            *state = State::Opened(Box::new(open(bus, is_volatile)?));
            self.opened.notify_one();
        }
        Ok(())
    }

    async fn subscription(&self) -> Subscription {
        loop {
            self.opened.notified().await;
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if let State::Opened(subscription) = std::mem::replace(&mut *state, State::Followed) {
                return *subscription;
            }
        }
    }
}

fn open(bus: &Bus, is_volatile: bool) -> Result<Subscription, SubscribeError> {
    let filter = if is_volatile { "~.>" } else { ">" };
    bus.subscribe_with(&Filter::parse(filter)?, Start::Latest, Policy::Durable)
}

impl Hub {
    /// Follows all durable topics, or all volatile ones, until the hub is closed.
    pub(crate) async fn follow(self: Arc<Self>, is_volatile: bool) {
        let following = self.following(is_volatile);
        let mut subscription = tokio::select! {
            subscription = following.subscription() => subscription,
            () = self.closed() => return,
        };
        loop {
            let received = tokio::select! {
                received = subscription.recv() => received,
                () = self.closed() => return,
            };
            match received {
                Ok(Some(events)) => self.take(events.iter()),
                Ok(None) => return,
                Err(SubscriptionError::Gap { .. }) => self.lose_all(is_volatile),
                Err(error) => {
                    tracing::warn!(%error, "channels follow the bus anew");
                    subscription = self.reopen(is_volatile).await;
                    self.lose_all(is_volatile);
                }
            }
        }
    }

    async fn reopen(&self, is_volatile: bool) -> Subscription {
        loop {
            match open(&self.bus, is_volatile) {
                Ok(subscription) => return subscription,
                Err(error) => tracing::error!(%error, "cannot follow the bus for channels"),
            }
            tokio::time::sleep(FOLLOW_PAUSE).await;
        }
    }

    /// Puts events into rings, and wakes each worker once.
    pub(crate) fn take<'a>(&self, events: impl Iterator<Item = Event<'a>>) {
        let mut wake = 0;
        for event in events {
            wake |= self.take_one(&event);
        }
        self.wake(wake);
    }

    /// Puts an event into the rings that it belongs to; answers the workers to be woken, as bits.
    fn take_one(&self, event: &Event<'_>) -> u32 {
        let topic = event.topic();
        let mut wake = 0;
        let bare = topic.strip_prefix("~.");
        let channels = self.channels();
        for name in [Some(topic), bare].into_iter().flatten() {
            if let Some(channel) = channels.get(name).filter(|channel| *channel.topic == *topic)
                && channel.publish(event)
            {
                wake |= self.tell(channel);
            }
        }
        wake
    }

    /// Leaves word at the workers of a channel that there is something new; answers those to be woken, as bits.
    pub(crate) fn tell(&self, channel: &Arc<super::Channel>) -> u32 {
        self.figures.published();
        let untold = channel.untold();
        for (number, mailbox) in self.mailboxes.iter().enumerate() {
            if untold & 1 << number != 0 {
                mailbox.add_fresh(channel);
            }
        }
        untold
    }

    /// Wakes workers, given as bits.
    pub(crate) fn wake(&self, workers: u32) {
        for (number, mailbox) in self.mailboxes.iter().enumerate() {
            if workers & 1 << number != 0 {
                mailbox.wake();
            }
        }
    }

    /// Something may have been published that is not in the rings: those of durable topics find it in the log, those of volatile
    /// ones have missed it.
    fn lose_all(&self, is_volatile: bool) {
        let mut wake = 0;
        for channel in self.channels().values() {
            if channel.is_volatile() != is_volatile {
                continue;
            }
            let end = self.end(&channel.topic);
            let mut inner = channel.lock();
            if inner.ring.miss(end.last_offset) {
                drop(inner);
                wake |= self.tell(channel);
            }
        }
        self.wake(wake);
    }
}
