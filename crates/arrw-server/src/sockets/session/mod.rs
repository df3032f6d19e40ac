//! The Centrifuge client protocol as a state machine: messages and time in, answers, closes and work out.
//!
//! It waits for nothing and touches no socket: whoever drives a connection hands over what came, and has the work done that is
//! answered. So it is the same under every driver and in tests.
//!
//! ```text
//!           connect                    answer of it
//!   Fresh ----------> Connecting ------------------> Connected --+--> ended
//!     |                   | refused: Refused                     |
//!     +-------------------+--------------------------------------+
//!        anything else, too late
//! ```

mod connect;
pub(crate) mod own;
mod permit;
mod proxied;
mod publish;
mod query;
mod refusal;
mod rpc;
mod subscribe;
mod timed;

pub(crate) use self::timed::Allowed;

use std::sync::Arc;

use arrw_wire::centrifuge::{Answer, Commands, Encoding, Reply, Request};
use arrw_wire::code::{self, Code};

use self::refusal::Refusal;
use super::connection::{Connection, Ending, State};
use super::hub::{Hub, Now, Work};
use super::proxy::Passed;
use super::tokens::{Allow, Capability, Revocations};
use crate::counters::Limit;

/// What is known of a client beside its subscriptions.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) phase: Phase,
    /// The id of the connection: random, so that nobody guesses it.
    pub(crate) client: [u8; 16],
    /// Empty for nobody; none before it connected.
    user: Option<Arc<str>>,
    /// What the application said of it, as JSON.
    pub(crate) info: Box<[u8]>,
    /// What its token says beside that, if it brought one.
    token: Option<Box<Passport>>,
    /// What it came with that back ends are told.
    passed: Option<Box<Passed>>,
    /// The second since 1970 at which its token ends; 0 for never.
    pub(crate) expires_at: u64,
    /// The second at which it is asked next whether it is there.
    ping_at: u32,
    /// The second until which it must have said so; 0 when it was not asked.
    pong_by: u32,
    /// How often it was asked and has not answered: one that takes nothing for a while answers late.
    unanswered: u8,
    /// Commands that count against its rate.
    used: u32,
    /// The second at which that was reckoned.
    used_at: u32,
}

/// What a token says of a connection, kept as long as that.
#[derive(Debug)]
struct Passport {
    id: Option<String>,
    issued_at: Option<u64>,
    capabilities: Vec<Capability>,
    /// What the application said of it for itself alone, as JSON.
    meta: Box<[u8]>,
}

/// How far a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It has until this second to connect.
    Fresh {
        connect_by: u32,
    },
    /// It asked, and whoever knows it was asked.
    Connecting,
    Connected,
    /// It may do nothing any more.
    Refused,
}

/// Why a command is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It alone fails.
    Error(Code),
    /// The connection ends.
    Disconnect(Code),
}

impl From<Code> for Fault {
    fn from(code: Code) -> Self {
        match code.kind {
            code::Kind::Error => Self::Error(code),
            code::Kind::Unsubscribe | code::Kind::Disconnect => Self::Disconnect(code),
        }
    }
}

/// One message of a client while it is looked at.
pub(crate) struct Turn<'a> {
    pub(crate) hub: &'a Arc<Hub>,
    pub(crate) connection: &'a Arc<Connection>,
    pub(crate) state: &'a mut State,
    pub(crate) now: Now,
    /// Replies, as one frame.
    replies: Vec<u8>,
    /// Subscriptions that begin once these were sent.
    begun: Vec<usize>,
    work: Vec<Work>,
}

impl Session {
    pub(crate) fn new(client: [u8; 16], connect_by: u32, passed: Option<Box<Passed>>) -> Self {
        Self {
            phase: Phase::Fresh { connect_by },
            client,
            user: None,
            info: Box::default(),
            token: None,
            passed,
            expires_at: 0,
            ping_at: 0,
            pong_by: 0,
            unanswered: 0,
            used: 0,
            used_at: 0,
        }
    }

    /// The user; empty for nobody.
    pub(crate) fn user(&self) -> &str {
        self.user.as_deref().unwrap_or_default()
    }

    /// The user, as all its connections share it.
    fn shared_user(&self) -> Arc<str> {
        self.user.clone().unwrap_or_else(|| "".into())
    }

    /// The user, who is then nobody.
    pub(crate) fn take_user(&mut self) -> Option<Arc<str>> {
        self.user.take()
    }

    /// Whether the token that it brought was taken back.
    pub(crate) fn is_revoked(&self, revocations: &Revocations) -> bool {
        self.token.as_ref().is_some_and(|token| {
            revocations.is_revoked(self.user(), token.id.as_deref(), token.issued_at)
        })
    }

    /// What its token allows in a channel, whatever the channel's options say.
    pub(crate) fn allowed(&self, channel: &str) -> Option<Allow> {
        Capability::find(&self.token.as_ref()?.capabilities, channel)
    }

    /// The id as clients write it.
    pub(crate) fn id(&self) -> String {
        uuid(&self.client)
    }
}

