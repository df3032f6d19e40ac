//! Whether a history of channels can be true, in O(n log n).

use std::collections::HashMap;

use super::{
    ChannelDemand, ChannelFault as Fault, ChannelHistory, ChannelSummary, Followed, Follower,
    Publish, PublishForm, Written,
};

impl ChannelHistory {
    /// Checks that each client got all of each of its channels from its first subscription on, once and in order, over all cuts
    /// and kills; that all clients of a channel got the same; that every acknowledged publication is there once and where its
    /// publisher was told, in an order that agrees with time and with its publisher; that nothing is there that nobody published;
    /// that all who came back recovered, that epochs stayed, and that a wrong epoch was noticed.
    ///
    /// # Errors
    /// The first fault; [`Fault::Thin`] only when there is no other.
    pub fn check(&self, demand: &ChannelDemand) -> Result<ChannelSummary, Fault> {
        for follower in &self.followers {
            for followed in &follower.followed {
                self.check_followed(&follower.name, followed)?;
            }
        }
        self.check_epochs()?;
        if let Some((channel, _)) = self.strangers.iter().find(|(_, is_believed)| *is_believed) {
            return Err(Fault::Believed { channel: *channel });
        }
        let orders = self.orders()?;
        let found = self.find_all(&orders)?;
        for (publish, offsets) in self.published.iter().zip(&found) {
            check_publish(publish, offsets)?;
        }
        self.check_time(&found)?;
        let summary = self.summary(&found);
        check_demand(demand, summary)?;
        Ok(summary)
    }

    /// One client's part of a channel has no gap and no repeat, and each time that it came back it recovered.
    fn check_followed(&self, name: &str, followed: &Followed) -> Result<(), Fault> {
        let (client, channel) = (name.to_owned(), followed.channel);
        let end = self.end(channel);
        let Some(first) = followed.resumes.first() else {
            return Err(Fault::Gap { client, channel, offset: end });
        };
        for resume in followed.resumes.iter().skip(1) {
            let from = resume.from.unwrap_or(0);
            if !resume.is_recovered || resume.offset != from {
                let (is_recovered, offset) = (resume.is_recovered, resume.offset);
                let told = format!("recovered: {is_recovered}, offset {offset}");
                return Err(Fault::NotRecovered { client, channel, from, told });
            }
        }
        let mut before = first.offset;
        for (offset, _) in followed.seen.iter().copied() {
            if offset <= before {
                return Err(Fault::Repeat { client, channel, offset, before });
            }
            if before + 1 < offset {
                return Err(Fault::Gap { client, channel, offset: before + 1 });
            }
            if end < offset {
                return Err(Fault::Beyond { client, channel, offset, end });
            }
            before = offset;
        }
        if before < end {
            return Err(Fault::Gap { client, channel, offset: before + 1 });
        }
        Ok(())
    }

    fn end(&self, channel: u32) -> u64 {
        usize::try_from(channel).ok().and_then(|at| self.ends.get(at)).copied().unwrap_or(0)
    }

    fn all_followed(&self) -> impl Iterator<Item = (&Follower, &Followed)> {
        let of = |follower| move |followed| (follower, followed);
        self.followers.iter().flat_map(move |it| it.followed.iter().map(of(it)))
    }

    /// A channel that has publications has one epoch. An empty one may have another, which then counts as the same.
    fn check_epochs(&self) -> Result<(), Fault> {
        let mut known: HashMap<u32, &str> = HashMap::new();
        for (_, followed) in self.all_followed() {
            for resume in followed.resumes.iter().filter(|resume| resume.offset != 0) {
                let first = *known.entry(followed.channel).or_insert(&resume.epoch);
                if *first != *resume.epoch {
                    return Err(Fault::Epoch {
                        channel: followed.channel,
                        first: first.to_owned(),
                        second: resume.epoch.to_string(),
                    });
                }
            }
        }
        Ok(())
    }

    /// The publications of each channel by their offsets, as all who got them agree.
    fn orders(&self) -> Result<Vec<Vec<Option<Written>>>, Fault> {
        let places = |end: &u64| vec![None; usize::try_from(*end).unwrap_or(0)];
        let mut orders: Vec<Vec<Option<Written>>> = self.ends.iter().map(places).collect();
        for (follower, followed) in self.all_followed() {
            let channel = followed.channel;
            let Some(order) = usize::try_from(channel).ok().and_then(|at| orders.get_mut(at))
            else {
                continue;
            };
            for (offset, event) in followed.seen.iter().copied() {
                let at = usize::try_from(offset - 1).unwrap_or(usize::MAX);
                let Some(place) = order.get_mut(at) else { continue };
                let other = *place.get_or_insert(event);
                if other != event {
                    let client = follower.name.clone();
                    return Err(Fault::Orders { channel, offset, client, event, other });
                }
            }
        }
        Ok(orders)
    }

