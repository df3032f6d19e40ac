//! What the view knows: the figures of now, the rates of the last minute, and what the person chose.

use std::collections::VecDeque;

use super::figures::{COUNTED, Figures};
use super::snapshot::Snapshot;

/// Rates of each kind that are kept for the lines of the last minute: as many columns as they may have.
pub(super) const HISTORY_MAX: usize = 60;

/// Seconds between two looks, from which `+` and `-` choose.
pub(super) const INTERVALS_S: [u64; 6] = [1, 2, 5, 10, 30, 60];

/// What is shown below the rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Overview,
    Events,
    Jobs,
    Clients,
}

impl Section {
    pub(super) const ALL: [Self; 4] = [Self::Overview, Self::Events, Self::Jobs, Self::Clients];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Events => "events",
            Self::Jobs => "jobs",
            Self::Clients => "clients",
        }
    }
}

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Quit,
    Section(Section),
    NextSection,
    Pause,
    Slower,
    Faster,
}

impl Key {
    /// What a byte from the terminal asks for; most ask for nothing.
    pub(super) fn of(byte: u8) -> Option<Self> {
        match byte {
            // Ctrl-C, which asks for no signal while keys come one by one; and Ctrl-D.
            b'q' | b'Q' | 3 | 4 => Some(Self::Quit),
            b'1'..=b'4' => Some(Self::Section(Section::ALL[usize::from(byte - b'1')])),
            b'\t' => Some(Self::NextSection),
            b'p' | b'P' | b' ' => Some(Self::Pause),
            b'+' | b'=' => Some(Self::Slower),
            b'-' => Some(Self::Faster),
            _ => None,
        }
    }
}

/// The state of the view. It is drawn from this alone.
#[derive(Debug)]
pub(super) struct State {
    /// As the person named it.
    pub(super) server: String,
    pub(super) figures: Option<Figures>,
    last: Option<Snapshot>,
    /// Of each of [`COUNTED`], the oldest first.
    pub(super) history: [VecDeque<f64>; COUNTED.len()],
    pub(super) section: Section,
    pub(super) is_paused: bool,
    pub(super) interval_s: u64,
    /// Why there is nothing new.
    pub(super) failure: Option<String>,
}

impl State {
    pub(super) fn new(server: String, interval_s: u64) -> Self {
        Self {
            server,
            figures: None,
            last: None,
            history: Default::default(),
            section: Section::Overview,
            is_paused: false,
            interval_s,
            failure: None,
        }
    }

    /// A new look at the server.
    pub(super) fn see(&mut self, snapshot: Snapshot) {
        self.failure = None;
        let figures = Figures::of(&snapshot, self.last.as_ref());
        for (history, counted) in self.history.iter_mut().zip(&COUNTED) {
            if let Some(Some(rate)) = figures.rates.get(counted.name) {
                if HISTORY_MAX <= history.len() {
                    history.pop_front();
                }
                history.push_back(*rate);
            }
        }
        self.figures = Some(figures);
        self.last = Some(snapshot);
    }

    /// The server did not answer. What was seen last stays to be read; what comes next has nothing before it.
    pub(super) fn miss(&mut self, why: String) {
        self.failure = Some(why);
        self.last = None;
    }

    /// Does what a key asks for; false when the view is to end.
    pub(super) fn press(&mut self, key: Key) -> bool {
        match key {
            Key::Quit => return false,
            Key::Section(section) => self.section = section,
            Key::NextSection => {
                let next = Section::ALL.iter().position(|it| *it == self.section).unwrap_or(0) + 1;
                self.section = Section::ALL[next % Section::ALL.len()];
            }
            Key::Pause => self.is_paused = !self.is_paused,
            Key::Slower => {
                let next = INTERVALS_S.into_iter().find(|it| self.interval_s < *it);
                self.interval_s = next.unwrap_or(self.interval_s);
            }
            Key::Faster => {
                let next = INTERVALS_S.into_iter().rev().find(|it| *it < self.interval_s);
                self.interval_s = next.unwrap_or(self.interval_s);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_choose_what_is_seen() {
        let mut state = State::new("s".to_owned(), 1);
        let mut press = |byte| {
            state.press(Key::of(byte).unwrap()).then_some((
                state.section,
                state.interval_s,
                state.is_paused,
            ))
        };
        assert_eq!(press(b'3'), Some((Section::Jobs, 1, false)));
        assert_eq!(press(b'\t'), Some((Section::Clients, 1, false)));
        assert_eq!(press(b'\t'), Some((Section::Overview, 1, false)));
        assert_eq!(press(b'+'), Some((Section::Overview, 2, false)));
        assert_eq!(press(b'-'), Some((Section::Overview, 1, false)));
        assert_eq!(press(b'-'), Some((Section::Overview, 1, false)));
        assert_eq!(press(b'p'), Some((Section::Overview, 1, true)));
        assert_eq!(press(b'q'), None);
        assert_eq!(Key::of(b'x'), None);
    }
}
