//! What values a setting may have, how they are taken, and how they are shown.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use arrw_server::limits::TOKEN_KEY_BYTES_MAX;
use arrw_server::{
    Class, Endpoint, KeyFamily, Origin, PassedHeader, PublicKey, RecoveryMode, Secret, SlowPolicy,
};

use super::channel::ChannelConfig;
use super::config::{Config, Format, Level, Word};
use super::given::Given;
use super::value::Value;

/// The place of a setting in what it belongs to.
type Field<C, T> = fn(&mut C) -> &mut T;

/// What a setting is, and where it is kept.
#[derive(Debug)]
pub(crate) enum Kind<C = Config> {
    Address(Field<C, SocketAddr>),
    Folder(Field<C, PathBuf>),
    File(Field<C, PathBuf>),
    /// An empty text for none.
    FileOrNone(Field<C, Option<PathBuf>>),
    /// An empty text for none.
    TextOrNone(Field<C, Option<String>>),
    /// An empty text for none. Never shown.
    Secret(Field<C, Option<Secret>>),
    /// An empty text for none.
    PublicKey(KeyFamily, Field<C, Option<PublicKey>>),
    Hosts(Field<C, Vec<String>>),
    Origins(Field<C, Vec<Origin>>),
    /// An empty text for none.
    Endpoint(Field<C, Option<Endpoint>>),
    Headers(Field<C, Vec<PassedHeader>>),
    Format(Field<C, Format>),
    Level(Field<C, Level>),
    Class(Field<C, Class>),
    SlowPolicy(Field<C, SlowPolicy>),
    RecoveryMode(Field<C, RecoveryMode>),
    Switch(Field<C, bool>),
    Count {
        unit: &'static str,
        range: (usize, usize),
        field: Field<C, usize>,
    },
    Bytes {
        range: (usize, usize),
        field: Field<C, usize>,
    },
    Millis {
        range: (u64, u64),
        field: Field<C, Duration>,
    },
    /// An option that channels without a namespace have as each namespace has it.
    Channel(Field<C, ChannelConfig>, &'static Kind<ChannelConfig>),
}

/// Bytes of a text such as the name of an issuer.
const TEXT_BYTES_MAX: usize = 1_024;

/// What is shown of a secret.
const SET: &str = "(set)";

impl<C: Clone> Kind<C> {
    /// Takes what is given, if the setting may be that.
    pub(crate) fn set(&self, config: &mut C, given: &Given) -> Option<()> {
        match self {
            Self::Address(field) => *field(config) = given.text()?.parse().ok()?,
            Self::Folder(field) | Self::File(field) => *field(config) = given.path()?,
            Self::FileOrNone(field) => {
                let is_none = given.text().is_some_and(str::is_empty);
                *field(config) = if is_none { None } else { Some(given.path()?) };
            }
            Self::TextOrNone(field) => {
                let text = given.text().filter(|text| text.len() <= TEXT_BYTES_MAX)?;
                *field(config) = Some(text.to_owned()).filter(|text| !text.is_empty());
            }
            Self::Secret(field) => {
                *field(config) = some(given.text()?, |text| Secret::new(text).ok())?;
            }
            Self::PublicKey(family, field) => {
                let key = some(given.text()?, |pem| PublicKey::parse(pem).ok())?;
                let is_of_family = key.as_ref().is_none_or(|key| key.family() == *family);
                *field(config) = is_of_family.then_some(key)?;
            }
            Self::Hosts(field) => *field(config) = given.hosts()?,
            Self::Origins(field) => *field(config) = given.origins()?,
            Self::Endpoint(field) => {
                *field(config) = some(given.text()?, |url| url.parse().ok())?;
            }
            Self::Headers(field) => *field(config) = given.headers()?,
            Self::Format(field) => *field(config) = Format::parse(given.text()?)?,
            Self::Level(field) => *field(config) = Level::parse(given.text()?)?,
            Self::Class(field) => *field(config) = Class::parse(given.text()?)?,
            Self::SlowPolicy(field) => *field(config) = SlowPolicy::parse(given.text()?)?,
            Self::RecoveryMode(field) => *field(config) = RecoveryMode::parse(given.text()?)?,
            Self::Switch(field) => *field(config) = given.switch()?,
            Self::Count { range, field, .. } => {
                *field(config) = within(given.number()?.try_into().ok()?, *range)?;
            }
            Self::Bytes { range, field } => {
                *field(config) = within(given.bytes()?.try_into().ok()?, *range)?;
            }
            Self::Millis { range, field } => {
                *field(config) = Duration::from_millis(within(given.number()?, *range)?);
            }
            Self::Channel(field, option) => option.set(field(config), given)?,
        }
        Some(())
    }

