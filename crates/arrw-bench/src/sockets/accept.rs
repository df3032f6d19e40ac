//! `sockets.accept` and `sockets.accept.jwt`: connections a second, from connect to the last reply.

use std::io::Write;

use super::order::{Group, Opening};
use super::stand::{Cores, Subject, channels};
use super::{Bench, SETTINGS, Sides};
use crate::row::{Row, Target};
use crate::runs::{Spread, float};

const CONNECTIONS: u32 = 5_000;
/// Connections that are there before.
const WARM: u32 = 500;
/// Channels of which each connection with a token subscribes to one.
const CHANNELS: u32 = 100;
const SECRET: &str = "a secret that everybody may know, of 32 bytes at least";

/// Of the floor.
const PLAIN_TARGET: f64 = 0.7;
const JWT_TARGET: f64 = 8_000.0;

/// Settings of our server: who has a token may subscribe.
const JWT_SETTINGS: &str = "\
[client.token]
hmac_secret_key = \"a secret that everybody may know, of 32 bytes at least\"

[[channel.namespaces]]
name = \"vol\"
class = \"volatile\"
allow_subscribe_for_client = true
";

/// What connections say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum With {
    Nothing,
    TokenAndSubscription,
}

pub(super) fn measure_plain(bench: &Bench<'_>, out: &mut dyn Write) -> anyhow::Result<Vec<Row>> {
    let (sides, latency) = measure(bench, With::Nothing, out)?;
    let metric = "TCP connect to connect reply, 128 in progress, 5,000; latency of one";
    let target = sides.floor().map(|floor| Target::AtLeast(PLAIN_TARGET * floor.median));
    let row = sides.row("sockets.accept", metric, "conn/s");
    Ok(vec![Row { latency: Some(latency), target, ..row }])
}

pub(super) fn measure_jwt(bench: &Bench<'_>, out: &mut dyn Write) -> anyhow::Result<Vec<Row>> {
    let (sides, latency) = measure(bench, With::TokenAndSubscription, out)?;
    let metric = "the same with an HS256 token and a subscription";
    let target = Some(Target::AtLeast(JWT_TARGET));
    let row = sides.row("sockets.accept.jwt", metric, "conn/s");
    Ok(vec![Row { latency: Some(latency), target, ..row }])
}

fn measure(
    bench: &Bench<'_>,
    with: With,
    out: &mut dyn Write,
) -> anyhow::Result<(Sides, (f64, f64))> {
    let (id, settings) = match with {
        With::Nothing => ("sockets.accept", SETTINGS),
        With::TokenAndSubscription => ("sockets.accept.jwt", JWT_SETTINGS),
    };
    let (mut sides, mut p50, mut p99) = (Sides::default(), Vec::new(), Vec::new());
    for run in 1..=bench.plan.load.runs() {
        for subject in bench.subjects() {
            let opened = bench.with(subject, settings, Cores::Any, |stand| {
                let mut open = |connections| {
                    let mut opening = stand.opening(Group::Readers, connections);
                    if with == With::TokenAndSubscription {
                        let (channels, secret) = (channels("vol", CHANNELS), SECRET.to_owned());
                        opening =
                            Opening { channels: Some(channels), secret: Some(secret), ..opening };
                    }
                    stand.generator.open(opening)
                };
                open(WARM)?;
                open(CONNECTIONS)
            })?;
            let rate = float(CONNECTIONS.into()) / opened.seconds;
            let times = opened.times;
            writeln!(
                out,
                "{id} run {run}, {subject:?}: {rate:.0} conn/s, one takes p50 {:.0} us, p99 {:.0} us",
                times.p50_us, times.p99_us
            )?;
            sides.note(subject, rate);
            if subject == Subject::Ours {
                p50.push(times.p50_us);
                p99.push(times.p99_us);
            }
        }
    }
    Ok((sides, (Spread::of(p50).median, Spread::of(p99).median)))
}
