//! Connections under a driver without sockets, by a clock that a seed moves on: minutes of cuts, stalls, silence and load in
//! milliseconds, the same for the same seed.

mod client;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrw::{Clock, Db, Drive as LogDrive, Environment, MemoryStorage, NewEvent, Timestamp};
use arrw_wire::centrifuge::{Command, Encoding, PublishRequest, Request};
use arrw_wire::websocket::{Compression, Peer, Reader};
use tokio::runtime::Builder;
use tokio::sync::Semaphore;
use tokio::time::{Instant, advance};

use self::client::Client;
use self::wire::Wire;
use super::channel::options::{ChannelOptions, ChannelSettings};
use super::connection::Connection;
use super::driver::{Drive, Room};
use super::form::Form;
use super::hub::clock;
use super::hub::{Access, Hub};
use super::{Namespaces, Proxies, SocketLimits, Tokens};

const CLIENTS: u64 = 6;
const CHANNELS: u64 = 5;
const STEPS: u64 = 300;
/// Seconds since 1970 at which each run begins.
const BEGIN: Duration = Duration::from_secs(1_800_000_000);

/// What is asked is answered so soon by who reads all: within a step, and the pong may take eight seconds.
const TO_ANSWER: Duration = Duration::from_secs(14);

/// The same time for the log.
#[derive(Debug)]
struct Simulated(Instant);

impl Clock for Simulated {
    fn now(&self) -> Timestamp {
        let since = BEGIN + self.0.elapsed();
        Timestamp::from_micros(since.as_micros().try_into().unwrap())
    }
}

/// Numbers that follow from a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % bound
    }

    fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap()
    }
}

/// What is published in a channel at a place: large now and then, so that clients fall behind in the middle of it.
fn payload(channel: &str, offset: u64) -> Vec<u8> {
    let size = if offset.is_multiple_of(13) { 9_000 } else { 20 };
    format!("{{\"{channel}\":{offset},\"x\":\"{}\"}}", "x".repeat(size)).into_bytes()
}