    /// The offset of each publication of each write, 0 where it is not there. Nothing else is there, nothing is twice, and those
    /// of one publisher are in the order of their numbers.
    fn find_all(&self, orders: &[Vec<Option<Written>>]) -> Result<Vec<Vec<u64>>, Fault> {
        let mut found: Vec<Vec<u64>> =
            self.published.iter().map(|publish| vec![0; publish.channels.len()]).collect();
        let mut writes: Vec<(Written, usize)> =
            self.published.iter().enumerate().map(|(at, publish)| (publish.first, at)).collect();
        writes.sort_unstable();
        for (channel, order) in (0..).zip(orders) {
            let mut last: HashMap<u32, u64> = HashMap::new();
            for (offset, event) in (1..).zip(order) {
                let Some(event) = *event else { continue };
                let behind = writes.partition_point(|(first, _)| *first <= event);
                let write = behind.checked_sub(1).map(|at| writes[at].1);
                let place = write.and_then(|write| {
                    Some((write, self.published[write].place_of(event, channel)?))
                });
                let Some((write, at)) = place else {
                    return Err(Fault::Phantom { event, channel, offset });
                };
                let first = std::mem::replace(&mut found[write][at], offset);
                if first != 0 {
                    return Err(Fault::Doubled { event, channel, first, second: offset });
                }
                let before = last.insert(event.writer, event.number).unwrap_or(0);
                if event.number < before {
                    let instead = format!("behind {before} of the same publisher");
                    return Err(Fault::Moved { event, channel, offset, instead });
                }
            }
        }
        Ok(found)
    }

    /// What was sent after another one had been acknowledged stands behind it.
    fn check_time(&self, found: &[Vec<u64>]) -> Result<(), Fault> {
        type Times = Vec<(u64, u64, u64, Written)>;
        let mut channels: HashMap<u32, Times> = HashMap::new();
        for (publish, offsets) in self.published.iter().zip(found) {
            let answered = publish.answer.as_ref().map_or(u64::MAX, |answer| answer.at);
            for (at, (channel, offset)) in publish.channels.iter().zip(offsets).enumerate() {
                if *offset != 0 {
                    let times = (*offset, publish.sent_at, answered, publish.publication(at));
                    channels.entry(*channel).or_default().push(times);
                }
            }
        }
        for (channel, mut times) in channels {
            times.sort_unstable_by_key(|(offset, ..)| std::cmp::Reverse(*offset));
            let mut earliest = u64::MAX;
            for (offset, sent, answered, event) in times {
                if earliest < sent {
                    let instead = "sent when one behind it had been acknowledged".to_owned();
                    return Err(Fault::Moved { event, channel, offset, instead });
                }
                earliest = earliest.min(answered);
            }
        }
        Ok(())
    }

    fn summary(&self, found: &[Vec<u64>]) -> ChannelSummary {
        let (mut acknowledged, mut unanswered) = (0, 0);
        for (publish, offsets) in self.published.iter().zip(found) {
            let there = offsets.iter().filter(|offset| **offset != 0).count() as u64;
            if publish.answer.is_some() { acknowledged += there } else { unanswered += there }
        }
        let seen = |(_, followed): (_, &Followed)| followed.seen.len() as u64;
        let came_back =
            |(_, followed): (_, &Followed)| followed.resumes.len().saturating_sub(1) as u64;
        ChannelSummary {
            kills: self.kills,
            cuts: self.followers.iter().map(|it| it.cuts).sum(),
            stalls: self.followers.iter().map(|it| it.stalls).sum(),
            acknowledged,
            unanswered,
            deliveries: self.all_followed().map(seen).sum(),
            recoveries: self.all_followed().map(came_back).sum(),
            strangers: self.strangers.len() as u64,
        }
    }
}

impl Publish {
    /// Which of its publications this is.
    fn place_of(&self, event: Written, channel: u32) -> Option<usize> {
        let is_it = |at: &usize| self.publication(*at) == event && self.channels[*at] == channel;
        (0..self.channels.len()).find(is_it)
    }
}

/// The publications of a write are there as its form and its answer say.
fn check_publish(publish: &Publish, offsets: &[u64]) -> Result<(), Fault> {
    let missing = offsets.iter().position(|offset| *offset == 0);
    let Some(answer) = &publish.answer else {
        let is_there = offsets.iter().any(|offset| *offset != 0);
        let first = publish.first;
        return match publish.form {
            PublishForm::Broadcast | PublishForm::Batch if is_there && missing.is_some() => {
                Err(Fault::Torn { first })
            }
            PublishForm::Single
            | PublishForm::Once
            | PublishForm::Command
            | PublishForm::Broadcast
            | PublishForm::Batch => Ok(()),
        };
    };
    if let Some(at) = missing {
        return Err(Fault::Lost { event: publish.publication(at), channel: publish.channels[at] });
    }
    for (at, (told, offset)) in answer.offsets.iter().zip(offsets).enumerate() {
        if told != offset {
            let (event, channel) = (publish.publication(at), publish.channels[at]);
            let instead = format!("and {told} was acknowledged");
            return Err(Fault::Moved { event, channel, offset: *offset, instead });
        }
    }
    Ok(())
}

fn check_demand(demand: &ChannelDemand, seen: ChannelSummary) -> Result<(), Fault> {
    let enough = |what, found, wanted| {
        if found < wanted { Err(Fault::Thin { what, found, wanted }) } else { Ok(()) }
    };
    enough("kills", seen.kills, demand.kills)?;
    enough("acknowledged publications", seen.acknowledged, demand.acknowledged)?;
    enough("cuts", seen.cuts, demand.cuts)?;
    enough("stalls", seen.stalls, demand.stalls)?;
    enough("clients that named a wrong epoch", seen.strangers, demand.strangers)?;
    enough("subscriptions that recovered", seen.recoveries, demand.recoveries)
}
