//! All standing orders, by their names, and when their next slots are.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use arrw_log::{Timestamp, crc64};

use crate::codec::Out;
use crate::mix::mix_all;
use crate::standing::{Order, OrderKind};

/// The orders.
#[derive(Clone, Debug, Default)]
pub(crate) struct Orders {
    all: [BTreeMap<Arc<str>, Arc<Order>>; 2],
    /// The next slot of each schedule that has one.
    slots: BTreeSet<(u64, Arc<str>)>,
    sum: u64,
}

impl Orders {
    pub(crate) fn get(&self, kind: OrderKind, name: &str) -> Option<&Arc<Order>> {
        self.of(kind).get(name)
    }

    pub(crate) fn of(&self, kind: OrderKind) -> &BTreeMap<Arc<str>, Arc<Order>> {
        &self.all[kind as usize]
    }

    /// A number for all of it.
    pub(crate) fn sum(&self) -> u64 {
        self.sum
    }

    /// Has an order be as `after` says, or not be; answers what was before.
    pub(crate) fn set(
        &mut self,
        kind: OrderKind,
        name: &str,
        after: Option<Arc<Order>>,
    ) -> Option<Arc<Order>> {
        let name: Arc<str> = Arc::from(name);
        let slot = |order: &Arc<Order>| Some((order.next()?.micros(), Arc::clone(&name)));
        let weight =
            |order: Option<&Arc<Order>>| order.map_or(0, |order| weigh(kind, &name, order));
        let all = &mut self.all[kind as usize];
        let added = weight(after.as_ref());
        let to = after.as_ref().and_then(slot);
        let before = match after {
            Some(order) => all.insert(Arc::clone(&name), order),
            None => all.remove(&name),
        };
        self.sum = self.sum.wrapping_add(added).wrapping_sub(weight(before.as_ref()));
        if let Some(from) = before.as_ref().and_then(slot) {
            self.slots.remove(&from);
        }
        self.slots.extend(to);
        before
    }

    /// The schedules whose slots have come, the first `limit` of them.
    pub(crate) fn due(&self, now: Timestamp, limit: usize) -> impl Iterator<Item = &Arc<str>> {
        let come = self.slots.iter().take_while(move |(slot, _)| *slot <= now.micros());
        come.take(limit).map(|(_, name)| name)
    }

    /// When the next slot is.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.slots.first().map(|(slot, _)| Timestamp::from_micros(*slot))
    }

    /// The orders behind one, by name.
    pub(crate) fn behind<'a>(
        &'a self,
        kind: OrderKind,
        after: &str,
    ) -> impl Iterator<Item = (&'a Arc<str>, &'a Arc<Order>)> + use<'a> {
        self.of(kind).range::<str, _>((Bound::Excluded(after), Bound::Unbounded))
    }
}

fn weigh(kind: OrderKind, name: &str, order: &Order) -> u64 {
    let mut out = Out::default();
    order.encode(&mut out);
    mix_all([kind as u64, crc64(name.as_bytes()), crc64(&out.0)])
}