    /// What is set.
    pub(crate) fn value(&self, config: &C) -> Value {
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
            Self::TextOrNone(field) => Value::Text(field(config).clone().unwrap_or_default()),
            Self::Secret(field) => {
                Value::Text(field(config).as_ref().map_or("", |_secret| SET).to_owned())
            }
            Self::PublicKey(_, field) => {
                Value::Text(field(config).as_ref().map_or("", PublicKey::pem).to_owned())
            }
            Self::Hosts(field) => Value::Texts(field(config).clone()),
            Self::Origins(field) => {
                Value::Texts(field(config).iter().map(ToString::to_string).collect())
            }
            Self::Endpoint(field) => {
                let endpoint = field(config).as_ref().map(ToString::to_string);
                Value::Text(endpoint.unwrap_or_default())
            }
            Self::Headers(field) => {
                Value::Texts(field(config).iter().map(ToString::to_string).collect())
            }
            Self::Format(field) => Value::Text(field(config).word().to_owned()),
            Self::Level(field) => Value::Text(field(config).word().to_owned()),
            Self::Class(field) => Value::Text(field(config).word().to_owned()),
            Self::SlowPolicy(field) => Value::Text(field(config).word().to_owned()),
            Self::RecoveryMode(field) => Value::Text(field(config).word().to_owned()),
            Self::Switch(field) => Value::Switch(*field(config)),
            Self::Count { field, .. } => Value::Number(*field(config) as u64),
            Self::Bytes { field, .. } => Value::Bytes(*field(config) as u64),
            Self::Millis { field, .. } => {
                Value::Number(u64::try_from(field(config).as_millis()).unwrap_or(u64::MAX))
            }
            Self::Channel(field, option) => option.value(field(config)),
        }
    }

    /// What a number of it counts; empty for what is no number.
    pub(crate) fn unit(&self) -> &'static str {
        match self {
            Self::Count { unit, .. } => unit,
            Self::Bytes { .. } => "bytes",
            Self::Millis { .. } => "ms",
            Self::Channel(_, option) => option.unit(),
            Self::Address(_)
            | Self::Folder(_)
            | Self::File(_)
            | Self::FileOrNone(_)
            | Self::TextOrNone(_)
            | Self::Secret(_)
            | Self::PublicKey(..)
            | Self::Hosts(_)
            | Self::Origins(_)
            | Self::Endpoint(_)
            | Self::Headers(_)
            | Self::Format(_)
            | Self::Level(_)
            | Self::Class(_)
            | Self::SlowPolicy(_)
            | Self::RecoveryMode(_)
            | Self::Switch(_) => "",
        }
    }

    /// True when what was given is not repeated to anybody, or is too long for it.
    pub(crate) fn is_withheld(&self) -> bool {
        matches!(self, Self::Secret(_) | Self::PublicKey(..))
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
            Self::Endpoint(_) => {
                "a URL such as `http://127.0.0.1:3000/connect`, without a user, or empty for none"
                    .to_owned()
            }
            Self::Headers(_) => {
                "names of headers such as `cookie`, none about the connection or the body; as one text, with commas between"
                    .to_owned()
            }
            Self::Format(_) => words::<Format>(),
            Self::Level(_) => words::<Level>(),
            Self::TextOrNone(_) => {
                format!("a text of at most {TEXT_BYTES_MAX} bytes, or empty for none")
            }
            Self::Secret(_) => format!(
                "a text of at most {TOKEN_KEY_BYTES_MAX} bytes that is no key in PEM, or empty for none"
            ),
            Self::PublicKey(family, _) => key(*family),
            Self::Class(_) => words::<Class>(),
            Self::SlowPolicy(_) => words::<SlowPolicy>(),
            Self::RecoveryMode(_) => words::<RecoveryMode>(),
            Self::Switch(_) => "`true` or `false`".to_owned(),
            Self::Channel(_, option) => option.allowed(),
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

fn key(family: KeyFamily) -> String {
    let which = match family {
        KeyFamily::Rsa => "of RSA with 2048 to 8192 bits",
        KeyFamily::Ecdsa => "on the curve P-256 or P-384",
        KeyFamily::Ed25519 => "of Ed25519",
    };
    format!("a public key {which} in PEM (`-----BEGIN PUBLIC KEY-----`), or empty for none")
}

/// What a text is read as; none for an empty one.
#[expect(clippy::option_option, reason = "it is refused, is nothing, or is something")]
fn some<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
    if text.is_empty() { Some(None) } else { read(text).map(Some) }
}

fn within<T: PartialOrd>(number: T, (min, max): (T, T)) -> Option<T> {
    (min <= number && number <= max).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::settings::table::find;

    /// What becomes of a value: as it is shown, or `None` when it is refused.
    fn set(key: &str, given: &Given) -> Option<String> {
        let mut config = Config::default();
        let kind = &find(key).unwrap().kind;
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
