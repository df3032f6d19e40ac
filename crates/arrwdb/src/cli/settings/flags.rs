//! The flags of the command line, made of the table.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches, value_parser};

use super::Said;
use super::config::Config;
use super::fault::Origin;
use super::given::Given;
use super::kind::Kind;
use super::table::{Setting, all};

/// The flag that names the file of settings, which is also its id.
const FILE: &str = "config";

/// What the command line says of settings.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flags {
    pub(crate) file: Option<PathBuf>,
    pub(crate) said: Vec<Said>,
}

impl Args for Flags {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new(FILE)
            .long(FILE)
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help("File of settings, in TOML [default: ./arrwdb.toml if it is there]");
        all().filter_map(arg).fold(command.arg(file), Command::arg)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn arg(setting: &Setting) -> Option<Arg> {
    let flag = setting.flag.as_ref()?;
    let is_list = matches!(setting.kind, Kind::Hosts(_) | Kind::Origins(_));
    let again = if is_list { "; may be given more than once" } else { "" };
    let default = setting.kind.value(&Config::default()).to_string();
    let default = if default.is_empty() { default } else { format!(" [default: {default}]") };
    Some(
        Arg::new(setting.key)
            .long(flag.name)
            .value_name(flag.value_name)
            .value_parser(value_parser!(OsString))
            .action(if is_list { ArgAction::Append } else { ArgAction::Set })
            .help(format!("{}{again}{default}", setting.doc)),
    )
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        self.file = matches.get_one::<PathBuf>(FILE).cloned();
        self.said = all().filter_map(|setting| said(setting, matches)).collect();
        Ok(())
    }
}

fn said(setting: &'static Setting, matches: &ArgMatches) -> Option<Said> {
    let flag = setting.flag.as_ref()?;
    let texts: Vec<OsString> = matches.get_many(setting.key)?.cloned().collect();
    let given = match (&setting.kind, &texts[..]) {
        (Kind::Hosts(_) | Kind::Origins(_), _) => Given::Texts(texts),
        (_, [.., last]) => Given::Text(last.clone()),
        (_, []) => return None,
    };
    Some(Said { setting, given, origin: Origin::Flag(flag.name.to_owned()) })
}
