//! Sources in their order, what is refused, and the documents.

use std::path::Path;
use std::time::Duration;

use arrw_server::{ChannelOptions, Class, JoinLeave, KeyFamily, Offer, RecoveryMode, SlowPolicy};

use super::*;

/// A file of this text, in a folder of its own that is removed at the end.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("arrwdb-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("a.toml");
        std::fs::write(&file, text).unwrap();
        Self(file)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _left_behind = std::fs::remove_dir_all(self.0.parent().unwrap());
    }
}

fn flags(file: &Path) -> Flags {
    Flags { file: Some(file.to_owned()), said: Vec::new() }
}

fn read(file: &File, variables: &[(&str, &str)]) -> Result<Settings, WrongSettings> {
    let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
    Settings::read_with(&flags(&file.0), variables)
}

/// Checks that a file is refused for this reason alone.
#[track_caller]
fn refused(name: &str, text: &str, what: &str, help: Option<&str>) {
    let wrong = read(&File::new(name, text), &[]).unwrap_err();
    let [fault] = &wrong.faults[..] else { panic!("{wrong:?}") };
    assert!(fault.what.contains(what), "{fault:?}");
    assert_eq!(fault.help.as_deref(), help, "{fault:?}");
}

#[test]
fn the_file_yields_to_the_environment_and_that_to_the_flags() {
    let text =
        "listen = '127.0.0.1:1'\nhosts = ['a', 'b']\n[limits]\nconnections = 5\nstreams = 6\n";
    let file = File::new("order", text);
    let mut flags = flags(&file.0);
    let listen = find("listen");
    let origin = Origin::Flag("listen".to_owned());
    flags.said.push(Said { setting: listen, given: Given::Text("127.0.0.1:3".into()), origin });
    let variables =
        [("ARRWDB_LISTEN", "127.0.0.1:2"), ("ARRWDB_LIMITS_CONNECTIONS", "7"), ("ARRWDB_DATA", "")];
    let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
    let settings = Settings::read_with(&flags, variables).unwrap();
    assert_eq!(settings.config.listen.port(), 3);
    assert_eq!(settings.config.hosts, ["a", "b"]);
    assert_eq!((settings.config.limits.connections, settings.config.limits.streams), (7, 6));
    let origin = |key: &str| settings.origin(find(key)).to_string();
    assert_eq!(origin("listen"), "--listen");
    assert_eq!(origin("limits.connections"), "ARRWDB_LIMITS_CONNECTIONS");
    assert_eq!(origin("limits.streams"), format!("{}:5", file.0.display()));
    assert_eq!(origin("data"), "default");
}

fn find(key: &str) -> &'static Setting {
    table::find(key).unwrap()
}

#[test]
fn a_name_that_there_is_not_is_refused_with_the_nearest() {
    refused("near", "\nlistn = 'x'", "no setting `listn`", Some("did you mean `listen`?"));
    let near = Some("did you mean `limits.connections`?");
    refused("group", "[limit]\nconnections = 1", "`limit.connections`", near);
    refused("dotted", "limits.connection = 1", "a.toml:1`", near);
    let list = Some("`arrwdb config show` lists all settings");
    refused("none", "[password]\nfile = 'x'", "`password.file`", list);
    refused("empty", "[passwords]", "`passwords`", list);
    let group = Some("write `[log]`, and a setting on each line below it");
    refused("value", "log = 'json'", "is a group", group);
}

#[test]
fn a_value_that_cannot_be_is_refused_with_what_can() {
    let check = |name: &str, text: &str, what: &str| refused(name, text, what, None);
    check("address", "listen = 'localhost'", "`localhost`, and must be an IP address and a port");
    check("range", "[limits]\nconnections = 0", "a.toml:2` is `0`, and must be a number from 1 to");
    check("type", "[limits]\nconnections = true", "is `true`");
    check("float", "[limits]\nhead_ms = 1.5", "is `1.5`, and must be a number of milliseconds");
    check("unit", "[limits]\njson_bytes = '4MB'", "`4MB`, and must be a number of bytes or a size");
    check("word", "[log]\nlevel = 'trace'", "`error`, `warn`, `info` or `debug`");
    check("array", "hosts = [1]", "must be host names");
    check("table", "[listen]\nx = 1", "is `a table`");
    check("big", "[limits]\nconnections = 99999999999999999999", "is `99999999999999999999`");
    check("twice", "listen = 'a'\nlisten = 'b'", "a.toml:2` is not TOML");
    check("syntax", "\n\nlisten", "a.toml:3` is not TOML");
}

/// The secret of these tests, which nothing may show.
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A key on the curve P-256.
const P256: &str = "\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7
6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==
-----END PUBLIC KEY-----
";

