//! Which codes a client meets, and what it does then.

use std::collections::BTreeSet;

use centrifuge::{ClientErrorKind, ClientEvent, SubscriptionEvent};
use serde_json::json;

use super::{
    KEY, Kept, api, back_end, client, code, disconnected, met, payload, served, subscribed, token,
    told, unsubscribed,
};
use crate::server::Served;

const COME_AGAIN: &[u32] =
    &[3000, 3001, 3004, 3005, 3006, 3008, 3009, 3010, 3011, 3012, 3013, 3014, 4000, 4499];
const ARE_GONE: &[u32] = &[3500, 3501, 3502, 3503, 3504, 3505, 3506, 3507, 3508, 3509, 4500, 4999];
const ERRORS: std::ops::RangeInclusive<u32> = 100..=113;

/// A token of the user `42` that was good until the first second of 1970.
const EXPIRED: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiAiNDIiLCAiZXhwIjogMX0.81igO8ih5bs3pVO8R1x9KOM7mhyO3g1re9gutr6MnEI";

#[tokio::test]
async fn each_code_of_a_disconnect_makes_clients_come_again_or_not() {
    let server = Served::new();
    let one = client(&server).build().unwrap();
    let here = one.new_subscription("d").build().unwrap();
    let (mut of_client, mut events) = (Kept::of(one.events()), Kept::of(here.events()));
    here.subscribe();
    one.connect().unwrap();
    subscribed(&mut events).await;
    let mut codes = BTreeSet::new();
    for asked in COME_AGAIN {
        let disconnect = json!({ "code": asked, "reason": "" });
        api(&server, "disconnect", &json!({ "user": "", "disconnect": disconnect }));
        let is_it = |event| match event {
            ClientEvent::Connecting(it) => (it.code == *asked).then_some(()),
            _other => None,
        };
        told(&mut of_client, is_it).await;
        // After the last of these clients forget where they were: it is not to be gone on from there.
        assert_eq!(subscribed(&mut events).await, *asked != 3014, "{asked}");
        api(&server, "publish", &json!({ "channel": "d", "data": asked }));
        assert_eq!(payload(&mut events).await, asked.to_string().as_bytes());
        codes.insert(*asked);
    }
    for asked in ARE_GONE {
        let disconnect = json!({ "code": asked, "reason": "" });
        api(&server, "disconnect", &json!({ "user": "", "disconnect": disconnect }));
        assert_eq!(disconnected(&mut of_client).await, *asked);
        one.connect().unwrap();
        subscribed(&mut events).await;
        codes.insert(*asked);
    }
    one.close().await;
    met("each code of a disconnect makes clients come again or not", &codes);
}

#[tokio::test]
async fn each_error_of_a_back_end_reaches_the_client() {
    let server = served(&format!("[rpc.proxy]\nendpoint = \"{}\"\n", back_end::answering()));
    let one = client(&server).build().unwrap();
    one.connect().unwrap();
    one.ready(None).await.unwrap();
    let mut codes = BTreeSet::new();
    for asked in ERRORS {
        let error = json!({ "error": { "code": asked, "message": "no" } });
        assert_eq!(code(one.rpc("answer", error.to_string()).await), asked);
        codes.insert(asked);
    }
    one.close().await;
    met("each error of a back end reaches the client", &codes);
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let server = served(&format!(
        "[client]\nuser_subscribe_to_personal = true\n\n{KEY}\n[[channel.namespaces]]\nname = \"closed\"\n"
    ));
    let one = client(&server).token(token(&server, "42", &[])).build().unwrap();
    one.connect().unwrap();
    one.ready(None).await.unwrap();
    let mut codes = BTreeSet::new();
    for (expected, channel) in
        [(102, "nowhere:x"), (103, "closed:x"), (103, "$x"), (105, "#42"), (107, "a b")]
    {
        let here = one.new_subscription(channel).build().unwrap();
        let mut events = here.events();
        here.subscribe();
        assert_eq!(unsubscribed(&mut events).await, expected, "{channel}");
        codes.insert(expected);
    }
    met("a subscription that cannot be is over", &codes);

    let mut events = one.events();
    assert_eq!(code(one.rpc("nothing", "{}").await), 104);
    one.send("1").await.unwrap();
    assert_eq!(disconnected(&mut events).await, 3508);
    one.close().await;
    met("what is sent without asking ends the connection", &BTreeSet::from([3508]));
}

