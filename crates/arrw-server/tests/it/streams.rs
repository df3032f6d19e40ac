//! Streams that resume where they stopped.

use arrw_server::{Follow, Message, Told};

use crate::asking::{Answer, Running, line};

/// The next message that is an event.
async fn event(follow: &mut Follow) -> Message {
    loop {
        let message = follow.next().await.unwrap().unwrap();
        if message.told == Told::Event {
            return message;
        }
    }
}

#[test]
fn a_stream_is_what_browsers_read() {
    let server = Running::new();
    let mut stream = server.send(
        b"GET /v1/events/stream?filter=a.*&after=earliest HTTP/1.1\r\nhost: localhost\r\n\r\n",
    );
    let head = Answer::read_head(&mut stream).fine();
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    assert_eq!(head.header("cache-control"), Some("no-store"));
    server.publish("b", b"0");
    server.publish("a.x", b"{}");
    let mut lines = Vec::new();
    while lines.iter().filter(|line: &&String| line.starts_with("data: ")).count() < 2 {
        lines.push(line(&mut stream));
    }
    let text = lines.join("\n");
    let start = format!("retry: 1000\nevent: progress\nid: {}\ndata: {{}}\n\n", server.at(0));
    assert!(text.contains(&start), "{text}");
    let event = format!("id: {}\ndata: {{\"seq\":2,", server.at(2));
    assert!(text.contains(&event), "{text}");
}

#[test]
fn a_client_that_comes_back_misses_nothing_and_sees_nothing_twice() {
    let server = Running::new();
    server.runtime.block_on(async {
        let mut client = server.client();
        let mut follow = client.follow("a", "latest").await.unwrap();
        let greeting = follow.next().await.unwrap().unwrap();
        assert_eq!((greeting.told, greeting.position.as_str()), (Told::Progress, &*server.at(0)));
        let mut after = greeting.position;
        for n in 1..=5 {
            server.publish("b", b"0");
            server.publish("a", n.to_string().as_bytes());
            let message = event(&mut follow).await;
            assert_eq!(message.position, server.at(2 * n));
            assert!(message.data.ends_with(&format!("\"data\":{n}}}")), "{message:?}");
            after = message.position;
            if n % 2 == 0 {
                follow = client.follow("a", &after).await.unwrap();
            }
        }
        // The header wins over the address.
        let target = format!("GET /v1/events/stream?after={}", server.at(99));
        let answer = server.ask(&target, &["last-event-id: 99"], b"");
        answer.refused(400, "ARW0004", "Last-Event-ID");
        drop(after);
    });
}

#[test]
fn a_slow_client_gets_everything_and_holds_up_nobody() {
    let server = Running::new();
    // More than the system's buffers of a connection take.
    let (count, payload) = (3000_u64, format!("\"{}\"", "x".repeat(8 << 10)));
    server.runtime.block_on(async {
        let mut slow = server.client().follow("a", "earliest").await.unwrap();
        let mut quick = server.client().follow("a", "earliest").await.unwrap();
        let bus = server.db.bus();
        for seq in 1..=count {
            bus.publish(arrw::NewEvent::new("a", payload.as_bytes())).unwrap().await.unwrap();
            assert_eq!(event(&mut quick).await.position, server.at(seq));
        }
        for seq in 1..=count {
            assert_eq!(event(&mut slow).await.position, server.at(seq));
        }
    });
}