#[test]
fn channels_have_the_options_of_their_namespace() {
    let text = "\
[channel.without_namespace]
allow_subscribe_for_client = true

[[channel.namespaces]]
name = 'chat'
class = 'volatile'
presence = true
history_ttl_ms = 5000
force_recovery = false
force_recovery_mode = 'cache'
slow_policy = 'conflate'

[[channel.namespaces]]
name = 'a-B_9'
allow_recovery = false
force_recovery = false
join_leave = true
force_push_join_leave = true
";
    let settings = read(&File::new("namespaces", text), &[]).unwrap();
    let channels = settings.config.channels();
    assert!(channels.default.subscribe.client && !channels.default.subscribe.anonymous);
    let names: Vec<&str> = channels.namespaces.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["chat", "a-B_9"]);
    let chat = ChannelOptions {
        class: Class::Volatile,
        presence: true,
        history_ttl: Duration::from_secs(5),
        recovery: Offer::Asked,
        recovery_mode: RecoveryMode::Cache,
        slow_policy: SlowPolicy::Conflate,
        ..ChannelOptions::default()
    };
    assert_eq!(channels.namespaces[0].1, chat);
    let other = ChannelOptions {
        recovery: Offer::No,
        join_leave: JoinLeave::Forced,
        ..ChannelOptions::default()
    };
    assert_eq!(channels.namespaces[1].1, other);
    let [chat, _] = &settings.namespaces[..] else { panic!("{:?}", settings.namespaces) };
    assert!(chat.origin.to_string().ends_with("a.toml:4"), "{}", chat.origin);
    assert!(chat.options.iter().any(|(option, origin)| {
        name_of(option) == "presence" && origin.to_string().ends_with("a.toml:7")
    }));
    let variables = [("ARRWDB_CHANNEL_WITHOUT_NAMESPACE_PRESENCE", "true")];
    let inline = File::new("variable", "[channel]\nnamespaces = [{ name = 'x' }]");
    let channels = read(&inline, &variables).unwrap().config.channels();
    assert!(channels.default.presence && !channels.namespaces[0].1.presence);
}

#[test]
fn a_namespace_that_cannot_be_is_refused_where_it_stands() {
    let of = |rest: &str| format!("[[channel.namespaces]]\n{rest}");
    let check = |name: &str, rest: &str, what: &str, help: Option<&str>| {
        refused(name, &of(rest), what, help);
    };
    let none = "the namespace in `";
    let help = Some("write `name = \"chat\"` below `[[channel.namespaces]]`");
    check("ns-none", "presence = true", none, help);
    let near = Some("did you mean `presence`?");
    let unknown = "option `presense` of a namespace, which";
    check("ns-near", "name = 'a'\npresense = true", unknown, near);
    let line = "`channel.namespaces.a.history_size` in `";
    check("ns-value", "name = 'a'\nhistory_size = -1", line, None);
    let word = "is `fast`, and must be `durable` or `volatile`";
    check("ns-word", "name = 'a'\nclass = 'fast'", word, None);
    let switch = "a.toml:3` is `1`, and must be `true` or `false`";
    check("ns-switch", "name = 'a'\npresence = 1", switch, None);
    let long = "x".repeat(65);
    for wrong in ["", "a b", "a:b", "\u{e9}", &long] {
        let what = format!("is `{wrong}`, and must be 1 to 64 letters, digits, `-` and `_`");
        check("ns-name", &format!("name = '{wrong}'"), &what, None);
    }
    check("ns-number", "name = 1", "is `1`, and must be 1 to 64", None);
    let twice = of("name = 'a'\n[[channel.namespaces]]\nname = 'a'\n");
    let wrong = read(&File::new("ns-twice", &twice), &[]).unwrap_err();
    let [fault] = &wrong.faults[..] else { panic!("{wrong:?}") };
    assert!(fault.what.ends_with("a.toml:3` is there already"), "{fault:?}");
    assert!(fault.help.as_ref().unwrap().ends_with("a.toml:1`"), "{fault:?}");
    let list =
        "write `[[channel.namespaces]]` for each, and its name and its options on the lines below";
    for (name, text) in [
        ("ns-table", "[channel.namespaces]\nname = 'a'"),
        ("ns-texts", "[channel]\nnamespaces = ['a']"),
    ] {
        refused(name, text, "is a list of namespaces", Some(list));
    }
    let near = Some("did you mean `channel.namespaces`?");
    refused("ns-key", "[[channel.namespace]]\nname = 'a'", "`channel.namespace`", near);
}

#[test]
fn namespaces_are_bounded() {
    let of = |count: usize| {
        let one = |it| format!("[[channel.namespaces]]\nname = 'n{it}'\n");
        (0..count).map(one).collect::<String>()
    };
    let settings = read(&File::new("ns-most", &of(256)), &[]).unwrap();
    assert_eq!(settings.config.namespaces.len(), 256);
    let help = Some("there may be 256; many channels can share one");
    refused("ns-more", &of(257), "a.toml:513` has one namespace too many", help);
}

