//! Calls the fuzz function that `ARRW_FUZZ_TARGET` names, with inputs that libFuzzer chooses by what they reach.
#![no_main]

use std::sync::OnceLock;

use arrw_fuzz::{Target, targets};
use libfuzzer_sys::fuzz_target;

/// The variable that names the target; `cargo xtask fuzz` sets it.
const VARIABLE: &str = "ARRW_FUZZ_TARGET";

static CHOSEN: OnceLock<&Target> = OnceLock::new();

fuzz_target!(|input: &[u8]| {
    let target = CHOSEN.get_or_init(|| {
        let name = std::env::var_os(VARIABLE).unwrap_or_default();
        let found = targets().into_iter().find(|target| name == target.name);
        found.unwrap_or_else(|| unreachable!("{VARIABLE} names no target: run `cargo xtask fuzz TARGET`"))
    });
    let _way = (target.run)(input);
});
