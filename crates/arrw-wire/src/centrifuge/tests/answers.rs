//! Replies of another's codec by chance, and the same as replies of ours.

use std::borrow::Cow;

use bytes::Bytes;
use centrifuge_client_core::proto;
use proptest::collection::{hash_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::values::payload;
use super::*;

prop_compose! {
    fn info(encoding: Encoding)(
        (user, client) in any::<(String, String)>(),
        conn_info in payload(encoding),
        chan_info in payload(encoding),
    ) -> proto::ClientInfo {
        proto::ClientInfo { user, client, conn_info, chan_info }
    }
}

prop_compose! {
    fn publication(encoding: Encoding)(
        data in payload(encoding),
        info in option::of(info(encoding)),
        (offset, delta, channel, epoch) in any::<(u64, bool, String, String)>(),
        tags in hash_map(any::<String>(), any::<String>(), 0..3),
    ) -> proto::Publication {
        let others = proto::Publication::default();
        proto::Publication { data, info, offset, tags, delta, channel, epoch, ..others }
    }
}

prop_compose! {
    fn subscribed(encoding: Encoding)(
        (expires, ttl, recoverable, epoch) in any::<(bool, u32, bool, String)>(),
        publications in vec(publication(encoding), 0..3),
        (recovered, offset, positioned) in any::<(bool, u64, bool)>(),
        data in payload(encoding),
        (was_recovering, delta, id) in any::<(bool, bool, i64)>(),
    ) -> proto::SubscribeResult {
        proto::SubscribeResult {
            expires, ttl, recoverable, epoch, publications, recovered, offset, positioned, data,
            was_recovering, delta, id, ..proto::SubscribeResult::default()
        }
    }
}

prop_compose! {
    fn connected(encoding: Encoding)(
        (client, version, session, node) in any::<(String, String, String, String)>(),
        (expires, ttl, ping, pong) in any::<(bool, u32, u32, bool)>(),
        data in payload(encoding),
        subs in hash_map(any::<String>(), subscribed(encoding), 0..3),
        (time, flag) in any::<(i64, i64)>(),
    ) -> proto::ConnectResult {
        proto::ConnectResult {
            client, version, expires, ttl, data, subs, ping, pong, session, node, time, flag,
            dict: None,
        }
    }
}

fn push(encoding: Encoding) -> impl Strategy<Value = proto::Push> {
    let bare = proto::Push::default;
    let what = prop_oneof![
        publication(encoding).prop_map(move |it| proto::Push { r#pub: Some(it), ..bare() }),
        option::of(info(encoding))
            .prop_map(move |info| proto::Push { join: Some(proto::Join { info }), ..bare() }),
        option::of(info(encoding))
            .prop_map(move |info| proto::Push { leave: Some(proto::Leave { info }), ..bare() }),
        any::<(u32, String)>().prop_map(move |(code, reason)| {
            proto::Push { unsubscribe: Some(proto::Unsubscribe { code, reason }), ..bare() }
        }),
        payload(encoding)
            .prop_map(move |data| proto::Push { message: Some(proto::Message { data }), ..bare() }),
        (any::<(bool, String, u64, bool)>(), payload(encoding)).prop_map(move |(it, data)| {
            let (recoverable, epoch, offset, positioned) = it;
            let it = proto::Subscribe { recoverable, epoch, offset, positioned, data };
            proto::Push { subscribe: Some(it), ..bare() }
        }),
        any::<(u32, String)>().prop_map(move |(code, reason)| {
            let it = proto::Disconnect { code, reason, reconnect: code % 2 == 0 };
            proto::Push { disconnect: Some(it), ..bare() }
        }),
        any::<(bool, u32)>().prop_map(move |(expires, ttl)| {
            proto::Push { refresh: Some(proto::Refresh { expires, ttl }), ..bare() }
        }),
    ];
    (any::<(i64, String)>(), what).prop_map(|((id, channel), it)| proto::Push { id, channel, ..it })
}

/// A reply to a command, a push, or a ping.
pub(super) fn reply(encoding: Encoding) -> impl Strategy<Value = proto::Reply> {
    let bare = proto::Reply::default;
    let result = prop_oneof![
        any::<(u32, String, bool)>().prop_map(move |(code, message, temporary)| {
            proto::Reply { error: Some(proto::Error { code, message, temporary }), ..bare() }
        }),
        connected(encoding).prop_map(move |it| proto::Reply { connect: Some(it), ..bare() }),
        subscribed(encoding).prop_map(move |it| proto::Reply { subscribe: Some(it), ..bare() }),
        Just(proto::Reply { unsubscribe: Some(proto::UnsubscribeResult {}), ..bare() }),
        Just(proto::Reply { publish: Some(proto::PublishResult {}), ..bare() }),
        hash_map(any::<String>(), info(encoding), 0..4).prop_map(move |presence| {
            proto::Reply { presence: Some(proto::PresenceResult { presence }), ..bare() }
        }),
        any::<(u32, u32)>().prop_map(move |(num_clients, num_users)| {
            let it = proto::PresenceStatsResult { num_clients, num_users };
            proto::Reply { presence_stats: Some(it), ..bare() }
        }),
        (vec(publication(encoding), 0..4), any::<(String, u64)>()).prop_map(
            move |(publications, (epoch, offset))| {
                let it = proto::HistoryResult { publications, epoch, offset };
                proto::Reply { history: Some(it), ..bare() }
            }
        ),
        payload(encoding)
            .prop_map(move |data| proto::Reply { rpc: Some(proto::RpcResult { data }), ..bare() }),
        any::<(String, String, bool, u32)>().prop_map(move |(client, version, expires, ttl)| {
            let it = proto::RefreshResult { client, version, expires, ttl };
            proto::Reply { refresh: Some(it), ..bare() }
        }),
        any::<(bool, u32)>().prop_map(move |(expires, ttl)| {
            let it = proto::SubRefreshResult { expires, ttl, items: Vec::new() };
            proto::Reply { sub_refresh: Some(it), ..bare() }
        }),
    ];
    prop_oneof![
        9 => (1..u32::MAX, result).prop_map(|(id, it)| proto::Reply { id, ..it }),
        9 => push(encoding).prop_map(move |it| proto::Reply { push: Some(it), ..bare() }),
        1 => Just(bare()),
    ]
}

fn info_of(it: &proto::ClientInfo) -> ClientInfo<'_> {
    ClientInfo {
        user: (&it.user).into(),
        client: (&it.client).into(),
        conn_info: &it.conn_info,
        chan_info: &it.chan_info,
    }
}

fn publication_of(it: &proto::Publication) -> Publication<'_> {
    Publication {
        data: &it.data,
        info: it.info.as_ref().map(info_of),
        offset: it.offset,
        tags: it.tags.iter().map(|(key, value)| (key.into(), value.into())).collect(),
        delta: it.delta,
        channel: (&it.channel).into(),
        epoch: (&it.epoch).into(),
    }
}

fn subscribed_of(it: &proto::SubscribeResult) -> SubscribeResult<'_> {
    SubscribeResult {
        expires: it.expires,
        ttl: it.ttl,
        recoverable: it.recoverable,
        epoch: (&it.epoch).into(),
        publications: it.publications.iter().map(publication_of).collect(),
        recovered: it.recovered,
        offset: it.offset,
        positioned: it.positioned,
        data: &it.data,
        was_recovering: it.was_recovering,
        delta: it.delta,
        id: it.id,
    }
}

