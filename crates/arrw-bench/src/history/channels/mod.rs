//! What clients that follow channels saw while the server was killed and their links were cut, and whether it can be true.
//!
//! Publishers number their publications and note each write and its answer; followers note each publication with its offset and
//! each answer to a subscription. [`ChannelHistory::check`] needs nothing else.

mod check;
mod fault;
#[cfg(test)]
mod tests;

use serde::Serialize;

use super::Written;
pub use fault::ChannelFault;

/// How publications were published together, and so what holds for those of one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PublishForm {
    /// One, by `/api/publish`.
    Single,
    /// One with a key of its own: sent again until it is answered, and there once.
    Once,
    /// One in several channels, by `/api/broadcast`: in all of them or in none.
    Broadcast,
    /// An array of events, by `/v1/events`: all or nothing.
    Batch,
    /// One, by the command of a client, with others on their way.
    Command,
}

/// A write: publications of one publisher whose numbers follow each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Publish {
    /// How they were published.
    pub form: PublishForm,
    /// The first of them.
    pub first: Written,
    /// The channel of each. Those of a broadcast all have the number of the first.
    pub channels: Vec<u32>,
    /// When it was sent, for the first time: nanoseconds since the start.
    pub sent_at: u64,
    /// `None` when the server never answered.
    pub answer: Option<Acknowledged>,
}

impl Publish {
    /// Its publication at a place, from 0.
    fn publication(&self, at: usize) -> Written {
        match self.form {
            PublishForm::Broadcast => self.first,
            PublishForm::Single | PublishForm::Once | PublishForm::Batch | PublishForm::Command => {
                Written { number: self.first.number + at as u64, ..self.first }
            }
        }
    }

    /// How many numbers it takes.
    #[must_use]
    pub fn numbers(&self) -> u64 {
        match self.form {
            PublishForm::Broadcast => 1,
            PublishForm::Single | PublishForm::Once | PublishForm::Batch | PublishForm::Command => {
                self.channels.len() as u64
            }
        }
    }
}

/// A server's word that a write is on the disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Acknowledged {
    /// When it came: nanoseconds since the start.
    pub at: u64,
    /// The offset of each publication, where the answer tells it; else empty.
    pub offsets: Vec<u64>,
}

/// The answer to a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Resume {
    /// The offset that was asked to go on from; `None` for the first.
    pub from: Option<u64>,
    /// Whether the server says that nothing is missing.
    pub is_recovered: bool,
    /// The offset that it tells.
    pub offset: u64,
    /// The epoch that it tells.
    pub epoch: Box<str>,
}

/// What one client saw of one channel, over all its connections.
#[derive(Clone, Debug, Default)]
pub struct Followed {
    /// The channel.
    pub channel: u32,
    /// Its subscriptions, one behind the other.
    pub resumes: Vec<Resume>,
    /// Offset and publication, as they came.
    pub seen: Vec<(u64, Written)>,
}

/// A client.
#[derive(Clone, Debug, Default)]
pub struct Follower {
    /// Which one.
    pub name: String,
    /// What it saw of each of its channels.
    pub followed: Vec<Followed>,
    /// How often it was cut by itself.
    pub cuts: u64,
    /// How often it took nothing for a while.
    pub stalls: u64,
}

/// All that was seen.
#[derive(Clone, Debug, Default)]
pub struct ChannelHistory {
    /// All writes; those of one publisher in the order in which they were sent.
    pub published: Vec<Publish>,
    /// All clients.
    pub followers: Vec<Follower>,
    /// The last offset of each channel at the end, as the server tells it.
    pub ends: Vec<u64>,
    /// Of clients that named an epoch which never was: the channel, and whether they were told that nothing is missing.
    pub strangers: Vec<(u32, bool)>,
    /// Kills.
    pub kills: u64,
}

/// What must have happened for a history to prove something.
#[derive(Clone, Copy, Debug, Default)]
pub struct ChannelDemand {
    /// Kills.
    pub kills: u64,
    /// Acknowledged publications.
    pub acknowledged: u64,
    /// Cuts, stalls, and clients that named a wrong epoch.
    pub cuts: u64,
    /// See [`cuts`](Self::cuts).
    pub stalls: u64,
    /// See [`cuts`](Self::cuts).
    pub strangers: u64,
    /// Subscriptions that went on where they were.
    pub recoveries: u64,
}

/// What a sound history came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ChannelSummary {
    /// Kills.
    pub kills: u64,
    /// Cuts and stalls.
    pub cuts: u64,
    /// See [`cuts`](Self::cuts).
    pub stalls: u64,
    /// Publications that were acknowledged.
    pub acknowledged: u64,
    /// Those that are there and were never answered.
    pub unanswered: u64,
    /// Publications as clients got them.
    pub deliveries: u64,
    /// Subscriptions that went on where they were.
    pub recoveries: u64,
    /// Clients that named a wrong epoch, and were told so.
    pub strangers: u64,
}
