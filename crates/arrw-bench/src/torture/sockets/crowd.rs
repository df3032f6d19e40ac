//! The clients of channels: who they are, and how they come to their end.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::super::host::Host;
use super::super::limits::ENDING_TIME_MAX;
use super::calm;
use super::field::{Field, Stage};
use super::follower::{Following, manner};
use super::limits::{CALM_TIME_MAX, FATE_MS_MAX, FOLLOWED, SILENCE_MAX};
use super::publisher::Publisher;
use super::stranger::Stranger;
use crate::history::{ChannelHistory, Follower, Publish, PublishForm};
use crate::random::Random;

/// What each publisher publishes: several of each form.
const FORMS: [PublishForm; 5] = [
    PublishForm::Single,
    PublishForm::Once,
    PublishForm::Broadcast,
    PublishForm::Batch,
    PublishForm::Command,
];
const PUBLISHERS: u32 = 20;

/// How many of them there are, and what they are to do.
#[derive(Clone, Copy, Debug)]
pub(in crate::torture) struct Size {
    pub(in crate::torture) clients: u32,
    pub(in crate::torture) channels: u32,
    /// Publications, and over which time they are spread.
    pub(in crate::torture) publications: u64,
    pub(in crate::torture) time: Duration,
    /// From one kill to the next, about.
    pub(in crate::torture) kill_every: Duration,
}

/// All of them.
pub(in crate::torture) struct Crowd {
    size: Size,
    random: Random,
    pub(in crate::torture) field: Arc<Field>,
    followers: Vec<JoinHandle<Follower>>,
    publishers: Vec<JoinHandle<Vec<Publish>>>,
    strangers: Vec<JoinHandle<Vec<(u32, bool)>>>,
    pub(in crate::torture) history: ChannelHistory,
}

impl Crowd {
    pub(in crate::torture) fn new(host: &Host, size: Size, random: Random) -> anyhow::Result<Self> {
        let fate_ms_max = u64::try_from(size.kill_every.as_millis())? * 4 / 5;
        let fate_ms_max = fate_ms_max.min(FATE_MS_MAX);
        let plan = (size.publications, size.time);
        Ok(Self {
            size,
            random,
            field: Arc::new(Field::new(&host.ground, size.channels, plan, fate_ms_max)),
            followers: Vec::new(),
            publishers: Vec::new(),
            strangers: Vec::new(),
            history: ChannelHistory::default(),
        })
    }

    /// Publishes what is there before anybody follows.
    pub(in crate::torture) fn prime(&self, host: &Host, address: SocketAddr) -> anyhow::Result<()> {
        host.runtime.block_on(calm::prime(address, self.size.channels))
    }

    /// Clients that follow.
    pub(in crate::torture) fn start_followers(&mut self, host: &Host) {
        for number in 0..self.size.clients {
            let followed = followed(number, self.size.channels);
            let with = (Arc::clone(&self.field), host.lives.watch());
            let following = Following::new(manner(number), followed, self.random.fork(), with);
            self.followers.push(host.runtime.spawn(following.run()));
        }
    }

    /// Clients that publish, from now on.
    pub(in crate::torture) fn start_publishers(&mut self, host: &Host) {
        self.field.begin();
        for (number, form) in (1..=PUBLISHERS).zip(FORMS.into_iter().cycle()) {
            let random = self.random.fork();
            let (field, watch) = (Arc::clone(&self.field), host.lives.watch());
            let publisher = Publisher { number, form, random, field, watch };
            self.publishers.push(host.runtime.spawn(publisher.run()));
        }
        let random = self.random.fork();
        let (field, watch) = (Arc::clone(&self.field), host.lives.watch());
        let stranger = Stranger { random, field, watch };
        self.strangers.push(host.runtime.spawn(stranger.run()));
    }

    /// Waits until all of them follow all their channels; says who does not.
    pub(in crate::torture) fn have_joined(&self, host: &Host) -> bool {
        let clients = u64::from(self.size.clients);
        if self.field.wait(ENDING_TIME_MAX, |field| clients <= field.joined()) {
            return true;
        }
        let joined = self.field.joined();
        host.ground.accuse(format!("{joined} of {clients} clients could join in time"));
        false
    }

    /// In the last life of the server: all that is open is published and received, then all clients go.
    pub(in crate::torture) fn end(
        &mut self,
        host: &Host,
        address: SocketAddr,
        progress: &mut dyn Write,
    ) -> anyhow::Result<()> {
        self.join_publishers(host);
        let channels = self.size.channels;
        let ends = host.runtime.block_on(calm::ends(address, channels))?;
        self.field.set_stage(Stage::Calm(ends.clone().into()));
        self.history.ends = ends;
        if !self.all_reached() {
            // What they missed is told by the check.
            return Ok(());
        }
        writeln!(progress, "all clients have all; asking who is there")?;
        let expected = self.members();
        host.runtime.block_on(calm::presence(address, &expected))?;
        self.field.set_stage(Stage::Leave);
        let nobody = vec![0; expected.len()];
        host.runtime.block_on(calm::presence(address, &nobody))
    }

    /// Waits until all clients have all, as long as something comes.
    fn all_reached(&self) -> bool {
        let clients = u64::from(self.size.clients);
        let begun = Instant::now();
        loop {
            let before = self.field.deliveries();
            if self.field.wait(SILENCE_MAX, |field| clients <= field.reached()) {
                return true;
            }
            if self.field.deliveries() == before || CALM_TIME_MAX < begun.elapsed() {
                return false;
            }
        }
    }

    /// How many clients follow each channel.
    fn members(&self) -> Vec<u64> {
        let mut members = vec![0; self.history.ends.len()];
        for number in 0..self.size.clients {
            for channel in followed(number, self.size.channels) {
                let at = usize::try_from(channel).ok();
                if let Some(count) = at.and_then(|at| members.get_mut(at)) {
                    *count += 1;
                }
            }
        }
        members
    }

    /// All that they saw. The server is gone for good: nobody waits for another one.
    pub(in crate::torture) fn into_history(mut self, host: &Host) -> ChannelHistory {
        self.join_publishers(host);
        self.history.followers = host.join(self.followers);
        self.history
    }

    fn join_publishers(&mut self, host: &Host) {
        let publishers = std::mem::take(&mut self.publishers);
        let published = host.join(publishers);
        self.history.published.extend(published.into_iter().flatten());
        let strangers = std::mem::take(&mut self.strangers);
        self.history.strangers.extend(host.join(strangers).into_iter().flatten());
    }
}

/// The channels that a client follows, so that each has as many followers as any other.
fn followed(client: u32, channels: u32) -> Vec<u32> {
    let count = FOLLOWED.min(channels);
    let apart = (channels / count).max(1);
    (0..count).map(|at| (client + at * apart) % channels).collect()
}
