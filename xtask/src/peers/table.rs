//! The figures as tables, and as JSON.

use anyhow::Context as _;
use serde_json::{Value, json};

use super::servers::Kind;

/// What is done.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) id: &'static str,
    pub(crate) what: &'static str,
    pub(crate) systems: &'static [System],
}

/// Who does it.
#[derive(Debug)]
pub(crate) struct System {
    pub(crate) name: &'static str,
    /// The name that `load.mjs` has for it.
    pub(crate) generator: &'static str,
    pub(crate) server: Kind,
    /// What a crash may take of what was answered.
    pub(crate) durability: &'static str,
}

/// One load on one system, over all runs.
#[derive(Debug)]
pub(crate) struct Cell {
    load: &'static str,
    pub(crate) system: &'static System,
    /// A second, of each run.
    rates: Vec<f64>,
    /// Microseconds, of each run that has them.
    p50_us: Vec<f64>,
    p99_us: Vec<f64>,
}

impl Cell {
    pub(crate) fn new(load: &Load, system: &'static System) -> Self {
        Self { load: load.id, system, rates: Vec::new(), p50_us: Vec::new(), p99_us: Vec::new() }
    }

    /// Adds what a run said.
    pub(crate) fn add(&mut self, said: &Value) -> anyhow::Result<()> {
        self.rates.push(said["rate"].as_f64().with_context(|| format!("no rate in {said}"))?);
        self.p50_us.extend(said["p50_us"].as_f64());
        self.p99_us.extend(said["p99_us"].as_f64());
        Ok(())
    }
}

/// The middle one; of none it is nothing.
fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

fn least_and_most(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, 0.0), |(least, most), it| (it.min(least), it.max(most)))
}

/// A table of Markdown: medians, and the least and most of the runs. Marked is who is best of those that are as durable as the first, which
/// is ours: by the least latency where a load has a pace of its own, else by the most a second.
pub(crate) fn of_load(load: &Load, cells: &[Cell]) -> String {
    let is_paced = load.id == "latency";
    let is_equal = |cell: &Cell| {
        cells.first().is_some_and(|first| first.system.durability == cell.system.durability)
    };
    let worth = |cell: &Cell| {
        let found = if is_paced { median(&cell.p50_us).map(|it| -it) } else { median(&cell.rates) };
        found.unwrap_or(f64::NEG_INFINITY)
    };
    let best = cells.iter().filter(|it| is_equal(it)).map(worth).fold(f64::NEG_INFINITY, f64::max);
    let mut text = format!(
        "\n`{}`: {}\n\n| system | a second | least to most | p50 us | p99 us | may be lost in a crash |\n| --- | --- | --- | --- | --- | --- |\n",
        load.id, load.what
    );
    for cell in cells {
        let mark = if is_equal(cell) && best <= worth(cell) { "**" } else { "" };
        let (least, most) = least_and_most(&cell.rates);
        let shown = |it: Option<f64>| it.map_or("-".to_owned(), |it| format!("{it:.0}"));
        text += &format!(
            "| {mark}{}{mark} | {} | {least:.0} to {most:.0} | {} | {} | {} |\n",
            cell.system.name,
            shown(median(&cell.rates)),
            shown(median(&cell.p50_us)),
            shown(median(&cell.p99_us)),
            cell.system.durability
        );
    }
    text
}

/// What `arrwdb bench sockets` said, a row for each figure and peer.
pub(crate) fn of_sockets(all: &[(&str, Value)]) -> anyhow::Result<String> {
    let mut text =
        "\n| figure | unit | arrwDB | peer | | ratio |\n| --- | --- | --- | --- | --- | --- |\n"
            .to_owned();
    for (name, figures) in all {
        let rows = figures["rows"]
            .as_array()
            .or_else(|| figures.as_array())
            .context("no list of figures")?;
        for row in rows.iter().filter(|row| row["peer"].is_number()) {
            let number =
                |name: &str| row[name].as_f64().map_or("-".to_owned(), |it| format!("{it:.1}"));
            let ratio =
                row["ratio_to_peer"].as_f64().map_or("-".to_owned(), |it| format!("{it:.2}"));
            let of = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
            text += &format!(
                "| `{}` | {} | {} | {name} | {} | {ratio} |\n",
                of("id"),
                of("unit"),
                number("value"),
                number("peer")
            );
        }
    }
    Ok(text)
}

