//! The parsers of the command line as functions that a fuzzer calls.

use std::ffi::OsString;
use std::path::Path;

use arrw_log::fuzz::{Input, Outcome, Target, seeds, text_of};
use clap::Parser;
use serde_json::Value;

use super::import::Import;
use super::settings::{self, Settings};
use super::work::progress::{Lines, Said};
use super::{publish, tail};

/// Every fuzz function of this crate.
pub const TARGETS: &[Target] = &[SETTINGS_FILE, SETTING, IMPORT_LINE, TAIL_LINE, HEADER, PROGRESS];

const SETTINGS_FILE: Target = Target {
    name: "cli-settings-file",
    what: "file of settings: written out and read again they are the same",
    run: settings_file,
    seeds: || {
        let default = settings::to_toml();
        let in_force = default.lines().map(|line| match line.strip_prefix('#') {
            Some(set) if !line.starts_with("# ") => set,
            Some(_) | None => line,
        });
        let in_force = in_force.filter(|line| !line.starts_with('#')).collect::<Vec<_>>();
        let some =
            "listen = \"[::1]:1\"\nhosts = [\"a\", \"b.example\"]\nlimits.json_bytes = \"2 KiB\"\n";
        seeds(&[&in_force.join("\n"), some, "[limits]\nconnections = 0x10\n", "limit = 1"])
    },
    words: &[
        "[limits]\n",
        "limits.",
        "listen = ",
        "\"127.0.0.1:0\"",
        "hosts = [",
        "\"\"\"",
        "'''",
        "\\u0000",
        "KiB",
        "GiB",
        "1e9",
        "1979-05-27",
        "inf",
        "true",
        "{ a = 1 }",
        "[[limits]]\n",
        "\n[[channel.namespaces]]\nname = \"a\"\n",
        "\n[client.token]\n",
        "hmac_secret_key = \"x\"",
        "class = \"volatile\"",
        "log.level = \"debug\"",
        "0o7",
        "_",
    ],
};

const SETTING: Target = Target {
    name: "cli-setting",
    what: "value of a setting as a text: shown and given again it is the same",
    run: setting,
    seeds: || {
        let texts = [
            "127.0.0.1:7650",
            "./data",
            "a, b.example",
            "json",
            "1024",
            "4MiB",
            "[2001:db8::1]",
            "",
        ];
        let each = settings::all().zip(0_u8..).map(|(setting, at)| {
            let default = setting.kind.value(&settings::Config::default()).to_string();
            [&[at], default.as_bytes()].concat()
        });
        let all = texts.iter().zip(0_u8..).map(|(text, at)| [&[at], text.as_bytes()].concat());
        each.chain(all).collect()
    },
    words: &[
        "KiB",
        "MiB",
        "GiB",
        " ",
        ",",
        ":",
        "0",
        "18446744073709551615",
        "17179869184",
        "[",
        "]",
        "\0",
    ],
};

const IMPORT_LINE: Target = Target {
    name: "cli-import-line",
    what: "line of a file that is imported: one line of JSON with the topic that was asked for",
    run: import_line,
    seeds: || {
        seeds(&[
            "\0{\"city\":\"Oslo\",\"c\":4}",
            "\u{1}{\"t\":\"a.b\",\"k\":7}",
            "\u{2}{\"t\":\"a.b\",\"k\":\"x\",\"t\":1}",
            "\u{3}plain text",
            "\u{4}{\"topic\":\"a\",\"data\":1}",
        ])
    },
    words: &["\"t\":", "\"k\":", "\\u000a", "\\ud800", "{}", "[]", "\"", "1e400", "\r", "\u{2028}"],
};

const TAIL_LINE: Target = Target {
    name: "cli-tail-line",
    what: "event as a line for people: nothing in it moves the cursor",
    run: tail_line,
    seeds: || {
        seeds(&[
            r#"{"seq":7,"epoch":"e","topic":"a","offset":1,"time":"2026-01-31T23:59:59Z","data":{"a": 1}}"#,
            r#"{"seq":7,"topic":"a","time":"t","data_base64":"aGkKaG8="}"#,
        ])
    },
    words: &[
        "\"data\":",
        "\"data_base64\":",
        "Gw==",
        "\\u001b",
        "\u{9b}",
        "\u{7f}",
        "\u{85}",
        "\\n",
        "null",
    ],
};

const HEADER: Target = Target {
    name: "cli-header",
    what: "a header as an argument: put together again it is the same",
    run: header,
    seeds: || seeds(&["a=1", "trace=00-11", "=x", "a", "a==b"]),
    words: &["=", ":", " "],
};

fn settings_file(input: &[u8]) -> Outcome {
    let text = text_of(input);
    let read = match Settings::of_text(Path::new("a.toml"), text) {
        Ok(settings) => settings,
        Err(wrong) => {
            for fault in &wrong.faults {
                assert!(
                    !fault.what.is_empty() && fault.help.as_ref().is_none_or(|it| !it.is_empty())
                );
            }
            assert!(!wrong.faults.is_empty(), "they are refused without a reason");
            return Outcome::refused(&[wrong.faults.len(), text.len()]);
        }
    };
    let written = settings::all().map(|setting| {
        format!("{} = {}\n", setting.key, setting.kind.value(&read.config).to_toml())
    });
    let namespaces = read.namespaces.iter().flat_map(|namespace| {
        let options = namespace.options.iter().filter_map(|(option, _)| {
            let value = settings::kind_of(option)?.value(&namespace.config).to_toml();
            Some(format!("{} = {value}\n", settings::name_of(option)))
        });
        let head = format!("[[channel.namespaces]]\nname = '{}'\n", namespace.name);
        std::iter::once(head).chain(options)
    });
    let written: String = written.chain(namespaces).collect();
    let again = Settings::of_text(Path::new("b.toml"), &written);
    let again = again.map_err(|wrong| format!("{:?}", wrong.faults)).expect(&written);
    assert_eq!(format!("{:?}", again.config), format!("{:?}", read.config), "{written}");
    let set = settings::all().filter(|it| *read.origin(it) != settings::Origin::Default);
    Outcome::accepted(&[set.count(), text.len()])
}

