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
    let head = ["TIME", "STATE", "ATTEMPT", "WORKER", "ERROR", "OR", "PROGRESS"];
    assert!(lines.next().unwrap().split_whitespace().eq(head));
    let change: Vec<&str> = lines.next().unwrap().split_whitespace().skip(1).collect();
    assert_eq!((change, lines.next()), (vec!["scheduled", "0", "-"], None), "{shown}");
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
fn what_a_job_carries_is_shown_as_it_came() {
    let server = Served::new();
    let deep = format!("{}7{}", "[".repeat(500), "]".repeat(500));
    let odd = "{\"n\":\n 12345678901234567890123}";
    let long = format!("\"{}\"", "x".repeat(3_000));
    for args in [&deep, odd, &long] {
        server.ask(&["job", "enqueue", "q", "k", args]).ended_with(0);
    }
    let listed = server.ask(&["job", "list", "q", "--json"]).ended_with(0).out;
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].contains(&deep) && lines[1].contains("12345678901234567890123"), "{listed}");
    assert_eq!(server.ask(&["job", "list", "q"]).ended_with(0).out.lines().count(), 4);
    let number = |line: &str| serde_json::from_str::<Numbered>(line).unwrap().job.to_string();
    let shown = |at: usize| server.ask(&["job", "show", &number(lines[at])]).ended_with(0).out;
    assert!(shown(0).contains("[[[[[7]]]]]"), "{}", shown(0));
    assert!(shown(2).contains("... (2000 more characters; --json has all)"), "{}", shown(2));
    let json = server.ask(&["job", "show", &number(lines[0]), "--json"]).ended_with(0).out;
    assert!(json.contains(&deep), "{json}");

    server.ask(&["cron", "put", "deep", "--every", "1h", "--queue", "q", "k", &deep]).ended_with(0);
    assert_eq!(server.ask(&["cron", "list"]).ended_with(0).out.lines().count(), 2);
    assert!(server.ask(&["cron", "list", "--json"]).ended_with(0).out.contains(&deep));
    server.ask(&["cron", "show", "deep"]).ended_with(0);
    server.ask(&["pub", "a", &deep]).ended_with(0);
    assert!(server.ask(&["topic", "show", "a", "--json"]).ended_with(0).out.contains(&deep));
}

#[derive(serde::Deserialize)]
struct Numbered {
    job: u64,
}

#[test]
fn many_jobs_are_cancelled_retried_discarded_and_deleted() {
    let server = Served::new();
    for kind in ["a", "a", "b"] {
        server.ask(&["job", "enqueue", "q", kind]).ended_with(0);
    }
    let ask = |arguments: &[&str]| server.ask(&[&["job"], arguments].concat());
    let of = |what: &str, state: &str, more: &[&str]| {
        let arguments = [&[what, "--queue", "q", "--state", state], more].concat();
        ask(&arguments).ended_with(0).out
    };
    assert_eq!(of("discard", "ready", &["--kind", "a"]), "2 of 2 jobs discarded\n");
    assert_eq!(of("cancel", "dead", &[]), "0 of 2 jobs cancelled; the other 2 cannot be\n");
    let said = of("retry", "dead", &["--json"]);
    assert_eq!(said, "{\"done\":2,\"matched\":2,\"refused\":0}\n");
    assert_eq!(of("delete", "ready", &["--kind", "b"]), "1 of 1 job deleted\n");
    let left = ask(&["list", "q", "--json"]).ended_with(0).json();
    let job = left[0]["job"].to_string();
    assert_eq!((left.len(), &left[0]["kind"]), (2, &"a".into()));

    assert_eq!(ask(&["discard", &job]).ended_with(0).out, format!("job {job} is dead\n"));
    assert_eq!(ask(&["delete", &job]).ended_with(0).out, format!("job {job} is forgotten\n"));
    assert!(ask(&["delete", &job]).ended_with(1).err.contains("ARW0052"));
    for wrong in [
        &["--queue", "q"][..],
        &["7", "--queue", "q", "--state", "dead"],
        &["7", "--tag", "t"],
        &[],
    ] {
        ask(&[&["delete"], wrong].concat()).ended_with(2);
    }
    let said = ask(&["cancel", "--queue", "q", "--state", "done"]).ended_with(2).err;
    assert!(said.contains("completed"), "{said}");
}

