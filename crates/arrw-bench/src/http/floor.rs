//! The floor of `http.publish.single`: a server that reads the same requests and answers prepared bytes.

use std::io::Write;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::runtime;
use crate::connection::Connection;

/// What ours answers to one event, byte for byte but for the numbers.
const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 69\r\n\
    date: Mon, 01 Jan 2035 00:00:00 GMT\r\n\r\n\
    {\"epoch\":\"c3701b54f1b7a500\",\"first\":1000000,\"last\":1000000,\"count\":1}";

/// Says where it listens, and answers every request until this process is killed.
///
/// One thread that waits for all sockets at once, for a machine of two cores of which the clients have one.
///
/// # Errors
/// When it cannot listen.
pub fn answer_prepared(out: &mut dyn Write) -> anyhow::Result<()> {
    runtime()?.block_on(async {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        writeln!(out, "the floor listens on http://{}", listener.local_addr()?)?;
        out.flush()?;
        loop {
            let (stream, _) = listener.accept().await?;
            let mut connection = Connection::on(stream);
            drop(tokio::spawn(async move {
                // It ends when its client goes.
                while connection.whole().await.is_ok() && connection.send(ANSWER).await.is_ok() {}
            }));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_as_long_as_it_says() {
        let text = str::from_utf8(ANSWER).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{}", body.len());
    }
}
