//! Connections by the second at which each is to be looked at.

use std::sync::{Arc, Weak};

use crate::sockets::connection::Connection;

/// Seconds that the wheel reaches ahead. What is further away is looked at once on its way.
const SECONDS: u32 = 64;

/// A slot for each second.
#[derive(Debug)]
pub(crate) struct Wheel {
    slots: Vec<Vec<Weak<Connection>>>,
    /// The second that is looked at.
    at: u32,
}

impl Wheel {
    pub(crate) fn new(now: u32) -> Self {
        Self { slots: (0..SECONDS).map(|_| Vec::new()).collect(), at: now }
    }

    /// Adds a connection.
    pub(crate) fn add(&mut self, second: u32, connection: Weak<Connection>) {
        let second = second.clamp(self.at + 1, self.at + SECONDS - 1);
        self.slots[(second % SECONDS) as usize].push(connection);
    }

    /// The next whose second has come.
    pub(crate) fn next(&mut self, now: u32) -> Option<Arc<Connection>> {
        loop {
            let slot = &mut self.slots[(self.at % SECONDS) as usize];
            while let Some(connection) = slot.pop() {
                if let Some(connection) = connection.upgrade() {
                    return Some(connection);
                }
            }
            // It grew with a crowd that may not come again.
            if 1_024 < slot.capacity() {
                *slot = Vec::new();
            }
            if now <= self.at {
                return None;
            }
            self.at += 1;
        }
    }
}
