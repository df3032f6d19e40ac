//! The value of a setting, as it is shown and as a file has it.

use serde::Serialize;

#[cfg(any(test, feature = "fuzz"))]
use super::given::Given;

/// The value of a setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Value {
    Text(String),
    Number(u64),
    Switch(bool),
    /// Shown in the largest unit in which it is whole.
    Bytes(u64),
    Texts(Vec<String>),
}

/// Units of sizes, largest first.
pub(super) const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

impl Value {
    /// As a file has it.
    pub(crate) fn to_toml(&self) -> String {
        match self {
            Self::Text(text) => quoted(text),
            Self::Number(number) => number.to_string(),
            Self::Switch(value) => value.to_string(),
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
            Self::Switch(value) => Given::Switch(*value),
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
            Self::Switch(value) => write!(f, "{value}"),
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
