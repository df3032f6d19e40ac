//! Publishes the texts as events at the chosen rate, each once, whatever happens to the server meanwhile.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::time::{MissedTickBehavior, interval};

use super::asking::Asker;
use super::board::{Board, QUEUES, Stage};
use super::limits::{BACKLOG, BATCH_MAX, PUBLISH_EVERY};
use crate::connection::{NDJSON, number_behind};

/// Who publishes, as the server knows it: what it was sent twice it has once.
const PRODUCER: &str = "arrw-producer: demo\r\n";

/// Some events that were not acknowledged.
#[derive(Debug)]
struct Batch {
    /// The number of the first one among all, from 1.
    first: u64,
    lines: Vec<u8>,
    /// The topic of each.
    topics: Vec<usize>,
}

/// Who publishes.
pub(super) struct Publisher {
    board: Arc<Board>,
    asker: Asker,
    /// The number of the next event among all, from 1.
    next: u64,
    /// How many there are in each topic.
    numbers: Vec<u64>,
}

impl Publisher {
    pub(super) fn new(board: &Arc<Board>) -> Self {
        let numbers = vec![0; board.texts.topics.len()];
        Self { board: Arc::clone(board), asker: Asker::new(board), next: 1, numbers }
    }

    /// Publishes an event to each topic: what clients come for is there.
    pub(super) async fn prime(&mut self) {
        let board = Arc::clone(&self.board);
        let firsts = board.texts.firsts();
        self.publish(firsts).await;
    }

    /// Publishes until the stage is another one.
    pub(super) async fn run(mut self, rate: u32) {
        let board = Arc::clone(&self.board);
        let mut ticks = interval(PUBLISH_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut origin, mut made, mut nth) = (board.now(), 0, 0);
        loop {
            ticks.tick().await;
            if board.stage() != Stage::Running {
                return;
            }
            let due = (board.now() - origin) * u64::from(rate) / 1_000_000;
            let backlog_max = BACKLOG.as_secs() * u64::from(rate);
            let mut open = due - made;
            if backlog_max < open {
                // Nobody waits for these: they are never made.
                (origin, made, open) = (board.now(), 0, 0);
            }
            while open != 0 {
                let count = open.min(BATCH_MAX);
                let texts = (nth..nth + count).map(|number| board.texts.nth(number));
                self.publish(texts).await;
                (made, nth, open) = (made + count, nth + count, open - count);
                if board.stage() != Stage::Running {
                    return;
                }
            }
        }
    }

    /// Publishes some events and waits until they are acknowledged, in whichever life of the server.
    async fn publish<'a>(&mut self, texts: impl Iterator<Item = &'a super::texts::Text>) {
        let at = self.board.now();
        let mut batch = Batch { first: self.next, lines: Vec::new(), topics: Vec::new() };
        for text in texts {
            self.numbers[text.topic] += 1;
            let number = self.numbers[text.topic];
            if let Err(error) = self.board.texts.append(text, (number, at), &mut batch.lines) {
                return self.board.accuse(format!("an event cannot be made: {error}"));
            }
            batch.topics.push(text.topic);
        }
        let count = batch.topics.len() as u64;
        self.next += count;
        let headers = format!("{NDJSON}{PRODUCER}arrw-producer-seq: {}\r\n", batch.first);
        let answered = self.asker.ask("POST /v1/events", &headers, &batch.lines).await;
        let Some(answered) = answered else { return };
        let taken = answered.success().and_then(|body| number_behind(body, "\"count\":"));
        match taken {
            // Fewer were new when a kill came between the commit and its answer.
            Ok(taken) if taken <= count => self.acknowledge(&batch),
            Ok(taken) => self.board.accuse(format!("{taken} of {count} events were taken")),
            Err(error) => self.board.accuse(format!("a publish was {error:#}")),
        }
    }

    fn acknowledge(&self, batch: &Batch) {
        for topic in &batch.topics {
            self.board.acknowledged[*topic].fetch_add(1, Ordering::Relaxed);
            let name = &self.board.texts.topics[*topic];
            let of = QUEUES.iter().position(|queue| is_wanted(queue.filter, name));
            if let Some(at) = of {
                self.board.queue_counts[at].wanted.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.board.events.fetch_add(batch.topics.len() as u64, Ordering::Relaxed);
    }
}

/// Whether a filter that ends with `*` wants a topic of two words.
fn is_wanted(filter: &str, topic: &str) -> bool {
    filter.strip_suffix('*').is_some_and(|start| topic.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_wanted_by_one_trigger_at_most() {
        let of = |topic: &str| {
            QUEUES.iter().filter(|it| is_wanted(it.filter, topic)).map(|it| it.name).collect()
        };
        let wanted: Vec<Vec<&str>> = vec![of("noun.animal"), of("verb.motion"), of("adv.all")];
        assert_eq!(wanted, [vec!["index"], vec!["translate"], vec![]]);
    }
}