/// Random bytes as a UUID of version 4.
fn uuid(bytes: &[u8; 16]) -> String {
    let mut bytes = *bytes;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = |part: &[u8]| part.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let [a, b, c, d, e] = [&bytes[..4], &bytes[4..6], &bytes[6..8], &bytes[8..10], &bytes[10..]];
    format!("{}-{}-{}-{}-{}", hex(a), hex(b), hex(c), hex(d), hex(e))
}

/// Takes a message of a client: does what it asks for, answers, and returns the work that is to be done for it.
pub(crate) fn receive(
    hub: &Arc<Hub>,
    connection: &Arc<Connection>,
    message: &[u8],
    now: Now,
) -> Vec<Work> {
    hub.figures.received(1, message.len());
    let mut state = connection.lock();
    if state.ended.is_some() {
        return Vec::new();
    }
    let mut turn = Turn::new(hub, connection, &mut state, now);
    let ended = turn.take_all(message);
    turn.finish(ended)
}

/// Goes on with a command whose work was done beside its connection, unless that is over.
fn resume(
    hub: &Arc<Hub>,
    connection: &Arc<Connection>,
    id: u32,
    answer: impl FnOnce(&mut Turn<'_>) -> Result<(), Refusal>,
) {
    let now = hub.now();
    let mut state = connection.lock();
    state.pending = state.pending.saturating_sub(1);
    if state.ended.is_some() {
        return;
    }
    let mut turn = Turn::new(hub, connection, &mut state, now);
    let ended = answer(&mut turn).err().and_then(|refusal| turn.tell(id, refusal));
    for work in turn.finish(ended) {
        hub.spawn(work);
    }
}

impl<'a> Turn<'a> {
    fn new(
        hub: &'a Arc<Hub>,
        connection: &'a Arc<Connection>,
        state: &'a mut State,
        now: Now,
    ) -> Self {
        let (replies, begun, work) = (Vec::new(), Vec::new(), Vec::new());
        Self { hub, connection, state, now, replies, begun, work }
    }
}

impl Turn<'_> {
    pub(crate) fn encoding(&self) -> Encoding {
        self.connection.form.encoding()
    }

    fn take_all(&mut self, message: &[u8]) -> Option<Ending> {
        let commands = match Commands::new(self.encoding(), message) {
            Ok(commands) => commands,
            Err(error) => return Some(error.disconnect().into()),
        };
        for command in commands {
            let command = match command {
                Ok(command) => command,
                Err(error) => return Some(error.disconnect().into()),
            };
            let taken = self.take(command.id, command.what);
            let ended = taken.err().and_then(|refusal| self.tell(command.id, refusal));
            if ended.is_some() {
                return ended;
            }
        }
        None
    }

    fn take(&mut self, id: u32, request: Request<'_>) -> Result<(), Refusal> {
        if request == Request::Pong {
            return Ok(self.pong()?);
        }
        if let Request::Connect(request) = request {
            return Ok(self.connect(id, &request)?);
        }
        if self.state.session.phase != Phase::Connected {
            return Err(code::DISCONNECT_BAD_REQUEST.into());
        }
        self.check_rate()?;
        Ok(match request {
            Request::Subscribe(request) => self.subscribe(id, &request),
            Request::Unsubscribe(request) => self.unsubscribe(id, &request.channel),
            Request::Publish(request) => self.publish(id, &request),
            Request::Presence(request) => self.presence(id, &request.channel),
            Request::PresenceStats(request) => self.presence_stats(id, &request.channel),
            Request::History(request) => self.history(id, &request),
            Request::Rpc(request) => return self.rpc(id, &request),
            Request::Refresh(request) => self.refresh(id, &request),
            Request::SubRefresh(request) => self.sub_refresh(id, &request),
            Request::Send(_) => Err(Fault::Disconnect(code::DISCONNECT_NOT_AVAILABLE)),
            Request::Ping => Err(Fault::Error(code::NOT_AVAILABLE)),
            Request::Connect(_) | Request::Pong => Ok(()),
            _ => Err(Fault::Error(code::METHOD_NOT_FOUND)),
        }?)
    }

    fn answer(&mut self, id: u32, what: Answer<'_>) {
        Reply { id, what }.append(self.encoding(), &mut self.replies);
    }

    /// Has something done beside this connection, which is counted until its answer is sent.
    fn begin(&mut self, work: Work) -> Result<(), Fault> {
        if self.hub.limits.pending_commands <= self.state.pending {
            self.hub.counters.reached(Limit::PendingCommands);
            return Err(Fault::Error(code::TOO_MANY_REQUESTS));
        }
        self.state.pending += 1;
        self.work.push(work);
        Ok(())
    }

    /// Sends the replies, and then lets the subscriptions go on that began with them.
    fn finish(mut self, ended: Option<Ending>) -> Vec<Work> {
        if !self.replies.is_empty() {
            let frame = self.connection.form.frame_of_replies(&self.replies);
            self.connection.send(self.hub, self.state, &frame, self.now);
        }
        for slot in std::mem::take(&mut self.begun) {
            self.work.extend(self.connection.begin(self.hub, self.state, slot, self.now));
        }
        if ended.is_some() {
            self.connection.end_as(self.hub, self.state, ended, self.now);
        }
        self.work
    }
}
