//! The table of all settings: files, variables, flags and documents are made of it.

use super::channel::OPTIONS;
use super::client::CLIENTS;
use super::config::Config;
use super::kind::Kind;

/// What may be set.
#[derive(Debug)]
pub(crate) struct Setting {
    /// Its name in a file, with its group before the dot.
    pub(crate) key: &'static str,
    pub(crate) flag: Option<Flag>,
    /// What it is, in one line.
    pub(crate) doc: &'static str,
    pub(crate) kind: Kind,
}

/// How it is given on the command line.
#[derive(Debug)]
pub(crate) struct Flag {
    /// Without the dashes.
    pub(crate) name: &'static str,
    pub(crate) value_name: &'static str,
}

/// What the variable of each setting begins with.
pub(crate) const PREFIX: &str = "ARRWDB_";

impl Setting {
    /// The variable of the environment that sets it.
    pub(crate) fn variable(&self) -> String {
        format!("{PREFIX}{}", self.key.replace('.', "_").to_ascii_uppercase())
    }

    /// Its group, if it has one, and its name in there.
    pub(crate) fn split(&self) -> (Option<&'static str>, &'static str) {
        match self.key.rsplit_once('.') {
            Some((group, name)) => (Some(group), name),
            None => (None, self.key),
        }
    }
}

/// The setting of a key.
pub(crate) fn find(key: &str) -> Option<&'static Setting> {
    all().find(|setting| setting.key == key)
}

/// All settings but those of namespaces. Those of a group stand together, those without one first.
pub(crate) fn all() -> impl Iterator<Item = &'static Setting> {
    [SERVER, CLIENTS, OPTIONS].into_iter().flatten()
}