fn setting(input: &[u8]) -> Outcome {
    let mut input = Input::new(input);
    let at = usize::from(input.byte()) % settings::all().count();
    let kind = &settings::all().nth(at).expect("it is one of them").kind;
    let mut config = settings::Config::default();
    let given = settings::Given::Text(OsString::from(text_of(input.rest())));
    if kind.set(&mut config, &given).is_none() {
        assert!(!kind.allowed().is_empty());
        return Outcome::refused(&[at]);
    }
    let value = kind.value(&config);
    let mut again = settings::Config::default();
    let is_taken = kind.set(&mut again, &value.given()).is_some();
    assert!(is_taken, "`{value}` is shown for `{given}`, and is refused");
    assert_eq!(format!("{again:?}"), format!("{config:?}"), "`{given}`");
    Outcome::accepted(&[at + 8, value.to_string().len()])
}

/// An import as its arguments say.
#[derive(Parser)]
struct Command {
    #[command(flatten)]
    import: Import,
}

fn import_line(input: &[u8]) -> Outcome {
    let mut input = Input::new(input);
    let arguments: &[&str] = match input.byte() % 5 {
        0 => &["", "-", "--topic", "fixed"],
        1 => &["", "-", "--topic-field", "t", "--key-field", "k"],
        2 => &["", "-", "--topic-field", "t"],
        3 => &["", "-", "--topic", "fixed", "--text"],
        _ => &["", "-"],
    };
    let import = Command::try_parse_from(arguments).expect("the arguments are right").import;
    let text = text_of(input.rest());
    let line = text.split('\n').next().unwrap_or_default();
    let mut body = Vec::new();
    if let Err(error) = import.add(line, &mut body) {
        assert!(body.is_empty(), "a part of a line that is refused is there");
        assert!(!error.to_string().is_empty(), "it is refused without a reason");
        return Outcome::refused(&[arguments.len()]);
    }
    assert_eq!(body.iter().filter(|byte| **byte == b'\n').count(), 1, "not one line");
    assert!(body.ends_with(b"\n"));
    if 2 < arguments.len()
        && let Ok(event) = serde_json::from_slice::<Value>(&body)
    {
        let topic = event["topic"].as_str().expect("it has a topic");
        assert!(arguments[2] != "--topic" || topic == "fixed", "{event}");
        assert!(event.get("data").is_some() != event.get("data_base64").is_some(), "{event}");
    }
    Outcome::accepted(&[arguments.len(), body.len()])
}

fn tail_line(input: &[u8]) -> Outcome {
    match tail::line(text_of(input)) {
        Ok(line) => {
            assert!(!line.contains(|it: char| it.is_control()), "{line:?}");
            Outcome::accepted(&[line.len(), usize::from(line.contains("base64:"))])
        }
        Err(error) => Outcome::refused(&[error.to_string().len()]),
    }
}

const PROGRESS: Target = Target {
    name: "cli-progress",
    what: "what a program says of how far its job is: the same wherever it is cut, and as it is written",
    run: progress,
    seeds: || {
        seeds(&[
            "\u{3}3/10 resizing\n\n7\n{\"current\":3,\"total\":null,\"message\":\"m\"}",
            "\u{1}half\n1/2\tdone\n",
        ])
    },
    words: &["\n", "/", "3/10 ", "{\"current\":", "\"total\":", "18446744073709551615", "\t"],
};

fn progress(input: &[u8]) -> Outcome {
    let mut input = Input::new(input);
    let (size, bytes) = (usize::from(input.byte()).max(1), input.rest());
    let lines = |size: usize| {
        let mut lines = Lines::default();
        let mut all: Vec<String> = bytes.chunks(size).flat_map(|piece| lines.take(piece)).collect();
        all.extend(lines.end());
        all
    };
    let whole = lines(bytes.len().max(1));
    assert_eq!(lines(size), whole, "in pieces of {size}");
    let said: Vec<Said> = whole.iter().filter_map(|line| Said::parse(line)).collect();
    for Said { current, total, message } in &said {
        let total = total.map(|total| format!("/{total}")).unwrap_or_default();
        let again = Said::parse(&format!("{current}{total} {}", message.replace('\n', " ")));
        let again = again.expect("it is as a program writes it");
        assert_eq!(
            (again.current, again.message.trim()),
            (*current, message.replace('\n', " ").trim())
        );
    }
    match said.len() {
        0 => Outcome::refused(&[whole.len()]),
        count => Outcome::accepted(&[count, whole.len()]),
    }
}

fn header(input: &[u8]) -> Outcome {
    let text = text_of(input);
    match publish::header(text) {
        Ok((name, value)) => {
            assert_eq!(format!("{name}={value}"), text);
            Outcome::accepted(&[name.len(), value.len()])
        }
        Err(error) => Outcome::refused_because(&error),
    }
}
