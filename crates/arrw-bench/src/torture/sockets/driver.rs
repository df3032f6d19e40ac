//! Starts the server, lets clients at its channels, kills it again and again, and gathers what they saw.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::super::host::Host;
use super::super::limits::{ENDING_TIME_MAX, FROZEN_MS_MAX, SEGMENT_BYTES, TICK};
use super::super::lives::Phase;
use super::SocketTorture;
use super::calm;
use super::field::{Field, Stage};
use super::follower::{Following, manner};
use super::limits::{CALM_TIME_MAX, FATE_MS_MAX, FOLLOWED, PATIENCE, SILENCE_MAX};
use super::publisher::Publisher;
use super::stranger::Stranger;
use crate::history::{ChannelDemand, ChannelHistory, Follower, Publish, PublishForm};
use crate::pace;
use crate::random::Random;
use crate::server::Server;

/// What each publisher publishes: several of each form.
const FORMS: [PublishForm; 5] = [
    PublishForm::Single,
    PublishForm::Once,
    PublishForm::Broadcast,
    PublishForm::Batch,
    PublishForm::Command,
];
const PUBLISHERS: u32 = 20;
/// Kills between two lines of progress.
const TOLD_EVERY: u64 = 5;

/// What a history must hold.
pub(super) fn demand(torture: &SocketTorture) -> ChannelDemand {
    let lives = u64::from(torture.clients) * torture.kills;
    ChannelDemand {
        kills: torture.kills,
        acknowledged: torture.publications,
        cuts: lives / 8,
        stalls: lives / 16,
        strangers: torture.kills,
        // Each kill cuts all.
        recoveries: lives * u64::from(FOLLOWED.min(torture.channels)) / 2,
    }
}

/// What all clients saw.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) history: ChannelHistory,
    /// What the server was seen to do that it must not.
    pub(super) fault: Option<String>,
}

/// A torture under way.
pub(super) struct Driver<'a> {
    torture: &'a SocketTorture,
    random: Random,
    host: Host,
    field: Arc<Field>,
    followers: Vec<JoinHandle<Follower>>,
    publishers: Vec<JoinHandle<Vec<Publish>>>,
    strangers: Vec<JoinHandle<Vec<(u32, bool)>>>,
    history: ChannelHistory,
}

impl<'a> Driver<'a> {
    pub(super) fn new(torture: &'a SocketTorture, folder: &Path) -> anyhow::Result<Self> {
        let mut host = Host::new((&torture.program, folder), torture.seed)?;
        host.arguments = vec!["--segment-bytes".to_owned(), (16 * SEGMENT_BYTES).to_string()];
        let lives = u32::try_from(torture.kills)?;
        let time = torture.kill_every * lives;
        let fate_ms_max = u64::try_from(torture.kill_every.as_millis())? * 4 / 5;
        let plan = (torture.publications, time);
        let fate_ms_max = fate_ms_max.min(FATE_MS_MAX);
        let field = Field::new(&host.ground, torture.channels, plan, fate_ms_max);
        Ok(Self {
            torture,
            random: Random::new(torture.seed),
            host,
            field: Arc::new(field),
            followers: Vec::new(),
            publishers: Vec::new(),
            strangers: Vec::new(),
            history: ChannelHistory::default(),
        })
    }

    /// All kills and the ending; answers what was seen.
    pub(super) fn run(mut self, progress: &mut dyn Write) -> anyhow::Result<Seen> {
        let ended = self.all_lives(progress).and_then(|()| self.ending(progress));
        if let Err(error) = ended {
            if self.history.kills == 0 && self.publishers.is_empty() {
                // It never was there.
                self.host.lives.give_up();
                return Err(error);
            }
            self.host.ground.accuse(format!("{error:#}"));
        }
        // The server is gone for good: nobody waits for another one.
        self.field.set_stage(Stage::Leave);
        self.host.lives.give_up();
        self.join_publishers();
        let followers = std::mem::take(&mut self.followers);
        self.history.followers = self.host.join(followers);
        Ok(Seen { fault: self.host.ground.fault(), history: self.history })
    }