fn connected_of(it: &proto::ConnectResult) -> ConnectResult<'_> {
    ConnectResult {
        client: (&it.client).into(),
        version: (&it.version).into(),
        expires: it.expires,
        ttl: it.ttl,
        data: &it.data,
        subs: it.subs.iter().map(|(key, sub)| (key.into(), subscribed_of(sub))).collect(),
        ping: it.ping,
        pong: it.pong,
        session: (&it.session).into(),
        node: (&it.node).into(),
        time: it.time,
        flag: it.flag,
    }
}

fn payload_of(data: &Bytes) -> Payload<'_> {
    Payload { data }
}

fn text(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(text)
}

fn push_of(it: &proto::Push) -> Push<'_> {
    let news = [
        it.r#pub.as_ref().map(|it| News::Publication(publication_of(it))),
        it.join.as_ref().map(|it| News::Join(Member { info: it.info.as_ref().map(info_of) })),
        it.leave.as_ref().map(|it| News::Leave(Member { info: it.info.as_ref().map(info_of) })),
        it.unsubscribe
            .as_ref()
            .map(|it| News::Unsubscribe(Ended { code: it.code, reason: text(&it.reason) })),
        it.message.as_ref().map(|it| News::Message(payload_of(&it.data))),
        it.subscribe.as_ref().map(|it| {
            News::Subscribe(Subscribed {
                recoverable: it.recoverable,
                epoch: text(&it.epoch),
                offset: it.offset,
                positioned: it.positioned,
                data: &it.data,
            })
        }),
        it.disconnect.as_ref().map(|it| {
            let (code, reason, reconnect) = (it.code, text(&it.reason), it.reconnect);
            News::Disconnect(Disconnected { code, reason, reconnect })
        }),
        it.refresh.as_ref().map(|it| News::Refresh(Expiry { expires: it.expires, ttl: it.ttl })),
    ];
    let what = news.into_iter().flatten().next().unwrap_or_default();
    Push { id: it.id, channel: text(&it.channel), what }
}

