//! What the command line may ask for.

use crate::autobahn::Cases;
use crate::peers::Length;

/// Printed for `cargo xtask` alone, and after a mistake.
pub(crate) const HELP: &str = "\
usage: cargo xtask COMMAND

commands:
  test          run every check: tools, format, build, clippy, house rules, tests,
                fuzz functions, documents, schedules of locks, planted faults, examples,
                the commands of README.md, the interface, and deploy, autobahn, clients
                and browser as below
  test --core   only the checks that need nothing but the Rust toolchain
  fuzz TARGET [--seconds N]
                run a fuzz function under libFuzzer, for 60 seconds if nothing else is
                said; `cargo run -p arrw-fuzz -- --list` prints all
  autobahn [--all]
                run Autobahn's cases of WebSockets, those that are soon done or all
  clients       try the server with the clients of others, and compare docs/codes.md
  browser       open the pages of the examples in a browser without a window
  dist          build the static program, try it, and pack it with all that belongs to it
  peers [--quick]
                run the same loads on arrwDB and its peers, and compare them
  deploy        check what is in deploy/ with Prometheus' and systemd's own tools
  help          print this text

`test` goes on after a failed stage, unless the build is broken. Its last line is
`N passed, N failed`, counting stages; the exit code is 0 when none failed.";

/// How long a fuzz function runs when nothing else is said.
const SECONDS_DEFAULT: &str = "60";

/// One command of `cargo xtask`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Request {
    /// Print [`HELP`].
    Help,
    /// Run the checks.
    Test(Level),
    /// Run Autobahn's cases.
    Autobahn(Cases),
    /// Try the clients of others.
    Clients,
    /// Open the pages of the examples.
    Browser,
    /// Check what is in `deploy`.
    Deploy,
    /// Make what is given to users.
    Dist,
    /// Compare with peers.
    Peers(Length),
    /// Run one fuzz function under libFuzzer.
    Fuzz {
        /// Its name.
        target: String,
        /// For how long.
        seconds: u64,
    },
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
        ["autobahn"] => Ok(Request::Autobahn(Cases::Quick)),
        ["autobahn", "--all"] => Ok(Request::Autobahn(Cases::All)),
        ["autobahn", other, ..] => Err(format!("unknown argument of `autobahn`: `{other}`")),
        ["clients"] => Ok(Request::Clients),
        ["browser"] => Ok(Request::Browser),
        ["deploy"] => Ok(Request::Deploy),
        ["dist"] => Ok(Request::Dist),
        ["peers"] => Ok(Request::Peers(Length::Full)),
        ["peers", "--quick"] => Ok(Request::Peers(Length::Quick)),
        ["peers", other, ..] => Err(format!("unknown argument of `peers`: `{other}`")),
        ["fuzz", target] => fuzz(target, SECONDS_DEFAULT),
        ["fuzz", target, "--seconds", seconds] => fuzz(target, seconds),
        ["fuzz", ..] => Err("write `fuzz TARGET` or `fuzz TARGET --seconds N`".to_owned()),
        [command @ ("help" | "clients" | "browser" | "deploy" | "dist"), other, ..] => {
            Err(format!("unknown argument of `{command}`: `{other}`"))
        }
        [other, ..] => Err(format!("unknown command `{other}`")),
    }
}

fn fuzz(target: &str, seconds: &str) -> Result<Request, String> {
    let wrong = || format!("`{seconds}` is no number of seconds");
    let seconds = seconds.parse().map_err(|_not_a_number: std::num::ParseIntError| wrong())?;
    Ok(Request::Fuzz { target: target.to_owned(), seconds })
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
        check("autobahn", &Ok(Request::Autobahn(Cases::Quick)));
        check("autobahn --all", &Ok(Request::Autobahn(Cases::All)));
        check("autobahn --al", &Err("unknown argument of `autobahn`: `--al`".to_owned()));
        check("clients", &Ok(Request::Clients));
        check("browser", &Ok(Request::Browser));
        check("deploy", &Ok(Request::Deploy));
        check("dist", &Ok(Request::Dist));
        check("peers", &Ok(Request::Peers(Length::Full)));
        check("peers --quick", &Ok(Request::Peers(Length::Quick)));
        check("peers --quik", &Err("unknown argument of `peers`: `--quik`".to_owned()));
        let fuzz = |seconds| Ok(Request::Fuzz { target: "bus-filter".to_owned(), seconds });
        check("fuzz bus-filter", &fuzz(60));
        check("fuzz bus-filter --seconds 5", &fuzz(5));
        check("fuzz a --seconds x", &Err("`x` is no number of seconds".to_owned()));
    }

    #[test]
    fn a_mistake_names_the_word_that_is_wrong() {
        check("tset", &Err("unknown command `tset`".to_owned()));
        for command in ["test", "autobahn", "peers", "clients", "browser", "deploy", "dist", "help"]
        {
            let wrong = format!("unknown argument of `{command}`: `--al`");
            check(&format!("{command} --al"), &Err(wrong));
        }
    }
}