struct World {
    random: Random,
    db: Db,
    hub: Arc<Hub>,
    clients: Vec<Client>,
    /// How much was published in each channel.
    ends: BTreeMap<String, u64>,
    cuts: u64,
    silenced: u64,
    rooms: Arc<Semaphore>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut options = arrw::Options::default();
        options.log.segment_bytes = 1024 * 1024;
        options.log.drive = LogDrive::Callers;
        let mut environment = Environment::with_storage(Arc::new(MemoryStorage::new()));
        environment.clock = Arc::new(Simulated(Instant::now()));
        let db = Db::open_with(environment, options).unwrap();
        let default = ChannelOptions { presence: true, ..ChannelOptions::default() };
        let namespaces = Namespaces::new(ChannelSettings { default, ..ChannelSettings::default() });
        let (tokens, proxies) = (Tokens::none(), Proxies::default());
        let access = Access { is_open: true, has_personal: false, tokens, proxies };
        // Little is in memory, so that clients read the log as well.
        let limits = SocketLimits { rings_bytes: 64 * 1024, ..SocketLimits::default() };
        let hub = Hub::new(db.clone(), namespaces, access, (limits, false, Arc::default()));
        let hub = Arc::new(hub.simulated(clock::Clock::simulated(BEGIN), 2));
        hub.start();
        let mut random = Random(seed);
        let channels: Vec<String> = (0..CHANNELS).map(|number| format!("c{number}")).collect();
        let clients = (0..CLIENTS).map(|number| {
            let encoding = if number % 2 == 0 { Encoding::Json } else { Encoding::Protobuf };
            let mut followed = channels.clone();
            // At least one.
            while 1 < followed.len() && random.below(3) != 0 {
                followed.remove(random.index(followed.len()));
            }
            Client::new(number, encoding, followed)
        });
        let clients = clients.collect();
        let ends = channels.into_iter().map(|channel| (channel, 0)).collect();
        let rooms = Arc::new(Semaphore::new(1_000_000));
        Self { random, db, hub, clients, ends, cuts: 0, silenced: 0, rooms }
    }

    /// Everybody does what there is to do.
    async fn settle(&self) {
        for _ in 0..40 {
            tokio::task::yield_now().await;
        }
    }

    fn client(&mut self) -> usize {
        self.random.index(self.clients.len())
    }

    fn connect(&mut self, at: usize) {
        let room = 200 + self.random.index(30_000);
        let wire = Wire::new(room);
        let client = &mut self.clients[at];
        let form = Form::of(client.encoding(), false);
        let link = Box::new(Arc::clone(&wire));
        let connection = Arc::new(Connection::new(&self.hub, form, link, None).unwrap());
        let reader = Reader::new(Peer::Client, Compression::Off, 64 * 1024);
        let room = Room::Stream { _place: Arc::clone(&self.rooms).try_acquire_owned().unwrap() };
        let drive = Drive::new(Arc::clone(&self.hub), connection, reader, Vec::new(), room);
        drop(tokio::spawn(drive));
        client.connect(wire);
    }

    fn cut(&mut self, at: usize) {
        if let Some(line) = self.clients[at].line.take() {
            line.wire.cut();
            self.cuts += 1;
        }
    }

    fn publish(&mut self) {
        let count = 1 + self.random.below(8) * self.random.below(8);
        let mut events = Vec::new();
        for _ in 0..count {
            let channel = format!("c{}", self.random.below(CHANNELS));
            let end = self.ends.get_mut(&channel).unwrap();
            *end += 1;
            events.push((payload(&channel, *end), channel));
        }
        let events: Vec<_> =
            events.iter().map(|(data, topic)| NewEvent::new(topic, data)).collect();
        self.db.bus().publish_all(&events).unwrap().wait().unwrap();
    }

    /// A client publishes; nobody else does so until it is done.
    async fn publish_by_client(&mut self) {
        let at = self.client();
        let client = &self.clients[at];
        if !client.is_subscribed() || client.is_stalled {
            return;
        }
        let channel = format!("c{}", self.random.below(CHANNELS));
        let before = self.ends[&channel];
        let data = payload(&channel, before + 1);
        let channel_of = (&*channel).into();
        let request =
            PublishRequest { channel: channel_of, data: &data, ..PublishRequest::default() };
        let what = Request::Publish(request);
        client.say(&[Command { id: 9, what }]);
        self.settle().await;
        let query = arrw::HistoryQuery { since: None, limit: 1, order: arrw::Order::NewestFirst };
        let end = self.db.bus().history(&channel, query);
        let end = end.map_or(before, |history| history.last_offset);
        assert!(end <= before + 1);
        self.ends.insert(channel, end);
    }

    /// A client takes some of what waits for it, and goes when it was closed.
    fn take(&mut self, at: usize, max: usize) -> Result<(), String> {
        let client = &mut self.clients[at];
        if client.is_stalled {
            client.behind_at = Some(Instant::now());
            return Ok(());
        }
        if let Some(code) = client.take(max, &payload)? {
            // Only those are ended that do not answer, or had not yet read what they were asked.
            let is_late = client.behind_at.is_some_and(|at| at.elapsed() < TO_ANSWER);
            if code != 3012 || !(client.is_mute || is_late) {
                return Err(format!("closed with {code}"));
            }
            client.is_mute = false;
            client.line.take();
            self.silenced += 1;
        } else if client.line.as_ref().is_some_and(|line| line.wire.is_over()) {
            return Err("ended without a word".to_owned());
        }
        Ok(())
    }

    async fn step(&mut self) -> Result<(), String> {
        match self.random.below(20) {
            0 => {
                let at = self.client();
                self.cut(at);
            }
            1 => {
                let at = self.client();
                self.clients[at].is_stalled = true;
            }
            2 | 3 => {
                let at = self.client();
                self.clients[at].is_stalled = false;
            }
            4 if self.random.below(8) == 0 => {
                let at = self.client();
                self.clients[at].is_mute = true;
            }
            5 => self.publish_by_client().await,
            6..12 => self.publish(),
            12 => {
                let ms = self.random.below(5_000);
                advance(Duration::from_millis(ms)).await;
            }
            _ => {
                let ms = self.random.below(20);
                advance(Duration::from_millis(ms)).await;
            }
        }
        for at in 0..self.clients.len() {
            if self.clients[at].line.is_none() && self.random.below(4) == 0 {
                self.connect(at);
            }
            let max = self.random.index(8_000);
            self.take(at, max).map_err(|what| format!("client {at}: {what}"))?;
        }
        self.settle().await;
        Ok(())
    }

    /// Nothing is in the way any more: everybody gets all.
    async fn come_to_rest(&mut self) -> Result<(), String> {
        let begun = Instant::now();
        self.clients.iter_mut().for_each(|client| client.is_stalled = false);
        while !self.clients.iter().all(|client| client.has_all(&self.ends)) {
            for at in 0..self.clients.len() {
                if self.clients[at].line.is_none() {
                    self.connect(at);
                }
                self.take(at, usize::MAX).map_err(|what| format!("client {at}: {what}"))?;
            }
            // The runtime's time goes on when nobody has anything to do, pages that are read included.
            tokio::time::sleep(Duration::from_millis(5)).await;
            if Duration::from_secs(300) < begun.elapsed() {
                let client = self.clients.iter().find(|client| !client.has_all(&self.ends));
                let places = client.map(|client| (client.number, client.places.clone()));
                return Err(format!("{places:?} of {:?} after five minutes", self.ends));
            }
        }
        self.check_presence().await
    }

    /// Those are shown as subscribed that are, once it is over for those that went.
    async fn check_presence(&mut self) -> Result<(), String> {
        // Long enough for those to be ended that have not answered a ping, and to be forgotten.
        for _ in 0..60 {
            for at in 0..self.clients.len() {
                self.take(at, usize::MAX)?;
            }
            advance(Duration::from_secs(1)).await;
            self.settle().await;
        }
        for channel in self.ends.keys() {
            let follows =
                |client: &&Client| client.line.is_some() && client.places.contains_key(channel);
            let expected = self.clients.iter().filter(follows).count();
            let counted = self.hub.find(channel).map_or(0, |it| it.lock().presence.counts().0);
            if counted != expected {
                return Err(format!("{channel} shows {counted} clients of {expected}"));
            }
        }
        Ok(())
    }

    async fn run(&mut self) -> Result<(), String> {
        for step in 0..STEPS {
            self.step().await.map_err(|what| format!("step {step}: {what}"))?;
        }
        self.come_to_rest().await
    }
}

#[test]
fn whatever_happens_clients_get_all_once_and_in_order() {
    let (mut cuts, mut silenced, mut recovered, mut misses) = (0, 0, 0, 0);
    for seed in 0..60 {
        let runtime =
            Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut world = World::new(seed);
            if let Err(what) = world.run().await {
                panic!("seed {seed}: {what}");
            }
            cuts += world.cuts;
            silenced += world.silenced;
            recovered += world.clients.iter().map(|client| client.recovered).sum::<u64>();
            misses += world.hub.figures.totals().ring_misses;
            world.hub.close();
        });
    }
    // The runs were about something.
    assert!(100 < cuts && 10 < silenced && 100 < recovered, "{cuts}, {silenced}, {recovered}");
    assert!(100 < misses, "the log was read {misses} times");
}
