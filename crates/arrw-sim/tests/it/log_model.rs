//! Random operations on a log agree with the model, on every storage.

use arrw_sim::workload::{Place, run};

/// Short form: `arrw-sim model` runs as many as it is told.
fn check(place: Place, cases: u64) {
    for seed in 0..cases {
        let failure = run(place, seed, 200).err().map(|failure| failure.to_string());
        assert_eq!(failure, None);
    }
}

#[test]
fn log_agrees_with_the_model_in_memory() {
    check(Place::Memory, 150);
}

#[test]
fn log_agrees_with_the_model_in_files() {
    check(Place::Files, 5);
}

#[test]
fn log_agrees_with_the_model_on_the_simulated_disk() {
    check(Place::Sim, 150);
}
