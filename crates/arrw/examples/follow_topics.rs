//! Follows topics on a thread while others publish, and goes on after a restart where it stopped.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use arrw::{Db, NewEvent, Start};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("arrw-follow-{}", std::process::id()));
    let db = Db::open(&folder)?;
    let mut rooms = db.bus().subscribe("chat.*", Start::Latest)?;

    let reader = std::thread::spawn(move || {
        let mut position = rooms.position();
        // Waits for events; ends when the database is closed.
        while let Some(Ok(events)) = rooms.next() {
            for event in &events {
                println!("{} says {}", event.topic(), String::from_utf8_lossy(event.payload()));
            }
            position = events.position();
        }
        position
    });

    for number in 1..=3 {
        let text = format!("\"message {number}\"");
        db.bus().publish(NewEvent::new("chat.lobby", text.as_bytes()))?.wait()?;
    }
    db.close()?;
    let position = reader.join().expect("the reader does not panic");

    let db = Db::open(&folder)?;
    db.bus().publish(NewEvent::new("chat.lobby", b"\"after the restart\""))?.wait()?;
    let mut rooms = db.bus().subscribe("chat.*", Start::After(position))?;
    let events = rooms.try_next()?.ok_or("the event is there")?;
    println!("{} event behind {position}", events.iter().count());

    db.close()?;
    std::fs::remove_dir_all(folder)?;
    Ok(())
}