fn error_of(it: &proto::Error) -> ErrorReply<'_> {
    ErrorReply { code: it.code, message: text(&it.message), temporary: it.temporary }
}

fn refreshed_of(it: &proto::RefreshResult) -> RefreshResult<'_> {
    let (client, version) = (text(&it.client), text(&it.version));
    RefreshResult { client, version, expires: it.expires, ttl: it.ttl }
}

/// The same reply as one of ours.
pub(super) fn reply_of(it: &proto::Reply) -> Reply<'_> {
    let answers = [
        it.error.as_ref().map(|it| Answer::Error(error_of(it))),
        it.push.as_ref().map(|it| Answer::Push(push_of(it))),
        it.connect.as_ref().map(|it| Answer::Connect(connected_of(it))),
        it.subscribe.as_ref().map(|it| Answer::Subscribe(subscribed_of(it))),
        it.unsubscribe.as_ref().map(|_| Answer::Unsubscribe),
        it.publish.as_ref().map(|_| Answer::Publish),
        it.presence.as_ref().map(|it| {
            let members = it.presence.iter();
            let presence = members.map(|(key, info)| (text(key), info_of(info))).collect();
            Answer::Presence(PresenceResult { presence })
        }),
        it.presence_stats.as_ref().map(|it| {
            let (num_clients, num_users) = (it.num_clients, it.num_users);
            Answer::PresenceStats(PresenceStatsResult { num_clients, num_users })
        }),
        it.history.as_ref().map(|it| {
            let publications = it.publications.iter().map(publication_of).collect();
            let (epoch, offset) = (text(&it.epoch), it.offset);
            Answer::History(HistoryResult { publications, epoch, offset })
        }),
        it.rpc.as_ref().map(|it| Answer::Rpc(payload_of(&it.data))),
        it.refresh.as_ref().map(|it| Answer::Refresh(refreshed_of(it))),
        it.sub_refresh
            .as_ref()
            .map(|it| Answer::SubRefresh(Expiry { expires: it.expires, ttl: it.ttl })),
    ];
    Reply { id: it.id, what: answers.into_iter().flatten().next().unwrap_or_default() }
}
