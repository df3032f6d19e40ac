//! The settings of the server: one table, where values come from, and the documents made of it.
//!
//! A default yields to the file, the file to the environment, and that to the command line.

mod config;
mod table;

mod kind;

mod fault;
mod file;
mod flags;
mod variables;

mod document;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

pub(crate) use config::{Config, Format, LISTEN_DEFAULT, Level};
pub(crate) use document::to_toml;
pub(crate) use fault::{Origin, WrongSettings};
pub(crate) use file::{FILE_DEFAULT, choose as choose_file};
pub(crate) use flags::Flags;
pub(crate) use kind::Value;
pub(crate) use table::{Setting, TABLE};

use fault::Fault;
#[cfg(feature = "fuzz")]
pub(crate) use kind::Given;
#[cfg(not(feature = "fuzz"))]
use kind::Given;

/// What a source says of a setting.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    setting: &'static Setting,
    given: Given,
    origin: Origin,
}

/// All settings, and where each value comes from.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) config: Config,
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
        Self::of(said, [file.faults, variables.faults].concat())
    }

    /// Reads a file alone; also says how many settings it has.
    pub(crate) fn read_file(file: &Path) -> Result<usize, WrongSettings> {
        let file::Found { said, faults } = file::read(file);
        Self::of(said.iter(), faults).map(|_settings| said.len())
    }

    /// Reads a text as if it stood in a file.
    #[cfg(feature = "fuzz")]
    pub(crate) fn of_text(file: &Path, text: &str) -> Result<Self, WrongSettings> {
        let file::Found { said, faults } = file::of_text(file, text);
        Self::of(said.iter(), faults)
    }

    /// What comes of all that was said, in this order.
    fn of<'a>(
        said: impl Iterator<Item = &'a Said>,
        mut faults: Vec<Fault>,
    ) -> Result<Self, WrongSettings> {
        let mut settings = Self { config: Config::default(), origins: BTreeMap::new() };
        for Said { setting, given, origin } in said {
            match setting.kind.set(&mut settings.config, given) {
                Some(()) => {
                    settings.origins.insert(setting.key, origin.clone());
                }
                None => {
                    let allowed = setting.kind.allowed();
                    let given = given.to_string();
                    faults.push(Fault::value(setting.key, origin, &given, &allowed));
                }
            }
        }
        if faults.is_empty() { Ok(settings) } else { Err(WrongSettings { faults }) }
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
