//! What a source says of a setting, before it is known whether it may be that.

use std::ffi::OsString;
use std::path::PathBuf;

use arrw_server::{Origin, PassedHeader};

use super::value::UNITS;

/// What a source says of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    Text(OsString),
    Number(i64),
    Switch(bool),
    Texts(Vec<OsString>),
    /// What no setting can be, as it is written.
    Other(String),
}

impl Given {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => text.to_str(),
            Self::Number(_) | Self::Switch(_) | Self::Texts(_) | Self::Other(_) => None,
        }
    }

    pub(super) fn path(&self) -> Option<PathBuf> {
        match self {
            Self::Text(text) if !text.is_empty() => Some(text.into()),
            Self::Text(_) | Self::Number(_) | Self::Switch(_) | Self::Texts(_) | Self::Other(_) => {
                None
            }
        }
    }

    /// The names of a list, or of a text with commas between them.
    fn names(&self) -> Option<Vec<&str>> {
        match self {
            Self::Text(text) => Some(text.to_str()?.split(',').map(str::trim).collect()),
            Self::Texts(texts) => texts.iter().map(|text| text.to_str()).collect(),
            Self::Number(_) | Self::Switch(_) | Self::Other(_) => None,
        }
    }

    pub(super) fn origins(&self) -> Option<Vec<Origin>> {
        self.names()?.into_iter().map(|name| name.parse().ok()).collect()
    }

    pub(super) fn headers(&self) -> Option<Vec<PassedHeader>> {
        self.names()?.into_iter().map(|name| name.parse().ok()).collect()
    }

    pub(super) fn hosts(&self) -> Option<Vec<String>> {
        let names = self.names()?;
        names.iter().all(|name| is_host(name)).then(|| names.into_iter().map(Into::into).collect())
    }

    pub(super) fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => u64::try_from(*number).ok(),
            Self::Text(text) => text.to_str()?.parse().ok(),
            Self::Switch(_) | Self::Texts(_) | Self::Other(_) => None,
        }
    }

    pub(super) fn switch(&self) -> Option<bool> {
        match self {
            Self::Switch(value) => Some(*value),
            Self::Text(text) => text.to_str()?.parse().ok(),
            Self::Number(_) | Self::Texts(_) | Self::Other(_) => None,
        }
    }

    pub(super) fn bytes(&self) -> Option<u64> {
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
            Self::Switch(value) => write!(f, "{value}"),
            Self::Texts(texts) => {
                let texts: Vec<_> = texts.iter().map(|text| text.to_string_lossy()).collect();
                f.write_str(&texts.join(", "))
            }
            Self::Other(text) => f.write_str(text),
        }
    }
}
