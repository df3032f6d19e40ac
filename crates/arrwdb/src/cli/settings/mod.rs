//! The settings of the server: one table, where values come from, and the documents made of it.
//!
//! A default yields to the file, the file to the environment, and that to the command line.

mod config;
mod table;

mod channel;
mod client;

mod given;
mod kind;
mod value;

mod fault;
mod file;
mod flags;
mod namespaces;
mod variables;

mod document;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

pub(crate) use channel::{kind_of, name_of};
pub(crate) use config::{Config, Format, LISTEN_DEFAULT, Level};
pub(crate) use document::to_toml;
pub(crate) use fault::{Origin, WrongSettings};
pub(crate) use file::{FILE_DEFAULT, choose as choose_file};
pub(crate) use flags::Flags;
pub(crate) use namespaces::Namespace;
pub(crate) use table::{Setting, all};
pub(crate) use value::Value;

use fault::Fault;
#[cfg(feature = "fuzz")]
pub(crate) use given::Given;
#[cfg(not(feature = "fuzz"))]
use given::Given;
use namespaces::SaidNamespace;

/// What a source says of a setting.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    setting: &'static Setting,
    given: Given,
    origin: Origin,
}

/// What is said of a value that cannot be, and that nobody is to read.
const WITHHELD: &str = "(not shown)";

/// All settings, and where each value comes from.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) config: Config,
    /// Those of the file, as [`Config::namespaces`] has them.
    pub(crate) namespaces: Vec<Namespace>,
    origins: BTreeMap<&'static str, Origin>,
}

impl Settings {
    /// Reads the flags, the environment of this process and the file that one of them names.
    pub(crate) fn read(flags: &Flags) -> Result<Self, WrongSettings> {
        Self::read_with(flags, std::env::vars_os())
    }

    fn read_with(
        flags: &Flags,
        variables: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Self, WrongSettings> {
        let variables = variables::read(variables);
        let file = choose_file(flags.file.clone().or(variables.file));
        let file = file.map(|file| file::read(&file)).unwrap_or_default();
        let said = file.said.iter().chain(&variables.said).chain(&flags.said);
        Self::of(said, &file.namespaces, [file.faults, variables.faults].concat())
    }

    /// Reads a file alone; also says how many settings it has.
    pub(crate) fn read_file(file: &Path) -> Result<usize, WrongSettings> {
        let file::Found { said, namespaces, faults } = file::read(file);
        let settings = Self::of(said.iter(), &namespaces, faults)?;
        let options = settings.namespaces.iter().map(|namespace| 1 + namespace.options.len());
        Ok(said.len() + options.sum::<usize>())
    }

    /// Reads a text as if it stood in a file.
    #[cfg(feature = "fuzz")]
    pub(crate) fn of_text(file: &Path, text: &str) -> Result<Self, WrongSettings> {
        let file::Found { said, namespaces, faults } = file::of_text(file, text);
        Self::of(said.iter(), &namespaces, faults)
    }

    /// What comes of all that was said, in this order.
    fn of<'a>(
        said: impl Iterator<Item = &'a Said>,
        namespaces: &[SaidNamespace],
        mut faults: Vec<Fault>,
    ) -> Result<Self, WrongSettings> {
        let namespaces = namespaces::read(namespaces, &mut faults);
        let mut config = Config::default();
        config.namespaces =
            namespaces.iter().map(|it| (it.name.clone(), it.config.clone())).collect();
        let mut settings = Self { config, namespaces, origins: BTreeMap::new() };
        for Said { setting, given, origin } in said {
            match setting.kind.set(&mut settings.config, given) {
                Some(()) => {
                    settings.origins.insert(setting.key, origin.clone());
                }
                None => {
                    let allowed = setting.kind.allowed();
                    let given = if setting.kind.is_withheld() {
                        WITHHELD.to_owned()
                    } else {
                        given.to_string()
                    };
                    faults.push(Fault::value(setting.key, origin, &given, &allowed));
                }
            }
        }
        faults.extend(settings.open_to_others());
        if faults.is_empty() { Ok(settings) } else { Err(WrongSettings { faults }) }
    }

    /// What is wrong when everybody could do anything, also from elsewhere.
    fn open_to_others(&self) -> Option<Fault> {
        let listen = self.config.listen;
        let is_open = self.config.clients.insecure && !listen.ip().is_loopback();
        is_open.then(|| Fault {
            what: format!(
                "`client.insecure` lets everybody do anything, and others can reach `{listen}`"
            ),
            help: Some("listen on 127.0.0.1, or take `client.insecure` away".to_owned()),
            is_usage: false,
        })
    }

    /// Where the value of a setting comes from.
    pub(crate) fn origin(&self, setting: &Setting) -> &Origin {
        self.origins.get(setting.key).unwrap_or(&Origin::Default)
    }
}

/// The file that the environment of this process names.
pub(crate) fn file_of_the_environment() -> Option<PathBuf> {
    variables::read(std::env::vars_os()).file
}

#[cfg(test)]
mod tests;
