//! What the command line may ask for.

/// Printed for `cargo xtask` alone, and after a mistake.
pub(crate) const HELP: &str = "\
usage: cargo xtask COMMAND

commands:
  test          run every check: tools, format, build, clippy, house rules, tests,
                documents, planted faults, examples, the commands of README.md
  test --core   only the checks that need nothing but the Rust toolchain
  help          print this text

`test` goes on after a failed stage, unless the build is broken. Its last line is
`N passed, N failed`, counting stages; the exit code is 0 when none failed.";

/// One command of `cargo xtask`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    /// Print [`HELP`].
    Help,
    /// Run the checks.
    Test(Level),
}

/// How much `cargo xtask test` runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// Everything; installs the tools it needs.
    Full,
    /// What the Rust toolchain alone can do.
    Core,
}

/// Reads the arguments that follow `cargo xtask`; the error is a text for the user.
pub(crate) fn parse(arguments: &[String]) -> Result<Request, String> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] | ["help" | "--help" | "-h"] => Ok(Request::Help),
        ["test"] => Ok(Request::Test(Level::Full)),
        ["test", "--core"] => Ok(Request::Test(Level::Core)),
        ["test", "--help" | "-h"] => Ok(Request::Help),
        ["test", other, ..] => Err(format!("unknown argument of `test`: `{other}`")),
        [other, ..] => Err(format!("unknown command `{other}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &Result<Request, String>) {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        assert_eq!(parse(&arguments), *expected, "`{line}`");
    }

    #[test]
    fn requests_are_read_from_the_arguments() {
        check("", &Ok(Request::Help));
        check("--help", &Ok(Request::Help));
        check("test", &Ok(Request::Test(Level::Full)));
        check("test --core", &Ok(Request::Test(Level::Core)));
    }

    #[test]
    fn a_mistake_names_the_word_that_is_wrong() {
        check("tset", &Err("unknown command `tset`".to_owned()));
        check("test --cor", &Err("unknown argument of `test`: `--cor`".to_owned()));
    }
}
