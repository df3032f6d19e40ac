//! Tables for people.

use std::io::{self, Write};

use serde_json::Value;

/// Characters of a member's value that are shown: about as much as can be looked at.
const CELL_CHARS_MAX: usize = 1_000;

/// Rows whose columns stand below each other.
#[derive(Debug)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(head: &[&str]) -> Self {
        Self { rows: vec![head.iter().map(|it| (*it).to_owned()).collect()] }
    }

    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// The members of an object, a row each, without some of them.
    pub(super) fn of_members(object: &Value, without: &[&str]) -> Self {
        let mut table = Self::new(&["MEMBER", "VALUE"]);
        for (name, value) in object.as_object().into_iter().flatten() {
            let value = match value {
                Value::String(_) => text_of(value),
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::Array(_)
                | Value::Object(_) => text_of(&Value::from(value.to_string())),
            };
            let value = shortened(value);
            if !without.contains(&name.as_str()) {
                table.row([name.clone(), value]);
            }
        }
        table
    }

    /// Prints them, if there is more than the head.
    pub(super) fn print(&self, out: &mut impl Write) -> io::Result<()> {
        if self.rows.len() < 2 {
            return Ok(());
        }
        let width = |at: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(at));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.rows[0].len()).map(width).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', width + 2 - cell.chars().count()));
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A text of an answer, without what would move the cursor.
pub(super) fn text_of(value: &Value) -> String {
    let text = value.as_str().unwrap_or("-").replace('\n', "\\n");
    text.chars().map(|char| if char.is_control() { '?' } else { char }).collect()
}

/// The beginning of a text that would fill the screen.
fn shortened(text: String) -> String {
    let Some((end, _)) = text.char_indices().nth(CELL_CHARS_MAX) else { return text };
    let left = text[end..].chars().count();
    format!("{}... ({left} more characters; --json has all)", &text[..end])
}

/// A number of an answer.
pub(super) fn number(value: &Value) -> String {
    value.as_u64().map_or_else(|| "-".to_owned(), |number| number.to_string())
}