/// All of it for programs.
pub(crate) fn json(settings: &[String], cells: &[Cell], sockets: &[(&str, Value)]) -> Value {
    let cell = |it: &Cell| {
        json!({
            "load": it.load, "system": it.system.name, "durability": it.system.durability,
            "rate": median(&it.rates), "rates": it.rates,
            "p50_us": median(&it.p50_us), "p99_us": median(&it.p99_us),
        })
    };
    let sockets: serde_json::Map<String, Value> =
        sockets.iter().map(|(name, figures)| ((*name).to_owned(), figures.clone())).collect();
    json!({ "settings": settings, "loads": cells.iter().map(cell).collect::<Vec<_>>(), "sockets": sockets })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYSTEMS: &[System] = &[
        System { name: "a", generator: "a", server: Kind::Arrwdb, durability: "d" },
        System { name: "b", generator: "b", server: Kind::Nats, durability: "d" },
    ];

    fn cells(load: &Load, said: [&[Value]; 2]) -> Vec<Cell> {
        let cell = |(system, said): (&'static System, &[Value])| {
            let mut cell = Cell::new(load, system);
            said.iter().for_each(|it| cell.add(it).unwrap());
            cell
        };
        SYSTEMS.iter().zip(said).map(cell).collect()
    }

    #[test]
    fn who_is_best_is_marked_whoever_that_is() {
        let load = Load { id: "work", what: "w", systems: SYSTEMS };
        let said = cells(
            &load,
            [
                &[json!({"rate": 5.0}), json!({"rate": 1.0}), json!({"rate": 3.0})],
                &[json!({"rate": 4.0})],
            ],
        );
        let text = of_load(&load, &said);
        assert!(
            text.contains("| a | 3 | 1 to 5 | - | - | d |") && text.contains("| **b** | 4 |"),
            "{text}"
        );
        let load = Load { id: "latency", what: "w", systems: SYSTEMS };
        let with = |p50| json!({"rate": 1.0, "p50_us": p50, "p99_us": 9.0});
        let text = of_load(&load, &cells(&load, [&[with(2.0)], &[with(3.0)]]));
        assert!(text.contains("**a**") && !text.contains("**b**"), "{text}");
    }

    #[test]
    fn who_is_less_durable_is_not_marked() {
        const OTHERS: &[System] = &[
            System { name: "a", generator: "a", server: Kind::Arrwdb, durability: "all" },
            System { name: "b", generator: "b", server: Kind::Nats, durability: "some" },
        ];
        let load = Load { id: "work", what: "w", systems: OTHERS };
        let mut cells: Vec<Cell> = OTHERS.iter().map(|it| Cell::new(&load, it)).collect();
        cells[0].add(&json!({"rate": 1.0})).unwrap();
        cells[1].add(&json!({"rate": 9.0})).unwrap();
        let text = of_load(&load, &cells);
        assert!(text.contains("**a**") && !text.contains("**b**"), "{text}");
    }

    #[test]
    fn an_answer_without_a_rate_is_an_error() {
        let load = Load { id: "work", what: "w", systems: SYSTEMS };
        assert!(Cell::new(&load, &SYSTEMS[0]).add(&json!({})).is_err());
    }

    #[test]
    fn figures_of_peers_become_rows() {
        let figures = json!([{"id": "echo", "unit": "us", "value": 1.0, "peer": 2.0, "ratio_to_peer": 0.5}, {"id": "x"}]);
        let text = of_sockets(&[("ws", figures)]).unwrap();
        assert!(text.ends_with("| `echo` | us | 1.0 | ws | 2.0 | 0.50 |\n"), "{text}");
    }
}
