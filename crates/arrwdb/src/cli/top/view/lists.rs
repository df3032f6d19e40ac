//! What is listed of a server, as blocks.

use super::super::figures::{Clients, Consumer, Ended, Queue, Topic, Worker};
use super::super::words::{bytes, count, fit, latency, rate, time};
use super::block::Block;
use super::{Line, Style};

#[expect(clippy::cast_precision_loss, reason = "what is shown needs no more digits")]
fn whole(number: u64) -> String {
    count(number as f64)
}

pub(super) fn topics(all: &[Topic]) -> Block {
    let row = |it: &Topic| [it.topic.clone(), whole(it.events), rate(it.rate)];
    Block::table(["TOPIC", "EVENTS", "A SECOND"], "no topics yet", all.iter().map(row))
}

pub(super) fn consumers(all: &[Consumer]) -> Block {
    #[expect(clippy::cast_precision_loss, reason = "what is shown needs no more digits")]
    let row = |it: &Consumer| {
        let age = if it.records == 0 { "-".to_owned() } else { time(it.age_ms as f64 / 1000.0) };
        [format!("{}  {}", it.name, it.filter), whole(it.records), bytes(it.bytes as f64), age]
    };
    Block::table(["CONSUMER", "BEHIND", "BYTES", "OLDEST"], "no consumers", all.iter().map(row))
}

pub(super) fn queues(all: &[Queue]) -> Block {
    let row = |it: &Queue| {
        let age = if it.ready == 0.0 { "-".to_owned() } else { time(it.oldest_ready_s) };
        let [ready, leased, later, dead] = [it.ready, it.leased, it.later, it.dead].map(count);
        [it.queue.clone(), ready, leased, later, dead, age, rate(it.completed_rate)]
    };
    let head = ["QUEUE", "READY", "RUNNING", "LATER", "DEAD", "OLDEST", "DONE/S"];
    Block::table(head, "no jobs yet", all.iter().map(row))
}

pub(super) fn workers(all: &[Worker], utilisation: f64) -> Block {
    let row = |it: &Worker| {
        // A time of RFC 3339: the clock in it is enough.
        let until = it.silent_until.as_deref().and_then(|time| time.get(11..19)).unwrap_or("-");
        [it.name.clone(), whole(it.leases), whole(it.wants), until.to_owned()]
    };
    let name = format!("WORKER ({:.0}% busy)", utilisation * 100.0);
    Block::table([&name, "RUNNING", "WANTS", "LOST AT"], "no workers", all.iter().map(row))
}

pub(super) fn disconnects(all: &[Ended]) -> Block {
    let row = |it: &Ended| [it.code.clone(), count(it.count), rate(it.rate)];
    Block::table(["ENDED BY THE SERVER", "COUNT", "A SECOND"], "none yet", all.iter().map(row))
}

pub(super) fn clients(it: &Clients) -> Block {
    let size = |rate: Option<f64>| rate.map_or("-".to_owned(), bytes);
    let rows = [
        ("connections", format!("{} of {}", count(it.connections), count(it.connections_max))),
        (
            "accepted",
            format!("{}/s, {} turned away", rate(it.accepted_rate), count(it.turned_away)),
        ),
        ("follow", format!("{}, of {} users", count(it.sockets), count(it.users))),
        ("channels", format!("{}, {} subscriptions", count(it.channels), count(it.subscriptions))),
        (
            "slow",
            format!("{} behind, {} publications at most", count(it.behind), count(it.lag_max)),
        ),
        ("bytes", format!("in {}/s, out {}/s", size(it.bytes_in_rate), size(it.bytes_out_rate))),
        ("broadcast", latency(it.broadcast)),
    ];
    let row = |(label, text): (&str, String)| {
        let mut line = Line::of(Style::Weak, fit(label, 13));
        line.push(Style::Plain, text);
        line
    };
    Block::Lines(rows.into_iter().map(row).collect())
}
