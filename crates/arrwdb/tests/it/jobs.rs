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
    let (members, history) = shown.split_once("\n\n").unwrap();
    assert!(!members.contains("history"), "{shown}");
    let mut lines = history.lines();
    assert!(lines.next().unwrap().split_whitespace().eq(["TIME", "STATE", "ATTEMPT", "ERROR"]));
    let change: Vec<&str> = lines.next().unwrap().split_whitespace().skip(1).collect();
    assert_eq!((change, lines.next()), (vec!["scheduled", "0"], None), "{shown}");
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

#[test]
fn a_schedule_is_put_listed_run_and_removed() {
    let server = Served::new();
    let cron = |arguments: &[&str]| server.ask(&[&["cron"], arguments].concat());
    let times = ["put", "nightly", "--cron", "30 2 * * *", "--zone", "Europe/Berlin"];
    let job = ["--queue", "reports", "nightly", r#"{"pages":2}"#, "--tag", "night", "--unique"];
    let said = cron(&[&times[..], &job, &["--misfire", "run-once"]].concat()).ended_with(0).out;
    assert!(said.starts_with("schedule `nightly` runs next at 20"), "{said}");
    cron(&["put", "often", "--every", "24h", "--queue", "q", "k"]).ended_with(0);

    let listed = cron(&["list"]).ended_with(0).out;
    let cells = |line: &str| {
        line.split("  ")
            .map(str::trim)
            .filter(|it| !it.is_empty())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let head = ["NAME", "TIMES", "ZONE", "QUEUE", "KIND", "NEXT", "MADE", "MISSED", "RUNS"];
    assert_eq!(cells(listed.lines().next().unwrap()), head, "{listed}");
    let nightly = cells(listed.lines().nth(1).unwrap());
    assert_eq!(nightly[..5], ["nightly", "30 2 * * *", "Europe/Berlin", "reports", "nightly"]);
    assert_eq!(nightly[6..], ["0", "0", "yes"], "{listed}");
    assert_eq!(cells(listed.lines().nth(2).unwrap())[1], "every 24h");
    let shown = cron(&["show", "nightly"]).ended_with(0).out;
    let (members, slots) = shown.split_once("\nNEXT RUNS\n").unwrap();
    assert!(members.contains("run_once") && slots.lines().count() == 5, "{shown}");
    let shown = cron(&["show", "nightly", "--json"]).ended_with(0).json();
    assert_eq!(
        (&shown[0]["job"]["args"]["pages"], &shown[0]["job"]["unique"]),
        (&2.into(), &true.into())
    );

    let made = cron(&["run", "nightly"]).ended_with(0).out;
    let job = server.ask(&["job", "show", made.trim_end(), "--json"]).ended_with(0).json();
    assert_eq!((&job[0]["kind"], &job[0]["tags"][0]), (&"nightly".into(), &"night".into()));
    let said = cron(&["pause", "nightly"]).ended_with(0).out;
    assert_eq!(said, "schedule `nightly` is paused\n");
    cron(&["resume", "nightly"]).ended_with(0);
    let said = cron(&["remove", "nightly"]).ended_with(0).out;
    assert_eq!(said, "schedule `nightly` is removed; its jobs stay\n");
    let said = cron(&["show", "nightly"]).ended_with(1).err;
    assert!(said.contains("ARW0059") && said.contains("no schedule `nightly`"), "{said}");
    let wrong = ["put", "s", "--cron", "0 0 * * *", "--zone", "Berlin", "--queue", "q", "k"];
    let said = cron(&wrong).ended_with(1).err;
    assert!(said.contains("ARW0058") && said.contains("`Europe/Berlin`"), "{said}");
    cron(&["put", "s", "--queue", "q", "k"]).ended_with(2);
    cron(&["put", "s", "--every", "1h", "--zone", "UTC", "--queue", "q", "k"]).ended_with(2);
}

#[test]
fn a_trigger_is_put_tripped_and_removed() {
    let server = Served::new();
    let trigger = |arguments: &[&str]| server.ask(&[&["trigger"], arguments].concat());
    let put = ["put", "receipts", "--on", "orders.*", "--queue", "mail", "receipt"];
    let said = trigger(&put).ended_with(0).out;
    assert_eq!(said, "trigger `receipts` waits for `orders.*`\n");
    server.ask(&["pub", "orders.created", "7"]).ended_with(0);
    let told = ["job", "tail", "mail", "--state", "ready", "--after", "earliest", "--limit", "1"];
    let told = server.ask(&[&told[..], &["--json"]].concat()).ended_with(0).json();
    assert_eq!(told[0]["data"]["args"]["event"]["data"], 7);
    let listed = trigger(&["list"]).ended_with(0).out;
    let made = told[0]["seq"].to_string();
    let line = ["receipts", "orders.*", "mail", "receipt", "1", made.as_str(), "yes"];
    assert!(listed.lines().nth(1).unwrap().split_whitespace().eq(line), "{listed}");
    assert_eq!(trigger(&["show", "receipts", "--json"]).ended_with(0).json()[0]["made"], 1);
    assert_eq!(trigger(&["pause", "receipts"]).ended_with(0).out, "trigger `receipts` is paused\n");
    trigger(&["resume", "receipts"]).ended_with(0);
    trigger(&["remove", "receipts"]).ended_with(0);
    assert_eq!(trigger(&["list"]).ended_with(0).out, "");
}