/// Settings of the server as a whole.
const SERVER: &[Setting] = &[
    Setting {
        key: "listen",
        flag: Some(Flag { name: "listen", value_name: "ADDRESS" }),
        doc: "Address to listen on; port 0 for any that is free",
        kind: Kind::Address(|config| &mut config.listen),
    },
    Setting {
        key: "data",
        flag: Some(Flag { name: "data", value_name: "FOLDER" }),
        doc: "Folder of the data; made if it is not there",
        kind: Kind::Folder(|config| &mut config.data),
    },
    Setting {
        key: "hosts",
        flag: Some(Flag { name: "host", value_name: "NAME" }),
        doc: "Names under which it may also be asked, such as that of a proxy before it",
        kind: Kind::Hosts(|config| &mut config.hosts),
    },
    Setting {
        key: "origins",
        flag: Some(Flag { name: "origin", value_name: "ORIGIN" }),
        doc: "Other sites whose pages may read and write here from a browser (CORS); with a key, if one is needed",
        kind: Kind::Origins(|config| &mut config.origins),
    },
    Setting {
        key: "keys",
        flag: Some(Flag { name: "keys", value_name: "FILE" }),
        doc: "File of the API keys, which `arrwdb key` makes; when it has any, every client needs one",
        kind: Kind::File(|config| &mut config.keys),
    },
    Setting {
        key: "backups",
        flag: None,
        doc: "Folder in which `arrwdb backup` has backups made, each in one of its own; made with the first of them",
        kind: Kind::Folder(|config| &mut config.backups),
    },
    Setting {
        key: "files",
        flag: None,
        doc: "Folder of the files that jobs of the queue `arrwdb` export to and import from; made with the first of them",
        kind: Kind::Folder(|config| &mut config.files),
    },
    Setting {
        key: "tls.certificate",
        flag: None,
        doc: "File of the server's certificate and those that lead to a known one, in PEM; read again when it changes",
        kind: Kind::FileOrNone(|config| &mut config.tls_certificate),
    },
    Setting {
        key: "tls.key",
        flag: None,
        doc: "File of the private key of that certificate, in PEM; both or neither",
        kind: Kind::FileOrNone(|config| &mut config.tls_key),
    },
    Setting {
        key: "log.format",
        flag: Some(Flag { name: "log-format", value_name: "FORMAT" }),
        doc: "How lines about the server itself are written to the standard error",
        kind: Kind::Format(|config| &mut config.log_format),
    },
    Setting {
        key: "log.level",
        flag: Some(Flag { name: "log-level", value_name: "LEVEL" }),
        doc: "Which of these lines are written: those of this level and above; `debug` has one for each request",
        kind: Kind::Level(|config| &mut config.log_level),
    },
    limit(
        "limits.connections",
        "Connections at once; one more is answered 503 and closed. Each needs a file descriptor and some 20 KiB",
        count("connections", (1, MANY), |config| &mut config.limits.connections),
    ),
    limit(
        "limits.connections_per_address",
        "Connections at once from one remote address (of IPv6, its first 64 bits); one more is answered 503 and closed",
        count("connections", (1, MANY), |config| &mut config.limits.connections_per_address),
    ),
    limit(
        "limits.connections_per_loopback",
        "The same for each address of this machine, from which a proxy brings the connections of all its clients",
        count("connections", (1, MANY), |config| &mut config.limits.connections_per_loopback),
    ),
    limit(
        "limits.requests_per_address",
        "Requests a second from one remote address, and two seconds' worth at once; more are answered 429. A connection counts as its first",
        count("requests/s", (1, MANY), |config| &mut config.limits.requests_per_address),
    ),
    limit(
        "limits.requests_per_loopback",
        "The same for each address of this machine, from which a proxy brings the requests of all its clients",
        count("requests/s", (1, MANY), |config| &mut config.limits.requests_per_loopback),
    ),
    limit(
        "limits.requests_per_key",
        "The same for each API key, from wherever it is used",
        count("requests/s", (1, MANY), |config| &mut config.limits.requests_per_key),
    ),
    limit(
        "limits.streams",
        "Streams of events at once; one more is answered 503",
        count("streams", (1, MANY), |config| &mut config.limits.streams),
    ),
    limit(
        "limits.head_ms",
        "How long the head of a request may take, and so a connection be idle; then it is closed",
        Kind::Millis { range: (100, HOUR), field: |config| &mut config.limits.head },
    ),
    limit(
        "limits.body_idle_ms",
        "How long a body may bring nothing; then it is answered 408",
        Kind::Millis { range: (100, HOUR), field: |config| &mut config.limits.body_idle },
    ),
    limit(
        "limits.write_stall_ms",
        "How long a client may take nothing of what waits for it; then its connection is closed",
        Kind::Millis { range: (100, HOUR), field: |config| &mut config.limits.write_stall },
    ),
    limit(
        "limits.drain_ms",
        "How long requests may go on when the server stops; then their connections are closed",
        Kind::Millis { range: (0, HOUR), field: |config| &mut config.limits.drain },
    ),
    limit(
        "limits.json_bytes",
        "Bytes of a body that is one JSON value, which is in memory as a whole; a larger one is answered 413",
        Kind::Bytes { range: (1 << 10, 32 << 20), field: |config| &mut config.limits.json_bytes },
    ),
    limit(
        "limits.line_bytes",
        "Bytes of a line of NDJSON; a longer one is answered 413",
        Kind::Bytes { range: (1 << 10, 32 << 20), field: |config| &mut config.limits.line_bytes },
    ),
    limit(
        "limits.bodies_bytes",
        "Bytes of all bodies that are in memory together; a request that needs more is answered 503",
        Kind::Bytes { range: (64 << 20, 1 << 40), field: |config| &mut config.limits.bodies_bytes },
    ),
    limit(
        "limits.page_events",
        "Events of a page at most; who asks for more is answered 400",
        count("events", (1, 100_000), |config| &mut config.limits.page_events),
    ),
    limit(
        "limits.page_wait_ms",
        "How long a request for a page may wait for an event; who asks for longer is answered 400",
        Kind::Millis { range: (0, HOUR), field: |config| &mut config.limits.page_wait },
    ),
    limit(
        "limits.message_bytes",
        "Bytes of a message that a client sends over a WebSocket, also when it was compressed; a longer one ends the connection with 1009",
        Kind::Bytes {
            range: (1 << 10, 32 << 20),
            field: |config| &mut config.socket_limits.message_bytes,
        },
    ),
    limit(
        "limits.channels_per_connection",
        "Channels that one connection may be subscribed to; one more is refused by error 106",
        count("channels", (1, 10_000), |config| &mut config.socket_limits.channels_per_connection),
    ),
    limit(
        "limits.pending_commands",
        "Commands of one connection whose answer is under way; one more is refused by error 111",
        count("commands", (1, 10_000), |config| &mut config.socket_limits.pending_commands),
    ),
    limit(
        "limits.commands_per_second",
        "Commands a second of one connection, and two seconds' worth at once; one more is refused by error 111, and who goes on is ended by 3013",
        count("commands/s", (1, MANY), |config| &mut config.socket_limits.commands_per_second),
    ),
    limit(
        "limits.connections_per_user",
        "Connections that follow channels of one user; one more is ended by 3504",
        count("connections", (1, MANY), |config| &mut config.socket_limits.connections_per_user),
    ),
    limit(
        "limits.outbox_bytes",
        "Bytes that wait for one client that takes nothing, of which publications are none; more end its connection with 3008",
        Kind::Bytes {
            range: (64 << 10, 1 << 30),
            field: |config| &mut config.socket_limits.outbox_bytes,
        },
    ),
    limit(
        "limits.connect_ms",
        "How long a client may take from the WebSocket's handshake to its connect command; then it is ended by 3502",
        Kind::Millis { range: (1_000, HOUR), field: |config| &mut config.socket_limits.connect },
    ),
    limit(
        "limits.pong_ms",
        "How long a client may take to answer a ping; then it is ended by 3012",
        Kind::Millis { range: (1_000, HOUR), field: |config| &mut config.socket_limits.pong },
    ),
    limit(
        "limits.stall_ms",
        "How long a client may take nothing of what it is sent while its channels let it be slow; then it is ended by 3008",
        Kind::Millis { range: (1_000, 24 * HOUR), field: |config| &mut config.socket_limits.stall },
    ),
    limit(
        "limits.rings_bytes",
        "Bytes of the newest publications that are in memory, ready to be sent; when there are more, who is behind reads the log",
        Kind::Bytes {
            range: (1 << 20, 1 << 36),
            field: |config| &mut config.socket_limits.rings_bytes,
        },
    ),
];

