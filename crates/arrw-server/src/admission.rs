//! Who is let in: connections in all, and connections and requests of one address.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::counters::Limit;
use crate::limits::{ADDRESSES_MAX, Limits};
use crate::problem::{Code, Problem};
use crate::rates::{Bucket, Rate};

/// Counts connections.
#[derive(Debug)]
pub(crate) struct Admission {
    limits: Limits,
    places_max: u32,
    places: Arc<Semaphore>,
    callers: Arc<Callers>,
    remote: Rate,
    loopback: Rate,
}

/// A connection's place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _place: OwnedSemaphorePermit,
    connection: Connection,
}

/// Whoever asks by one connection.
#[derive(Debug)]
pub(crate) struct Visitor {
    caller: Arc<Caller>,
    /// The connection has paid for the first request.
    has_paid: AtomicBool,
}

/// Whoever asks from one address.
#[derive(Debug)]
struct Caller {
    address: IpAddr,
    rate: Rate,
    used: Bucket,
}

/// Why a connection is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoRoom {
    #[error("there are as many connections as there may be: {max}")]
    InAll { max: usize },
    #[error("there are as many connections from `{address}` as there may be: {max}")]
    FromAddress { max: usize, address: IpAddr },
    #[error("connections come from as many addresses as there may be: {ADDRESSES_MAX}")]
    Addresses,
    #[error("`{address}` asks more often than {max} times a second")]
    TooOften { max: usize, address: IpAddr, wait: Duration },
}

impl NoRoom {
    /// What the client is told.
    pub(crate) fn problem(self) -> Problem {
        let (code, limit) = match self {
            Self::InAll { .. } => (Code::TooManyConnections, Some(Limit::Connections)),
            Self::FromAddress { address, .. } if address.is_loopback() => {
                (Code::TooManyConnections, Some(Limit::ConnectionsPerLoopback))
            }
            Self::FromAddress { .. } => {
                (Code::TooManyConnections, Some(Limit::ConnectionsPerAddress))
            }
            Self::Addresses => (Code::TooManyConnections, None),
            Self::TooOften { address, .. } if address.is_loopback() => {
                (Code::TooManyRequests, Some(Limit::RequestsPerLoopback))
            }
            Self::TooOften { .. } => (Code::TooManyRequests, Some(Limit::RequestsPerAddress)),
        };
        let problem = Problem::new(code, self.to_string());
        let problem = match self {
            Self::TooOften { wait, .. } => problem
                .wait(wait)
                .hint("ask less often, or send many events at once (an array, or lines of NDJSON)"),
            Self::InAll { .. } | Self::FromAddress { .. } | Self::Addresses => {
                problem.hint("end some, or try later")
            }
        };
        match limit {
            Some(limit) => problem.at_limit(limit),
            None => problem,
        }
    }
}

impl Admission {
    pub(crate) fn new(limits: Limits) -> Self {
        let places_max = u32::try_from(limits.connections).unwrap_or(u32::MAX);
        let places = Arc::new(Semaphore::new(places_max as usize));
        let remote = Rate::new(limits.requests_per_address);
        let loopback = Rate::new(limits.requests_per_loopback);
        Self { limits, places_max, places, callers: Arc::default(), remote, loopback }
    }

    /// A place for a connection from there.
    pub(crate) fn admit(&self, address: IpAddr) -> Result<Place, NoRoom> {
        let in_all = |_none_left| NoRoom::InAll { max: self.limits.connections };
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(in_all)?;
        let address = address.to_canonical();
        let (max, rate) = if address.is_loopback() {
            (self.limits.connections_per_loopback, self.loopback)
        } else {
            (self.limits.connections_per_address, self.remote)
        };
        let connection = self.callers.enter(address, max, rate)?;
        Ok(Place { _place: place, connection })
    }

    /// Connections there are.
    pub(crate) fn count(&self) -> usize {
        (self.places_max as usize).saturating_sub(self.places.available_permits())
    }

    /// Waits until every place is free.
    pub(crate) async fn all_gone(&self) {
        drop(self.places.acquire_many(self.places_max).await);
    }

    /// Forgets addresses of which there is nothing left to know.
    pub(crate) fn forget_idle(&self) {
        self.callers.lock().retain(|_, known| !known.is_idle());
    }
}

impl Place {
    pub(crate) fn visitor(&self) -> Visitor {
        let caller = Arc::clone(&self.connection.caller);
        Visitor { caller, has_paid: AtomicBool::new(true) }
    }
}

impl Visitor {
    /// Counts a request, if there may be one more now.
    pub(crate) fn ask(&self) -> Result<(), NoRoom> {
        if self.has_paid.swap(false, Ordering::Relaxed) { Ok(()) } else { self.caller.ask() }
    }
}

