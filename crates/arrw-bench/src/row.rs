//! One figure, as a row of JSON and as a line of the table.

use serde::Serialize;

use crate::runs::Spread;

/// One figure.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) id: &'static str,
    pub(crate) component: &'static str,
    pub(crate) metric: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) value: Spread,
    /// Latency in microseconds, 50th and 99th percentile, medians over the runs.
    pub(crate) latency: Option<(f64, f64)>,
    /// The least program that does the same work, in the same unit.
    pub(crate) floor: Option<Spread>,
    /// Another program that does it, in the same unit.
    pub(crate) peer: Option<Spread>,
    pub(crate) target: Option<Target>,
    pub(crate) durability: &'static str,
}

/// What a figure must reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Target {
    fn bound(self) -> f64 {
        match self {
            Self::AtLeast(bound) | Self::AtMost(bound) => bound,
        }
    }

    fn is_met_by(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => bound <= value,
            Self::AtMost(bound) => value <= bound,
        }
    }

    /// The bound, and whether a value keeps to it.
    fn to_text(self, value: f64) -> String {
        let sign = match self {
            Self::AtLeast(_) => ">=",
            Self::AtMost(_) => "<=",
        };
        let verdict = if self.is_met_by(value) { "met" } else { "MISSED" };
        format!("{sign} {} {verdict}", short(self.bound()))
    }
}

/// The fields of a row of JSON, which all groups share; those that do not apply are null.
#[derive(Debug, Serialize)]
pub(crate) struct JsonRow<'a> {
    id: &'a str,
    component: &'a str,
    metric: &'a str,
    value: f64,
    unit: &'a str,
    min: f64,
    max: f64,
    runs: usize,
    p50: Option<f64>,
    p99: Option<f64>,
    floor: Option<f64>,
    ratio_to_floor: Option<f64>,
    peer: Option<f64>,
    ratio_to_peer: Option<f64>,
    seed: Option<f64>,
    ratio_to_seed: Option<f64>,
    target: Option<f64>,
    durability: &'a str,
    command: &'a str,
}

impl Row {
    pub(crate) fn ratio_to_floor(&self) -> Option<f64> {
        self.floor.map(|floor| self.value.median / floor.median)
    }

    fn ratio_to_peer(&self) -> Option<f64> {
        self.peer.map(|peer| self.value.median / peer.median)
    }

    /// The row as the command that was given printed it.
    pub(crate) fn to_json<'a>(&'a self, command: &'a str) -> JsonRow<'a> {
        JsonRow {
            id: self.id,
            component: self.component,
            metric: self.metric,
            value: rounded(self.value.median),
            unit: self.unit,
            min: rounded(self.value.min),
            max: rounded(self.value.max),
            runs: self.value.runs,
            p50: self.latency.map(|(p50, _)| rounded(p50)),
            p99: self.latency.map(|(_, p99)| rounded(p99)),
            floor: self.floor.map(|floor| rounded(floor.median)),
            ratio_to_floor: self.ratio_to_floor().map(rounded),
            peer: self.peer.map(|peer| rounded(peer.median)),
            ratio_to_peer: self.ratio_to_peer().map(rounded),
            seed: None,
            ratio_to_seed: None,
            target: self.target.map(|target| rounded(target.bound())),
            durability: self.durability,
            command,
        }
    }

    pub(crate) const TABLE_HEAD: &'static str = "\
figure                    unit              median          min          max  p50 us  p99 us        floor  ratio  target";

    /// The row as a line below [`TABLE_HEAD`](Self::TABLE_HEAD).
    pub(crate) fn to_line(&self) -> String {
        let latency = |of: fn((f64, f64)) -> f64| {
            self.latency.map_or("-".to_owned(), |latency| format!("{:.0}", of(latency)))
        };
        format!(
            "{:<25} {:<12} {:>11} {:>12} {:>12} {:>7} {:>7} {:>12} {:>6}  {}",
            self.id,
            self.unit,
            short(self.value.median),
            short(self.value.min),
            short(self.value.max),
            latency(|(p50, _)| p50),
            latency(|(_, p99)| p99),
            self.floor.map_or("-".to_owned(), |floor| short(floor.median)),
            self.ratio_to_floor().map_or("-".to_owned(), |ratio| format!("{ratio:.2}")),
            self.target.map_or("-".to_owned(), |target| target.to_text(self.value.median)),
        )
    }
}

/// Whole for large numbers, three places for small ones.
fn short(value: f64) -> String {
    if value < 100.0 { format!("{value:.3}") } else { format!("{value:.0}") }
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
