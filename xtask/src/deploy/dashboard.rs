//! The dashboard of Grafana: what its panels ask, and whether they fit together.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::Context as _;
use serde_json::Value;

/// Columns of a dashboard.
const COLUMNS: u64 = 24;

/// A dashboard as far as it is checked.
#[derive(Debug)]
pub(super) struct Dashboard {
    /// Without those that are only headings.
    pub(super) panels: Vec<Panel>,
    variables: Vec<String>,
    ids: Vec<u64>,
    schema_version: u64,
}

/// One panel.
#[derive(Debug)]
pub(super) struct Panel {
    title: String,
    pub(super) expressions: Vec<String>,
    /// Column, row, width and height.
    place: [u64; 4],
}

/// Reads it; fails when it is not of the shape of a dashboard.
pub(super) fn parse(text: &str) -> anyhow::Result<Dashboard> {
    let json: Value = serde_json::from_str(text).context("read the dashboard")?;
    let all = json["panels"].as_array().context("the dashboard has no list `panels`")?;
    let ids = all.iter().map(|it| it["id"].as_u64().context("a panel has no `id`"));
    let variables = json["templating"]["list"].as_array().context("it has no `templating.list`")?;
    let names = variables.iter().map(|it| it["name"].as_str().unwrap_or_default().to_owned());
    Ok(Dashboard {
        ids: ids.collect::<anyhow::Result<_>>()?,
        panels: all
            .iter()
            .filter(|it| it["type"] != "row")
            .map(panel)
            .collect::<anyhow::Result<_>>()?,
        variables: names.collect(),
        schema_version: json["schemaVersion"].as_u64().context("it has no `schemaVersion`")?,
    })
}

fn panel(json: &Value) -> anyhow::Result<Panel> {
    let title = json["title"].as_str().context("a panel has no title")?.to_owned();
    let number = |name| {
        json["gridPos"][name].as_u64().with_context(|| format!("`{title}` has no place `{name}`"))
    };
    let place = [number("x")?, number("y")?, number("w")?, number("h")?];
    let targets =
        json["targets"].as_array().with_context(|| format!("`{title}` has no `targets`"))?;
    let expression = |it: &Value| {
        it["expr"].as_str().map(str::to_owned).with_context(|| format!("`{title}` asks nothing"))
    };
    let expressions = targets.iter().map(expression).collect::<anyhow::Result<_>>()?;
    Ok(Panel { title, expressions, place })
}

/// What does not fit together.
pub(super) fn problems(dashboard: &Dashboard) -> Vec<String> {
    let mut problems = Vec::new();
    let ids: BTreeSet<u64> = dashboard.ids.iter().copied().collect();
    if ids.len() != dashboard.ids.len() {
        problems.push("two panels have one id".to_owned());
    }
    if dashboard.schema_version < 30 {
        problems.push("`schemaVersion` is of a Grafana before 8".to_owned());
    }
    for (at, panel) in dashboard.panels.iter().enumerate() {
        let [x, _, width, _] = panel.place;
        if COLUMNS < x + width {
            problems.push(format!("`{}` is wider than the dashboard", panel.title));
        }
        for other in dashboard.panels[..at].iter().filter(|other| overlap(other, panel)) {
            problems.push(format!("`{}` lies over `{}`", panel.title, other.title));
        }
        let variables = panel.expressions.iter().flat_map(|it| variables(it));
        let unknown =
            variables.filter(|it| !it.starts_with("__") && !dashboard.variables.contains(it));
        problems.extend(
            unknown.map(|it| format!("`{}` uses `${it}`, which there is not", panel.title)),
        );
    }
    problems
}

fn overlap(one: &Panel, other: &Panel) -> bool {
    let ([x, y, width, height], [x2, y2, width2, height2]) = (one.place, other.place);
    x < x2 + width2 && x2 < x + width && y < y2 + height2 && y2 < y + height
}

/// The variables of Grafana that an expression has.
fn variables(expression: &str) -> Vec<String> {
    let parts = expression.split('$').skip(1);
    let word = |part: &str| part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    parts.map(word).collect()
}

/// What the panels ask, as rules of Prometheus: its tool reads those.
pub(super) fn as_rules(dashboard: &Dashboard) -> String {
    let mut text = "groups:\n  - name: panels\n    rules:\n".to_owned();
    let expressions = dashboard.panels.iter().flat_map(|panel| &panel.expressions);
    for (at, expression) in expressions.enumerate() {
        let plain = expression.replace("$__rate_interval", "5m").replace("$instance", ".*");
        // Writing to a string cannot fail. A text of JSON is one of YAML.
        let _fine =
            writeln!(text, "      - record: panel:{at}\n        expr: {}", Value::from(plain));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A dashboard of panels `(id, column, expression)`, each half as wide as it is.
    fn dashboard(panels: &[(u64, u64, &str)]) -> Dashboard {
        let panel = |(id, x, expression): &(u64, u64, &str)| {
            serde_json::json!({ "id": id, "title": "p", "type": "stat",
                "gridPos": { "x": x, "y": 0, "w": 12, "h": 8 }, "targets": [{ "expr": expression }] })
        };
        let json = serde_json::json!({
            "schemaVersion": 37, "templating": { "list": [{ "name": "instance" }] },
            "panels": panels.iter().map(panel).collect::<Vec<_>>(),
        });
        parse(&json.to_string()).unwrap()
    }

    #[test]
    fn panels_that_fit_are_fine() {
        let fine = dashboard(&[(1, 0, "a{i=~\"$instance\"}[$__rate_interval]"), (2, 12, "b")]);
        assert!(problems(&fine).is_empty(), "{:?}", problems(&fine));
        assert!(as_rules(&fine).contains(r#"expr: "a{i=~\".*\"}[5m]""#), "{}", as_rules(&fine));
    }

    #[test]
    fn panels_that_do_not_fit_are_named() {
        let count = |panels: &[_]| problems(&dashboard(panels)).len();
        assert_eq!(count(&[(1, 0, "a"), (1, 12, "b")]), 1);
        assert_eq!(count(&[(1, 0, "a"), (2, 11, "b")]), 1);
        assert_eq!(count(&[(1, 13, "a")]), 1);
        assert_eq!(count(&[(1, 0, "a{i=\"$server\"}")]), 1);
    }

    #[test]
    fn another_shape_is_an_error() {
        assert!(parse("{}").is_err() && parse("[").is_err());
    }
}
