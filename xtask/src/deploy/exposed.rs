//! What a server exposes at `/metrics`, and whether what an expression asks for is among it.

use std::collections::BTreeSet;

use super::expression::{self, Selector};

/// Names of samples and of families, and the labels that samples have.
#[derive(Debug, Default)]
pub(super) struct Exposed {
    names: BTreeSet<String>,
    /// Of each sample with labels: its name, a label and the value of that.
    labels: BTreeSet<(String, String, String)>,
}

impl Exposed {
    pub(super) fn parse(text: &str) -> Self {
        let mut exposed = Self::default();
        for line in text.lines() {
            // A family may have no sample yet.
            if let Some(family) = line.strip_prefix("# TYPE ") {
                exposed.add_name(family.split(' ').next().unwrap_or_default());
            } else if !line.starts_with('#') {
                let (name, labels) = line
                    .split_once('{')
                    .unwrap_or_else(|| (line.split(' ').next().unwrap_or_default(), ""));
                exposed.add_name(name);
                for matcher in labels.split("\",").filter_map(|it| it.split_once("=\"")) {
                    let value = matcher.1.split('"').next().unwrap_or_default();
                    exposed.labels.insert((
                        name.to_owned(),
                        matcher.0.to_owned(),
                        value.to_owned(),
                    ));
                }
            }
        }
        exposed
    }

    pub(super) fn add_name(&mut self, name: &str) {
        self.names.insert(name.to_owned());
    }

    /// What rules record has a name of its own.
    pub(super) fn add_records(&mut self, rules: &str) {
        let records = rules.lines().filter_map(|line| line.trim().strip_prefix("- record: "));
        self.names.extend(records.map(str::to_owned));
    }

    /// What an expression asks for that is not there.
    pub(super) fn problems_of(&self, expression: &str) -> Vec<String> {
        let selectors = expression::selectors(expression);
        let mut problems: Vec<String> = selectors.iter().flat_map(|it| self.missing(it)).collect();
        if selectors.is_empty() {
            problems.push(format!("`{expression}` asks for no metric"));
        }
        problems
    }

    fn missing(&self, Selector { name, labels }: &Selector) -> Vec<String> {
        if !self.names.contains(name) {
            return vec![format!("`{name}`: the server exposes no metric of this name")];
        }
        let has = |label: &str, value: &str| {
            self.labels.contains(&(name.clone(), label.to_owned(), value.to_owned()))
        };
        let mut problems = Vec::new();
        for (label, values) in labels {
            for value in values.iter().filter(|value| !has(label, value)) {
                problems.push(format!("`{name}`: no sample has `{label}=\"{value}\"`"));
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# HELP arrwdb_a A.\n# TYPE arrwdb_a counter\narrwdb_a{code=\"slow\",x=\"1\"} 1\n# TYPE arrwdb_b gauge\narrwdb_c 1\n";

    fn check(expression: &str, expected: &[&str]) {
        let mut exposed = Exposed::parse(TEXT);
        exposed.add_records("  - record: arrwdb:d\n");
        assert_eq!(exposed.problems_of(expression), expected, "{expression}");
    }

    #[test]
    fn what_is_asked_for_must_be_there() {
        check("arrwdb_a + arrwdb_b + arrwdb_c + arrwdb:d", &[]);
        check("arrwdb_a{code=\"slow\"}", &[]);
        check("arrwdb_d", &["`arrwdb_d`: the server exposes no metric of this name"]);
        check("arrwdb_a{code=~\"slow|late\"}", &["`arrwdb_a`: no sample has `code=\"late\"`"]);
        check("vector(1)", &["`vector(1)` asks for no metric"]);
    }
}
