//! What values a setting may have, how they are read, and how they are shown.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use arrw_server::Origin;
use serde::Serialize;

use super::config::{Config, Format, Level, Word};

/// The place of a setting.
type Field<T> = fn(&mut Config) -> &mut T;

/// What a setting is, and where it is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Address(Field<SocketAddr>),
    Folder(Field<PathBuf>),
    File(Field<PathBuf>),
    /// An empty text for none.
    FileOrNone(Field<Option<PathBuf>>),
    Hosts(Field<Vec<String>>),
    Origins(Field<Vec<Origin>>),
    Format(Field<Format>),
    Level(Field<Level>),
    Count {
        unit: &'static str,
        range: (usize, usize),
        field: Field<usize>,
    },
    Bytes {
        range: (usize, usize),
        field: Field<usize>,
    },
    Millis {
        range: (u64, u64),
        field: Field<Duration>,
    },
}

/// What a source says of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    Text(OsString),
    Number(i64),
    Texts(Vec<OsString>),
    /// What no setting can be, as it is written.
    Other(String),
}

/// The value of a setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Value {
    Text(String),
    Number(u64),
    /// Shown in the largest unit in which it is whole.
    Bytes(u64),
    Texts(Vec<String>),
}

/// Units of sizes, largest first.
const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

impl Kind {
    /// Takes what is given, if the setting may be that.
    pub(crate) fn set(&self, config: &mut Config, given: &Given) -> Option<()> {
        match self {
            Self::Address(field) => *field(config) = given.text()?.parse().ok()?,
            Self::Folder(field) | Self::File(field) => *field(config) = given.path()?,
            Self::FileOrNone(field) => {
                let is_none = given.text().is_some_and(str::is_empty);
                *field(config) = if is_none { None } else { Some(given.path()?) };
            }
            Self::Hosts(field) => *field(config) = given.hosts()?,
            Self::Origins(field) => *field(config) = given.origins()?,
            Self::Format(field) => *field(config) = Format::parse(given.text()?)?,
            Self::Level(field) => *field(config) = Level::parse(given.text()?)?,
            Self::Count { range, field, .. } => {
                *field(config) = within(given.number()?.try_into().ok()?, *range)?;
            }
            Self::Bytes { range, field } => {
                *field(config) = within(given.bytes()?.try_into().ok()?, *range)?;
            }
            Self::Millis { range, field } => {
                *field(config) = Duration::from_millis(within(given.number()?, *range)?);
            }
        }
        Some(())
    }

    /// What is set.
    pub(crate) fn value(&self, config: &Config) -> Value {
        let mut config = config.clone();
        let config = &mut config;
        match self {
            Self::Address(field) => Value::Text(field(config).to_string()),
            Self::Folder(field) | Self::File(field) => {
                Value::Text(field(config).display().to_string())
            }
            Self::FileOrNone(field) => {
                let file = field(config).as_ref().map(|file| file.display().to_string());
                Value::Text(file.unwrap_or_default())
            }
            Self::Hosts(field) => Value::Texts(field(config).clone()),
            Self::Origins(field) => {
                Value::Texts(field(config).iter().map(ToString::to_string).collect())
            }
            Self::Format(field) => Value::Text(field(config).word().to_owned()),
            Self::Level(field) => Value::Text(field(config).word().to_owned()),
            Self::Count { field, .. } => Value::Number(*field(config) as u64),
            Self::Bytes { field, .. } => Value::Bytes(*field(config) as u64),
            Self::Millis { field, .. } => {
                Value::Number(u64::try_from(field(config).as_millis()).unwrap_or(u64::MAX))
            }
        }
    }

    /// What a number of it counts; empty for what is no number.
    pub(crate) fn unit(&self) -> &'static str {
        match self {
            Self::Count { unit, .. } => unit,
            Self::Bytes { .. } => "bytes",
            Self::Millis { .. } => "ms",
            Self::Address(_)
            | Self::Folder(_)
            | Self::File(_)
            | Self::FileOrNone(_)
            | Self::Hosts(_)
            | Self::Origins(_)
            | Self::Format(_)
            | Self::Level(_) => "",
        }
    }

    /// What it may be, behind "must be".
    pub(crate) fn allowed(&self) -> String {
        match self {
            Self::Address(_) => "an IP address and a port, such as `127.0.0.1:7650`".to_owned(),
            Self::Folder(_) => "the path of a folder".to_owned(),
            Self::File(_) => "the path of a file".to_owned(),
            Self::FileOrNone(_) => "the path of a file, or empty for none".to_owned(),
            Self::Hosts(_) => {
                "host names without scheme and port, such as `db.example`; as one text, with commas between"
                    .to_owned()
            }
            Self::Origins(_) => {
                "origins such as `https://app.example`, or `*` for all; as one text, with commas between"
                    .to_owned()
            }
            Self::Format(_) => words::<Format>(),
            Self::Level(_) => words::<Level>(),
            Self::Count { range: (min, max), .. } => format!("a number from {min} to {max}"),
            Self::Millis { range: (min, max), .. } => {
                format!("a number of milliseconds from {min} to {max}")
            }
            Self::Bytes { range: (min, max), .. } => {
                let [min, max] = [min, max].map(|bytes| Value::Bytes(*bytes as u64));
                format!("a number of bytes or a size such as `4MiB`, from {min} to {max}")
            }
        }
    }
}

fn words<T: Word>() -> String {
    let words: Vec<String> = T::ALL.iter().map(|(word, _)| format!("`{word}`")).collect();
    match words.split_last() {
        Some((last, before)) => format!("{} or {last}", before.join(", ")),
        None => String::new(),
    }
}

fn within<T: PartialOrd>(number: T, (min, max): (T, T)) -> Option<T> {
    (min <= number && number <= max).then_some(number)
}

