//! Tests of who may ask what.

use arrw::{Claim, Db, NewEvent, NewJob, Position};
use axum::body::{Body, to_bytes};
use tower::ServiceExt;

use super::*;
use crate::guard::Sites;
use crate::keys::{KeyFile, Keys, NewKey};
use crate::limits::Limits;
use crate::routes::{self, Route};

/// A server's router, and a key for each kind of client.
struct Ring {
    app: Arc<App>,
    /// A job that was leased, and the token of its lease.
    leased: (u64, String),
    file: KeyFile,
    folder: std::path::PathBuf,
}

/// A schedule and a trigger of one name.
fn put_orders(db: &Db) {
    let (jobs, job) = (db.jobs(), NewJob::new("q", "k", "null"));
    let hourly = jobs.every("1h").unwrap();
    jobs.put_schedule("c", hourly, arrw::Misfire::Skip, &job).unwrap().wait().unwrap();
    jobs.put_trigger("c", "a", &job).unwrap().wait().unwrap();
}

impl Drop for Ring {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).unwrap();
    }
}

impl Ring {
    fn new(name: &str) -> Self {
        Self::with(name, Limits::default())
    }

    fn with(name: &str, limits: Limits) -> Self {
        let folder = std::env::temp_dir().join(format!("arrw-keys-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("keys.json");
        let file = KeyFile::load(&path).unwrap();
        let db = Db::in_memory().unwrap();
        db.bus().publish(NewEvent::new("a", b"1")).unwrap().wait().unwrap();
        db.bus().create_consumer("c", "a", arrw::Start::Earliest).unwrap();
        put_orders(&db);
        db.jobs().enqueue(&NewJob::new("q", "k", "1")).unwrap().wait().unwrap();
        let claim = Claim::new("w", ["q"], 1).unwrap();
        let job = db.jobs().claim_now(claim).wait(None).unwrap().remove(0);
        let epoch = db.position().epoch;
        let token = Position { epoch, seq: job.token().seq() };
        let leased = (job.id().get(), token.to_string());
        let address = "127.0.0.1:7650".parse().unwrap();
        let keys = Keys::open(Some(path)).unwrap();
        let app = Arc::new(App::new(db, Sites::new(address, Vec::new(), Vec::new()), keys, limits));
        Self { app, leased, file, folder }
    }

    fn key(&mut self, scopes: &[KeyScope], topics: &[&str]) -> String {
        let wanted = NewKey {
            name: "test".to_owned(),
            scopes: scopes.to_vec(),
            topics: topics.iter().map(|it| (*it).to_owned()).collect(),
            expires: None,
            now: now(),
        };
        let (_, key) = self.file.create(wanted).unwrap();
        self.app.keys.refresh().unwrap();
        key
    }

    /// The status of a route, and the code if it refuses.
    async fn ask(&self, route: &Route, authorization: Option<&str>) -> (u16, String) {
        let path = route.path.replace("{topic}", "a").replace("{pattern}", "a");
        let path = path.replace("{name}", "c").replace("{queue}", "q");
        let path = path.replace("{job}", &self.leased.0.to_string());
        let token = &self.leased.1;
        let of_lease = format!(r#"{{"token":"{token}"}}"#);
        let of_progress = format!(r#"{{"token":"{token}","current":1}}"#);
        let of_snooze = format!(r#"{{"token":"{token}","for_ms":1}}"#);
        let of_finish = format!(
            r#"{{"finish":[{{"job":{},"token":"{token}","outcome":"release"}}]}}"#,
            self.leased.0
        );
        let body = match (route.method, route.path) {
            ("POST", "/v1/events") => r#"{"topic":"a","data":1}"#,
            ("POST", "/v1/batch") => r#"{"events":[{"topic":"a","data":1}]}"#,
            ("POST", "/v1/backups") => r#"{"name":".."}"#,
            ("PUT", "/v1/schedules/{name}") => r#"{"every":"1h","job":{"queue":"q","kind":"k"}}"#,
            ("PUT", "/v1/triggers/{name}") => r#"{"filter":"a","job":{"queue":"q","kind":"k"}}"#,
            ("PUT", "/v1/consumers/{name}") => r#"{"filter":"a"}"#,
            ("PUT", "/v1/retention/{pattern}") => r#"{"count_max":9}"#,
            ("POST", "/v1/consumers/{name}/reset") => r#"{"after":"latest"}"#,
            ("POST", "/v1/jobs/bulk") => r#"{"action":"retry","queue":"q","state":"dead"}"#,
            ("POST", "/v1/jobs") => r#"{"queue":"q","kind":"k"}"#,
            ("POST", "/v1/jobs/finish") => &of_finish,
            ("POST", "/v1/jobs/{job}/snooze") => &of_snooze,
            ("POST", "/v1/jobs/{job}/progress") => &of_progress,
            ("POST", path) if path.starts_with("/v1/jobs/{job}/") => &of_lease,
            _ => "",
        };
        let path = if route.method == "GET" && route.scope == Scope::Read {
            match route.path {
                "/v1/events" | "/v1/events/stream" | "/v1/topics" | "/v1/subscriptions" => {
                    format!("{path}?filter=a")
                }
                "/v1/jobs" => format!("{path}?queue=q"),
                "/v1/consumers/{name}/events" => format!("{path}?generation=1"),
                _ => path,
            }
        } else {
            path
        };
        self.send((route.method, &path), body, authorization).await
    }

    /// The status of a request, and the code if it is refused.
    async fn send(
        &self,
        (method, path): (&str, &str),
        body: &str,
        authorization: Option<&str>,
    ) -> (u16, String) {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("host", "localhost");
        request = request.header("content-type", "application/json");
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = routes::router(Arc::clone(&self.app)).oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        if status < 400 {
            return (status, String::new());
        }
        if status == 401 {
            assert!(response.headers().contains_key(header::WWW_AUTHENTICATE));
        }
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        (status, problem["code"].as_str().unwrap().to_owned())
    }
}

/// Routes that show nothing of a single topic, or only of those that the key covers.
const OF_NO_TOPIC: &[&str] = &[
    "/metrics",
    "/v1/stats",
    "/v1/retention",
    "/v1/consumers",
    "/v1/queues",
    "/v1/workers",
    "/v1/workers/{worker}/heartbeat",
    "/v1/schedules",
    "/v1/triggers",
];

#[tokio::test]
async fn every_route_asks_for_its_scope_and_its_topics() {
    let mut ring = Ring::new("matrix");
    let read = ring.key(&[KeyScope::Read], &[]);
    let publish = ring.key(&[KeyScope::Publish], &["a", "b.>", "jobs.q.>"]);
    let work = ring.key(&[KeyScope::Work], &["jobs.>"]);
    let admin = ring.key(&[KeyScope::Admin], &["*", "jobs.*.>"]);
    let of_all = ring.key(&[KeyScope::Admin], &[]);
    let elsewhere = ring.key(&[KeyScope::Admin], &["b", "a.>", "jobs.q.ready", "jobs.p.>"]);
    let revoked = ring.key(&[KeyScope::Admin], &[]);
    let id = revoked.split('_').nth(1).unwrap().to_owned();
    ring.file.revoke(&id).unwrap();
    assert!(ring.app.keys.refresh().unwrap());
    let last = if read.ends_with('x') { 'y' } else { 'x' };
    let guessed = format!("{}{last}", &read[..read.len() - 1]);

    let refused = |status: u16, code: &str| Some((status, code.to_owned()));
    for route in ROUTES {
        let is_open = route.scope == Scope::Open;
        let scoped = |scope: Scope| {
            if is_open || route.scope == scope { None } else { refused(403, "ARW0044") }
        };
        let closed = |code: &str| if is_open { None } else { refused(401, code) };
        // Calls of back ends say so in their answers.
        let is_call = route.path.starts_with("/api/");
        let is_of_topic = !(is_open || is_call || OF_NO_TOPIC.contains(&route.path));
        // A backup has every topic, and a connection may follow any.
        let is_of_all = route.path == "/v1/backups" || route.path.starts_with("/v1/connections");
        let clients = [
            ("no key", None, closed("ARW0042")),
            ("wrong", Some(format!("Bearer {guessed}")), closed("ARW0043")),
            ("basic", Some(format!("Basic {read}")), closed("ARW0043")),
            ("revoked", Some(format!("Bearer {revoked}")), closed("ARW0043")),
            ("read", Some(format!("Bearer {read}")), scoped(Scope::Read)),
            ("publish", Some(format!("bearer {publish}")), scoped(Scope::Publish)),
            ("work", Some(format!("Bearer {work}")), scoped(Scope::Work)),
            (
                "other topics",
                Some(format!("Bearer {elsewhere}")),
                if is_of_topic { refused(403, "ARW0045") } else { None },
            ),
            ("admin", Some(format!("Bearer {}", if is_of_all { &of_all } else { &admin })), None),
        ];
        for (name, authorization, expected) in clients {
            let answer = ring.ask(route, authorization.as_deref()).await;
            let case = format!("{} {} as {name}: {answer:?}", route.method, route.path);
            match expected {
                Some(expected) => assert_eq!(answer, expected, "{case}"),
                None => assert!(
                    ![401, 403, 404, 405, 500].contains(&answer.0)
                        || route.method == "DELETE"
                        || (answer.0 == 404 && route.path.ends_with("{client}")),
                    "{case}"
                ),
            }
            // Deletions by who may leave the next client something to ask for.
            ring.app.bus.create_consumer("c", "a", arrw::Start::Earliest).unwrap();
            put_orders(&ring.app.db);
            ring.app.bus.publish(NewEvent::new("a", b"1")).unwrap().wait().unwrap();
        }
    }
}

#[tokio::test]
async fn a_key_of_one_queue_leaves_what_is_of_others() {
    let mut ring = Ring::new("others");
    let admin = ring.key(&[KeyScope::Admin], &["b", "jobs.p.>"]);
    let publish = ring.key(&[KeyScope::Publish], &["jobs.q.>"]);
    let work = ring.key(&[KeyScope::Work], &[]);
    let [admin, publish, work] = [admin, publish, work].map(|key| format!("Bearer {key}"));
    let forbidden = (403, "ARW0045".to_owned());
    // It may not replace what is of another queue, nor have events that it may not see.
    let job = r#""job":{"queue":"p","kind":"k"}"#;
    for (path, rule, expected) in [
        ("/v1/schedules/c", r#""every":"1h""#, &forbidden),
        ("/v1/schedules/own", r#""every":"1h""#, &(200, String::new())),
        ("/v1/triggers/c", r#""filter":"b""#, &forbidden),
        ("/v1/triggers/own", r#""filter":"a""#, &forbidden),
        ("/v1/triggers/own", r#""filter":"b""#, &(200, String::new())),
    ] {
        let body = format!("{{{rule},{job}}}");
        let answer = ring.send(("PUT", path), &body, Some(&admin)).await;
        assert_eq!(answer, *expected, "{path} {rule}");
    }
    let jobs = ring.app.db.jobs();
    assert_eq!(jobs.schedule("c").unwrap().queue(), "q");

    // A worker's leases of another queue are not lost by what it says of the worker.
    for _ in 0..3 {
        let beat = ("POST", "/v1/workers/w/heartbeat");
        assert_eq!(ring.send(beat, r#"{"jobs":[]}"#, Some(&admin)).await.0, 200);
    }
    jobs.enqueue(&NewJob::new("q", "k", "1")).unwrap().wait().unwrap();
    let job = arrw::JobId::from_number(ring.leased.0);
    assert_eq!(jobs.get(job).unwrap().state, arrw::JobState::Leased);
    // Nor are they ended by a key that only publishes.
    let (job, token) = &ring.leased;
    let body = format!(r#"{{"finish":[{{"job":{job},"token":"{token}","outcome":"release"}}]}}"#);
    let answer = ring.send(("POST", "/v1/batch"), &body, Some(&publish)).await;
    assert_eq!(answer, (403, "ARW0044".to_owned()));
    // Without a token a job is discarded by who looks after jobs, not by who works.
    let answer = ring.send(("POST", &format!("/v1/jobs/{job}/discard")), "{}", Some(&work)).await;
    assert_eq!(answer, (403, "ARW0044".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_key_is_used_as_often_as_it_may() {
    let limits = Limits { requests_per_key: 2, ..Limits::default() };
    let mut ring = Ring::with("rate", limits);
    let [one, other] = [(); 2].map(|()| ring.key(&[KeyScope::Read], &[]));
    let stats = ROUTES.iter().find(|route| route.path == "/v1/retention").unwrap();
    let [one, other] = [one, other].map(|key| format!("Bearer {key}"));
    let refused = (429, "ARW0046".to_owned());
    for _ in 0..4 {
        assert_eq!(ring.ask(stats, Some(&one)).await.0, 200);
    }
    assert_eq!(ring.ask(stats, Some(&one)).await, refused);
    assert_eq!(ring.ask(stats, Some(&other)).await.0, 200);
    ring.key(&[KeyScope::Read], &[]);
    assert_eq!(ring.ask(stats, Some(&one)).await, refused, "also when the keys change");
    tokio::time::advance(std::time::Duration::from_millis(500)).await;
    assert_eq!(ring.ask(stats, Some(&one)).await.0, 200);
}

#[tokio::test]
async fn a_key_ends_is_rotated_and_taken_away() {
    let mut ring = Ring::new("life");
    let events = ROUTES.iter().find(|route| route.path == "/v1/events").unwrap();
    let open = ring.ask(events, None).await;
    assert_eq!(open.0, 200, "without keys nobody needs one");
    let first = ring.key(&[KeyScope::Read], &[]);
    let id = first.split('_').nth(1).unwrap().to_owned();
    let bearer = |key: &str| Some(format!("Bearer {key}"));
    assert_eq!(ring.ask(events, None).await.0, 401);
    let grant = ring.app.keys.grant(&first, now()).unwrap();

    let later = Timestamp::from_micros(now().micros() + 3_600_000_000);
    let second = ring.file.rotate(&id, later).unwrap();
    assert!(ring.app.keys.refresh().unwrap());
    for key in [&first, &second] {
        assert_eq!(ring.ask(events, bearer(key).as_deref()).await.0, 200);
    }
    let third = ring.file.rotate(&id, now()).unwrap();
    ring.app.keys.refresh().unwrap();
    for (key, status) in [(&first, 401), (&second, 401), (&third, 200)] {
        assert_eq!(ring.ask(events, bearer(key).as_deref()).await.0, status);
    }
    assert!(ring.app.keys.is_still_good(&grant, now()), "an open stream goes on");

    // When the last key is gone the server stays closed, and streams end.
    ring.file.revoke(&id).unwrap();
    ring.app.keys.refresh().unwrap();
    assert_eq!(ring.ask(events, bearer(&third).as_deref()).await.0, 401);
    assert_eq!(ring.ask(events, None).await.0, 401);
    ring.app.keys.wait_until_bad(&grant).await;
}

#[test]
fn the_name_of_a_key_is_bounded_in_bytes() {
    let path = std::env::temp_dir().join(format!("arrw-keys-name-{}.json", std::process::id()));
    let mut file = KeyFile::load(&path).unwrap();
    let mut create = |name: &str| {
        let (topics, scopes) = (Vec::new(), vec![KeyScope::Read]);
        let wanted = NewKey { name: name.to_owned(), scopes, topics, expires: None, now: now() };
        file.create(wanted).map_err(|error| error.to_string())
    };
    let refused = Err("its name must have 1 to 255 bytes and no control characters".to_owned());
    for wrong in ["", "a\nb", &"x".repeat(256), &"ü".repeat(128)] {
        assert_eq!(create(wrong), refused, "{wrong}");
    }
    for fine in ["a b", &"x".repeat(255), &"ü".repeat(127)] {
        assert!(create(fine).is_ok(), "{fine}");
    }
    std::fs::remove_file(&path).unwrap();
}
