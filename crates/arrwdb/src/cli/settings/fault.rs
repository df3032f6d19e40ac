//! What is wrong with settings, and where it was said.

use std::path::PathBuf;

/// Where a value comes from. Later ones win over earlier ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Default,
    /// A line of a file, from 1.
    File(PathBuf, usize),
    Variable(String),
    Flag(String),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(file, line) => write!(f, "{}:{line}", file.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => write!(f, "--{name}"),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) what: String,
    pub(crate) help: Option<String>,
    /// True when a flag says it: wrong usage, then.
    pub(crate) is_usage: bool,
}

impl Fault {
    /// A value that the setting `key` cannot have.
    pub(crate) fn value(key: &str, origin: &Origin, given: &str, allowed: &str) -> Self {
        let place = match origin {
            Origin::File(..) => format!("`{key}` in `{origin}`"),
            Origin::Default | Origin::Variable(_) | Origin::Flag(_) => format!("`{origin}`"),
        };
        Self {
            what: format!("{place} is `{given}`, and must be {allowed}"),
            help: None,
            is_usage: matches!(origin, Origin::Flag(_)),
        }
    }

    /// A name that is none of a setting.
    pub(crate) fn unknown(what: String, nearest: Option<&str>) -> Self {
        let help = match nearest {
            Some(name) => format!("did you mean `{name}`?"),
            None => "`arrwdb config show` lists all settings".to_owned(),
        };
        Self { what, help: Some(help), is_usage: false }
    }
}

/// Settings that cannot be: everything that is wrong with them.
#[derive(Debug, thiserror::Error)]
#[error("the settings are wrong")]
pub(crate) struct WrongSettings {
    pub(crate) faults: Vec<Fault>,
}