impl Caller {
    fn ask(&self) -> Result<(), NoRoom> {
        let (max, address) = (self.rate.per_second(), self.address);
        self.rate.take(&self.used).map_err(|wait| NoRoom::TooOften { max, address, wait })
    }
}

/// Says that there is no room, if that can be said at once.
pub(crate) fn turn_away(stream: &TcpStream, problem: &Problem) {
    // It fits any socket's buffer; when not even that takes it, the closed connection says the same.
    drop(stream.try_write(&answer_once(problem)));
}

/// The answer of a connection that is closed then.
pub(crate) fn answer_once(problem: &Problem) -> Vec<u8> {
    let body = problem.to_json();
    let mut answer = format!(
        "HTTP/1.1 {}\r\ncontent-type: application/problem+json\r\n\
         connection: close\r\ncontent-length: {}\r\n",
        problem.code().status_code(),
        body.len()
    );
    if let Some(seconds) = problem.retry_after() {
        answer.push_str(&format!("retry-after: {seconds}\r\n"));
    }
    answer.push_str("\r\n");
    let mut answer = answer.into_bytes();
    answer.extend_from_slice(&body);
    answer
}

/// What stands for one client: of IPv6 the first 64 bits, as it may have all addresses behind them.
fn client(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

/// The clients that are known, at most [`ADDRESSES_MAX`].
#[derive(Debug, Default)]
struct Callers {
    known: Mutex<BTreeMap<IpAddr, Known>>,
}

/// What is known of a client.
#[derive(Debug)]
struct Known {
    connections: usize,
    caller: Arc<Caller>,
}

impl Known {
    fn is_idle(&self) -> bool {
        self.connections == 0 && self.caller.rate.is_full(&self.caller.used)
    }
}

/// One connection of a client.
#[derive(Debug)]
struct Connection {
    callers: Arc<Callers>,
    client: IpAddr,
    caller: Arc<Caller>,
}

impl Callers {
    /// Counts a connection, and its first request, if there may be one more.
    fn enter(
        self: &Arc<Self>,
        address: IpAddr,
        max: usize,
        rate: Rate,
    ) -> Result<Connection, NoRoom> {
        let client = client(address);
        let mut all = self.lock();
        if ADDRESSES_MAX <= all.len() && !all.contains_key(&client) {
            return Err(NoRoom::Addresses);
        }
        let known = all.entry(client).or_insert_with(|| {
            let caller = Arc::new(Caller { address, rate, used: Bucket::default() });
            Known { connections: 0, caller }
        });
        if max <= known.connections {
            return Err(NoRoom::FromAddress { max, address });
        }
        known.caller.ask()?;
        known.connections += 1;
        let caller = Arc::clone(&known.caller);
        drop(all);
        Ok(Connection { callers: Arc::clone(self), client, caller })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<IpAddr, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut all = self.callers.lock();
        if let Some(known) = all.get_mut(&self.client) {
            known.connections -= 1;
            if known.is_idle() {
                all.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn admission(connections: usize, connections_per_address: usize) -> Admission {
        Admission::new(Limits { connections, connections_per_address, ..Limits::default() })
    }

    fn admit(admission: &Admission, address: &str) -> Result<Place, NoRoom> {
        admission.admit(address.parse().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn one_address_does_not_take_the_place_of_others() {
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
        assert_eq!(admission.callers.lock().len(), 5, "they have used up some of their rate");
        admission.forget_idle();
        assert_eq!(admission.callers.lock().len(), 5);
        advance(Duration::from_secs(1)).await;
        admission.forget_idle();
        assert!(admission.callers.lock().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn one_address_asks_as_often_as_it_may() {
        let limits = Limits { requests_per_address: 2, ..Limits::default() };
        let admission = Admission::new(limits);
        let place = admit(&admission, "10.0.0.7").unwrap();
        let both = admit(&admission, "10.0.0.7").unwrap();
        let [one, other] = [place.visitor(), both.visitor()];
        for visitor in [&one, &other, &one, &other] {
            visitor.ask().unwrap();
        }
        let (max, address) = (2, "10.0.0.7".parse().unwrap());
        let too_often =
            |millis| NoRoom::TooOften { max, address, wait: Duration::from_millis(millis) };
        assert_eq!(one.ask(), Err(too_often(500)));
        drop((place, both));
        let refused = admit(&admission, "10.0.0.7").unwrap_err();
        assert_eq!(refused, too_often(500), "a new connection does not help");
        admit(&admission, "10.0.0.8").unwrap();
        admit(&admission, "127.0.0.1").unwrap();
        advance(Duration::from_millis(500)).await;
        admit(&admission, "10.0.0.7").unwrap();
        let problem = refused.problem();
        assert_eq!((problem.code(), problem.retry_after()), (Code::TooManyRequests, Some(1)));
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
