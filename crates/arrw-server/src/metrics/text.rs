//! The text format of Prometheus, version 0.0.4, as it is written.

use std::fmt::Write;

/// What every name of ours begins with.
const PREFIX: &str = "arrwdb_";

/// Samples of one name: the labels of each, in their braces or empty, and its value.
pub(super) type Samples = Vec<(String, f64)>;

/// The text as far as it is written.
pub(super) struct Text(String);

impl Text {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }

    pub(super) fn finish(self) -> String {
        self.0
    }

    pub(super) fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "counter", help, &[(String::new(), number(value))]);
    }

    pub(super) fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "gauge", help, &[(String::new(), number(value))]);
    }

    /// Counts up to bounds in microseconds, their number, and their sum in microseconds.
    pub(super) fn histogram_us(
        &mut self,
        name: &str,
        help: &str,
        up_to: impl Iterator<Item = (u64, u64)>,
        (count, sum_us): (u64, u64),
    ) {
        self.family(name, "histogram", help, &[]);
        for (bound, count) in up_to {
            let bound = number(bound) / 1e6;
            let _fine = writeln!(self.0, "{PREFIX}{name}_bucket{{le=\"{bound}\"}} {count}");
        }
        let sum = number(sum_us) / 1e6;
        let _fine = writeln!(
            self.0,
            "{PREFIX}{name}_bucket{{le=\"+Inf\"}} {count}\n{PREFIX}{name}_sum {sum}\n{PREFIX}{name}_count {count}"
        );
    }

    /// The same with bounds in milliseconds.
    pub(super) fn histogram(
        &mut self,
        name: &str,
        help: &str,
        up_to: impl Iterator<Item = (u64, u64)>,
        sum: (u64, u64),
    ) {
        self.histogram_us(name, help, up_to.map(|(bound, count)| (bound * 1_000, count)), sum);
    }

    /// Samples of one name of ours, each with its labels.
    pub(super) fn family(&mut self, name: &str, kind: &str, help: &str, samples: &[(String, f64)]) {
        self.family_of_all(&format!("{PREFIX}{name}"), (kind, help), samples);
    }

    /// Samples of a name that all programs have, such as `process_cpu_seconds_total`.
    pub(super) fn family_of_all(
        &mut self,
        name: &str,
        (kind, help): (&str, &str),
        samples: &[(String, f64)],
    ) {
        // Writing to a string cannot fail.
        let _fine = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let _fine = writeln!(self.0, "{name}{labels} {value}");
        }
    }
}

/// Labels in their braces. Values may be names that users gave.
pub(super) fn labels<const N: usize>(all: [(&str, &str); N]) -> String {
    let mut text = String::from("{");
    for (at, (label, value)) in all.into_iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let value = value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
        // Writing to a string cannot fail.
        let _fine = write!(text, "{comma}{label}=\"{value}\"");
    }
    text.push('}');
    text
}

/// Samples that differ in the value of one label.
pub(super) fn labelled(
    label: &str,
    samples: impl IntoIterator<Item = (&'static str, u64)>,
) -> Samples {
    let sample = |(value, count)| (labels([(label, value)]), number(count));
    samples.into_iter().map(sample).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a metric is a float")]
pub(super) fn number(number: u64) -> f64 {
    number as f64
}

pub(super) fn seconds(ms: u64) -> f64 {
    number(ms) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_labels_are_escaped() {
        let text = labels([("queue", r#"a"b\c"#), ("state", "ready")]);
        assert_eq!(text, r#"{queue="a\"b\\c",state="ready"}"#);
    }
}
