//! A worker with an async and a blocking handler: runs jobs, tries one again, and stops when all is done.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use arrw::{Attempt, Backoff, Db, Failure, JobArgs, NewJob, Plan};
use serde::{Deserialize, Serialize};

/// Jobs of this type wait for others, so their handler is async.
#[derive(Serialize, Deserialize)]
struct SendMail {
    to: String,
}

impl JobArgs for SendMail {
    const KIND: &'static str = "mail.send";
}

async fn send_mail(mail: SendMail, job: Attempt) -> Result<(), Failure> {
    if job.attempt() == 1 {
        // Any error does: the job is tried again as its plan says.
        return Err(Failure::new("the mail server is busy"));
    }
    println!("attempt {} of {}: mail to {}", job.attempt(), job.max_attempts(), mail.to);
    Ok(())
}

/// Jobs of this type compute, so their handler gets a thread.
#[derive(Serialize, Deserialize)]
struct Resize {
    width: u32,
}

impl JobArgs for Resize {
    const KIND: &'static str = "image.resize";
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("arrw-worker-{}", std::process::id()));
    let db = Db::open(&folder)?;
    let jobs = db.jobs();

    // The state of each attempt that ended, once it is on the disk.
    let (ended, states) = channel();
    let worker = jobs
        .worker("worker-1")
        .queue("mail")
        .queue("images")
        .concurrency(4)
        .on(send_mail)
        .on_blocking(|image: Resize, job: Attempt| {
            println!("job {} resizes to {}", job.id(), image.width);
            Ok(image.width / 2)
        })
        .observe(move |attempt| {
            let _nobody_listens = ended.send((attempt.job.kind().to_owned(), attempt.state));
        })
        .build()?;

    let plan = Plan { backoff: Backoff::Fixed { ms: 10 }, ..Plan::default() };
    let mail = SendMail { to: "ada@example.org".to_owned() }.encode()?;
    jobs.enqueue(&NewJob { plan, ..mail.on("mail") })?.wait()?;
    jobs.enqueue_args("images", &Resize { width: 800 })?.wait()?;

    // In a program with a runtime: a task with `worker.run().await`.
    let running = worker.clone();
    let thread = thread::spawn(move || running.run_blocking());
    for (kind, state) in states.iter().take(3) {
        println!("{kind}: {state:?}");
    }
    worker.stop(Duration::from_secs(10));
    let stats = thread.join().expect("panics of handlers are caught")?;
    println!("completed {}, failed attempts {}", stats.completed, stats.failed);
    assert_eq!((stats.completed, stats.failed), (2, 1));

    db.close()?;
    std::fs::remove_dir_all(folder)?;
    Ok(())
}
