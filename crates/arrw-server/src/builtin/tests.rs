//! What the server does itself, from enqueue to file.

use std::path::{Path, PathBuf};

use arrw::{Db, JobState, NewEvent, NewJob};

use super::{QUEUE, worker};

/// A folder that is gone with it.
struct Files(PathBuf);

impl Files {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("arrw-files-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn publish(db: &Db, topic: &str, payload: &str) {
    db.bus().publish(NewEvent::new(topic, payload.as_bytes())).unwrap().wait().unwrap();
}

/// Runs a job; answers how it ended, its result, and its last error.
fn run(db: &Db, folder: &Path, kind: &str, args: &str) -> (JobState, String, String) {
    let job = db.jobs().enqueue(&NewJob::new(QUEUE, kind, args)).unwrap().wait().unwrap()[0].job;
    worker(db, folder.to_owned()).unwrap().run_due().unwrap();
    let status = db.jobs().get(job).unwrap();
    let history = db.jobs().history(&status, 100).unwrap();
    let error = history.errors().next().map(|(_, error)| error.to_owned()).unwrap_or_default();
    (status.state, history.result().unwrap_or_default().to_owned(), error)
}

#[test]
fn events_are_exported_and_imported_once() {
    let folder = Files::new("once");
    let from = Db::in_memory().unwrap();
    publish(&from, "a", "1");
    publish(&from, "b", "{\"x\":\"\\u00e9\"}");
    publish(&from, "a", "[]");
    let (state, result, _) = run(&from, &folder.0, "export", r#"{"filter":"a","file":"a.ndjson"}"#);
    assert_eq!(state, JobState::Completed);
    assert!(result.starts_with(r#"{"events":2,"#), "{result}");
    let (state, ..) = run(&from, &folder.0, "export", r#"{"file":"all.ndjson","filter":"b"}"#);
    assert_eq!(state, JobState::Completed);
    let text = std::fs::read_to_string(folder.0.join("a.ndjson")).unwrap();
    assert_eq!(text.lines().count(), 2);
    std::fs::write(folder.0.join("plain.ndjson"), text.replace('\n', "\n\n")).unwrap();

    let to = Db::in_memory().unwrap();
    let args = r#"{"file":"plain.ndjson","producer":"me"}"#;
    let imported = run(&to, &folder.0, "import", args);
    assert_eq!(imported, (JobState::Completed, r#"{"lines":4,"new":2}"#.to_owned(), String::new()));
    let again = run(&to, &folder.0, "import", args);
    assert_eq!(again.1, r#"{"lines":4,"new":0}"#);
    let mut events = to.bus().subscribe("a", arrw::Start::Earliest).unwrap();
    let mut payloads = Vec::new();
    while let Some(found) = events.try_next().unwrap() {
        payloads.extend(found.iter().map(|event| event.payload().to_vec()));
    }
    assert_eq!(payloads, [b"1".to_vec(), b"[]".to_vec()]);
}

#[test]
fn what_cannot_be_done_says_why_and_leaves_nothing() {
    let folder = Files::new("why");
    let db = Db::in_memory().unwrap();
    for name in ["../x", ".x", "", "a/b", "x.part"] {
        let (state, _, error) = run(&db, &folder.0, "export", &format!(r#"{{"file":"{name}"}}"#));
        assert_eq!(state, JobState::Dead, "{name}");
        assert!(error.contains("cannot be the name of a file"), "{error}");
    }
    let (state, _, error) = run(&db, &folder.0, "export", r#"{"file":"x","filter":"a..b"}"#);
    assert!(state == JobState::Dead && error.contains("filter"), "{error}");
    let (state, _, error) = run(&db, &folder.0, "import", r#"{"file":"none"}"#);
    assert!(state == JobState::Retrying && error.contains("below the setting"), "{error}");
    std::fs::write(folder.0.join("odd"), "{\"topic\":\"a\",\"data\":1}\nodd\n").unwrap();
    let (state, _, error) = run(&db, &folder.0, "import", r#"{"file":"odd"}"#);
    assert!(state == JobState::Dead && error.starts_with("line 2 is no event"), "{error}");
    let left: Vec<_> = std::fs::read_dir(&folder.0).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}
