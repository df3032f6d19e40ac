//! Sources in their order, what is refused, and the documents.

use std::path::Path;

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
    for setting in TABLE {
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