    fn all_lives(&mut self, progress: &mut dyn Write) -> anyhow::Result<()> {
        let first = self.host.launch()?;
        let primed = calm::prime(first.address(), self.torture.channels);
        self.host.runtime.block_on(primed)?;
        self.start_followers();
        self.host.lives.begin(first.address(), Phase::Torture);
        let clients = u64::from(self.torture.clients);
        if !self.field.wait(ENDING_TIME_MAX, |field| clients <= field.joined()) {
            let joined = self.field.joined();
            self.host.ground.accuse(format!("{joined} of {clients} clients could join in time"));
            return Ok(());
        }
        self.start_publishers();
        let begun = Instant::now();
        let patience = self.torture.kill_every * u32::try_from(self.torture.kills)? * PATIENCE;
        let mut server = first;
        loop {
            if !self.life(&mut server)? {
                return Ok(());
            }
            drop(server);
            self.history.kills += 1;
            let (kills, acknowledged) = (self.history.kills, self.field.acknowledged());
            if kills.is_multiple_of(TOLD_EVERY) {
                let deliveries = self.field.deliveries();
                writeln!(
                    progress,
                    "{kills} kills: {acknowledged} publications acknowledged, {deliveries} deliveries"
                )?;
            }
            let is_enough =
                self.torture.kills <= kills && self.torture.publications <= acknowledged;
            // What has not come by then does not come: the check says what there was too little of.
            if is_enough || patience < begun.elapsed() {
                return Ok(());
            }
            self.host.cut_off_a_start(&mut self.random)?;
            server = self.host.start(Phase::Torture)?;
        }
    }

    fn start_followers(&mut self) {
        for number in 0..self.torture.clients {
            let followed = followed(number, self.torture.channels);
            let with = (Arc::clone(&self.field), self.host.lives.watch());
            let following = Following::new(manner(number), followed, self.random.fork(), with);
            self.followers.push(self.host.runtime.spawn(following.run()));
        }
    }

    fn start_publishers(&mut self) {
        self.field.begin();
        for (number, form) in (1..=PUBLISHERS).zip(FORMS.into_iter().cycle()) {
            let random = self.random.fork();
            let (field, watch) = (Arc::clone(&self.field), self.host.lives.watch());
            let publisher = Publisher { number, form, random, field, watch };
            self.publishers.push(self.host.runtime.spawn(publisher.run()));
        }
        let random = self.random.fork();
        let (field, watch) = (Arc::clone(&self.field), self.host.lives.watch());
        let stranger = Stranger { random, field, watch };
        self.strangers.push(self.host.runtime.spawn(stranger.run()));
    }

    /// One life of the server, up to its kill; false when that was not as it should be.
    fn life(&mut self, server: &mut Server) -> anyhow::Result<bool> {
        let every = u64::try_from(self.torture.kill_every.as_millis())?;
        let time = every * 3 / 4 + self.random.below(every / 2 + 1);
        let until = Instant::now() + Duration::from_millis(time);
        while Instant::now() < until {
            if self.host.ground.fault().is_some() {
                return Ok(false);
            }
            if let Some(status) = server.ended()? {
                self.host.ground.accuse(format!("the server ended by itself: {status}"));
                return Ok(false);
            }
            pace::wait(TICK);
        }
        // Now and then it is killed while it stands still, when the system's queues are full.
        if self.random.below(4) == 0 {
            server.freeze()?;
            pace::wait(Duration::from_millis(self.random.up_to(FROZEN_MS_MAX)));
        }
        Ok(true)
    }

    /// The last life of the server: all that is open is published and received, then all clients go.
    fn ending(&mut self, progress: &mut dyn Write) -> anyhow::Result<()> {
        if self.host.ground.fault().is_some() {
            return Ok(());
        }
        let server = self.host.start(Phase::Ending)?;
        self.join_publishers();
        let channels = self.torture.channels;
        let ends = self.host.runtime.block_on(calm::ends(server.address(), channels))?;
        self.field.set_stage(Stage::Calm(ends.clone().into()));
        self.history.ends = ends;
        if !self.all_reached() {
            // What they missed is told by the check.
            return Ok(());
        }
        writeln!(progress, "all clients have all; asking who is there")?;
        let expected = self.members();
        self.host.runtime.block_on(calm::presence(server.address(), &expected))?;
        self.field.set_stage(Stage::Leave);
        let nobody = vec![0; expected.len()];
        self.host.runtime.block_on(calm::presence(server.address(), &nobody))
    }

    /// Waits until all clients have all, as long as something comes.
    fn all_reached(&self) -> bool {
        let clients = u64::from(self.torture.clients);
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
        for number in 0..self.torture.clients {
            for channel in followed(number, self.torture.channels) {
                let at = usize::try_from(channel).ok();
                if let Some(count) = at.and_then(|at| members.get_mut(at)) {
                    *count += 1;
                }
            }
        }
        members
    }

    fn join_publishers(&mut self) {
        let publishers = std::mem::take(&mut self.publishers);
        let published = self.host.join(publishers);
        self.history.published.extend(published.into_iter().flatten());
        let strangers = std::mem::take(&mut self.strangers);
        self.history.strangers.extend(self.host.join(strangers).into_iter().flatten());
    }
}

/// The channels that a client follows, so that each has as many followers as any other.
fn followed(client: u32, channels: u32) -> Vec<u32> {
    let count = FOLLOWED.min(channels);
    let apart = (channels / count).max(1);
    (0..count).map(|at| (client + at * apart) % channels).collect()
}
