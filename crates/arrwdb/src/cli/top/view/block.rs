//! A part of the view that has a place: rows below a head, or lines as they are.

use super::super::words::{fit, fit_right, width};
use super::{Line, Style};

/// One part.
pub(super) enum Block {
    /// Rows below a head. The first column takes what the others leave.
    Table {
        head: Vec<String>,
        rows: Vec<Vec<String>>,
        /// What is said when there are none.
        none: &'static str,
    },
    Lines(Vec<Line>),
}

impl Block {
    pub(super) fn table<const N: usize>(
        head: [&str; N],
        none: &'static str,
        rows: impl Iterator<Item = [String; N]>,
    ) -> Self {
        let head = head.map(str::to_owned).into();
        Self::Table { head, none, rows: rows.map(Into::into).collect() }
    }

    /// So many lines at most. One of them is for how many rows there are besides.
    pub(super) fn lines(&self, columns: usize, room: usize) -> Vec<Line> {
        let (head, all, none) = match self {
            Self::Lines(lines) => return lines.iter().take(room).cloned().collect(),
            Self::Table { head, rows, none } => (head, rows, none),
        };
        let shown = all.len().min(room.saturating_sub(1));
        let shown = if shown < all.len() { shown.saturating_sub(1) } else { shown };
        let rows = &all[..shown];
        let widths = widths(head, rows);
        let mut lines = vec![Line::of(Style::Weak, row(head, &widths, columns))];
        lines.extend(rows.iter().map(|it| Line::of(Style::Plain, row(it, &widths, columns))));
        if all.is_empty() {
            lines.push(Line::of(Style::Weak, *none));
        } else if shown < all.len() {
            lines.push(Line::of(Style::Weak, format!("... {} more", all.len() - shown)));
        }
        lines.truncate(room);
        lines
    }
}

/// What each column needs, without the first.
fn widths(head: &Vec<String>, rows: &[Vec<String>]) -> Vec<usize> {
    let widest = |at: usize| {
        let cells = rows.iter().chain([head]).filter_map(|row| row.get(at));
        cells.map(|cell| width(cell)).max().unwrap_or(0)
    };
    (1..head.len()).map(widest).collect()
}

fn row(cells: &[String], widths: &[usize], columns: usize) -> String {
    let first = columns.saturating_sub(widths.iter().map(|width| width + 2).sum());
    let mut text = fit(&cells[0], first);
    for (cell, width) in cells[1..].iter().zip(widths) {
        text.push_str("  ");
        text.push_str(&fit_right(cell, *width));
    }
    text
}
