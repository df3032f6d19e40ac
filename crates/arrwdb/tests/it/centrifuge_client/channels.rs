//! What a client does with channels, and what comes when it was away.

use std::collections::BTreeSet;

use centrifuge::{Filter, HistoryOptions, Protocol, StreamPosition, SubscriptionEvent};

use super::{client, met, payload, served, subscribed, told};
use crate::server::Served;

/// Everybody may do everything in these.
const SETTINGS: &str = "
[[channel.namespaces]]
name = \"room\"
presence = true
join_leave = true
force_push_join_leave = true
";

#[tokio::test]
async fn publications_come_to_all_in_order() {
    let server = Served::new();
    let one = client(&server).build().unwrap();
    let here = one.new_subscription("a").build().unwrap();
    let mut events = here.events();
    here.subscribe();
    one.connect().unwrap();
    subscribed(&mut events).await;
    for n in 0..100 {
        here.publish(n.to_string()).await.unwrap();
    }
    for n in 0..100 {
        assert_eq!(payload(&mut events).await, n.to_string().as_bytes());
    }
    one.close().await;
    met("publications come to all in order, each once", &BTreeSet::new());
}

#[tokio::test]
async fn the_history_is_read_from_both_ends() {
    let server = Served::new();
    let one = client(&server).build().unwrap();
    one.connect().unwrap();
    one.ready(None).await.unwrap();
    for n in 1..=10 {
        one.publish("h", n.to_string()).await.unwrap();
    }
    let read = async |options: HistoryOptions| {
        let history = one.history("h", options).await.unwrap();
        let numbers = history.publications.iter();
        let numbers =
            numbers.map(|it| String::from_utf8_lossy(&it.data).into_owned()).collect::<Vec<_>>();
        (numbers.join(" "), history.epoch)
    };
    let (whole, epoch) = read(HistoryOptions::new().all()).await;
    assert_eq!(whole, "1 2 3 4 5 6 7 8 9 10");
    assert_eq!(read(HistoryOptions::new().limit(3)).await.0, "1 2 3");
    assert_eq!(read(HistoryOptions::new().limit(3).reverse(true)).await.0, "10 9 8");
    let since = StreamPosition::new(4, epoch);
    assert_eq!(read(HistoryOptions::new().limit(2).since(since)).await.0, "5 6");
    let echoed = one.rpc("echo", "{\"a\":[1,null]}").await.unwrap();
    assert_eq!(&echoed.data[..], b"{\"a\":[1,null]}");
    one.close().await;
    met("the history is read by limit, from a place and backwards", &BTreeSet::new());
    met("a call is answered with what it was given", &BTreeSet::new());
}

#[tokio::test]
async fn bytes_of_every_value_come_as_they_were_published() {
    let server = Served::new();
    let one = client(&server).protocol(Protocol::Protobuf).build().unwrap();
    let here = one.new_subscription("b").build().unwrap();
    let mut events = here.events();
    here.subscribe();
    one.connect().unwrap();
    subscribed(&mut events).await;
    let bytes: Vec<u8> = (0..=255).cycle().take(20_000).collect();
    here.publish(bytes.clone()).await.unwrap();
    assert_eq!(payload(&mut events).await, bytes);
    assert_eq!(one.rpc("echo", bytes.clone()).await.unwrap().data[..], bytes);
    one.close().await;
    met("bytes of every value come as they were published", &BTreeSet::new());
}

#[tokio::test]
async fn a_filter_of_tags_leaves_out_the_rest() {
    let server = Served::new();
    let one = client(&server).build().unwrap();
    let high = Filter::and([Filter::eq("kind", "alarm"), Filter::gte("level", "5")]);
    let here = one.new_subscription("f").tags_filter(high).build().unwrap();
    let mut events = here.events();
    here.subscribe();
    one.connect().unwrap();
    subscribed(&mut events).await;
    for level in 1..=9 {
        let tag = format!("level={level}");
        let arguments =
            ["pub", "f", &level.to_string(), "--header", "kind=alarm", "--header", &tag];
        server.ask(&arguments).ended_with(0);
        server.ask(&["pub", "f", "0", "--header", "kind=note", "--header", &tag]).ended_with(0);
    }
    for level in 5..=9 {
        assert_eq!(payload(&mut events).await, level.to_string().as_bytes());
    }
    one.close().await;
    met("a filter of tags leaves out the rest", &BTreeSet::new());
}

#[tokio::test]
async fn who_comes_and_goes_is_told() {
    let server = served(SETTINGS);
    let joined = |event| match event {
        SubscriptionEvent::Join(it) => Some(it.client.clone()),
        _other => None,
    };
    let left = |event| match event {
        SubscriptionEvent::Leave(it) => Some(it.client.clone()),
        _other => None,
    };
    let (one, other) = (client(&server).build().unwrap(), client(&server).build().unwrap());
    let here = one.new_subscription("room:1").join_leave(true).build().unwrap();
    let mut events = here.events();
    here.subscribe();
    one.connect().unwrap();
    let me = told(&mut events, joined).await;
    let there = other.new_subscription("room:1").build().unwrap();
    there.subscribe();
    other.connect().unwrap();
    let you = told(&mut events, joined).await;
    let known: BTreeSet<String> = here.presence().await.unwrap().clients.into_keys().collect();
    assert_eq!(known, BTreeSet::from([me, you.clone()]));
    there.unsubscribe();
    assert_eq!(told(&mut events, left).await, you);
    one.close().await;
    other.close().await;
    met("who is there is known, and who comes and goes", &BTreeSet::new());
}

#[tokio::test]
async fn nothing_is_lost_when_the_server_is_killed() {
    let mut server = Served::new();
    let one = client(&server).build().unwrap();
    let here = one.new_subscription("k").build().unwrap();
    let mut events = here.events();
    here.subscribe();
    one.connect().unwrap();
    subscribed(&mut events).await;
    let mut count = 0;
    let publish = |server: &Served, count: &mut u32| {
        for _ in 0..50 {
            let data = serde_json::json!({ "channel": "k", "data": *count });
            super::api(server, "publish", &data);
            *count += 1;
        }
    };
    let mut seen = 0;
    for _ in 0..3 {
        publish(&server, &mut count);
        server.end("-KILL");
        server.start_again();
        publish(&server, &mut count);
        // Those from before the kill come before the subscription is there again, the others behind.
        let mut is_recovered = false;
        while seen < count || !is_recovered {
            let data = told(&mut events, |event| match event {
                SubscriptionEvent::Publication(it) => Some(Some(it.data.to_vec())),
                SubscriptionEvent::Subscribed(it) => it.recovered.then_some(None),
                _other => None,
            })
            .await;
            match data {
                Some(data) => {
                    assert_eq!(data, seen.to_string().as_bytes());
                    seen += 1;
                }
                None => is_recovered = true,
            }
        }
    }
    one.close().await;
    met("nothing is lost when the server is killed", &BTreeSet::new());
}
