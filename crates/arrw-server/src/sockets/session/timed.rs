//! What time brings: pings, deadlines, tokens that end, and how often a client may ask.

use std::sync::Arc;

use arrw_wire::centrifuge::Reply;
use arrw_wire::code;

use super::{Fault, Phase, Session, Turn};
use crate::counters::Limit;
use crate::limits::RATE_BURST;
use crate::sockets::connection::subscription::Wants;
use crate::sockets::connection::{Connection, State};
use crate::sockets::hub::{Hub, Now};
use crate::sockets::limits::seconds;

impl Session {
    /// The first ping comes somewhere in the second half of the interval, so that clients that came together are not asked together.
    pub(super) fn begin_pings(&mut self, number: u64, now: Now, every: u32) {
        let half = (every / 2).max(1);
        let spread = u32::try_from(number % u64::from(half)).unwrap_or(0);
        self.ping_at = now.ticks + every.saturating_sub(spread).max(1);
    }

    /// Counts a command.
    pub(crate) fn count(&mut self, hub: &Hub, now: Now) -> Allowed {
        let rate = u32::try_from(hub.limits.commands_per_second).unwrap_or(u32::MAX / 8);
        let burst = rate.saturating_mul(u32::try_from(RATE_BURST.as_secs()).unwrap_or(1));
        let passed = now.ticks.saturating_sub(self.used_at);
        // What was used up goes down by what each second gives back.
        self.used = self.used.saturating_sub(passed.saturating_mul(rate)).saturating_add(1);
        self.used_at = now.ticks;
        if self.used <= burst {
            return Allowed::Yes;
        }
        hub.counters.reached(Limit::CommandsPerSecond);
        if self.used <= burst.saturating_mul(2) { Allowed::No } else { Allowed::Never }
    }
}

/// Whether a client may send one more command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allowed {
    Yes,
    /// Not now.
    No,
    /// It has been told so, and goes on.
    Never,
}

impl Turn<'_> {
    pub(super) fn pong(&mut self) -> Result<(), Fault> {
        let session = &mut self.state.session;
        if session.phase != Phase::Connected || session.unanswered == 0 {
            return Err(Fault::Disconnect(code::DISCONNECT_BAD_REQUEST));
        }
        session.unanswered -= 1;
        session.pong_by = 0;
        Ok(())
    }

    pub(super) fn check_rate(&mut self) -> Result<(), Fault> {
        match self.state.session.count(self.hub, self.now) {
            Allowed::Yes => Ok(()),
            Allowed::No => Err(Fault::Error(code::TOO_MANY_REQUESTS)),
            Allowed::Never => Err(Fault::Disconnect(code::DISCONNECT_TOO_MANY_REQUESTS)),
        }
    }
}

impl Connection {
    /// Has the worker look after this connection in time for what comes next.
    pub(crate) fn look_by(self: &Arc<Self>, hub: &Hub, state: &mut State, now: Now) {
        let next = next_look(hub, state, now);
        if state.next_look == 0 || next < state.next_look {
            state.next_look = next;
            hub.mailboxes[self.worker].look(next, self);
        }
    }

    /// Does what is due; answers the second at which to look again.
    pub(crate) fn look(self: &Arc<Self>, hub: &Arc<Hub>, now: Now) -> Option<u32> {
        let mut state = self.lock();
        let state = &mut *state;
        if now.ticks < state.next_look {
            // Another look is on its way.
            return None;
        }
        if let Some(ended) = state.ended {
            // Its driver waits for the client, but not longer.
            state.wake();
            return (now.ticks < ended.cut_at).then_some(ended.cut_at);
        }
        match state.session.phase {
            Phase::Fresh { connect_by } if connect_by <= now.ticks => {
                hub.counters.reached(Limit::ConnectMs);
                self.end(hub, state, Some(code::DISCONNECT_STALE), now);
            }
            Phase::Fresh { .. } | Phase::Connecting => (),
            Phase::Refused => self.end(hub, state, Some(code::DISCONNECT_STALE), now),
            Phase::Connected => self.look_connected(hub, state, now),
        }
        let next = next_look(hub, state, now);
        state.next_look = next;
        Some(next)
    }

    fn look_connected(self: &Arc<Self>, hub: &Arc<Hub>, state: &mut State, now: Now) {
        let (ping, pong) = (seconds(hub.limits.ping), seconds(hub.limits.pong));
        if let Some(since) = state.outbox.blocked_since() {
            // It takes nothing, so it cannot be asked either.
            if since + seconds(hub.limits.stall) <= now.ticks {
                hub.counters.reached(Limit::StallMs);
                self.end(hub, state, Some(code::DISCONNECT_SLOW), now);
            }
            state.session.pong_by = 0;
        } else if state.session.pong_by != 0 && state.session.pong_by <= now.ticks {
            hub.counters.reached(Limit::PongMs);
            self.end(hub, state, Some(code::DISCONNECT_NO_PONG), now);
        } else if state.session.ping_at <= now.ticks {
            state.session.ping_at = now.ticks + ping;
            if !self.form.is_one_way() {
                // One that is asked more often than it may take has the time of the first question.
                if state.session.pong_by == 0 {
                    state.session.pong_by = now.ticks + pong;
                }
                state.session.unanswered = state.session.unanswered.saturating_add(1);
            }
            self.reply(hub, state, &Reply::ping(), now);
        }
        let grace = u64::from(seconds(hub.limits.expiry_grace));
        let is_over = |expires_at: u64| expires_at != 0 && expires_at + grace <= now.unix;
        if is_over(state.session.expires_at) {
            self.end(hub, state, Some(code::DISCONNECT_EXPIRED), now);
        }
        for slot in 0..state.subscriptions.len() {
            let subscription = state.subscriptions[slot].as_ref();
            match subscription.filter(|it| is_over(it.expires_at)).map(|it| it.wants) {
                None => (),
                Some(wants) if wants.has(Wants::SERVER_SIDE) => {
                    self.end(hub, state, Some(code::DISCONNECT_SUBSCRIPTION_EXPIRED), now);
                }
                Some(_) => {
                    self.end_subscription(hub, state, (slot, code::UNSUBSCRIBE_EXPIRED), now);
                }
            }
        }
    }
}

/// The second at which something may be due.
fn next_look(hub: &Hub, state: &State, now: Now) -> u32 {
    if let Some(ended) = state.ended {
        return ended.cut_at;
    }
    let session = &state.session;
    let at = match session.phase {
        Phase::Fresh { connect_by } => connect_by,
        Phase::Connecting => now.ticks + seconds(hub.limits.connect),
        Phase::Refused => now.ticks + 1,
        Phase::Connected if session.pong_by != 0 => session.pong_by.min(session.ping_at),
        Phase::Connected => session.ping_at,
    };
    let grace = u64::from(seconds(hub.limits.expiry_grace));
    let subscriptions = state.subscriptions.iter().flatten().map(|it| it.expires_at);
    let ends = subscriptions.chain([session.expires_at]).filter(|at| *at != 0).min();
    let ends = ends.map(|at| {
        let left = u32::try_from((at + grace).saturating_sub(now.unix)).unwrap_or(u32::MAX / 2);
        now.ticks.saturating_add(left)
    });
    ends.map_or(at, |ends| ends.min(at)).max(now.ticks + 1)
}
