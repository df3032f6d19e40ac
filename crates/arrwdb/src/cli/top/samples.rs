//! The text of `/metrics`, read: values by name and labels.

use std::collections::BTreeMap;

/// One value with its labels.
#[derive(Clone, Debug, PartialEq)]
struct Sample {
    labels: Vec<(String, String)>,
    value: f64,
}

/// All values at one moment, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Samples(BTreeMap<String, Vec<Sample>>);

/// Counts up to bounds: each with the bound in seconds, the last one without.
pub(super) type Steps = Vec<(f64, f64)>;

impl Samples {
    /// Reads the text format of Prometheus. A line that is none is passed over.
    pub(super) fn parse(text: &str) -> Self {
        let mut all = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some((name, sample)) = parse_line(line) {
                all.0.entry(name.to_owned()).or_default().push(sample);
            }
        }
        all
    }

    /// The sum of a name: of all samples that have these labels. `None` when there is none.
    pub(super) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let has = |sample: &&Sample| labels.iter().all(|(label, value)| sample.is(label, value));
        let mut found = self.0.get(name)?.iter().filter(has).peekable();
        found.peek()?;
        Some(found.map(|sample| sample.value).sum())
    }

    /// The values of a name by one label, of the samples that have others too.
    pub(super) fn by(&self, name: &str, label: &str, others: &[(&str, &str)]) -> Vec<(&str, f64)> {
        let has = |sample: &&Sample| others.iter().all(|(label, value)| sample.is(label, value));
        let samples = self.0.get(name).map(Vec::as_slice).unwrap_or_default();
        let named = samples.iter().filter(has).filter_map(|sample| {
            let found = sample.labels.iter().find(|(name, _)| name == label)?;
            Some((found.1.as_str(), sample.value))
        });
        named.collect()
    }

    /// A label of the first sample of a name.
    pub(super) fn label(&self, name: &str, label: &str) -> Option<&str> {
        let labels = &self.0.get(name)?.first()?.labels;
        labels.iter().find(|(name, _)| name == label).map(|(_, value)| value.as_str())
    }

    /// The steps of a histogram, the last one at infinity.
    pub(super) fn steps(&self, name: &str) -> Steps {
        let buckets = self.by(&format!("{name}_bucket"), "le", &[]);
        let bound = |text: &str| if text == "+Inf" { Ok(f64::INFINITY) } else { text.parse() };
        buckets.into_iter().filter_map(|(le, count)| Some((bound(le).ok()?, count))).collect()
    }
}

impl Sample {
    fn is(&self, label: &str, value: &str) -> bool {
        self.labels.iter().any(|(name, it)| name == label && it == value)
    }
}

fn parse_line(line: &str) -> Option<(&str, Sample)> {
    let (head, value) = line.rsplit_once(' ')?;
    let value = value.parse().ok()?;
    let Some((name, rest)) = head.split_once('{') else {
        return Some((head, Sample { labels: Vec::new(), value }));
    };
    Some((name, Sample { labels: parse_labels(rest)?, value }))
}

/// Reads `name="value",..}`, the values with their escapes.
fn parse_labels(mut rest: &str) -> Option<Vec<(String, String)>> {
    let mut labels = Vec::new();
    while !rest.starts_with('}') {
        let (name, behind) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut chars = behind.char_indices();
        let end = loop {
            match chars.next()? {
                (at, '"') => break at,
                (_, '\\') => value.push(match chars.next()?.1 {
                    'n' => '\n',
                    other => other,
                }),
                (_, other) => value.push(other),
            }
        };
        labels.push((name.to_owned(), value));
        rest = &behind[end + 1..];
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
    Some(labels)
}

/// The value below which a share of those lies that were counted between two moments, by the steps of a histogram; within a step
/// it grows evenly, and beyond the last bound nothing is known but that. `None` when nothing was counted.
pub(super) fn quantile(before: &Steps, now: &Steps, share: f64) -> Option<f64> {
    let was = |at: usize| before.get(at).map_or(0.0, |(_, count)| *count);
    let grown = |at: usize| now.get(at).map_or(0.0, |(_, count)| count - was(at));
    let all = grown(now.len().checked_sub(1)?);
    if all <= 0.0 {
        return None;
    }
    let wanted = all * share;
    let at = (0..now.len()).find(|at| wanted <= grown(*at))?;
    let (from, below) = match at.checked_sub(1) {
        Some(last) => (now[last].0, grown(last)),
        None => (0.0, 0.0),
    };
    if now[at].0.is_infinite() {
        return Some(from);
    }
    let inside = (wanted - below) / (grown(at) - below);
    Some(from + (now[at].0 - from) * inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# HELP a A.\n# TYPE a counter\na{c=\"x\",d=\"1\"} 2\na{c=\"y\",d=\"1\"} 3.5\nb 7\nnonsense\n\
        q{n=\"a\\\"b,}\\\\\"} 1\nh_bucket{le=\"0.1\"} 1\nh_bucket{le=\"0.2\"} 3\nh_bucket{le=\"+Inf\"} 4\n";

    #[test]
    fn samples_are_found_by_name_and_labels() {
        let all = Samples::parse(TEXT);
        assert_eq!(all.sum("a", &[]), Some(5.5));
        assert_eq!(all.sum("a", &[("c", "y"), ("d", "1")]), Some(3.5));
        assert_eq!(all.sum("a", &[("c", "z")]), None);
        assert_eq!(all.sum("b", &[]), Some(7.0));
        assert_eq!(all.sum("z", &[]), None);
        assert_eq!(all.by("a", "c", &[("d", "1")]), [("x", 2.0), ("y", 3.5)]);
        assert_eq!(all.label("q", "n"), Some("a\"b,}\\"));
        assert_eq!(all.steps("h"), [(0.1, 1.0), (0.2, 3.0), (f64::INFINITY, 4.0)]);
    }

    #[test]
    fn lines_that_are_none_are_passed_over() {
        for text in ["a", "a{b=\"c", "a{b} 1", "a b", "{", "a{b=\"\\", ""] {
            assert_eq!(Samples::parse(text).sum("a", &[]), None, "{text}");
        }
    }

    #[test]
    fn a_quantile_is_of_what_came_between_two_moments() {
        let before = vec![(0.1, 100.0), (0.2, 100.0), (f64::INFINITY, 100.0)];
        let now = vec![(0.1, 100.0), (0.2, 110.0), (f64::INFINITY, 110.0)];
        assert_eq!(quantile(&before, &now, 0.5), Some(0.1 + 0.1 * 0.5));
        assert_eq!(quantile(&now, &now, 0.5), None);
        assert_eq!(quantile(&Steps::new(), &Steps::new(), 0.5), None);
        let beyond = vec![(0.1, 100.0), (0.2, 110.0), (f64::INFINITY, 210.0)];
        assert_eq!(quantile(&before, &beyond, 0.99), Some(0.2));
    }
}
