//! Who is let in: connections in all, and from one address.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::Limits;
use crate::problem::{Code, Problem};

/// Counts connections.
#[derive(Debug)]
pub(crate) struct Admission {
    limits: Limits,
    places_max: u32,
    places: Arc<Semaphore>,
    peers: Arc<Peers>,
}

/// A connection's place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _place: OwnedSemaphorePermit,
    _peer: Peer,
}

/// Why a connection is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoRoom {
    #[error("there are as many connections as there may be: {max}")]
    InAll { max: usize },
    #[error("there are as many connections from `{address}` as there may be: {max}")]
    FromAddress { max: usize, address: IpAddr },
}

impl Admission {
    pub(crate) fn new(limits: Limits) -> Self {
        let places_max = u32::try_from(limits.connections).unwrap_or(u32::MAX);
        let places = Arc::new(Semaphore::new(places_max as usize));
        Self { limits, places_max, places, peers: Arc::default() }
    }

    /// A place for a connection from there.
    pub(crate) fn admit(&self, address: IpAddr) -> Result<Place, NoRoom> {
        let in_all = |_none_left| NoRoom::InAll { max: self.limits.connections };
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(in_all)?;
        let address = address.to_canonical();
        let max = if address.is_loopback() {
            self.limits.connections_per_loopback
        } else {
            self.limits.connections_per_address
        };
        let peer = self.peers.enter(client(address), max);
        let peer = peer.ok_or(NoRoom::FromAddress { max, address })?;
        Ok(Place { _place: place, _peer: peer })
    }

    /// Connections there are.
    pub(crate) fn count(&self) -> usize {
        (self.places_max as usize).saturating_sub(self.places.available_permits())
    }

    /// Waits until every place is free.
    pub(crate) async fn all_gone(&self) {
        drop(self.places.acquire_many(self.places_max).await);
    }
}

/// Says that there is no room, if that can be said at once.
pub(crate) fn turn_away(stream: &TcpStream, why: NoRoom) {
    let problem =
        Problem::new(Code::TooManyConnections, why.to_string()).hint("end some, or try later");
    let body = problem.to_json();
    let mut answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n\
         connection: close\r\nretry-after: 1\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(&body);
    // It fits any socket's buffer; when not even that takes it, the closed connection says the same.
    drop(stream.try_write(&answer));
}

/// What stands for one client: of IPv6 the first 64 bits, as it may have all addresses behind them.
fn client(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

/// How many connections each client has; as many clients as there are connections at most.
#[derive(Debug, Default)]
struct Peers {
    counts: Mutex<BTreeMap<IpAddr, usize>>,
}

/// One connection of a client.
#[derive(Debug)]
struct Peer {
    peers: Arc<Peers>,
    client: IpAddr,
}

impl Peers {
    fn enter(self: &Arc<Self>, client: IpAddr, max: usize) -> Option<Peer> {
        let mut counts = self.lock();
        let count = counts.get(&client).copied().unwrap_or_default();
        if max <= count {
            return None;
        }
        counts.insert(client, count + 1);
        drop(counts);
        Some(Peer { peers: Arc::clone(self), client })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<IpAddr, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let mut counts = self.peers.lock();
        if let Entry::Occupied(mut count) = counts.entry(self.client) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(connections: usize, connections_per_address: usize) -> Admission {
        Admission::new(Limits { connections, connections_per_address, ..Limits::default() })
    }

    fn admit(admission: &Admission, address: &str) -> Result<Place, NoRoom> {
        admission.admit(address.parse().unwrap())
    }

    #[test]
    fn one_address_does_not_take_the_place_of_others() {
        let admission = admission(10, 2);
        let mut places = vec![
            admit(&admission, "10.0.0.7").unwrap(),
            admit(&admission, "::ffff:10.0.0.7").unwrap(),
            admit(&admission, "2001:db8::1").unwrap(),
            admit(&admission, "2001:db8::2").unwrap(),
        ];
        for full in ["10.0.0.7", "2001:db8::3"] {
            let address = full.parse().unwrap();
            let refused = admit(&admission, full).unwrap_err();
            assert_eq!(refused, NoRoom::FromAddress { max: 2, address });
        }
        for other in ["10.0.0.8", "2001:db8:0:1::1", "127.0.0.1", "127.0.0.1", "127.0.0.1"] {
            places.push(admit(&admission, other).unwrap());
        }
        places.remove(0);
        places.push(admit(&admission, "10.0.0.7").unwrap());
        drop(places);
        assert!(admission.peers.lock().is_empty());
    }

    #[test]
    fn a_refused_connection_takes_no_place() {
        let admission = admission(2, 1);
        let first = admit(&admission, "10.0.0.7").unwrap();
        for _ in 0..3 {
            admit(&admission, "10.0.0.7").unwrap_err();
        }
        let _second = admit(&admission, "10.0.0.8").unwrap();
        let refused = admit(&admission, "10.0.0.9").unwrap_err();
        assert_eq!(refused, NoRoom::InAll { max: 2 });
        drop(first);
        admit(&admission, "10.0.0.9").unwrap();
    }
}
