//! The server under writers and readers, killed again and again: nothing acknowledged is lost, moved or seen twice.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};

use arrw_sim::history::{Acknowledged, Demand, History, Stream, Written};
use serde_json::Value;

use crate::program::Folder;
use crate::server;

const ROUNDS: u64 = 50;
const WRITERS: u64 = 4;
const READERS: usize = 3;
/// Events of one request.
const BATCH: u64 = 10;
/// Acknowledged events of a round before the kill, at least.
const ACKNOWLEDGED_MIN: u64 = 1_000;
/// Writes the very last event.
const LAST_WRITER: u64 = 99;

/// Tells readers of each new life of the server.
#[derive(Debug, Default)]
struct Lives {
    count: Mutex<u64>,
    changed: Condvar,
}

impl Lives {
    fn begin(&self) {
        *self.count.lock().unwrap() += 1;
        self.changed.notify_all();
    }

    /// Waits for a life behind `seen`.
    fn wait_behind(&self, seen: u64) -> u64 {
        let mut count = self.count.lock().unwrap();
        while *count <= seen {
            count = self.changed.wait(count).unwrap();
        }
        *count
    }
}

/// One connection that asks and is answered.
struct Client {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Client {
    fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = BufReader::new(TcpStream::connect(address)?);
        Ok(Self { stream, host: address.to_string() })
    }

    fn send(&mut self, head: &str, body: &str) -> io::Result<()> {
        let host = &self.host;
        let len = body.len();
        let request = format!("{head}\r\nhost: {host}\r\ncontent-length: {len}\r\n\r\n{body}");
        self.stream.get_mut().write_all(request.as_bytes())
    }

