//! Inputs that each went a way of their own through the parser.

use std::collections::BTreeMap;

use arrw_log::fuzz::Outcome;

use crate::limits::POOL_MAX;
use crate::rng::Rng;

/// Seeds, and what was made of them.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    inputs: Vec<Vec<u8>>,
    /// Which of them were read.
    accepted: Vec<usize>,
    /// Where the input of each way is.
    ways: BTreeMap<Outcome, usize>,
}

impl Pool {
    /// How many ways were found.
    pub(crate) fn ways(&self) -> usize {
        self.ways.len()
    }

    /// Takes an input in if it goes a new way, or a known one with far fewer bytes.
    pub(crate) fn consider(&mut self, outcome: Outcome, input: &[u8]) {
        match self.ways.get(&outcome) {
            Some(at) if input.len() < self.inputs[*at].len() / 2 => {
                self.inputs[*at] = input.to_vec();
            }
            Some(_) => (),
            None if self.inputs.len() < POOL_MAX => self.keep(outcome, input),
            None => (),
        }
    }

    /// Takes an input in, whatever way it goes.
    pub(crate) fn keep(&mut self, outcome: Outcome, input: &[u8]) {
        let at = self.inputs.len();
        self.ways.entry(outcome).or_insert(at);
        if matches!(outcome, Outcome::Accepted(_)) {
            self.accepted.push(at);
        }
        self.inputs.push(input.to_vec());
    }

    /// One of them, every second time one that was read; an empty one when there is none.
    pub(crate) fn pick(&self, rng: &mut Rng) -> &[u8] {
        let is_read = rng.below(2) == 0;
        let read = rng.pick(&self.accepted).filter(|_| is_read);
        let at = read.copied().unwrap_or_else(|| rng.index(self.inputs.len()));
        self.inputs.get(at).map_or(&[], Vec::as_slice)
    }
}
