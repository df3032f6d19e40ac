//! Subscriptions that the server makes while a client is connected.

use std::sync::Arc;

use arrw_wire::centrifuge::{News, Push, Reply, Subscribed};
use arrw_wire::code::Code;

use super::subscribe::{Ask, settle};
use super::{Phase, Turn};
use crate::sockets::connection::Connection;
use crate::sockets::connection::subscription::Wants;
use crate::sockets::hub::Hub;

/// Subscribes a client to a channel, and tells it. Nothing happens when it is subscribed.
///
/// # Errors
/// A code when the channel cannot be.
pub(crate) fn subscribe(
    hub: &Arc<Hub>,
    connection: &Arc<Connection>,
    channel: &str,
) -> Result<(), Code> {
    let now = hub.now();
    let mut state = connection.lock();
    let is_connected = state.session.phase == Phase::Connected && state.ended.is_none();
    if !is_connected || state.slot(channel).is_some() {
        return Ok(());
    }
    let mut turn = Turn::new(hub, connection, &mut state, now);
    let options = turn.options(channel)?;
    let opened =
        turn.open(channel, &options, Ask { wants: Wants::SERVER_SIDE, ..Ask::default() })?;
    let slot = opened.slot;
    let (name, result) = settle(turn.state, opened)?;
    let what = News::Subscribe(Subscribed {
        recoverable: result.recoverable,
        epoch: result.epoch,
        offset: result.offset,
        positioned: result.positioned,
        data: b"",
    });
    let push = Push { id: 0, channel: name.into(), what };
    let encoding = connection.form.encoding();
    if connection.form.is_one_way() {
        push.append_bare(encoding, &mut turn.replies);
    } else {
        Reply::push(push).append(encoding, &mut turn.replies);
    }
    turn.begun.push(slot);
    for work in turn.finish(None) {
        hub.spawn(work);
    }
    Ok(())
}
