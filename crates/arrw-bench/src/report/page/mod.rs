//! The page of a run: one file, plots drawn as SVG, for screens, phones and paper.

mod chart;

use std::fmt::Write;

use super::plot::{Line, Plot, Scale};
use super::trend::Kept;
use super::{Figures, trend::KeptRow};
use crate::row::{Better, Row, ratio, short};

const STYLE: &str = include_str!("style.css");

/// Bars: the heading, what they say, and how many times as good as something a row is. To the right is always better.
type Ratios = (&'static str, &'static str, fn(&Row) -> Option<f64>);

const RATIOS: [Ratios; 3] = [
    (
        "Beside the prototype",
        "How many times as good as the figure that the prototype published, logarithmic. The line is 1: as good.",
        Row::ratio_to_seed,
    ),
    (
        "Beside the floor",
        "How many times as good as the least program that does the same work, in the same run: 1 is all the machine gives.",
        |row| row.times_as_good_as(row.floor?.median),
    ),
    (
        "Beside peers",
        "How many times as good as another program on the same machine, in the same run. Below 1 the peer wins.",
        |row| row.times_as_good_as(row.peer?.median),
    ),
];

/// The page.
pub(super) fn page(facts: &[(&'static str, String)], figures: &Figures, trend: &[Kept]) -> String {
    let mut body = String::new();
    put(&mut body, "<header><h1>arrwDB, measured</h1><dl>");
    for (name, text) in facts {
        put(&mut body, &format!("<div><dt>{name}</dt><dd>{}</dd></div>", escaped(text)));
    }
    put(&mut body, "</dl></header><main>");
    for (title, note, of) in RATIOS {
        let rows: Vec<_> = figures.rows.iter().filter_map(|row| Some((row.id, of(row)?))).collect();
        if !rows.is_empty() {
            let bars = chart::bars(&rows);
            put(&mut body, &format!("<section><h2>{title}</h2><p>{note}</p>{bars}</section>"));
        }
    }
    if !figures.plots.is_empty() {
        plots(&mut body, "Under load", &figures.plots);
    }
    table(&mut body, &figures.rows);
    let trends = trends(&figures.rows, trend);
    if !trends.is_empty() {
        plots(&mut body, "Trend", &trends);
    }
    put(&mut body, "</main>");
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>arrwDB, measured</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )
}

fn plots(body: &mut String, title: &str, plots: &[Plot]) {
    put(body, &format!("<section><h2>{title}</h2><div class=\"plots\">"));
    for plot in plots {
        let (heading, note) = (escaped(&plot.title), escaped(&plot.note));
        let drawing = chart::lines(plot);
        let legend = legend(plot);
        let values = values(plot);
        put(
            body,
            &format!(
                "<figure><figcaption><h3>{heading}</h3><p>{note}</p></figcaption>{legend}{drawing}{values}</figure>"
            ),
        );
    }
    put(body, "</div></section>");
}

/// Names beside their colours, where there is more than one line.
fn legend(plot: &Plot) -> String {
    if plot.lines.len() < 2 {
        return String::new();
    }
    let mut text = "<ul class=\"legend\">".to_owned();
    for (at, line) in plot.lines.iter().enumerate() {
        let class = chart::class(at);
        put(&mut text, &format!("<li><i class=\"{class}\"></i>{}</li>", escaped(&line.name)));
    }
    text + "</ul>"
}

/// The points as a table, for those who cannot see a drawing, or want to know exactly.
fn values(plot: &Plot) -> String {
    let mut text = "<details><summary>Values</summary><table><thead><tr>".to_owned();
    put(&mut text, &format!("<th>{}</th>", escaped(plot.x.0)));
    for line in &plot.lines {
        put(&mut text, &format!("<th>{}</th>", escaped(&line.name)));
    }
    put(&mut text, "</tr></thead><tbody>");
    let mut places: Vec<f64> =
        plot.lines.iter().flat_map(|line| line.points.iter().map(|point| point.0)).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    for x in places {
        put(&mut text, &format!("<tr><th>{}</th>", short(x)));
        for line in &plot.lines {
            let found = line.points.iter().find(|point| point.0.total_cmp(&x).is_eq());
            let value = found.map_or(String::new(), |point| short(point.1));
            put(&mut text, &format!("<td>{value}</td>"));
        }
        put(&mut text, "</tr>");
    }
    text + "</tbody></table></details>"
}

/// All figures.
fn table(body: &mut String, rows: &[Row]) {
    put(
        body,
        "<section><h2>All figures</h2><div class=\"wide\"><table><thead><tr><th>figure</th><th>median</th>\
         <th>min to max</th><th>unit</th><th>p50, p99 us</th><th>floor</th><th>ratio</th><th>peer</th><th>ratio</th>\
         <th>prototype</th><th>times as good</th><th>must be</th></tr></thead><tbody>",
    );
    let text = |value: Option<f64>| value.map_or("-".to_owned(), short);
    for row in rows {
        let value = row.value;
        let latency =
            row.latency.map_or("-".to_owned(), |(p50, p99)| format!("{p50:.0}, {p99:.0}"));
        let target = row.target.map_or("-".to_owned(), |target| target.to_text(value.median));
        let class = if row.is_missed() { " class=\"missed\"" } else { "" };
        put(
            body,
            &format!(
                "<tr{class}><th>{}<small>{}; {}</small></th><td>{}</td><td>{} to {}</td><td>{}</td><td>{latency}</td><td>{}</td>\
                 <td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                row.id,
                escaped(row.metric),
                escaped(row.durability),
                short(value.median),
                short(value.min),
                short(value.max),
                escaped(row.unit),
                text(row.floor.map(|floor| floor.median)),
                ratio(row.ratio_to_floor()),
                text(row.peer.map(|peer| peer.median)),
                ratio(row.ratio_to_peer()),
                text(row.seed),
                ratio(row.ratio_to_seed()),
                escaped(&target),
            ),
        );
    }
    put(body, "</tbody></table></div></section>");
}

/// A plot of each figure over the runs that are kept: how good it is to the median of them all.
fn trends(rows: &[Row], runs: &[Kept]) -> Vec<Plot> {
    if runs.len() < 2 {
        return Vec::new();
    }
    let plot = |row: &Row| {
        let mut line = Line::new(row.id);
        for (number, run) in (1_u32..).zip(runs) {
            let kept = run.rows.iter().find(|kept: &&KeptRow| kept.id == row.id);
            let value = kept.map(|kept| kept.value).filter(|value| 0.0 < *value);
            line.points.extend(value.map(|value| (f64::from(number), value)));
        }
        let better = match row.better() {
            Better::More => "more is better",
            Better::Less => "less is better",
        };
        (1 < line.points.len()).then(|| Plot {
            title: row.id.to_owned(),
            note: format!("{}, {better}", row.unit),
            x: ("run", Scale::Linear),
            y: (row.unit, Scale::Linear),
            lines: vec![line],
        })
    };
    rows.iter().filter_map(plot).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Appends to a text, which cannot fail.
fn put(to: &mut String, text: &str) {
    let _written = writeln!(to, "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Target;
    use crate::runs::Spread;

    fn row(id: &'static str) -> Row {
        Row {
            id,
            component: "event bus",
            metric: "a & b <c>",
            unit: "events/s",
            value: Spread::of([200.0, 100.0, 300.0]),
            latency: Some((1.0, 2.0)),
            floor: Some(Spread::of([400.0])),
            peer: None,
            seed: Some(20.0),
            target: Some(Target::AtLeast(250.0)),
            durability: "none",
        }
    }

    #[test]
    fn a_page_needs_nothing_else_and_shows_what_is_missed() {
        let plot = Plot {
            title: "load".to_owned(),
            note: "n".to_owned(),
            x: ("events/s", Scale::Log),
            y: ("ms", Scale::Linear),
            lines: vec![
                Line { name: "p50".to_owned(), points: vec![(10.0, 1.0), (1000.0, 2.0)] },
                Line { name: "p99".to_owned(), points: vec![(10.0, 4.0), (1000.0, 9.0)] },
            ],
        };
        let figures = Figures { rows: vec![row("seed.bus")], plots: vec![plot] };
        let page = page(&[("machine", "2 < 3".to_owned())], &figures, &[]);
        for part in [
            "2 &lt; 3",
            "a &amp; b &lt;c&gt;",
            "class=\"missed\"",
            "<svg",
            "Beside the prototype",
            "Beside the floor",
            "<li><i class=\"l1\"></i>p99</li>",
        ] {
            assert!(page.contains(part), "{part} is not in {page}");
        }
        assert!(!page.contains("Beside peers"), "nobody was measured beside");
        for outside in ["http:", "https:", "src=", "<script", "NaN", "inf"] {
            assert!(!page.contains(outside), "{outside} is in {page}");
        }
    }

    #[test]
    fn a_bar_is_to_the_right_where_ours_is_better_also_of_times() {
        let page_of = |unit, target| {
            let row = Row { unit, target, ..row("one") };
            page(&[], &Figures { rows: vec![row], plots: Vec::new() }, &[])
        };
        let beside_floor = |page: &str| {
            let from = page.find("Beside the floor").expect("it has a floor");
            page[from..].split("</section>").next().expect("it ends").to_owned()
        };
        let rate = beside_floor(&page_of("events/s", Some(Target::AtLeast(1.0))));
        assert!(rate.contains("class=\"below\"") && rate.contains("0.50"), "{rate}");
        let time = beside_floor(&page_of("us", None));
        assert!(time.contains("class=\"above\"") && time.contains("2.00"), "{time}");
    }

    #[test]
    fn a_trend_needs_two_runs() {
        let kept = |value| Kept {
            time: 0,
            commit: "c".to_owned(),
            machine: "m".to_owned(),
            command: "arrwdb bench seed".to_owned(),
            rows: vec![KeptRow {
                id: "seed.bus".to_owned(),
                unit: "events/s".to_owned(),
                value,
                min: value,
                max: value,
            }],
        };
        assert!(trends(&[row("seed.bus")], &[kept(1.0)]).is_empty());
        let found = trends(&[row("seed.bus"), row("seed.jobs")], &[kept(1.0), kept(3.0)]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].lines[0].points, [(1.0, 1.0), (2.0, 3.0)]);
    }
}
