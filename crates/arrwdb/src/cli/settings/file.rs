//! The file of settings, in TOML.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use arrw_server::nearest;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Said;
use super::fault::{Fault, Origin};
use super::given::Given;
use super::namespaces::{self, SaidNamespace};
use super::table::{all, find};

/// The file that is read when none is named and it is there.
pub(crate) const FILE_DEFAULT: &str = "arrwdb.toml";

/// What a file was found to say.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) said: Vec<Said>,
    pub(super) namespaces: Vec<SaidNamespace>,
    pub(crate) faults: Vec<Fault>,
}

/// Which file is read: the one that was named, or the default one if it is there.
pub(crate) fn choose(named: Option<PathBuf>) -> Option<PathBuf> {
    named.or_else(|| Some(PathBuf::from(FILE_DEFAULT)).filter(|file| file.exists()))
}

/// Reads a file.
pub(crate) fn read(file: &Path) -> Found {
    match std::fs::read_to_string(file) {
        Ok(text) => of_text(file, &text),
        Err(error) => {
            let help = "`arrwdb config init FILE` writes one";
            let help = Some(help).filter(|_| error.kind() == io::ErrorKind::NotFound);
            unreadable(format!("cannot read `{}`: {error}", file.display()), help)
        }
    }
}

/// What is found of a file of which nothing can be read.
fn unreadable(what: String, help: Option<&str>) -> Found {
    let help = help.map(str::to_owned);
    let faults = vec![Fault { what, help, is_usage: false }];
    Found { faults, ..Found::default() }
}

/// Reads the text of a file.
pub(super) fn of_text(file: &Path, text: &str) -> Found {
    let table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            let place = Origin::File(file.to_owned(), line);
            return unreadable(format!("`{place}` is not TOML: {}", error.message()), None);
        }
    };
    let mut reading = Reading { file, text, found: Found::default() };
    reading.table("", table.get_ref());
    // In the order of the file, not of the names.
    reading.found.said.sort_by_key(|said| match &said.origin {
        Origin::File(_, line) => *line,
        Origin::Default | Origin::Variable(_) | Origin::Flag(_) => 0,
    });
    reading.found
}

struct Reading<'a> {
    file: &'a Path,
    text: &'a str,
    found: Found,
}

impl Reading<'_> {
    /// Reads what is in a table; `prefix` is its name with a dot, or nothing for the file itself.
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let key = format!("{prefix}{}", name.get_ref());
            let origin = self.origin(name.span().start);
            let group = format!("{key}.");
            if key == namespaces::KEY {
                self.namespaces(value, &origin);
                continue;
            }
            let is_group = all().any(|setting| setting.key.starts_with(&group));
            match (find(&key), value.get_ref()) {
                (Some(setting), value) => {
                    self.found.said.push(Said { setting, given: given(value), origin });
                }
                (None, DeValue::Table(inner)) if is_group || !inner.is_empty() => {
                    self.table(&group, inner);
                }
                (None, _) if is_group => {
                    let what = format!("`{key}` in `{origin}` is a group of settings");
                    let help =
                        Some(format!("write `[{key}]`, and a setting on each line below it"));
                    self.found.faults.push(Fault { what, help, is_usage: false });
                }
                (None, _) => {
                    let keys = all().map(|setting| setting.key).chain([namespaces::KEY]);
                    let keys: Vec<&str> = keys.collect();
                    let what = format!("there is no setting `{key}`, which `{origin}` sets");
                    self.found.faults.push(Fault::unknown(what, nearest(&key, &keys)));
                }
            }
        }
    }
}

impl Reading<'_> {
    /// Reads the list of namespaces.
    fn namespaces(&mut self, list: &Spanned<DeValue<'_>>, origin: &Origin) {
        let tables = match list.get_ref() {
            DeValue::Array(tables) => tables.iter().map(|it| (it, it.get_ref().as_table())),
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Table(_) => return self.found.faults.push(no_list(origin)),
        };
        for (spanned, table) in tables {
            let Some(table) = table else {
                self.found.faults.push(no_list(origin));
                continue;
            };
            let said = table.iter().map(|(name, value)| {
                let origin = self.origin(name.span().start);
                (name.get_ref().to_string(), given(value.get_ref()), origin)
            });
            let said = said.collect();
            let origin = self.origin(spanned.span().start);
            self.found.namespaces.push(SaidNamespace { origin, said });
        }
    }

    fn origin(&self, at: usize) -> Origin {
        Origin::File(self.file.to_owned(), line_of(self.text, at))
    }
}

fn no_list(origin: &Origin) -> Fault {
    let what = format!("`{}` in `{origin}` is a list of namespaces", namespaces::KEY);
    let help =
        "write `[[channel.namespaces]]` for each, and its name and its options on the lines below";
    Fault { what, help: Some(help.to_owned()), is_usage: false }
}

fn given(value: &DeValue<'_>) -> Given {
    match value {
        DeValue::String(text) => Given::Text(OsString::from(text.as_ref())),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Given::Number(number),
            Err(_) => Given::Other(number.as_str().to_owned()),
        },
        DeValue::Float(number) => Given::Other(number.as_str().to_owned()),
        DeValue::Boolean(value) => Given::Switch(*value),
        DeValue::Datetime(time) => Given::Other(time.to_string()),
        DeValue::Table(_) => Given::Other("a table".to_owned()),
        DeValue::Array(values) => {
            let texts = values.iter().map(|value: &Spanned<DeValue<'_>>| match value.get_ref() {
                DeValue::String(text) => Some(OsString::from(text.as_ref())),
                DeValue::Integer(_)
                | DeValue::Float(_)
                | DeValue::Boolean(_)
                | DeValue::Datetime(_)
                | DeValue::Table(_)
                | DeValue::Array(_) => None,
            });
            match texts.collect::<Option<Vec<_>>>() {
                Some(texts) => Given::Texts(texts),
                None => Given::Other("an array of something else than texts".to_owned()),
            }
        }
    }
}

/// The line of a byte, from 1.
fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}