#[test]
fn one_job_is_followed_to_its_end() {
    let server = Served::new();
    let enqueue = || server.ask(&["job", "enqueue", "q", "k"]).ended_with(0).out;
    let (first, second) = (enqueue(), enqueue());
    let (first, second) = (first.trim_end(), second.trim_end());
    // It was dead once, and that was not its end.
    for what in [["discard", first], ["retry", first], ["cancel", second], ["cancel", first]] {
        server.ask(&[&["job"], &what[..]].concat()).ended_with(0);
    }
    let told = server.ask(&["job", "tail", "--job", first, "--json"]).ended_with(0).json();
    let topics: Vec<&str> = told.iter().map(|event| event["topic"].as_str().unwrap()).collect();
    assert_eq!(topics, ["jobs.q.ready", "jobs.q.dead", "jobs.q.ready", "jobs.q.cancelled"]);
    assert_eq!(told[0]["seq"].to_string(), first);
    let lines = server.ask(&["job", "tail", "--job", second]).ended_with(0).out;
    assert_eq!(lines.lines().count(), 2, "{lines}");
    assert!(server.ask(&["job", "tail", "--job", "999"]).ended_with(1).err.contains("ARW0052"));

    // What can never be told is not waited for.
    let said = server.ask(&["job", "tail", "q", "--state", "done"]).ended_with(2).err;
    assert!(said.contains("completed"), "{said}");
    let said = server.ask(&["job", "tail", "q.dead"]).ended_with(1).err;
    assert!(said.contains("no dot") && said.contains("--state"), "{said}");
    let all = ["job", "tail", "--state", "dead", "--after", "earliest", "--limit", "1", "--json"];
    assert_eq!(server.ask(&all).ended_with(0).json()[0]["topic"], "jobs.q.dead");
}

#[test]
fn a_queue_is_limited_and_shown() {
    let server = Served::new();
    let limit = |more: &[&str]| server.ask(&[&["queue", "limit", "q"], more].concat());
    // Also one that there is not yet.
    let said = limit(&["--keep-dead-count", "5"]).ended_with(0).out;
    let kept = "of done ones it keeps 100000 for 86400000 ms, of dead ones 5 for 2592000000 ms\n";
    assert_eq!(said, format!("queue `q` gives out any number of jobs at once; {kept}"));
    let said = limit(&["--at-once", "1", "--rate", "7", "--per-ms", "50"]).ended_with(0).out;
    assert_eq!(said, format!("queue `q` gives out 1 job at once, 7 in 50 ms; {kept}"));
    let said = limit(&["--rate", "0", "--json"]).ended_with(0).json();
    assert_eq!(
        (&said[0]["rate"], &said[0]["concurrency_max"]),
        (&serde_json::Value::Null, &1.into())
    );
    limit(&[]).ended_with(2);
    limit(&["--per-ms", "5"]).ended_with(2);

    for _ in 0..2 {
        server.ask(&["job", "enqueue", "q", "k"]).ended_with(0);
    }
    let go = "queue show q > shown; arrwdb queue list > listed";
    let program = std::path::Path::new(crate::program::PROGRAM).display().to_string();
    let exec = format!("{program} {}", go.replace("arrwdb", &program));
    let work = ["work", "--queue", "q", "--limit", "1", "--exec"];
    let exec = format!("export ARRWDB_SERVER={}; {exec}", server.url());
    server.ask(&[&work[..], &[&exec]].concat()).ended_with(0);
    let read = |name: &str| std::fs::read_to_string(server.folder.path().join(name)).unwrap();
    let says = |text: &str, words: &[&str]| {
        assert!(
            text.lines().any(|line| line.split_whitespace().eq(words.iter().copied())),
            "{text}"
        );
    };
    says(&read("shown"), &["concurrency_max", "1"]);
    says(&read("shown"), &["leased", "1"]);
    assert!(read("listed").lines().nth(1).unwrap().ends_with("at its limit"), "{}", read("listed"));
    assert!(server.ask(&["queue", "show", "none"]).ended_with(1).err.contains("ARW0057"));
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
    let said = cron(&["put", "s", "--queue", "q", "k"]).ended_with(2).err;
    assert!(said.contains("--cron") && said.contains("--every"), "{said}");
    cron(&["put", "s", "--every", "1h", "--cron", "@daily", "--queue", "q", "k"]).ended_with(2);
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
