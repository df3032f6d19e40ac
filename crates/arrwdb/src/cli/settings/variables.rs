//! The variables of the environment.

use std::ffi::OsString;
use std::path::PathBuf;

use arrw_server::nearest;

use super::Said;
use super::fault::{Fault, Origin};
use super::given::Given;
use super::table::{PREFIX, all};
use crate::cli::{remote, work};

/// The variable that names the file of settings.
pub(crate) const FILE: &str = "ARRWDB_CONFIG";

/// Variables with our prefix that set nothing of the server.
const OTHERS: &[&str] = &[FILE, remote::VARIABLE, remote::KEY, remote::AUTHORITIES];

/// What the environment was found to say.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) file: Option<PathBuf>,
    pub(crate) said: Vec<Said>,
    pub(crate) faults: Vec<Fault>,
}

/// Reads the variables that have our prefix. An empty one is as if it were not there.
pub(crate) fn read(variables: impl Iterator<Item = (OsString, OsString)>) -> Found {
    let mut found = Found::default();
    for (name, value) in variables.filter(|(_, value)| !value.is_empty()) {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        if name == FILE {
            found.file = Some(value.into());
        } else if let Some(setting) = all().find(|setting| setting.variable() == name) {
            let origin = Origin::Variable(name.to_owned());
            found.said.push(Said { setting, given: Given::Text(value), origin });
        } else if !OTHERS.contains(&name) && !work::VARIABLES.contains(&name) {
            found.faults.push(unknown(name));
        }
    }
    found
}

fn unknown(name: &str) -> Fault {
    let known: Vec<String> = all().map(super::Setting::variable).collect();
    // What all have in common would make any two of them look alike.
    let rests = known.iter().map(String::as_str).chain(OTHERS.iter().copied());
    let rests: Vec<&str> = rests.map(|name| &name[PREFIX.len()..]).collect();
    let near = nearest(&name[PREFIX.len()..], &rests).map(|rest| format!("{PREFIX}{rest}"));
    let what = format!("there is no setting of the variable `{name}`");
    Fault::unknown(what, near.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(variables: &[(&str, &str)]) -> Found {
        read(variables.iter().map(|(name, value)| (name.into(), value.into())))
    }

    #[test]
    fn only_our_own_variables_are_looked_at() {
        let found = read_all(&[
            ("PATH", "/bin"),
            ("ARRWDB_SERVER", "http://a"),
            ("ARRWDB_CONFIG", "a.toml"),
            ("ARRWDB_LISTEN", "x"),
            ("ARRWDB_DATA", ""),
        ]);
        assert_eq!(found.file, Some("a.toml".into()));
        assert_eq!(found.faults, []);
        let said: Vec<_> = found.said.iter().map(|said| said.setting.key).collect();
        assert_eq!(said, ["listen"]);
    }

    #[test]
    fn a_misspelt_variable_finds_the_one_that_was_meant() {
        let check = |name: &str, help: &str| {
            let found = read_all(&[(name, "1")]);
            let fault = found.faults.first().unwrap();
            assert!(fault.what.contains(name), "{fault:?}");
            assert!(fault.help.as_ref().unwrap().contains(help), "{fault:?}");
        };
        check("ARRWDB_LISTN", "`ARRWDB_LISTEN`");
        check("ARRWDB_LIMIT_CONNECTIONS", "`ARRWDB_LIMITS_CONNECTIONS`");
        check("ARRWDB_LIMITS_CONNECTION_PER_ADDRESS", "`ARRWDB_LIMITS_CONNECTIONS_PER_ADDRESS`");
        check("ARRWDB_CONFIGS", "`ARRWDB_CONFIG`");
        check("ARRWDB_PASSWORD", "config show");
    }
}
