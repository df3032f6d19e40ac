//! The jobs agree with a naive table of them, and are the same live, replayed and behind a checkpoint.

mod checks;
mod driver;
mod history;
mod ledger;
mod naive;
mod parts;
mod tally;

use driver::{Driver, Pace};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Everything at each step.
const CLOSE: Pace = Pace { compare: 1, checkpoint: 1, replay: 1 };

/// Some of it, now and then.
const LONG: Pace = Pace { compare: 50, checkpoint: 97, replay: 2_000 };

/// Long histories: the seed, and how many operations it has.
const LONG_HISTORIES: [(u8, usize); 3] = [(1, 100_000), (2, 10_000), (3, 10_000)];

/// Short histories, each with other random numbers.
const SHORT_HISTORIES: u32 = 2_000;

/// What a long history meets again and again; without it the test would show less than it says.
const MET: &[&str] = &[
    "enqueued",
    "the same again",
    "a key taken over",
    "first one kept",
    "first one replaced",
    "first one delayed",
    "IdConflict",
    "leased 0",
    "leased 1",
    "leased 3",
    "complete -> completed",
    "fail -> retrying",
    "fail -> dead",
    "fail -> cancelled",
    "finished when cancelling",
    "snooze -> scheduled",
    "release -> ready",
    "lost -> ready",
    "lost -> dead",
    "discard -> dead",
    "stale",
    "cancel -> cancelled",
    "cancel -> leased",
    "retry -> ready",
    "discarded",
    "deleted",
    "carried",
    "Denied(Leased)",
    "Denied(Dead)",
    "NotFound",
    "Invalid",
    "Queue",
    "taken back",
    "forgotten by time",
    "forgotten by number",
    "ready by time",
];

proptest! {
    #![proptest_config(Config::with_cases(SHORT_HISTORIES))]

    #[test]
    fn jobs_agree_with_the_model_in_short_histories(
        steps in prop::collection::vec(history::step(), 1..14)
    ) {
        let mut driver = Driver::new(CLOSE);
        steps.iter().for_each(|step| driver.step(step));
    }
}

#[test]
fn jobs_agree_with_the_model_in_long_histories() {
    for (seed, operations) in LONG_HISTORIES {
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let mut driver = Driver::new(LONG);
        let mut done = 0;
        while done < operations {
            let step = history::step().new_tree(&mut runner).unwrap().current();
            done += step.turns.iter().map(|turn| turn.ops.len()).sum::<usize>();
            driver.step(&step);
        }
        driver.check_all();
        let rare: Vec<&str> =
            MET.iter().copied().filter(|word| driver.met(word) < done / 10_000).collect();
        assert!(rare.is_empty(), "a history of seed {seed} hardly meets {rare:?}");
    }
}
