//! What stands in expressions of Prometheus: names of metrics, and the labels that they must have.

/// A metric that an expression asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Selector {
    pub(super) name: String,
    /// Labels that must be so, and each of the values that may be.
    pub(super) labels: Vec<(String, Vec<String>)>,
}

/// The metrics of an expression. Ours and those of every process are known by how they begin; so is `up`.
pub(super) fn selectors(expression: &str) -> Vec<Selector> {
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(at) = rest.find(is_word) {
        let begin = &rest[at..];
        let end = begin.find(|c| !is_word(c)).unwrap_or(begin.len());
        let (word, behind) = begin.split_at(end);
        rest = behind;
        if !(word.starts_with("arrwdb") || word.starts_with("process_") || word == "up") {
            // A text of a label, or the name of a function.
            rest = rest.strip_prefix('"').and_then(|it| it.split_once('"')).map_or(rest, |it| it.1);
            continue;
        }
        let braces = behind.strip_prefix('{').and_then(|it| it.split_once('}'));
        let labels = braces.map_or(Vec::new(), |(inner, _)| labels(inner));
        rest = braces.map_or(rest, |(_, rest)| rest);
        found.push(Selector { name: word.to_owned(), labels });
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// What stands in braces: those that must be equal to something. Those of Prometheus, and variables, are left out.
fn labels(inner: &str) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    let mut rest = inner;
    while let Some((matcher, behind)) = rest.split_once('"') {
        let Some((value, behind)) = behind.split_once('"') else { break };
        rest = behind;
        let label = matcher.trim_matches(|c: char| c == ',' || c == ' ');
        let name = label.trim_end_matches(['=', '~', '!']);
        let is_equal = !label.contains('!');
        if is_equal && !["job", "instance"].contains(&name) && !value.starts_with('$') {
            found.push((name.to_owned(), value.split('|').map(str::to_owned).collect()));
        }
    }
    found
}

/// The expressions of a file of rules: `expr:` on one line, or the lines that are further in behind `expr: |`.
pub(super) fn of_rules(rules: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut block = None;
    for line in rules.lines() {
        let inward = line.len() - line.trim_start().len();
        if let Some(from) = block {
            if from < inward
                && let Some(last) = found.last_mut()
            {
                last.push_str(line.trim());
                last.push(' ');
                continue;
            }
            block = None;
        }
        match line.trim_start().strip_prefix("expr: ") {
            Some("|") => {
                found.push(String::new());
                block = Some(inward);
            }
            Some(expression) => found.push(expression.to_owned()),
            None => (),
        }
    }
    found
}

/// What is wrong with where the alerts say what to do: it must be a heading of `docs/operating.md`.
pub(super) fn advice_problems(rules: &str, operating: &str) -> Vec<String> {
    let headings: Vec<String> =
        operating.lines().filter(|line| line.starts_with("##")).map(anchor).collect();
    let alerts = rules.matches("- alert: ").count();
    let advice = rules.lines().filter_map(|line| line.trim().strip_prefix("what_to_do: "));
    let advice: Vec<&str> = advice.map(|it| it.trim_matches('"')).collect();
    let unknown = advice.iter().filter(|it| {
        let section = it.strip_prefix("docs/operating.md#");
        section.is_none_or(|section| !headings.iter().any(|heading| heading == section))
    });
    let mut problems: Vec<String> = unknown
        .map(|it| format!("`what_to_do` of an alert points to no section: `{it}`"))
        .collect();
    if advice.len() != alerts {
        problems.push(format!("{alerts} alerts have {} lines `what_to_do`", advice.len()));
    }
    problems
}

/// The anchor that a heading gets.
fn anchor(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    words
        .chars()
        .filter(|c| c.is_alphanumeric() || *c == ' ')
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expression: &str, expected: &[&str]) {
        let shown = |it: &Selector| {
            let labels =
                it.labels.iter().map(|(name, values)| format!(" {name}={}", values.join("|")));
            format!("{}{}", it.name, labels.collect::<String>())
        };
        assert_eq!(selectors(expression).iter().map(shown).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn metrics_are_found_with_the_labels_that_they_must_have() {
        check("up{job=\"arrwdb\"} == 0", &["up"]);
        check(
            "sum by (le) (rate(arrwdb_a_bucket{instance=~\"$instance\"}[5m]))",
            &["arrwdb_a_bucket"],
        );
        check(
            "arrwdb_a{code=~\"slow|late\", x!=\"y\"} / process_b > arrwdb:c:p99",
            &["arrwdb_a code=slow|late", "process_b", "arrwdb:c:p99"],
        );
    }

    #[test]
    fn expressions_stand_on_one_line_or_on_several() {
        let rules = "  expr: a > 1\n  for: 1m\n  expr: |\n    b\n      > 2\n  for: 1m\n";
        assert_eq!(of_rules(rules), ["a > 1", "b > 2 "]);
    }

    #[test]
    fn advice_must_be_a_section() {
        let rules = "- alert: A\n  what_to_do: \"docs/operating.md#a-b\"\n";
        assert!(advice_problems(rules, "# X\n### A b?\n").is_empty());
        assert_eq!(advice_problems(rules, "## A c\n").len(), 1);
        assert_eq!(advice_problems("- alert: A\n", "").len(), 1);
    }
}