impl Given {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => text.to_str(),
            Self::Number(_) | Self::Texts(_) | Self::Other(_) => None,
        }
    }

    fn path(&self) -> Option<PathBuf> {
        match self {
            Self::Text(text) if !text.is_empty() => Some(text.into()),
            Self::Text(_) | Self::Number(_) | Self::Texts(_) | Self::Other(_) => None,
        }
    }

    /// The names of a list, or of a text with commas between them.
    fn names(&self) -> Option<Vec<&str>> {
        match self {
            Self::Text(text) => Some(text.to_str()?.split(',').map(str::trim).collect()),
            Self::Texts(texts) => texts.iter().map(|text| text.to_str()).collect(),
            Self::Number(_) | Self::Other(_) => None,
        }
    }

    fn origins(&self) -> Option<Vec<Origin>> {
        self.names()?.into_iter().map(|name| name.parse().ok()).collect()
    }

    fn hosts(&self) -> Option<Vec<String>> {
        let names = self.names()?;
        names.iter().all(|name| is_host(name)).then(|| names.into_iter().map(Into::into).collect())
    }

    fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => u64::try_from(*number).ok(),
            Self::Text(text) => text.to_str()?.parse().ok(),
            Self::Texts(_) | Self::Other(_) => None,
        }
    }

    fn bytes(&self) -> Option<u64> {
        let Some(text) = self.text() else { return self.number() };
        let unit = UNITS.iter().find_map(|(unit, size)| Some((text.strip_suffix(unit)?, *size)));
        let (number, size) = unit.unwrap_or((text, 1));
        number.trim_end().parse::<u64>().ok()?.checked_mul(size)
    }
}

/// A name as it stands in a `Host` header, or an address of IPv6 in its brackets.
fn is_host(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    match bare {
        Some(bare) => bare.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !name.is_empty() && name.bytes().all(is_plain),
    }
}

impl std::fmt::Display for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{}", text.display()),
            Self::Number(number) => write!(f, "{number}"),
            Self::Texts(texts) => {
                let texts: Vec<_> = texts.iter().map(|text| text.to_string_lossy()).collect();
                f.write_str(&texts.join(", "))
            }
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl Value {
    /// As a file has it.
    pub(crate) fn to_toml(&self) -> String {
        match self {
            Self::Text(text) => quoted(text),
            Self::Number(number) => number.to_string(),
            Self::Bytes(_) => quoted(&self.to_string()),
            Self::Texts(texts) => {
                let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
                format!("[{}]", texts.join(", "))
            }
        }
    }

    #[cfg(any(test, feature = "fuzz"))]
    pub(crate) fn given(&self) -> Given {
        match self {
            Self::Text(_) | Self::Bytes(_) => Given::Text(self.to_string().into()),
            Self::Number(number) => Given::Number((*number).try_into().unwrap_or(i64::MAX)),
            Self::Texts(texts) => Given::Texts(texts.iter().map(Into::into).collect()),
        }
    }
}

/// A text as a basic string of TOML, which has the escapes of JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => write!(f, "{number}"),
            Self::Bytes(bytes) => {
                let is_whole = |(_, size): &&(&str, u64)| *bytes != 0 && bytes % size == 0;
                match UNITS.iter().find(is_whole) {
                    Some((unit, size)) => write!(f, "{}{unit}", bytes / size),
                    None => write!(f, "{bytes}"),
                }
            }
            Self::Texts(texts) => f.write_str(&texts.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::settings::table::find;

    /// What becomes of a value: as it is shown, or `None` when it is refused.
    fn set(key: &str, given: &Given) -> Option<String> {
        let mut config = Config::default();
        let kind = find(key).unwrap().kind;
        kind.set(&mut config, given)?;
        Some(kind.value(&config).to_string())
    }

    fn text(key: &str, text: &str) -> Option<String> {
        set(key, &Given::Text(text.into()))
    }

    #[test]
    fn sizes_are_numbers_or_have_a_unit() {
        let bytes = |given: &str| text("limits.json_bytes", given);
        for (given, shown) in [
            ("1024", "1KiB"),
            ("1025", "1025"),
            ("32MiB", "32MiB"),
            ("2 KiB", "2KiB"),
            ("1536KiB", "1536KiB"),
        ] {
            assert_eq!(bytes(given).as_deref(), Some(shown), "{given}");
        }
        for wrong in ["", "0", "1023", "33MiB", "4MB", "-1", "MiB", "17179869184GiB", "4mib"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
        assert_eq!(set("limits.json_bytes", &Given::Number(2048)).as_deref(), Some("2KiB"));
    }

    #[test]
    fn numbers_keep_to_their_range() {
        let connections = |given: &str| text("limits.connections", given);
        assert_eq!(connections("1").as_deref(), Some("1"));
        assert_eq!(connections("1000000").as_deref(), Some("1000000"));
        for wrong in ["0", "1000001", "many", "1e3", ""] {
            assert_eq!(connections(wrong), None, "{wrong}");
        }
        assert_eq!(set("limits.connections", &Given::Number(-1)), None);
        assert_eq!(set("limits.connections", &Given::Other("true".to_owned())), None);
    }

    #[test]
    fn hosts_are_names_alone() {
        let hosts = |given: &str| text("hosts", given);
        assert_eq!(hosts("db.example, a").as_deref(), Some("db.example, a"));
        assert_eq!(hosts("[2001:db8::1]").as_deref(), Some("[2001:db8::1]"));
        for wrong in ["https://db.example", "db.example:80", "a,,b", "a b", "[x]", "*"] {
            assert_eq!(hosts(wrong), None, "{wrong}");
        }
    }
}
