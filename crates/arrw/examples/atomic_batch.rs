//! Publishes events that belong together: all of them or none, and once however often it is tried.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use arrw::{Db, NewEvent, Start};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("arrw-batch-{}", std::process::id()));
    let db = Db::open(&folder)?;
    let bus = db.bus();
    let order = NewEvent { id: Some("order-1"), ..NewEvent::new("orders.created", b"{}") };
    let stock = NewEvent { id: Some("order-1"), ..NewEvent::new("stock.reserved", b"{}") };

    let first = bus.publish_all(&[order, stock])?.wait()?;
    // A client that did not hear the answer tries again, and gets the same one.
    let again = bus.publish_all(&[order, stock])?.wait()?;
    assert_eq!(first, again);
    println!("{} events, {} to {}", first.count, first.first, first.last);

    // Only if nothing was published since: otherwise read on and decide anew.
    let late = bus.publish_expecting(first.first, &[NewEvent::new("orders.paid", b"{}")])?.wait();
    println!("{}", late.expect_err("there is a later event"));

    let mut all = bus.subscribe(">", Start::Earliest)?;
    let events = all.try_next()?.ok_or("they are there")?;
    println!("seen together: {}", events.iter().count());

    db.close()?;
    std::fs::remove_dir_all(folder)?;
    Ok(())
}
