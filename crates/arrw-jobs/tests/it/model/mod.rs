//! The jobs agree with a naive table of them, and are the same live, replayed and behind a checkpoint.

mod checks;
mod driver;
mod history;
mod ledger;
mod naive;

use driver::{Driver, Pace};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Everything at each step.
const CLOSE: Pace = Pace { compare: 1, checkpoint: 1, replay: 1 };

/// Some of it, now and then.
const LONG: Pace = Pace { compare: 50, checkpoint: 97, replay: 2_000 };

/// Operations of the long histories together.
const OPERATIONS: usize = 100_000;

const SEEDS: [u8; 4] = [1, 2, 3, 4];

/// Short histories, each with other random numbers.
const SHORT_HISTORIES: u32 = 2_000;

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
    for seed in SEEDS {
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let mut driver = Driver::new(LONG);
        let mut operations = 0;
        while operations < OPERATIONS / SEEDS.len() {
            let step = history::step().new_tree(&mut runner).unwrap().current();
            operations += step.turns.iter().map(|turn| turn.ops.len()).sum::<usize>();
            driver.step(&step);
        }
        let Driver { tally, .. } = &driver;
        eprintln!("seed {seed}: {} records, {tally:?}", driver.records());
    }
}
