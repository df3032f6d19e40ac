//! What a server is started with.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use arrw_server::{
    Class, ClientSettings, Limits, Origin, RecoveryMode, SlowPolicy, SocketLimits, TokenSettings,
};

use super::channel::ChannelConfig;
use crate::cli::{key, token};

/// Where a server listens when nothing else is said; its clients expect it there.
pub(crate) const LISTEN_DEFAULT: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7650);

/// Every setting with its value. [`TABLE`](super::table::TABLE) says what each means.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) data: PathBuf,
    pub(crate) hosts: Vec<String>,
    pub(crate) origins: Vec<Origin>,
    pub(crate) keys: PathBuf,
    pub(crate) backups: PathBuf,
    pub(crate) files: PathBuf,
    pub(crate) tls_certificate: Option<PathBuf>,
    pub(crate) tls_key: Option<PathBuf>,
    pub(crate) log_format: Format,
    pub(crate) log_level: Level,
    pub(crate) limits: Limits,
    pub(crate) socket_limits: SocketLimits,
    /// Whether messages of WebSockets are compressed.
    pub(crate) compression: bool,
    pub(crate) clients: ClientSettings,
    /// Of channels without a namespace.
    pub(crate) channel: ChannelConfig,
    /// By the name of the namespace, in the order of the file.
    pub(crate) namespaces: Vec<(String, ChannelConfig)>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: LISTEN_DEFAULT,
            data: "./arrwdb-data".into(),
            hosts: Vec::new(),
            origins: Vec::new(),
            keys: key::FILE_DEFAULT.into(),
            backups: "./arrwdb-backups".into(),
            files: "./arrwdb-files".into(),
            tls_certificate: None,
            tls_key: None,
            log_format: Format::Text,
            log_level: Level::Info,
            limits: Limits::default(),
            socket_limits: SocketLimits::default(),
            compression: false,
            clients: clients(),
            channel: ChannelConfig::default(),
            namespaces: Vec::new(),
        }
    }
}

fn clients() -> ClientSettings {
    let revocations = Some(token::REVOCATIONS_DEFAULT.into());
    let tokens = TokenSettings { revocations, ..TokenSettings::default() };
    ClientSettings { tokens, ..ClientSettings::default() }
}

/// How a line of the server's log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One object of JSON a line.
    Json,
}

/// Which lines of the server's log are written: these, and those that matter more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

/// A setting that is one of some words.
pub(crate) trait Word: Copy + PartialEq + 'static {
    const ALL: &'static [(&'static str, Self)];

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(word, _)| *word == text).map(|(_, value)| *value)
    }

    fn word(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, value)| *value == self);
        found.map_or("", |(word, _)| word)
    }
}

impl Word for Format {
    const ALL: &'static [(&'static str, Self)] = &[("text", Self::Text), ("json", Self::Json)];
}

impl Word for Level {
    const ALL: &'static [(&'static str, Self)] = &[
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
    ];
}

impl Word for Class {
    const ALL: &'static [(&'static str, Self)] =
        &[("durable", Self::Durable), ("volatile", Self::Volatile)];
}

impl Word for RecoveryMode {
    const ALL: &'static [(&'static str, Self)] =
        &[("stream", Self::Stream), ("cache", Self::Cache)];
}

impl Word for SlowPolicy {
    const ALL: &'static [(&'static str, Self)] = &[
        ("durable", Self::Durable),
        ("conflate", Self::Conflate),
        ("drop_oldest", Self::DropOldest),
        ("disconnect", Self::Disconnect),
    ];
}
