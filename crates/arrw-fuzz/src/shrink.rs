//! Makes an input that fails smaller, as long as it fails at the same place.

use std::time::Instant;

use arrw_log::fuzz::Target;

use crate::execution::{Measure, execute};
use crate::limits::{SHRINK_TIME_MAX, SHRINK_TRIES_MAX};

/// A smaller input that fails at `place`, or the same one. Leaves out blocks, half of it first and single bytes
/// last, and then writes what is left as plainly as it can be.
pub(crate) fn shrunk(target: &Target, input: &[u8], place: &str, measure: Measure) -> Vec<u8> {
    let begun = Instant::now();
    let mut tries = 0;
    let mut fails = |bytes: &[u8]| {
        tries += 1;
        let fault = execute(target, bytes, measure).outcome.err();
        let may_go_on = tries < SHRINK_TRIES_MAX && begun.elapsed() < SHRINK_TIME_MAX;
        (fault.is_some_and(|fault| fault.place == place), may_go_on)
    };
    let mut best = input.to_vec();
    let mut size = best.len().div_ceil(2);
    while 0 < size {
        let mut at = 0;
        while at < best.len() {
            let mut shorter = best.clone();
            shorter.drain(at..(at + size).min(best.len()));
            match fails(&shorter) {
                (true, _) => best = shorter,
                (false, true) => at += size,
                (false, false) => return best,
            }
        }
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
    for at in 0..best.len() {
        for plain in [b'0', b' ', 0] {
            let mut plainer = best.clone();
            plainer[at] = plain;
            match fails(&plainer) {
                (true, _) => {
                    best = plainer;
                    break;
                }
                (false, true) => (),
                (false, false) => return best,
            }
        }
    }
    best
}
