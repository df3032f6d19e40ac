//! Who is subscribed to a channel.
//!
//! A member whose connection ends stays for a grace period. When its user comes back meanwhile, nobody is told that it was away.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use arrw_wire::centrifuge::ClientInfo;

/// A client as it is shown to others.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Info {
    pub(crate) user: Arc<str>,
    /// The id of its connection.
    pub(crate) client: Box<str>,
    pub(crate) conn_info: Box<[u8]>,
    pub(crate) chan_info: Box<[u8]>,
}

impl Info {
    pub(crate) fn shown(&self) -> ClientInfo<'_> {
        ClientInfo {
            user: (&*self.user).into(),
            client: (&*self.client).into(),
            conn_info: &self.conn_info,
            chan_info: &self.chan_info,
        }
    }
}

/// The members of a channel, and those that left a moment ago.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    /// By the number of the connection.
    members: BTreeMap<u64, Arc<Info>>,
    /// How often each user is among them.
    users: HashMap<Arc<str>, u32>,
    /// Members whose connection ended: the second from which on they are gone, and their number. In order. Some may be gone
    /// before, as their user came back.
    leaving: VecDeque<(u32, u64)>,
    /// Numbers of these by their user.
    away: HashMap<Arc<str>, Vec<u64>>,
}

/// What others are to be told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing.
    Nothing,
    Joined(Arc<Info>),
    Left(Arc<Info>),
}

impl Presence {
    /// Adds a member. It takes the place of one with the same user that is leaving.
    pub(crate) fn enter(&mut self, connection: u64, info: Arc<Info>) -> Change {
        let returned = self.away.get_mut(&info.user).and_then(Vec::pop);
        if let Some(before) = returned {
            self.remove(before);
            self.forget_away(&info.user);
        }
        *self.users.entry(Arc::clone(&info.user)).or_insert(0) += 1;
        self.members.insert(connection, Arc::clone(&info));
        if returned.is_some() { Change::Nothing } else { Change::Joined(info) }
    }

    fn forget_away(&mut self, user: &str) {
        if self.away.get(user).is_some_and(Vec::is_empty) {
            self.away.remove(user);
        }
    }

    /// Removes a member now: it said that it goes.
    pub(crate) fn leave(&mut self, connection: u64) -> Change {
        self.remove(connection).map_or(Change::Nothing, Change::Left)
    }

    /// Removes a member at this second, unless its user comes back before.
    pub(crate) fn leave_at(&mut self, connection: u64, second: u32) {
        let Some(member) = self.members.get(&connection) else { return };
        // Without a user nobody can tell that it came back.
        if !member.user.is_empty() {
            self.away.entry(Arc::clone(&member.user)).or_default().push(connection);
        }
        let second = self.leaving.back().map_or(second, |(last, _)| second.max(*last));
        self.leaving.push_back((second, connection));
    }

    /// Removes the next one whose time is over.
    pub(crate) fn expire(&mut self, now: u32) -> Option<Change> {
        let (second, _) = self.leaving.front()?;
        if now < *second {
            return None;
        }
        let (_, number) = self.leaving.pop_front()?;
        if let Some(member) = self.members.get(&number) {
            let user = Arc::clone(&member.user);
            if let Some(numbers) = self.away.get_mut(&user) {
                numbers.retain(|it| *it != number);
            }
            self.forget_away(&user);
        }
        Some(self.leave(number))
    }

    fn remove(&mut self, connection: u64) -> Option<Arc<Info>> {
        let info = self.members.remove(&connection)?;
        if let Some(count) = self.users.get_mut(&info.user) {
            *count -= 1;
            if *count == 0 {
                self.users.remove(&info.user);
            }
        }
        Some(info)
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = &Arc<Info>> {
        self.members.values()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Connections and users.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.members.len(), self.users.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(user: &str, client: &str) -> Arc<Info> {
        Arc::new(Info { user: user.into(), client: client.into(), ..Info::default() })
    }

    #[test]
    fn a_user_counts_once_however_many_connections_it_has() {
        let mut presence = Presence::default();
        assert_eq!(presence.enter(1, info("42", "a")), Change::Joined(info("42", "a")));
        presence.enter(2, info("42", "b"));
        presence.enter(3, info("", "c"));
        assert_eq!(presence.counts(), (3, 2));
        assert_eq!(presence.leave(1), Change::Left(info("42", "a")));
        assert_eq!(presence.leave(1), Change::Nothing);
        assert_eq!(presence.counts(), (2, 2));
        presence.leave(2);
        assert_eq!(presence.counts(), (1, 1));
    }

    #[test]
    fn a_user_that_comes_back_in_time_was_never_away() {
        let mut presence = Presence::default();
        presence.enter(1, info("42", "a"));
        presence.leave_at(1, 10);
        assert_eq!(presence.counts(), (1, 1), "it is there until its time is over");
        assert_eq!(presence.enter(2, info("42", "b")), Change::Nothing);
        assert_eq!(presence.counts(), (1, 1));
        assert_eq!(presence.expire(10), Some(Change::Nothing));
        presence.leave_at(2, 20);
        assert_eq!(presence.expire(19), None);
        assert_eq!(presence.expire(20), Some(Change::Left(info("42", "b"))));
        assert!(presence.is_empty() && presence.users.is_empty() && presence.away.is_empty());
    }

    #[test]
    fn nobody_takes_the_place_of_one_without_a_user() {
        let mut presence = Presence::default();
        presence.enter(1, info("", "a"));
        presence.leave_at(1, 10);
        assert_eq!(presence.enter(2, info("", "b")), Change::Joined(info("", "b")));
        assert_eq!(presence.expire(10), Some(Change::Left(info("", "a"))));
        assert_eq!(presence.counts(), (1, 1));
    }
}
