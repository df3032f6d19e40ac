//! An event and the job that it brings in one commit; then that the job is done, and what follows from it, in another.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use arrw::{Attempt, Completion, Db, Failure, JobArgs, NewEvent, Start};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Bill {
    order: u64,
}

impl JobArgs for Bill {
    const KIND: &'static str = "bill";
}

#[derive(Serialize, Deserialize)]
struct SendInvoice {
    order: u64,
}

impl JobArgs for SendInvoice {
    const KIND: &'static str = "invoice.send";
}

async fn bill(Bill { order }: Bill, _: Attempt) -> Result<Completion, Failure> {
    let invoice = SendInvoice { order }.encode()?;
    // All of it, with the end of this job, or nothing: no order is billed twice, and no invoice is forgotten.
    Ok(Completion::of(&"billed")?
        .publish(NewEvent::new("orders.billed", br#"{"order": 7}"#))
        .enqueue(&invoice.on("mail")))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("arrw-enqueue-{}", std::process::id()));
    let db = Db::open(&folder)?;

    // The job is there exactly if the order is.
    let args = Bill { order: 7 }.encode()?;
    let batch = db.batch().publish(NewEvent::new("orders.created", br#"{"order": 7}"#));
    let committed = batch.enqueue(&args.on("billing")).commit()?.wait()?;
    println!("order is record {}, its job {}", committed.events.last, committed.jobs[0].job);

    let worker = db
        .jobs()
        .worker("billing-1")
        .queue("billing")
        .queue("mail")
        .on(bill)
        .on(async |invoice: SendInvoice, _| {
            println!("invoice of order {} sent", invoice.order);
            Ok(())
        })
        .build()?;
    // Works off what is there; a program that stays uses `worker.run().await`.
    for attempt in worker.run_due()? {
        println!("{} is {:?}", attempt.job.kind(), attempt.state);
    }

    let mut orders = db.bus().subscribe("orders.*", Start::Earliest)?;
    while let Some(events) = orders.try_next()? {
        for event in &events {
            println!("{} {}", event.seq(), event.topic());
        }
    }

    db.close()?;
    std::fs::remove_dir_all(folder)?;
    Ok(())
}
