//! What is kept of a torture of WebSockets, for whoever looks into a fault.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde::Serialize;
use serde_json::json;

use crate::history::{ChannelHistory, Publish, Resume, Written};

/// A line of the file.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Line<'a> {
    Publish(&'a Publish),
    Subscribed { client: &'a str, channel: u32, resume: &'a Resume },
    Saw { client: &'a str, channel: u32, offset: u64, event: Written },
    Stranger { channel: u32, is_believed: bool },
}

/// Writes all that was seen as lines of JSON: first what was tortured, then a line for each write, for each answer to a
/// subscription, and for each publication that a client got.
pub(in crate::torture) fn write(
    path: &Path,
    (seed, fault): (u64, &str),
    history: &ChannelHistory,
) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    let ChannelHistory { published, followers, ends, strangers, kills } = history;
    writeln!(out, "{}", json!({ "seed": seed, "fault": fault, "kills": kills, "ends": ends }))?;
    for publish in published {
        line(&mut out, &Line::Publish(publish))?;
    }
    for follower in followers {
        let client = &*follower.name;
        for followed in &follower.followed {
            let channel = followed.channel;
            for resume in &followed.resumes {
                line(&mut out, &Line::Subscribed { client, channel, resume })?;
            }
            for (offset, event) in followed.seen.iter().copied() {
                line(&mut out, &Line::Saw { client, channel, offset, event })?;
            }
        }
    }
    for (channel, is_believed) in strangers.iter().copied() {
        line(&mut out, &Line::Stranger { channel, is_believed })?;
    }
    out.flush()
}

fn line(out: &mut impl Write, line: &Line<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}