#[tokio::test]
async fn a_client_whose_token_has_expired_asks_for_a_new_one() {
    let server = served(KEY);
    let good = token(&server, "42", &[]);
    let refused = client(&server).token("no token").build().unwrap();
    let mut events = refused.events();
    refused.connect().unwrap();
    assert_eq!(disconnected(&mut events).await, 3500);
    met("without a good token nobody is let in", &BTreeSet::from([3500]));

    let one = client(&server).token(EXPIRED).get_token(move |_context| {
        let good = good.clone();
        async move { Ok(Some(good)) }
    });
    let one = one.build().unwrap();
    let mut events = Kept::of(one.events());
    one.connect().unwrap();
    let is_expired = |event| match event {
        ClientEvent::Error(it) => {
            let told = it.error.to_string();
            (it.error.kind == ClientErrorKind::Connect && told.contains("109")).then_some(())
        }
        _other => None,
    };
    told(&mut events, is_expired).await;
    one.ready(None).await.unwrap();
    one.close().await;
    refused.close().await;
    met("a client whose token has expired asks for a new one", &BTreeSet::from([109]));
}

#[tokio::test]
async fn an_unsubscribe_of_the_back_end_is_final() {
    let server = Served::new();
    let one = client(&server).build().unwrap();
    let here = one.new_subscription("u").build().unwrap();
    let mut events = here.events();
    here.subscribe();
    one.connect().unwrap();
    subscribed(&mut events).await;
    api(&server, "unsubscribe", &json!({ "user": "", "channel": "u" }));
    assert_eq!(unsubscribed(&mut events).await, 2000);
    one.close().await;
    met("an unsubscribe of the back end is final", &BTreeSet::from([2000]));
}

#[tokio::test]
async fn a_subscription_that_is_not_refreshed_begins_again() {
    let server = served(&format!("[client]\nexpiry_grace_ms = 0\n\n{KEY}"));
    let one = client(&server).token(token(&server, "42", &[])).build().unwrap();
    let (first, next) = (
        token(&server, "42", &["--channel", "$x", "--expires-in", "2s"]),
        token(&server, "42", &["--channel", "$x"]),
    );
    let (renewal, renewed) = tokio::sync::watch::channel(false);
    let here = one.new_subscription("$x").token(first).get_token(move |_context| {
        let (mut renewed, next) = (renewed.clone(), next.clone());
        async move {
            renewed.wait_for(|may| *may).await?;
            Ok(next)
        }
    });
    let here = here.build().unwrap();
    let mut events = here.events();
    here.subscribe();
    one.connect().unwrap();
    subscribed(&mut events).await;
    let is_expired = |event| match event {
        SubscriptionEvent::Subscribing(it) => (it.code == 2501).then_some(()),
        _other => None,
    };
    told(&mut events, is_expired).await;
    renewal.send(true).unwrap();
    subscribed(&mut events).await;
    one.close().await;
    met("a subscription that is not refreshed is ended, and begins again", &BTreeSet::from([2501]));
}

#[tokio::test]
async fn a_slow_client_of_a_volatile_channel_is_told_that_it_missed_something() {
    let server = served(
        "[[channel.namespaces]]\nname = \"told\"\nclass = \"volatile\"\nslow_policy = \"drop_oldest\"\n",
    );
    let one = client(&server).build().unwrap();
    let here = one.new_subscription("told:x").build().unwrap();
    let mut events = here.events();
    here.subscribe();
    one.connect().unwrap();
    subscribed(&mut events).await;
    // Nobody takes its events meanwhile, and so it takes nothing of the server.
    let publish = json!({ "publish": { "channel": "told:x", "data": "x".repeat(16_000) } });
    for _ in 0..15 {
        api(&server, "batch", &json!({ "commands": vec![&publish; 100] }));
    }
    let is_told = |event| match event {
        SubscriptionEvent::Subscribing(it) => (it.code == 2500).then_some(()),
        _other => None,
    };
    told(&mut events, is_told).await;
    subscribed(&mut events).await;
    one.close().await;
    met(
        "a slow client of a volatile channel is told that it missed something",
        &BTreeSet::from([2500]),
    );
}
