//! A named consumer acknowledges as it goes, and whoever opens it next goes on behind that.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use arrw::{Db, NewEvent, Start};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("arrw-consumer-{}", std::process::id()));
    let db = Db::open(&folder)?;
    for number in 1..=4 {
        let text = number.to_string();
        db.bus().publish(NewEvent::new("invoices", text.as_bytes()))?.wait()?;
    }

    let mut first = db.bus().consumer("mailer", "invoices", Start::Earliest)?;
    for _ in 0..2 {
        let events = first.try_next()?.ok_or("there is one")?;
        println!("first reader: {:?}", events.iter().map(|event| event.seq().get()).last());
        first.acknowledge(events.position())?.wait()?;
    }

    // Another process would do the same. The reader before is fenced off.
    let mut second = db.bus().consumer("mailer", "invoices", Start::Earliest)?;
    while let Some(events) = second.try_next()? {
        println!("second reader: {:?}", events.iter().map(|event| event.seq().get()).last());
        second.acknowledge(events.position())?.wait()?;
    }
    println!("first reader now: {}", first.try_next().expect_err("it is fenced off"));

    db.close()?;
    std::fs::remove_dir_all(folder)?;
    Ok(())
}
