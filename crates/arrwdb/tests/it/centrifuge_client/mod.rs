//! The server as Centrifuge's own client for Rust meets it, unmodified.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the events are not ours, and a test waits for one of them"
)]

mod back_end;
mod channels;
mod codes;

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::io::Write;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use centrifuge::{Client, ClientBuilder, ClientEvent, EventStream, SubscriptionEvent};
use futures_core::Stream;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::program::Folder;
use crate::server::Served;

/// Signs the tokens of these tests.
const KEY: &str =
    "[client.token]\nhmac_secret_key = \"a secret of these tests and of nothing else\"\n";

/// A server with these settings, in TOML.
fn served(settings: &str) -> Served {
    let folder = Folder::new();
    std::fs::write(folder.path().join("arrwdb.toml"), settings).unwrap();
    Served::of(folder)
}

/// A client that comes again soon.
fn client(server: &Served) -> ClientBuilder {
    let url = server.url().replace("http://", "ws://");
    Client::builder(format!("{url}/connection/websocket"))
        .min_reconnect_delay(Duration::from_millis(20))
        .max_reconnect_delay(Duration::from_millis(200))
}

/// A token that an application would make; of a connection when no channel is named.
fn token(server: &Served, user: &str, more: &[&str]) -> String {
    let arguments = [&["token", "create", "--user", user], more].concat();
    server.folder.run(&arguments).ended_with(0).out.trim().to_owned()
}

/// Events that are taken at once: a client waits for who reads a stream of its own, and so for one test two at a time.
struct Kept<T>(UnboundedReceiver<T>);

impl<T: Send + 'static> Kept<T> {
    fn of(mut events: EventStream<T>) -> Self {
        let (sender, receiver) = unbounded_channel();
        tokio::spawn(async move {
            while let Some(event) = poll_fn(|it| Pin::new(&mut events).poll_next(it)).await {
                // The test may be over.
                let _unread = sender.send(event);
            }
        });
        Self(receiver)
    }
}

impl<T> Stream for Kept<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.poll_recv(context)
    }
}

/// The first event from now on that is wanted.
async fn told<T, R>(
    events: &mut (impl Stream<Item = T> + Unpin),
    wants: impl Fn(T) -> Option<R>,
) -> R {
    loop {
        let event = poll_fn(|context| Pin::new(&mut *events).poll_next(context)).await;
        if let Some(wanted) = wants(event.expect("the client is there")) {
            return wanted;
        }
    }
}

/// The next publication's payload.
async fn payload(events: &mut (impl Stream<Item = SubscriptionEvent> + Unpin)) -> Vec<u8> {
    told(events, |event| match event {
        SubscriptionEvent::Publication(it) => Some(it.data.to_vec()),
        _other => None,
    })
    .await
}

/// Waits until a subscription is there; true when it went on from where it was.
async fn subscribed(events: &mut (impl Stream<Item = SubscriptionEvent> + Unpin)) -> bool {
    told(events, |event| match event {
        SubscriptionEvent::Subscribed(it) => Some(it.recovered),
        _other => None,
    })
    .await
}

/// Why a subscription ended.
async fn unsubscribed(events: &mut (impl Stream<Item = SubscriptionEvent> + Unpin)) -> u32 {
    told(events, |event| match event {
        SubscriptionEvent::Unsubscribed(it) => Some(it.code),
        _other => None,
    })
    .await
}

/// Why a connection ended for good.
async fn disconnected(events: &mut (impl Stream<Item = ClientEvent> + Unpin)) -> u32 {
    told(events, |event| match event {
        ClientEvent::Disconnected(it) => Some(it.code),
        _other => None,
    })
    .await
}

/// The code of a server's refusal.
fn code<T: std::fmt::Debug>(refused: Result<T, centrifuge::Error>) -> u32 {
    match refused {
        Err(centrifuge::Error::Server(error)) => error.code,
        other => unreachable!("it should be refused: {other:?}"),
    }
}

/// A call of a back end.
fn api(server: &Served, method: &str, body: &serde_json::Value) {
    let answer = back_end::post(&server.url(), &format!("/api/{method}"), body);
    assert!(answer["error"].is_null(), "{method}: {answer}");
}

/// Leaves a line for the stage `clients` of xtask: this test held, and its client met these codes.
fn met(test: &str, codes: &BTreeSet<u32>) {
    let Some(file) = std::env::var_os("MET") else { return };
    let line = serde_json::json!({ "client": "cargo", "test": test, "codes": codes });
    let mut file =
        std::fs::OpenOptions::new().create(true).append(true).open(PathBuf::from(file)).unwrap();
    file.write_all(format!("{line}\n").as_bytes()).unwrap();
}
