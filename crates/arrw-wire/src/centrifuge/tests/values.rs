//! Values of another's codec by chance, and the same as values of ours.

use bytes::Bytes;
use centrifuge_client_core::proto;
use proptest::collection::{hash_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::*;

/// A payload: any bytes in Protobuf, a value without line ends in JSON.
pub(super) fn payload(encoding: Encoding) -> BoxedStrategy<Bytes> {
    match encoding {
        Encoding::Protobuf => vec(any::<u8>(), 0..200).prop_map(Bytes::from).boxed(),
        Encoding::Json => prop_oneof![
            Just(Bytes::new()),
            Just(Bytes::from_static(br#"{"a":[1,-2.5e3,null,{"b":"\u00e9\\"}]}"#)),
            any::<String>().prop_map(|it| Bytes::from(serde_json::to_vec(&it).unwrap())),
            any::<u64>().prop_map(|it| Bytes::from(it.to_string())),
        ]
        .boxed(),
    }
}

prop_compose! {
    fn filter_leaf()(key: String, val: String, vals in vec(any::<String>(), 0..3), cmp in 0_usize..14)
        -> proto::FilterNode
    {
        let names =
            ["", "eq", "neq", "in", "nin", "ex", "nex", "sw", "ew", "ct", "lt", "lte", "gt", "gte"];
        let (cmp, op, nodes) = (names[cmp].to_owned(), String::new(), Vec::new());
        proto::FilterNode { op, key, cmp, val, vals, nodes }
    }
}

/// A tag filter of some levels, most of them valid.
pub(super) fn filter() -> impl Strategy<Value = proto::FilterNode> {
    filter_leaf().prop_recursive(4, 32, 3, |inner| {
        (0_usize..4, vec(inner, 1..3)).prop_map(|(op, nodes)| {
            let op = ["and", "or", "not", "xor"][op].to_owned();
            proto::FilterNode { op, nodes, ..proto::FilterNode::default() }
        })
    })
}

prop_compose! {
    /// Without what the other codec leaves out in JSON.
    fn subscribe(encoding: Encoding)(
        (channel, token, epoch, delta) in any::<(String, String, String, String)>(),
        (recover, positioned, recoverable, join_leave) in any::<(bool, bool, bool, bool)>(),
        (offset, flag, kind) in any::<(u64, i64, i32)>(),
        (phase, cursor, limit, asc) in any::<(i32, String, i32, bool)>(),
        data in payload(encoding),
        tf in option::of(filter()),
    ) -> proto::SubscribeRequest {
        let it = proto::SubscribeRequest {
            channel, token, recover, epoch, offset, data, positioned, recoverable, join_leave, delta,
            tf, flag, r#type: kind, ..proto::SubscribeRequest::default()
        };
        match encoding {
            Encoding::Json => it,
            Encoding::Protobuf => proto::SubscribeRequest { phase, cursor, limit, asc, ..it },
        }
    }
}

prop_compose! {
    fn connect(encoding: Encoding)(
        (token, name, version, flag) in any::<(String, String, String, i64)>(),
        (profile, dict) in any::<(String, String)>(),
        data in payload(encoding),
        subs in hash_map(any::<String>(), subscribe(encoding), 0..3),
        headers in hash_map(any::<String>(), any::<String>(), 0..3),
    ) -> proto::ConnectRequest {
        let it = proto::ConnectRequest {
            token, data, subs, name, version, headers, flag, ..proto::ConnectRequest::default()
        };
        match encoding {
            Encoding::Json => it,
            Encoding::Protobuf => proto::ConnectRequest { profile, dict, ..it },
        }
    }
}

/// A command with an id and one request. What stands for the channel is short or long.
pub(super) fn command(encoding: Encoding) -> impl Strategy<Value = proto::Command> {
    let of = |id: std::ops::Range<u32>, fill: fn(&mut proto::Command, String, Bytes)| {
        (id, any::<String>(), payload(encoding)).prop_map(move |(id, text, data)| {
            let mut command = proto::Command { id, ..proto::Command::default() };
            fill(&mut command, text, data);
            command
        })
    };
    let id = 1..u32::MAX;
    prop_oneof![
        (id.clone(), connect(encoding)).prop_map(|(id, it)| proto::Command {
            id,
            connect: Some(it),
            ..proto::Command::default()
        }),
        (id.clone(), subscribe(encoding)).prop_map(|(id, it)| proto::Command {
            id,
            subscribe: Some(it),
            ..proto::Command::default()
        }),
        of(id.clone(), |it, channel, _| {
            it.unsubscribe = Some(proto::UnsubscribeRequest { channel });
        }),
        of(id.clone(), |it, channel, data| {
            it.publish =
                Some(proto::PublishRequest { channel, data, ..proto::PublishRequest::default() });
        }),
        of(id.clone(), |it, channel, _| it.presence = Some(proto::PresenceRequest { channel })),
        of(id.clone(), |it, channel, _| {
            it.presence_stats = Some(proto::PresenceStatsRequest { channel });
        }),
        (id.clone(), any::<(String, i32, bool)>(), option::of(any::<(u64, String)>())).prop_map(
            |(id, (channel, limit, reverse), since)| {
                let since = since.map(|(offset, epoch)| proto::StreamPosition { offset, epoch });
                let history = Some(proto::HistoryRequest { channel, limit, since, reverse });
                proto::Command { id, history, ..proto::Command::default() }
            }
        ),
        of(0..u32::MAX, |it, _, data| it.send = Some(proto::SendRequest { data })),
        of(id.clone(), |it, method, data| it.rpc = Some(proto::RpcRequest { data, method })),
        of(id.clone(), |it, token, _| it.refresh = Some(proto::RefreshRequest { token })),
        of(id, |it, channel, _| {
            let token = channel.clone();
            it.sub_refresh = Some(proto::SubRefreshRequest {
                channel,
                token,
                ..proto::SubRefreshRequest::default()
            });
        }),
    ]
}

fn subscribe_of(it: &proto::SubscribeRequest) -> SubscribeRequest<'_> {
    SubscribeRequest {
        channel: (&it.channel).into(),
        token: (&it.token).into(),
        recover: it.recover,
        epoch: (&it.epoch).into(),
        offset: it.offset,
        data: &it.data,
        positioned: it.positioned,
        recoverable: it.recoverable,
        join_leave: it.join_leave,
        delta: (&it.delta).into(),
        // Compared by what it means.
        tf: b"",
        flag: it.flag,
        kind: it.r#type,
        phase: it.phase,
        cursor: (&it.cursor).into(),
        limit: it.limit,
        asc: it.asc,
    }
}

/// The same command as one of ours, with maps in the order of their keys and without tag filters.
pub(super) fn command_of(it: &proto::Command) -> Command<'_> {
    let channel = |channel| ChannelRequest { channel: std::borrow::Cow::Borrowed(channel) };
    let (connect, history) = (it.connect.as_ref(), it.history.as_ref());
    let requests = [
        connect.map(|it| Request::Connect(connect_of(it))),
        it.subscribe.as_ref().map(|it| Request::Subscribe(subscribe_of(it))),
        it.unsubscribe.as_ref().map(|it| Request::Unsubscribe(channel(&it.channel))),
        it.publish.as_ref().map(|it| {
            let (channel, key) = ((&it.channel).into(), (&it.key).into());
            let (data, kind, removed) = (&*it.data, it.r#type, it.removed);
            Request::Publish(PublishRequest { channel, data, kind, key, removed })
        }),
        it.presence.as_ref().map(|it| Request::Presence(channel(&it.channel))),
        it.presence_stats.as_ref().map(|it| Request::PresenceStats(channel(&it.channel))),
        history.map(|it| {
            let since = it.since.as_ref();
            Request::History(HistoryRequest {
                channel: (&it.channel).into(),
                limit: it.limit,
                since: since
                    .map(|it| StreamPosition { offset: it.offset, epoch: (&it.epoch).into() }),
                reverse: it.reverse,
            })
        }),
        it.send.as_ref().map(|it| Request::Send(SendRequest { data: &it.data })),
        it.rpc
            .as_ref()
            .map(|it| Request::Rpc(RpcRequest { data: &it.data, method: (&it.method).into() })),
        it.refresh
            .as_ref()
            .map(|it| Request::Refresh(RefreshRequest { token: (&it.token).into() })),
        it.sub_refresh.as_ref().map(|it| {
            let (channel, token) = ((&it.channel).into(), (&it.token).into());
            Request::SubRefresh(SubRefreshRequest { channel, token, kind: it.r#type })
        }),
    ];
    let what = requests.into_iter().flatten().next().unwrap_or(Request::Pong);
    Command { id: it.id, what }
}

fn connect_of(it: &proto::ConnectRequest) -> ConnectRequest<'_> {
    let mut subs: Vec<_> =
        it.subs.iter().map(|(key, sub)| (key.into(), subscribe_of(sub))).collect();
    let mut headers: Vec<_> =
        it.headers.iter().map(|(key, value)| (key.into(), value.into())).collect();
    subs.sort_by(|a: &(std::borrow::Cow<'_, str>, _), b| a.0.cmp(&b.0));
    headers.sort();
    ConnectRequest {
        token: (&it.token).into(),
        data: &it.data,
        subs,
        name: (&it.name).into(),
        version: (&it.version).into(),
        headers,
        flag: it.flag,
        profile: (&it.profile).into(),
        dict: (&it.dict).into(),
    }
}