#[test]
fn no_secret_is_shown() {
    let text = format!(
        "[client.token]\nhmac_secret_key = '{SECRET}'\nhmac_previous_secret_key = 'short'\nissuer = 'us'\n"
    );
    let settings = read(&File::new("secret", &text), &[]).unwrap();
    let shown = |key: &str| find(key).kind.value(&settings.config);
    assert_eq!(shown("client.token.hmac_secret_key").to_string(), "(set)");
    assert_eq!(shown("client.token.issuer").to_string(), "us");
    assert!(!format!("{settings:?}").contains(SECRET));
    assert!(settings.config.clients.tokens.has_short_secret());
    let variables = [("ARRWDB_CLIENT_TOKEN_HMAC_SECRET_KEY", SECRET)];
    let settings = read(&File::new("secret-variable", ""), &variables).unwrap();
    assert!(settings.config.clients.tokens.hmac_secret_key.is_some());
    // Neither when it cannot be one.
    let long = SECRET.repeat(300);
    for wrong in [format!("'{long}'"), format!("['{SECRET}']"), format!("'''{P256}'''")] {
        let text = format!("[client.token]\nhmac_secret_key = {wrong}");
        let what =
            "a.toml:2` is `(not shown)`, and must be a text of at most 8192 bytes that is no key";
        refused("secret-wrong", &text, what, None);
    }
    assert!(all().filter(|it| it.kind.is_withheld()).all(|it| it.flag.is_none()));
}

#[test]
fn a_public_key_is_of_its_family() {
    let text = format!("[client.token]\necdsa_public_key = '''\n{P256}'''\n");
    let settings = read(&File::new("pem", &text), &[]).unwrap();
    let key = settings.config.clients.tokens.ecdsa_public_key.unwrap();
    assert_eq!(key.family(), KeyFamily::Ecdsa);
    let in_one_line = P256.trim_end().replace('\n', "\\n");
    let variables = [("ARRWDB_CLIENT_TOKEN_ECDSA_PUBLIC_KEY", in_one_line.as_str())];
    read(&File::new("pem-variable", ""), &variables).unwrap();
    let text = format!("[client.token]\nrsa_public_key = '''\n{P256}'''\n");
    let what =
        "a.toml:2` is `(not shown)`, and must be a public key of RSA with 2048 to 8192 bits in PEM";
    refused("pem-family", &text, what, None);
    refused("pem-text", "[client.token]\ned25519_public_key = 'a'", "of Ed25519 in PEM", None);
}

#[test]
fn everybody_may_do_anything_on_this_machine_only() {
    let open = |listen: &str| format!("listen = '{listen}'\n[client]\ninsecure = true\n");
    for listen in ["127.0.0.1:0", "[::1]:0"] {
        let settings = read(&File::new("insecure", &open(listen)), &[]).unwrap();
        assert!(settings.config.clients.insecure);
    }
    let help = Some("listen on 127.0.0.1, or take `client.insecure` away");
    for listen in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1"] {
        let what = format!(
            "`client.insecure` lets everybody do anything, and others can reach `{listen}`"
        );
        refused("insecure-open", &open(listen), &what, help);
    }
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let file = File::new("all", "listn = 1\n[limits]\nstreams = 0\n");
    let variables = [("ARRWDB_DTA", "x"), ("ARRWDB_LOG_LEVEL", "all")];
    let wrong = read(&file, &variables).unwrap_err();
    let all: Vec<&str> = wrong.faults.iter().map(|fault| fault.what.as_str()).collect();
    assert_eq!(all.len(), 4, "{all:?}");
    for part in ["listn", "streams", "ARRWDB_DTA", "`ARRWDB_LOG_LEVEL` is `all`"] {
        assert!(all.iter().any(|what| what.contains(part)), "{part}: {all:?}");
    }
}

#[test]
fn the_commented_file_has_every_setting_at_its_default() {
    let commented = to_toml();
    let settings = read(&File::new("commented", &commented), &[]).unwrap();
    assert!(settings.origins.is_empty());
    let is_setting = |line: &str| line.starts_with('#') && !line.starts_with("# ");
    let lines: Vec<&str> =
        commented.lines().map(|line| if is_setting(line) { &line[1..] } else { line }).collect();
    let settings = read(&File::new("uncommented", &lines.join("\n")), &[]).unwrap();
    for setting in all() {
        assert!(matches!(settings.origin(setting), Origin::File(..)), "{}", setting.key);
        let default = setting.kind.value(&Config::default());
        assert_eq!(setting.kind.value(&settings.config), default, "{}", setting.key);
    }
}

#[test]
fn the_document_has_the_table() {
    let document = include_str!("../../../../../docs/settings.md");
    let table = document::to_markdown();
    assert!(document.contains(&table), "docs/settings.md must have this table:\n{table}");
}
