//! Single runs of what this group measures, for groups that put them together in another way.

use std::net::SocketAddr;
use std::time::Duration;

pub(crate) use super::order::Times;
use super::order::{Group, Opened, Order, Pace, Published};
use super::stand::{Cores, Stand, Subject, TIME_MAX_MS, channels};
use super::{MANY_CONNECTIONS, SETTINGS, Sockets, broadcast};
use crate::disk::{self, WorkFolder};
use crate::machine;
use crate::plan::Plan;
use crate::runs::float;

/// Connections that are there before others are weighed.
const WARM: u32 = 200;
/// Each publishes at most so many at once: a server may bound the commands of a client by the second.
const A_PUBLISHER: u32 = 1_000;

/// Our server and its clients, with whatever else loads it.
#[derive(Debug)]
pub(crate) struct Field(Stand);

impl Field {
    /// Has something done to a server in an empty folder of this name.
    pub(crate) fn with<T>(
        (plan, folder): (&Plan, &WorkFolder),
        work: impl FnOnce(&mut Self) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let place = folder.fresh("field")?;
        let settings = [MANY_CONNECTIONS, SETTINGS].concat();
        let (sockets, subject) = (Sockets::default(), Subject::Ours);
        let stand = Stand::start((plan, &sockets), subject, &place, &settings, Cores::Any)?;
        let mut field = Self(stand);
        let done = work(&mut field)?;
        drop(field);
        disk::remove(&place)?;
        Ok(done)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.server.address()
    }

    /// The server's process.
    pub(crate) fn process(&self) -> u32 {
        self.0.server.id()
    }

    /// So many connections, each subscribed to one volatile channel; `channel_count` of them.
    pub(crate) fn subscribe(
        &mut self,
        connections: u32,
        channel_count: u32,
    ) -> anyhow::Result<Opened> {
        self.0.subscribe(Group::Readers, connections, &channels("vol", channel_count))
    }

    pub(crate) fn open_publisher(&mut self) -> anyhow::Result<()> {
        self.0.open(Group::Publishers, 1).map(drop)
    }

    /// Publications to all who subscribe to the one channel; `every` zero for as fast as the server answers.
    pub(crate) fn publish(
        &mut self,
        (warm, counted): (u32, u32),
        every: Duration,
        receivers: u32,
    ) -> anyhow::Result<Published> {
        let every = u64::try_from(every.as_nanos())?;
        let pace = if every == 0 { Pace::Burst } else { Pace::Every(every) };
        self.0.publish(&channels("vol", 1), (warm, counted), pace, receivers)
    }
}

/// Connections a second, of so many.
pub(crate) fn accept(
    (plan, folder): (&Plan, &WorkFolder),
    connections: u32,
) -> anyhow::Result<(f64, Opened)> {
    let opened = Field::with((plan, folder), |field| {
        field.0.open(Group::Readers, WARM)?;
        field.0.open(Group::Readers, connections)
    })?;
    Ok((float(connections.into()) / opened.seconds, opened))
}

/// How many of so many connections, all open at once, got a publication of a channel of their own.
pub(crate) fn concurrent(
    (plan, folder): (&Plan, &WorkFolder),
    connections: u32,
) -> anyhow::Result<f64> {
    Field::with((plan, folder), |field| {
        field.subscribe(connections, connections)?;
        field.0.open(Group::Publishers, connections.div_ceil(A_PUBLISHER))?;
        let own = channels("vol", connections);
        let published = field.0.publish(&own, (0, connections), Pace::Burst, 1)?;
        Ok(float(published.receipts))
    })
}

/// Messages a second in bursts of 100 to so many, and from one publication to its last receipt when the next waits for it.
pub(crate) fn broadcast(
    (plan, folder): (&Plan, &WorkFolder),
    connections: u32,
    time: Duration,
) -> anyhow::Result<(f64, Published)> {
    Field::with((plan, folder), |field| {
        let rate = broadcast::bursts(&mut field.0, connections, time)?;
        let channel = channels("vol", 1);
        let single = field.0.publish(&channel, (20, 200), Pace::OneByOne, connections)?;
        Ok((rate, single))
    })
}

/// Publications at a steady rate to so many, for some time.
pub(crate) fn steady(
    (plan, folder): (&Plan, &WorkFolder),
    connections: u32,
    (per_s, time): (u32, Duration),
) -> anyhow::Result<Published> {
    Field::with((plan, folder), |field| {
        field.subscribe(connections, 1)?;
        field.open_publisher()?;
        let count = u32::try_from(u128::from(per_s) * time.as_millis() / 1_000)?;
        field.publish((per_s / 10, count), Duration::from_secs(1) / per_s, connections)
    })
}

/// Resident bytes of the server above those before, after each step of so many idle connections more.
pub(crate) fn memory(
    (plan, folder): (&Plan, &WorkFolder),
    (step, steps): (u32, u32),
    idle: Duration,
) -> anyhow::Result<Vec<u64>> {
    Field::with((plan, folder), |field| {
        let server = Some(field.process());
        field.0.subscribe(Group::Stalled, WARM, &channels("vol", WARM))?;
        let before = machine::rss(server)?;
        let mut above = Vec::new();
        for number in 1..=steps {
            let prefix = format!("dur:step{number}-");
            let own = super::order::Channels { prefix, count: step };
            field.0.subscribe(Group::Readers, step, &own)?;
            if number == steps {
                let time_ms = u64::try_from(idle.as_millis())?;
                let order = Order::Idle { time_ms, pings: 0, time_max_ms: TIME_MAX_MS };
                field.0.generator.order(&order)?;
            }
            above.push(machine::rss(server)?.saturating_sub(before));
        }
        Ok(above)
    })
}
