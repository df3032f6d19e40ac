//! Clients that are cut, stall and come back, while much is published: each gets all of it once and in order.

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use arrw::NewEvent;
use serde_json::{Value, json};

use crate::asking::Running;
use crate::socket::{Heard, Socket};

const CLIENTS: u64 = 16;
const CHANNELS: u64 = 12;
const PUBLICATIONS: u64 = 6_000;
/// Channels that each client follows.
const FOLLOWED: u64 = 4;

/// Numbers that follow from a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// A client that knows where it is in each of its channels.
struct Client<'a> {
    server: &'a Running,
    random: Random,
    /// The offset and the epoch of each.
    places: BTreeMap<String, (u64, Value)>,
    cuts: u64,
}

impl Client<'_> {
    /// Connects and subscribes to all, from where it was.
    fn connect(&mut self) -> Socket {
        let mut socket = self.server.connected();
        for (channel, (offset, epoch)) in &mut self.places {
            let is_first = epoch.is_null();
            let mut subscribe = json!({ "channel": channel });
            if !is_first {
                subscribe["recover"] = true.into();
                subscribe["offset"] = (*offset).into();
                subscribe["epoch"] = epoch.clone();
            }
            let reply = socket.ask(json!({ "subscribe": subscribe }));
            let result = &reply["subscribe"];
            assert!(is_first || result["recovered"] == true, "{channel} at {offset}: {reply}");
            if is_first {
                *offset = result["offset"].as_u64().unwrap_or(0);
            }
            *epoch = result["epoch"].clone();
        }
        socket
    }

    /// Takes what comes until it has the last publication of each channel. All begin before the first one is published.
    fn follow(&mut self, ends: &BTreeMap<String, u64>, (all, is_done): (&Barrier, &AtomicBool)) {
        let mut socket = self.connect();
        all.wait();
        loop {
            let is_at_end =
                self.places.iter().all(|(channel, (offset, _))| ends[channel] <= *offset);
            if is_at_end && is_done.load(Ordering::Acquire) {
                return;
            }
            match self.random.below(200) {
                0 if !is_at_end => {
                    // Cut in the middle of whatever it was sent.
                    drop(socket);
                    self.cuts += 1;
                    socket = self.connect();
                }
                1 if !is_at_end => {
                    // It asks for much and reads nothing of it for a while.
                    let large = json!({ "rpc": { "method": "echo", "data": "x".repeat(50_000) } });
                    socket.ask(large);
                }
                _ => (),
            }
            match socket.hear() {
                Heard::Reply(reply) if reply == json!({}) => socket.say("{}"),
                Heard::Reply(reply) => {
                    let publication = &reply["push"]["pub"];
                    assert!(publication.is_object(), "{reply}");
                    let channel = reply["push"]["channel"].as_str().unwrap();
                    let offset = publication["offset"].as_u64().unwrap();
                    let (place, _) = self.places.get_mut(channel).unwrap();
                    assert_eq!(offset, *place + 1, "{channel}");
                    assert_eq!(publication["data"]["n"], offset, "{channel}");
                    *place = offset;
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn nothing_is_lost_doubled_or_out_of_order() {
    let server = Running::new();
    let mut random = Random(0x5eed_c4a0);
    let topics: Vec<String> = (0..CHANNELS).map(|number| format!("c{number}")).collect();
    // What is published is known before, so that each client knows when it has all.
    let mut ends: BTreeMap<String, u64> = topics.iter().map(|it| (it.clone(), 0)).collect();
    let mut plan = Vec::new();
    for _ in 0..PUBLICATIONS {
        let topic = &topics[usize::try_from(random.below(CHANNELS)).unwrap()];
        let end = ends.get_mut(topic).unwrap();
        *end += 1;
        let size = if random.below(20) == 0 { 20_000 } else { 50 };
        plan.push((topic.clone(), json!({ "n": *end, "x": "x".repeat(size) }).to_string()));
    }
    let (all, is_done) =
        (Barrier::new(usize::try_from(CLIENTS).unwrap() + 1), AtomicBool::new(false));
    let cuts: u64 = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let mut random = Random(number + 1);
                random.below(2);
                let first = random.below(CHANNELS);
                let followed = (0..FOLLOWED).map(|it| (first + it * 3) % CHANNELS);
                let places = followed.map(|it| (format!("c{it}"), (0, Value::Null))).collect();
                let mut client = Client { server: &server, random, places, cuts: 0 };
                let (ends, gates) = (&ends, (&all, &is_done));
                scope.spawn(move || {
                    client.follow(ends, gates);
                    client.cuts
                })
            })
            .collect();
        let bus = server.db.bus();
        all.wait();
        for events in plan.chunks(8) {
            let events: Vec<_> =
                events.iter().map(|(topic, data)| NewEvent::new(topic, data.as_bytes())).collect();
            bus.publish_all(&events).unwrap().wait().unwrap();
        }
        is_done.store(true, Ordering::Release);
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    });
    assert!(0 < cuts);
}
