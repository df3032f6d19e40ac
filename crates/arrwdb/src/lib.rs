//! The command line of arrwDB, as a library, so that its parsers can be called by `arrw-fuzz`.

mod cli;

#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz {
    //! The parsers of this crate as functions that a fuzzer calls.

    pub use crate::cli::fuzz::TARGETS;
}

use std::process::ExitCode;

/// Reads the arguments of this process, runs one command and says how it ended.
#[must_use]
pub fn main() -> ExitCode {
    cli::main()
}
