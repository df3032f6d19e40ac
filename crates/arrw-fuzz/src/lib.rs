//! Calls every parser with inputs that are changed from a seed, and keeps those that once failed.
//!
//! A parser is a function of bytes, a [`Target`], that panics when a property does not hold: not only that nothing
//! panics, but that what was read, printed and read again is the same, that what is accepted is within its bounds,
//! that two ways of saying the same agree. Each crate lists its own behind its feature `fuzz`; [`targets`] is all.
//!
//! The loop needs no instrumentation: a target answers by which way it read an input, and an input that goes a new
//! way is changed further. `cargo xtask fuzz` runs the same targets under libFuzzer.

pub mod limits;

mod centrifuge;
mod execution;
mod kept;
mod looping;
mod mutate;
mod pool;
mod rng;
mod shrink;
mod websocket;

pub use arrw_log::fuzz::{Outcome, Target};
pub use execution::{Fault, Measure, keep_and_print_panics, keep_panics};
pub use kept::{folder_of, of as kept_of, write as write_input};
pub use looping::{Current, Finding, Plan, Stopped, Tally, run, run_once};

/// Every fuzz function there is.
#[must_use]
pub fn targets() -> Vec<&'static Target> {
    let all = [
        arrw_log::fuzz::TARGETS,
        arrw_bus::fuzz::TARGETS,
        arrw_jobs::fuzz::TARGETS,
        centrifuge::TARGETS,
        arrw_server::fuzz::TARGETS,
        arrwdb::fuzz::TARGETS,
        websocket::TARGETS,
    ];
    all.into_iter().flatten().collect()
}
