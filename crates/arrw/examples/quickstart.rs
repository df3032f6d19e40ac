//! Opens a database, publishes an event, and reads it back.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use arrw::{Db, NewEvent, Start};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("arrw-quickstart-{}", std::process::id()));
    let db = Db::open(&folder)?;
    let bus = db.bus();

    // The answer comes when the event is on the disk.
    let published = bus.publish(NewEvent::new("orders.created", br#"{"total": 7}"#))?.wait()?;
    println!("published as {}", published.first);

    let mut orders = bus.subscribe("orders.>", Start::Earliest)?;
    if let Some(events) = orders.try_next()? {
        for event in &events {
            let payload = String::from_utf8_lossy(event.payload());
            println!("{} {} {payload}", event.seq(), event.topic());
        }
    }

    db.close()?;
    std::fs::remove_dir_all(folder)?;
    Ok(())
}
