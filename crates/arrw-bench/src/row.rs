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
    /// What the prototype said of itself, in the same unit.
    pub(crate) seed: Option<f64>,
    pub(crate) target: Option<Target>,
    pub(crate) durability: &'static str,
}

/// Which of two values is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    More,
    Less,
}

impl Better {
    /// Of figures that have no target: rates are to be high, times and sizes low.
    fn of_unit(unit: &str) -> Self {
        match unit {
            "us" | "ms" | "s" | "B" | "MiB" | "MiB/min" | "ratio" | "cores" | "% of a core"
            | "lost" | "pending" | "stalls" => Self::Less,
            _ => Self::More,
        }
    }

    /// How many times as good as `other` a value is; `None` when one of them is 0.
    pub(crate) fn ratio(self, value: f64, other: f64) -> Option<f64> {
        let (above, below) = match self {
            Self::More => (value, other),
            Self::Less => (other, value),
        };
        (0.0 < above && 0.0 < below).then(|| above / below)
    }
}

/// What a figure must reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Target {
    pub(crate) fn bound(self) -> f64 {
        match self {
            Self::AtLeast(bound) | Self::AtMost(bound) => bound,
        }
    }

    pub(crate) fn is_met_by(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => bound <= value,
            Self::AtMost(bound) => value <= bound,
        }
    }

    /// The bound, and whether a value keeps to it.
    pub(crate) fn to_text(self, value: f64) -> String {
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

    pub(crate) fn ratio_to_peer(&self) -> Option<f64> {
        self.peer.map(|peer| self.value.median / peer.median)
    }

    /// How many times as good as the prototype it is.
    pub(crate) fn ratio_to_seed(&self) -> Option<f64> {
        self.times_as_good_as(self.seed?)
    }

    /// How many times as good as another value it is, whichever way is better.
    pub(crate) fn times_as_good_as(&self, other: f64) -> Option<f64> {
        self.better().ratio(self.value.median, other)
    }

    /// Which value would be better.
    pub(crate) fn better(&self) -> Better {
        match self.target {
            Some(Target::AtLeast(_)) => Better::More,
            Some(Target::AtMost(_)) => Better::Less,
            None => Better::of_unit(self.unit),
        }
    }

    /// True when it is one of the prototype's own figures, which every machine reaches.
    pub(crate) fn is_of_seed(&self) -> bool {
        self.id.starts_with("seed.")
    }

    /// True when it has a target and does not reach it.
    pub(crate) fn is_missed(&self) -> bool {
        self.target.is_some_and(|target| !target.is_met_by(self.value.median))
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
            seed: self.seed.map(rounded),
            ratio_to_seed: self.ratio_to_seed().map(rounded),
            target: self.target.map(|target| rounded(target.bound())),
            durability: self.durability,
            command,
        }
    }

    pub(crate) const TABLE_HEAD: &'static str = "\
figure                         unit              median          min          max  p50 us  p99 us        floor  ratio         seed  ratio  target";

    /// The row as a line below [`TABLE_HEAD`](Self::TABLE_HEAD).
    pub(crate) fn to_line(&self) -> String {
        let latency = |of: fn((f64, f64)) -> f64| {
            self.latency.map_or("-".to_owned(), |latency| format!("{:.0}", of(latency)))
        };
        format!(
            "{:<30} {:<12} {:>11} {:>12} {:>12} {:>7} {:>7} {:>12} {:>6} {:>12} {:>6}  {}",
            self.id,
            self.unit,
            short(self.value.median),
            short(self.value.min),
            short(self.value.max),
            latency(|(p50, _)| p50),
            latency(|(_, p99)| p99),
            self.floor.map_or("-".to_owned(), |floor| short(floor.median)),
            ratio(self.ratio_to_floor()),
            self.seed.map_or("-".to_owned(), short),
            ratio(self.ratio_to_seed()),
            self.target.map_or("-".to_owned(), |target| target.to_text(self.value.median)),
        )
    }
}

/// Two places for what is near 1, none for what is far from it.
pub(crate) fn ratio(ratio: Option<f64>) -> String {
    let text = |ratio| if ratio < 10.0 { format!("{ratio:.2}") } else { format!("{ratio:.0}") };
    ratio.map_or("-".to_owned(), text)
}

/// Whole for large numbers, three places for small ones.
pub(crate) fn short(value: f64) -> String {
    if value < 100.0 { format!("{value:.3}") } else { format!("{value:.0}") }
}

pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_above_one_is_the_better_side() {
        assert_eq!(Better::More.ratio(200.0, 100.0), Some(2.0));
        assert_eq!(Better::Less.ratio(50.0, 100.0), Some(2.0));
        assert_eq!(Better::Less.ratio(0.0, 100.0), None);
        assert_eq!(Better::of_unit("us"), Better::Less);
        assert_eq!(Better::of_unit("jobs/s"), Better::More);
    }
}
