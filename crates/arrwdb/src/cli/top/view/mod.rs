//! The view as lines of styled text: a function of the state and the size of the screen, and of nothing else.

mod block;
mod lists;

use super::figures::{COUNTED, Figures, Unit};
use super::state::{HISTORY_MAX, Section, State};
use super::words::{bytes, count, fit, fit_right, latency, rate, span, sparkline, width};
use block::Block;

/// From this many columns on, two blocks stand beside each other.
const WIDE: usize = 120;

/// Columns between two blocks.
const GAP: usize = 3;

/// Lines that a section of a report has at most; JSON has all.
const REPORT_ROOM: usize = 42;

/// How a piece of text is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Strong,
    Weak,
    /// Lines of the last minute.
    Bars,
    Good,
    Bad,
    /// Dark on light: what is chosen.
    Chosen,
}

/// One line: pieces of text from left to right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line(pub(super) Vec<(Style, String)>);

impl Line {
    fn of(style: Style, text: impl Into<String>) -> Self {
        Self(vec![(style, text.into())])
    }

    fn push(&mut self, style: Style, text: impl Into<String>) {
        self.0.push((style, text.into()));
    }

    /// Its text alone.
    pub(super) fn text(&self) -> String {
        self.0.iter().map(|(_, text)| text.as_str()).collect()
    }

    /// Cuts or fills it, so that it has exactly so many columns.
    fn fitted(self, columns: usize) -> Self {
        let mut left = columns;
        let mut fitted = Self::default();
        for (style, text) in self.0 {
            let taken = width(&text).min(left);
            fitted.push(style, fit(&text, taken));
            left -= taken;
        }
        fitted.push(Style::Plain, " ".repeat(left));
        fitted
    }
}

/// The screen: as many lines as it has rows, none longer than it is wide.
pub(super) fn screen(state: &State, (columns, rows): (usize, usize)) -> Vec<Line> {
    let mut lines = head(state, columns);
    if let Some(figures) = &state.figures {
        lines.extend(rates(state, figures, columns));
        lines.push(tabs(state));
        let room = rows.saturating_sub(lines.len() + 1);
        lines.extend(section(figures, state.section, columns, room));
    }
    lines.resize(rows.saturating_sub(1), Line::default());
    lines.push(foot(state));
    lines.truncate(rows);
    lines.into_iter().map(|line| line.fitted(columns)).collect()
}

/// All sections below each other, for a screen that is not there.
pub(super) fn report(state: &State, columns: usize) -> Vec<Line> {
    let mut lines = head(state, columns);
    if let Some(figures) = &state.figures {
        lines.extend(rates(state, figures, columns));
        for section in [Section::Events, Section::Jobs, Section::Clients] {
            lines.push(Line::default());
            lines.extend(self::section(figures, section, columns, REPORT_ROOM));
        }
    }
    lines.into_iter().map(|line| line.fitted(columns)).collect()
}

/// Which server it is, and how it and its process are.
fn head(state: &State, columns: usize) -> Vec<Line> {
    let mut first = Line::default();
    let Some(figures) = &state.figures else {
        first.push(Style::Strong, format!("arrwdb at {}", state.server));
        return vec![first, Line::default()];
    };
    first.push(Style::Strong, format!("arrwdb {}", figures.version));
    first.push(Style::Plain, format!(" at {}  up {}  ", state.server, span(figures.uptime_s)));
    match figures.trouble.as_slice() {
        _ if state.failure.is_some() => first.push(Style::Bad, "GONE"),
        [] => first.push(Style::Good, "ok"),
        trouble => first.push(Style::Bad, trouble.join(", ")),
    }
    let or_none =
        |value: Option<f64>, words: fn(f64) -> String| value.map_or("-".to_owned(), words);
    let process = format!(
        "memory {}  cpu {}  files {}/{}  connections {}/{}",
        or_none(figures.memory_bytes, bytes),
        or_none(figures.cpu, |cores| format!("{:.0}%", cores * 100.0)),
        or_none(figures.open_files, count),
        or_none(figures.open_files_max, count),
        count(figures.clients.connections),
        count(figures.clients.connections_max),
    );
    let log = format!(
        "log {} in {} segments, {} records  fsync {}",
        bytes(figures.log_bytes),
        count(figures.log_segments),
        count(figures.log_records),
        latency(figures.fsync),
    );
    let mut lines = vec![first];
    if width(&process) + width(&log) + 2 <= columns {
        lines.push(Line::of(Style::Plain, format!("{process}  {log}")));
    } else {
        lines.extend([Line::of(Style::Plain, process), Line::of(Style::Plain, log)]);
    }
    lines.push(Line::default());
    lines
}

