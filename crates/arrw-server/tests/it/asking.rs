//! A server in this process, and requests to it byte by byte.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use arrw::{Db, Environment, MemoryStorage, NewEvent, Published};
use arrw_server::{Client, Limits, Options, ServeError, Server};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How long anything here may take. A test that waits longer has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(8);

/// A server that runs until it is dropped.
pub(crate) struct Running {
    pub(crate) db: Db,
    pub(crate) address: SocketAddr,
    pub(crate) runtime: Runtime,
    stop: Option<oneshot::Sender<()>>,
    ended: Option<JoinHandle<Result<(), ServeError>>>,
}

impl Running {
    pub(crate) fn new() -> Self {
        Self::with(|_limits| ())
    }

    /// With other limits.
    pub(crate) fn with(change: impl FnOnce(&mut Limits)) -> Self {
        Self::with_options(|options| change(&mut options.limits))
    }

    /// With other options.
    pub(crate) fn with_options(change: impl FnOnce(&mut Options)) -> Self {
        let mut options = arrw::Options::default();
        options.log.segment_bytes = 8 << 20;
        let storage = Arc::new(MemoryStorage::new());
        let db = Db::open_with(Environment::with_storage(storage), options).unwrap();
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let mut options = Options::on("127.0.0.1:0".parse().unwrap());
        options.hosts.push("db.example".to_owned());
        change(&mut options);
        let server = runtime.block_on(Server::bind(db.clone(), options)).unwrap();
        let address = server.address();
        let (stop, stopped) = oneshot::channel();
        let ended = runtime.spawn(server.run(async { drop(stopped.await) }));
        Self { db, address, runtime, stop: Some(stop), ended: Some(ended) }
    }

    /// Begins to stop the server.
    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Waits until it has stopped.
    pub(crate) fn ended(&mut self) {
        let ended = self.ended.take().unwrap();
        let waiting = async { tokio::time::timeout(PATIENCE, ended).await };
        self.runtime.block_on(waiting).unwrap().unwrap().unwrap();
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(&format!("http://{}", self.address)).unwrap()
    }

    pub(crate) fn publish(&self, topic: &str, payload: &[u8]) -> Published {
        self.db.bus().publish(NewEvent::new(topic, payload)).unwrap().wait().unwrap()
    }

    /// The position of a seq in this life of the log.
    pub(crate) fn at(&self, seq: u64) -> String {
        format!("{}:{seq}", self.db.position().epoch)
    }

    /// Opens a connection and sends these bytes.
    pub(crate) fn send(&self, bytes: &[u8]) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(bytes).unwrap();
        BufReader::new(stream)
    }

    /// Asks with additional header lines and a body.
    pub(crate) fn ask(&self, line: &str, headers: &[&str], body: &[u8]) -> Answer {
        let mut request = format!("{line} HTTP/1.1\r\nconnection: close\r\n");
        if !headers.iter().any(|header| header.starts_with("host:")) {
            request.push_str("host: localhost\r\n");
        }
        for header in headers {
            request.push_str(&format!("{header}\r\n"));
        }
        request.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        let mut stream = self.send(request.as_bytes());
        // It may answer before it has read all.
        let _unread = stream.get_mut().write_all(body);
        Answer::read(&mut stream)
    }

    pub(crate) fn get(&self, target: &str) -> Answer {
        self.ask(&format!("GET {target}"), &[], b"")
    }

    pub(crate) fn post(&self, content_type: &str, body: &[u8]) -> Answer {
        self.ask("POST /v1/events", &[&format!("content-type: {content_type}")], body)
    }

    pub(crate) fn post_json(&self, body: &str) -> Answer {
        self.post("application/json", body.as_bytes())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if self.ended.is_some() {
            self.ended();
        }
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    /// Reads the head, and as much body as it announces.
    pub(crate) fn read(stream: &mut impl BufRead) -> Self {
        let mut head = Self::read_head(stream);
        let length = head.header("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        stream.read_exact(&mut body).unwrap();
        head.body = String::from_utf8(body).unwrap();
        head
    }

    pub(crate) fn read_head(stream: &mut impl BufRead) -> Self {
        let status = line(stream).split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let line = line(stream);
            let Some((name, value)) = line.split_once(": ") else { break };
            headers.push((name.to_owned(), value.to_owned()));
        }
        Self { status, headers, body: String::new() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter();
        all.find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Checks that it is this problem, and that it says this.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str, part: &str) -> serde_json::Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!((&problem["code"], &problem["status"]), (&code.into(), &status.into()));
        assert!(self.body.contains(part), "{self:?}");
        problem
    }

    #[track_caller]
    pub(crate) fn fine(self) -> Self {
        assert_eq!(self.status, 200, "{self:?}");
        self
    }
}

/// A line without its end.
pub(crate) fn line(stream: &mut impl BufRead) -> String {
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}