/// More connections than one machine has memory for.
const MANY: usize = 1_000_000;

/// The longest time that may be set.
const HOUR: u64 = 3_600_000;

const fn limit(key: &'static str, doc: &'static str, kind: Kind) -> Setting {
    Setting { key, flag: None, doc, kind }
}

const fn count(
    unit: &'static str,
    range: (usize, usize),
    field: fn(&mut Config) -> &mut usize,
) -> Kind {
    Kind::Count { unit, range, field }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn keys_variables_and_flags_are_unique_and_groups_stand_together() {
        let keys: BTreeSet<_> = all().map(|setting| setting.key).collect();
        let variables: BTreeSet<_> = all().map(Setting::variable).collect();
        assert_eq!((keys.len(), variables.len()), (all().count(), all().count()));
        let mut groups: Vec<_> = all().map(|setting| setting.split().0).collect();
        groups.dedup();
        let expected = [
            "tls",
            "log",
            "limits",
            "client",
            "client.token",
            "client.proxy.connect",
            "rpc.proxy",
            "channel.without_namespace",
        ];
        assert_eq!(groups[0], None);
        assert_eq!(groups[1..], expected.map(Some));
    }

    #[test]
    fn a_default_can_be_set_and_changes_nothing() {
        for setting in all() {
            let mut config = Config::default();
            let default = setting.kind.value(&config);
            let given = default.given();
            assert_eq!(setting.kind.set(&mut config, &given), Some(()), "{}", setting.key);
            assert_eq!(setting.kind.value(&config), default, "{}", setting.key);
        }
    }

    #[test]
    fn every_limit_that_can_be_reached_is_counted() {
        let counted: BTreeSet<String> =
            arrw_server::Limit::all().map(|limit| format!("limits.{}", limit.name())).collect();
        // When the first is reached nobody can ask any more, and the log tells of it. The second refuses nothing: what it
        // makes slower is counted as misses of the rings.
        let uncounted = ["limits.drain_ms", "limits.rings_bytes"];
        let settable = all().filter(|setting| !uncounted.contains(&setting.key));
        let settable = settable.map(|setting| setting.key.to_owned());
        let settable = settable.filter(|key| key.starts_with("limits.")).collect();
        assert_eq!(counted, settable);
    }

    #[test]
    fn a_duration_has_its_unit_in_its_name() {
        for setting in all() {
            let is_time = setting.kind.unit() == "ms";
            assert_eq!(setting.key.ends_with("_ms"), is_time, "{}", setting.key);
            let is_size = setting.kind.unit() == "bytes";
            assert_eq!(setting.key.ends_with("_bytes"), is_size, "{}", setting.key);
        }
    }
}
