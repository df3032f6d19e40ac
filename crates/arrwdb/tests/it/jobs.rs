//! The commands of the job queue, against a server.

use crate::server::Served;

#[test]
fn a_job_is_enqueued_listed_and_cancelled() {
    let server = Served::new();
    let enqueue = |arguments: &[&str]| {
        let arguments = [&["job", "enqueue", "mail"], arguments].concat();
        server.ask(&arguments).ended_with(0).out.trim_end().to_owned()
    };
    let first = enqueue(&["welcome", "{\"to\":\"ada\"}", "--tag", "new", "--max-attempts", "3"]);
    let later = enqueue(&["report", "--delay-ms", "60000", "--priority", "low", "--unique=day"]);
    assert_eq!(enqueue(&["report", "--unique=day"]), later, "there is one of this key");

    let shown = server.ask(&["job", "show", &first, "--json"]).ended_with(0).json();
    assert_eq!((&shown[0]["args"]["to"], &shown[0]["state"]), (&"ada".into(), &"ready".into()));
    assert_eq!((&shown[0]["tags"][0], &shown[0]["max_attempts"]), (&"new".into(), &3.into()));
    let shown = server.ask(&["job", "show", &later]).ended_with(0).out;
    let says = |line: &str| line.split_whitespace().eq(["state", "scheduled"]);
    assert!(shown.lines().any(says), "{shown}");
    let listed = server.ask(&["job", "list", "mail", "--json"]).ended_with(0).json();
    let numbers: Vec<String> = listed.iter().map(|job| job["job"].to_string()).collect();
    assert_eq!(numbers, [later.as_str(), first.as_str()]);
    let listed = server.ask(&["job", "list", "mail", "--kind", "welcome"]).ended_with(0).out;
    assert!(listed.lines().count() == 2 && listed.contains("  ready  welcome  "), "{listed}");

    let said = server.ask(&["job", "retry", &later]).ended_with(0).out;
    assert_eq!(said, format!("job {later} is ready\n"));
    let said = server.ask(&["job", "cancel", &first]).ended_with(0).out;
    assert_eq!(said, format!("job {first} is cancelled\n"));
    let topic = ["job", "tail", "mail", "--state", "cancelled", "--after", "earliest"];
    let told = server.ask(&[&topic[..], &["--limit", "1", "--json"]].concat()).ended_with(0).json();
    assert_eq!(told[0]["data"]["job"].to_string(), first);
    let said = server.ask(&["job", "retry", &first]).ended_with(1).err;
    assert!(said.contains("ARW0054") && said.contains("new job"), "{said}");
    let said = server.ask(&["job", "enqueue", "mail", "welcome", "{"]).ended_with(1).err;
    assert!(said.contains("not JSON") && said.contains("\nhelp: "), "{said}");
}

#[test]
fn a_queue_is_paused_and_resumed() {
    let server = Served::new();
    server.ask(&["job", "enqueue", "mail", "welcome"]).ended_with(0);
    let said = server.ask(&["queue", "pause", "mail"]).ended_with(0).out;
    assert_eq!(said, "queue `mail` is paused\n");
    let listed = server.ask(&["queue", "list"]).ended_with(0).out;
    let line = listed.lines().nth(1).unwrap();
    assert!(line.starts_with("mail   1 ") && line.ends_with(" paused"), "{listed}");
    server.ask(&["queue", "resume", "mail"]).ended_with(0);
    let listed = server.ask(&["queue", "list", "--json"]).ended_with(0).json();
    assert_eq!((&listed[0]["paused"], &listed[0]["jobs"]["ready"]), (&false.into(), &1.into()));
}
