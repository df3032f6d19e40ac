//! One connection to the server for requests, over all its lives.

use std::sync::Arc;

use anyhow::ensure;
use tokio::time::{Duration, sleep, timeout};

use super::board::Board;
use super::limits::ANSWER_TIME_MAX;
use crate::connection::{Connection, request};

/// Between two attempts to connect to a server that is there, or is just being killed.
const AGAIN_AFTER: Duration = Duration::from_millis(20);

/// Who asks.
pub(super) struct Asker {
    board: Arc<Board>,
    connection: Option<Connection>,
}

/// What was answered.
#[derive(Clone, Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Answered {
    /// The body of a success.
    pub(super) fn success(&self) -> anyhow::Result<&[u8]> {
        let Self { status, body } = self;
        ensure!(*status == 200, "answered {status}: {}", String::from_utf8_lossy(body));
        Ok(body)
    }
}

impl Asker {
    pub(super) fn new(board: &Arc<Board>) -> Self {
        Self { board: Arc::clone(board), connection: None }
    }

    /// Asks once, of a server that is up; `None` when no answer came.
    pub(super) async fn once(
        &mut self,
        line: &str,
        headers: &str,
        body: &[u8],
    ) -> Option<Answered> {
        let request = request(self.board.server, line, headers, body);
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(self.board.server).await.ok()?,
        };
        let asked = timeout(ANSWER_TIME_MAX, connection.ask(&request)).await;
        let whole = asked.ok()?.ok()?;
        let answered = Answered { status: whole.status(), body: whole.body.to_vec() };
        // Only one that was answered is good for another request.
        self.connection = Some(connection);
        Some(answered)
    }

    /// Asks until it is answered, in whichever life of the server; `None` when all is over.
    pub(super) async fn ask(&mut self, line: &str, headers: &str, body: &[u8]) -> Option<Answered> {
        loop {
            self.board.up().await?;
            if let Some(answered) = self.once(line, headers, body).await {
                return Some(answered);
            }
            sleep(AGAIN_AFTER).await;
        }
    }
}
