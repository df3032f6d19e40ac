//! Appends an atomic batch, resumes a reader at the position where it left, and follows the tail.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::thread;

use arrw_log::{Batch, Log, NewRecord, Start};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("arrw-log-follow-{}", std::process::id()));
    let log = Log::open(&folder)?;

    // Both records or none; on the disk when `wait` comes back.
    let mut batch = Batch::new();
    batch.push(NewRecord { topic: "orders", payload: b"created", ..NewRecord::default() })?;
    batch.push(NewRecord { topic: "mails", payload: b"to be sent", ..NewRecord::default() })?;
    let committed = log.append(batch).wait()?;
    println!("committed {} to {} in epoch {}", committed.first, committed.last, committed.epoch);

    // A reader that was away goes on behind the last record that it saw.
    let mut reader = log.reader(Start::Earliest)?;
    let frame = reader.try_next()?.ok_or("the batch is there")?;
    let seen = reader.position();
    println!("saw {} records, up to {seen}", frame.records().count());

    let writer = log.clone();
    let writing = thread::spawn(move || {
        for number in 0..3_u8 {
            let payload = [b'0' + number];
            let record = NewRecord { topic: "orders", payload: &payload, ..NewRecord::default() };
            let batch = Batch::of(record).map_err(|error| error.to_string())?;
            writer.append(batch).wait().map_err(|error| error.to_string())?;
        }
        writer.close().map_err(|error| error.to_string())
    });

    // Waits for what comes, until the log is closed.
    let mut resumed = log.reader(Start::After(seen))?;
    while let Some(frame) = resumed.next(None)? {
        for record in frame.records() {
            println!(
                "{} {} {}: {:?}",
                record.seq(),
                record.topic(),
                record.offset(),
                record.payload()
            );
        }
    }
    writing.join().map_err(|_panicked| "the writer panicked")??;
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
