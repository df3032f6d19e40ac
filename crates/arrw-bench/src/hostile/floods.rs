//! Floods: of connections, of connections beyond what there may be, and of small requests.

use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::time::sleep;

use super::ground::{ENDED, Ground, Held, crowd};
use super::limits::{BEYOND, BURST, BURST_EVERY, CONNECTIONS, HELD, PIPELINED};
use super::request::{JSON, get, head, publish};
use super::shot::{Draft, Shot};
use super::slow::Slow;

/// Connections that are closed, or reset, as soon as they are made, some with half a request.
pub(super) async fn connects(ground: Arc<Ground>) -> Held {
    let mut number = 0_usize;
    loop {
        for _ in 0..BURST {
            number += 1;
            if let Ok(mut stream) = ground.connect().await {
                if number.is_multiple_of(3) {
                    drop(stream.write_all(b"POST /v1/events HTTP/1.1\r\nhost").await);
                    ground.asked(1);
                }
                if number.is_multiple_of(2) {
                    // It is then reset where it would be closed in order.
                    drop(stream.set_zero_linger());
                }
            }
        }
        if ground.is_over() {
            return Held::new();
        }
        sleep(BURST_EVERY).await;
    }
}

/// Makes more connections than there may be; those for which there is a place say nothing until the server
/// ends them.
pub(super) async fn too_many(ground: Arc<Ground>) -> Held {
    loop {
        crowd(Arc::clone(&ground), CONNECTIONS + BEYOND, silent).await;
        if ground.is_over() {
            return Held::new();
        }
        // Others may come in here.
        sleep(HELD).await;
    }
}

async fn silent(ground: Arc<Ground>, _number: usize) {
    let what = "one connection of too many";
    Slow::silent(what, b"", &[ENDED]).run(&ground).await;
}

/// Many small requests at once on one connection.
pub(super) const REQUESTS: &[Draft] =
    &[probes, unknown_paths, wrong_methods, empty_pages, wrong_queries, wrong_events, stats];

/// The same request, again and again.
fn flood(what: &'static str, request: &[u8], answers: &'static [u16]) -> Shot {
    Shot::new(what, request.repeat(PIPELINED), answers).of(PIPELINED)
}

fn probes(ground: &Ground) -> Shot {
    flood("probes", &get(ground, "/livez"), &[200])
}

fn unknown_paths(ground: &Ground) -> Shot {
    flood("paths that there are not", &get(ground, "/../../etc/passwd"), &[404])
}

fn wrong_methods(ground: &Ground) -> Shot {
    flood("methods that there are not", &head(ground, "BREW /v1/events", ""), &[405])
}

fn empty_pages(ground: &Ground) -> Shot {
    flood("pages of nothing", &get(ground, "/v1/events?filter=none&after=latest"), &[200])
}

fn wrong_queries(ground: &Ground) -> Shot {
    flood("wrong queries", &get(ground, "/v1/events?limt=1"), &[400])
}

fn wrong_events(ground: &Ground) -> Shot {
    flood("events that are none", &publish(ground, JSON, "{}"), &[400])
}

fn stats(ground: &Ground) -> Shot {
    flood("stats", &get(ground, "/v1/stats?filter=none"), &[200])
}
