//! `arrwdb config`: what the server's settings are, and the file that they may stand in.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::json;

use super::exit::{Advised, Exit};
use super::report::Report;
use super::settings::{
    self, FILE_DEFAULT, Flags, Namespace, Setting, Settings, Value, all, choose_file,
    file_of_the_environment, kind_of, name_of,
};
use super::text;

/// Show, check and write the settings of the server
#[derive(Debug, Subcommand)]
#[command(verbatim_doc_comment)]
pub(crate) enum Command {
    Show(Show),
    Init(Init),
    Check(Check),
}

/// Print every setting with its value, its unit, its default and where it comes from
///
/// Says what `arrwdb serve` would do with the same flags, in the same folder and environment.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb config show
  $ ARRWDB_LOG_LEVEL=debug arrwdb config show --listen 127.0.0.1:8000 --json"
)]
pub(crate) struct Show {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    flags: Flags,
}

/// Write a file with every setting at its default, all commented out
///
/// A file that is there already stays as it is.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb config init
  $ arrwdb config init other.toml"
)]
pub(crate) struct Init {
    /// The file
    #[arg(default_value = FILE_DEFAULT)]
    file: PathBuf,
    #[command(flatten)]
    report: Report,
}

/// Say whether a file of settings is fine
///
/// Without FILE it is the one that `arrwdb serve` would read: that of ARRWDB_CONFIG, or ./arrwdb.toml.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb config check
  $ arrwdb config check other.toml"
)]
pub(crate) struct Check {
    /// The file
    file: Option<PathBuf>,
    #[command(flatten)]
    report: Report,
}

impl Command {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        match self {
            Self::Show(command) => command.run(),
            Self::Init(command) => command.run(),
            Self::Check(command) => command.run(),
        }
    }
}

/// A setting as JSON has it.
#[derive(Debug, Serialize)]
struct Row {
    key: String,
    value: Value,
    unit: &'static str,
    default: Value,
    origin: String,
}

impl Row {
    fn of(settings: &Settings, setting: &Setting) -> Self {
        Self {
            key: setting.key.to_owned(),
            value: setting.kind.value(&settings.config),
            unit: setting.kind.unit(),
            default: setting.kind.value(&settings::Config::default()),
            origin: settings.origin(setting).to_string(),
        }
    }
}

impl Row {
    /// The name of a namespace, and the options that it does not have by default.
    fn of_namespace(namespace: &Namespace) -> Vec<Self> {
        let Namespace { name, config, origin, options } = namespace;
        let key = |option: &str| format!("channel.namespaces.{name}.{option}");
        let options = options.iter().filter_map(|(option, origin)| {
            let kind = kind_of(option)?;
            Some(Self {
                key: key(name_of(option)),
                value: kind.value(config),
                unit: kind.unit(),
                default: option.kind.value(&settings::Config::default()),
                origin: origin.to_string(),
            })
        });
        let named = Self {
            key: key("name"),
            value: Value::Text(name.clone()),
            unit: "",
            default: Value::Text(String::new()),
            origin: origin.to_string(),
        };
        std::iter::once(named).chain(options).collect()
    }
}

impl Show {
    fn run(&self) -> anyhow::Result<Exit> {
        let settings = Settings::read(&self.flags)?;
        let namespaces = settings.namespaces.iter().flat_map(Row::of_namespace);
        let rows = all().map(|setting| Row::of(&settings, setting)).chain(namespaces);
        let rows: Vec<Row> = rows.collect();
        let out =
            if self.json { format!("{}\n", json!({ "settings": rows })) } else { aligned(&rows) };
        io::stdout().lock().write_all(out.as_bytes())?;
        Ok(Exit::Fine)
    }
}

/// Rows for people, each column as wide as its longest cell.
fn aligned(rows: &[Row]) -> String {
    let title = ["setting", "value", "unit", "default", "origin"].map(str::to_owned);
    let shown = |value: &Value| match value.to_string() {
        empty if empty.is_empty() => "-".to_owned(),
        lines if lines.contains('\n') => "(set)".to_owned(),
        text => text,
    };
    let cells = rows.iter().map(|row| {
        let unit = if row.unit.is_empty() { "-" } else { row.unit };
        [
            row.key.clone(),
            shown(&row.value),
            unit.to_owned(),
            shown(&row.default),
            row.origin.clone(),
        ]
    });
    let lines: Vec<_> = std::iter::once(title).chain(cells).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
    let widths: Vec<usize> = (0..5).filter_map(width).collect();
    let mut out = String::new();
    for line in &lines {
        let padded: Vec<String> =
            line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        out.push_str(padded.join("  ").trim_end());
        out.push('\n');
    }
    out
}

impl Init {
    fn run(&self) -> anyhow::Result<Exit> {
        let file = self.file.display();
        let mut opened = match OpenOptions::new().write(true).create_new(true).open(&self.file) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let what = format!("`{file}` is there already");
                let help = "remove it, or name another file".to_owned();
                return Err(Advised { what, help }.into());
            }
            Err(error) => return Err(error).with_context(|| format!("cannot make `{file}`")),
        };
        let written = opened.write_all(settings::to_toml().as_bytes());
        written.with_context(|| format!("cannot write `{file}`"))?;
        let said = format!("`{file}` has every setting at its default, commented out");
        self.report.say(&said, &json!({ "file": self.file }))
    }
}

impl Check {
    fn run(&self) -> anyhow::Result<Exit> {
        let named = self.file.clone().or_else(file_of_the_environment);
        let file = choose_file(named).unwrap_or_else(|| Path::new(FILE_DEFAULT).to_owned());
        let count = Settings::read_file(&file)?;
        let settings = text::count(count as u64, "setting");
        let said = format!("`{}` is fine: it has {settings}", file.display());
        self.report.say(&said, &json!({ "file": file, "settings": count }))
    }
}