/// What is counted, as rates with the last minute, in two columns.
fn rates(state: &State, figures: &Figures, columns: usize) -> Vec<Line> {
    const LABEL: usize = 13;
    const RATE: usize = 12;
    let half = COUNTED.len() / 2;
    let bars = (columns.saturating_sub(GAP) / 2).saturating_sub(LABEL + RATE + 1);
    let bars = bars.min(HISTORY_MAX);
    let one = |line: &mut Line, at: usize| {
        let value = figures.rates.get(COUNTED[at].name).copied().flatten();
        let text = match COUNTED[at].unit {
            Unit::Count => rate(value),
            Unit::Bytes => value.map_or("-".to_owned(), bytes),
        };
        line.push(Style::Weak, fit(COUNTED[at].label, LABEL));
        line.push(Style::Strong, fit_right(&(text + "/s"), RATE));
        line.push(Style::Plain, " ");
        line.push(Style::Bars, sparkline(&state.history[at], bars));
    };
    let row = |at: usize| {
        let mut line = Line::default();
        one(&mut line, at);
        line.push(Style::Plain, " ".repeat(GAP));
        one(&mut line, at + half);
        line
    };
    (0..half).map(row).collect()
}

fn tabs(state: &State) -> Line {
    let mut line = Line::default();
    for (at, section) in Section::ALL.into_iter().enumerate() {
        let style = if section == state.section { Style::Chosen } else { Style::Weak };
        line.push(style, format!(" {} {} ", at + 1, section.name()));
        line.push(Style::Plain, " ");
    }
    line
}

fn foot(state: &State) -> Line {
    if let Some(failure) = &state.failure {
        return Line::of(
            Style::Bad,
            format!("{failure}; trying again every {} s. q quits", state.interval_s),
        );
    }
    let pause = if state.is_paused { "PAUSED, p goes on" } else { "p pause" };
    let mut line = Line::of(Style::Weak, "q quit  Tab 1-4 sections  ");
    line.push(if state.is_paused { Style::Bad } else { Style::Weak }, pause);
    line.push(Style::Weak, format!("  +/- every {} s", state.interval_s));
    line
}

/// Lists of one section, at most so many lines of them.
fn section(figures: &Figures, section: Section, columns: usize, room: usize) -> Vec<Line> {
    let events = || [lists::topics(&figures.topics), lists::consumers(&figures.consumers)];
    let jobs =
        || [lists::queues(&figures.queues), lists::workers(&figures.workers, figures.utilisation)];
    let clients = &figures.clients;
    match section {
        Section::Events => pair(&events(), columns, room),
        Section::Jobs => pair(&jobs(), columns, room),
        Section::Clients => {
            let blocks = [lists::clients(clients), lists::disconnects(&clients.disconnects)];
            pair(&blocks, columns, room)
        }
        Section::Overview => {
            let upper = room / 2;
            let mut lines = pair(&events(), columns, upper);
            lines.resize(upper, Line::default());
            lines.extend(pair(&jobs(), columns, room - upper));
            lines
        }
    }
}

/// Two blocks, beside each other where there is the width, else below each other: what the first does not need, the second has.
fn pair([first, second]: &[Block; 2], columns: usize, room: usize) -> Vec<Line> {
    if columns < WIDE {
        let mut lines = first.lines(columns, room.div_ceil(2));
        lines.extend(second.lines(columns, room.saturating_sub(lines.len())));
        return lines;
    }
    let half = (columns - GAP) / 2;
    let (left, right) = (first.lines(half, room), second.lines(half, room));
    let beside = |at: usize| {
        let mut line = left.get(at).cloned().unwrap_or_default().fitted(half);
        line.push(Style::Plain, " ".repeat(GAP));
        line.0.extend(right.get(at).cloned().unwrap_or_default().fitted(half).0);
        line
    };
    (0..left.len().max(right.len())).map(beside).collect()
}

#[cfg(test)]
mod tests;