    /// Reads a head; answers the status and the bytes of the body if it says so.
    fn head(&mut self) -> io::Result<(u16, Option<usize>)> {
        let status = self.line()?;
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok());
        let mut bytes = None;
        loop {
            let line = self.line()?.to_ascii_lowercase();
            if let Some(len) = line.strip_prefix("content-length:") {
                bytes = len.trim().parse().ok();
            }
            if line.is_empty() {
                return Ok((status.ok_or(io::ErrorKind::InvalidData)?, bytes));
            }
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// A request and its answer as JSON; it must have succeeded.
    fn ask(&mut self, head: &str, body: &str) -> io::Result<Value> {
        self.send(head, body)?;
        let (status, bytes) = self.head()?;
        let mut body = vec![0; bytes.ok_or(io::ErrorKind::InvalidData)?];
        self.stream.read_exact(&mut body)?;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        Ok(serde_json::from_slice(&body)?)
    }

    fn publish(&mut self, writer: u64, numbers: std::ops::Range<u64>) -> io::Result<u64> {
        let event =
            |number| format!(r#"{{"topic":"kill.{writer}","data":{{"w":{writer},"n":{number}}}}}"#);
        let events: Vec<String> = numbers.map(event).collect();
        let body = format!("[{}]", events.join(","));
        let head = "POST /v1/events HTTP/1.1\r\ncontent-type: application/json";
        let answer = self.ask(head, &body)?;
        assert_eq!(answer["count"], events.len());
        Ok(answer["first"].as_u64().expect("it has a seq"))
    }
}

/// Publishes until the server is gone; answers the first number that was not used.
fn write(address: SocketAddr, writer: u64, from: u64, acks: &Sender<Acknowledged>) -> u64 {
    let mut next = from;
    let Ok(mut client) = Client::connect(address) else { return next };
    loop {
        let number = next;
        // Never used again: without an answer nobody knows whether it is there.
        next += BATCH;
        let Ok(first) = client.publish(writer, number..next) else { return next };
        let written = Written { writer, number };
        acks.send(Acknowledged { written, count: BATCH, first }).ok();
    }
}

/// The event of a line of JSON: its seq, and who wrote it.
fn event_of(event: &Value) -> (u64, Written) {
    let number = |value: &Value| value.as_u64().expect("it is a number");
    let written =
        Written { writer: number(&event["data"]["w"]), number: number(&event["data"]["n"]) };
    (number(&event["seq"]), written)
}

/// Follows from the start, over all lives of the server, until the very last event.
fn follow(address: SocketAddr, lives: &Lives) -> Stream {
    let mut stream = Stream::default();
    let (mut life, mut position) = (0, None::<String>);
    loop {
        life = lives.wait_behind(life);
        let before = stream.events.len();
        // What ends a connection is the kill; what came before it counts.
        let ended = read_stream(address, &mut position, &mut stream);
        if before > 0 && before < stream.events.len() {
            stream.resumed += 1;
        }
        if ended.is_ok() {
            return stream;
        }
    }
}

fn read_stream(
    address: SocketAddr,
    position: &mut Option<String>,
    stream: &mut Stream,
) -> io::Result<()> {
    let mut client = Client::connect(address)?;
    let resume = position.as_ref().map(|id| format!("\r\nlast-event-id: {id}")).unwrap_or_default();
    let path = "/v1/events/stream?filter=kill.*&after=earliest";
    client.send(&format!("GET {path} HTTP/1.1{resume}"), "")?;
    let (status, _) = client.head()?;
    assert_eq!(status, 200, "a position that was handed out is good");
    let (mut id, mut name, mut data) = (None, String::new(), None);
    loop {
        let line = client.line()?;
        match line.split_once(": ") {
            Some(("id", value)) => id = Some(value.to_owned()),
            Some(("event", value)) => value.clone_into(&mut name),
            Some(("data", value)) => data = Some(value.to_owned()),
            _ if line.is_empty() && data.is_some() => {
                let data: Value = serde_json::from_str(&data.take().unwrap_or_default())?;
                assert!(name != "gap" && name != "error", "{name}: {data}");
                *position = id.take().or(position.take());
                if name.is_empty() {
                    let event = event_of(&data);
                    stream.events.push(event);
                    if event.1.writer == LAST_WRITER {
                        return Ok(());
                    }
                }
                name.clear();
            }
            // The sizes of chunks, comments, other fields.
            Some(_) | None => (),
        }
    }
}

/// Takes acknowledgements until there are enough; then whatever else comes until the writers end.
fn collect(acks: &Receiver<Acknowledged>, enough: u64, kill: impl FnOnce()) -> Vec<Acknowledged> {
    let mut all = Vec::new();
    let mut count = 0;
    while count < enough {
        let ack = acks.recv().expect("the writers go on until the kill");
        count += ack.count;
        all.push(ack);
    }
    kill();
    all.extend(acks.iter());
    all
}

/// All that the server has.
fn read_log(address: SocketAddr) -> Vec<(u64, Written)> {
    let mut client = Client::connect(address).unwrap();
    let (mut log, mut after) = (Vec::new(), "earliest".to_owned());
    loop {
        let path = format!("/v1/events?filter=kill.*&limit=1000&after={after}");
        let page = client.ask(&format!("GET {path} HTTP/1.1"), "").unwrap();
        let events = page["events"].as_array().expect("it is a list");
        if events.is_empty() {
            return log;
        }
        log.extend(events.iter().map(event_of));
        page["next"].as_str().expect("it is a position").clone_into(&mut after);
    }
}

#[test]
fn a_server_that_is_killed_again_and_again_keeps_what_it_acknowledged() {
    let folder = Folder::new();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let lives = Arc::new(Lives::default());
    let readers: Vec<_> = (0..READERS)
        .map(|_| {
            let lives = Arc::clone(&lives);
            std::thread::spawn(move || follow(address, &lives))
        })
        .collect();
    let mut history = History::default();
    let mut next = vec![1; usize::try_from(WRITERS).unwrap()];
    for round in 0..ROUNDS {
        let (mut server, _) = server::start(&folder, &address.to_string());
        lives.begin();
        let (sender, acks) = channel();
        let writers: Vec<_> = (0..WRITERS)
            .zip(&next)
            .map(|(writer, from)| {
                let (from, sender) = (*from, sender.clone());
                std::thread::spawn(move || write(address, writer, from, &sender))
            })
            .collect();
        drop(sender);
        // Any moment will do, as long as they differ; the scheduler adds its own chance.
        let enough = ACKNOWLEDGED_MIN + round * 37 % 101;
        history.rounds.push(collect(&acks, enough, || server.kill().unwrap()));
        server.wait().unwrap();
        next = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
    }
    let (mut server, _) = server::start(&folder, &address.to_string());
    lives.begin();
    let last = Client::connect(address).unwrap().publish(LAST_WRITER, 1..2).unwrap();
    history.streams = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
    history.log = read_log(address);
    assert_eq!(history.log.last().map(|(seq, _)| *seq), Some(last));
    server.kill().unwrap();
    server.wait().unwrap();
    let demand = Demand {
        rounds: usize::try_from(ROUNDS).unwrap(),
        acknowledged: ACKNOWLEDGED_MIN,
        streams: READERS,
        resumed: ROUNDS / 2,
    };
    let summary = history.check(&demand).unwrap();
    println!("{summary:?}");
    folder.run(&["log", "verify", "data"]).ended_with(0);
}
