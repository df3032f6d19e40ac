//! Drawings: lines in a frame, and bars of ratios.

use std::fmt::Write;

use super::super::plot::{Line, Plot, Scale};
use super::escaped;
use crate::row;

/// The drawing, and the frame in it: what is left of it has the numbers.
const WIDTH: f64 = 380.0;
const HEIGHT: f64 = 230.0;
const LEFT: f64 = 48.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 18.0;
const BOTTOM: f64 = 44.0;
/// Colours that there are.
const COLOURS: usize = 6;
/// Steps of a linear axis, about.
const STEPS: f64 = 5.0;

/// The least ratio that a bar shows.
const LEAST: f64 = 1e-3;

/// The class of the line of this place.
pub(super) fn class(at: usize) -> String {
    format!("l{}", at % COLOURS)
}

/// One axis: values to places between 0 and 1.
#[derive(Clone, Copy, Debug)]
struct Axis {
    scale: Scale,
    from: f64,
    to: f64,
}

impl Axis {
    /// One that holds all these values, with ends at round numbers.
    fn around(scale: Scale, values: impl Iterator<Item = f64> + Clone) -> Self {
        let least = values.clone().fold(f64::INFINITY, f64::min);
        let most = values.fold(f64::NEG_INFINITY, f64::max);
        if !least.is_finite() {
            return Self { scale, from: 0.0, to: 1.0 };
        }
        match scale {
            Scale::Linear => {
                let step = step(most.max(f64::MIN_POSITIVE));
                Self { scale, from: 0.0, to: (most / step).ceil().max(1.0) * step }
            }
            Scale::Log => {
                let (from, to) = (least.log10().floor(), most.log10().ceil());
                Self { scale, from, to: if from < to { to } else { from + 1.0 } }
            }
        }
    }

    fn place(self, value: f64) -> f64 {
        let value = match self.scale {
            Scale::Linear => value,
            Scale::Log => value.log10(),
        };
        (value - self.from) / (self.to - self.from)
    }

    /// Values that are written at it.
    fn marks(self) -> Vec<f64> {
        let step = match self.scale {
            Scale::Linear => step(self.to),
            Scale::Log => 1.0,
        };
        let mut marks = Vec::new();
        let mut at = self.from;
        while at <= self.to + step / 1000.0 {
            marks.push(match self.scale {
                Scale::Linear => at,
                Scale::Log => 10_f64.powf(at),
            });
            at += step;
        }
        marks
    }
}

/// A round number of which about five make `most`.
fn step(most: f64) -> f64 {
    let rough = most / STEPS;
    let ten = 10_f64.powf(rough.log10().floor());
    let round = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|times| rough <= times * ten * 1.001);
    round.unwrap_or(10.0) * ten
}

/// A number in few characters: 12, 1.5k, 3M.
fn brief(value: f64) -> String {
    let (value, unit) = match value.abs() {
        large if 1e9 <= large => (value / 1e9, "G"),
        large if 1e6 <= large => (value / 1e6, "M"),
        large if 1e3 <= large => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let text = format!("{value:.2}");
    format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

/// The lines of a plot in their frame.
pub(super) fn lines(plot: &Plot) -> String {
    let points = plot.lines.iter().flat_map(|line| line.points.iter());
    let x = Axis::around(plot.x.1, points.clone().map(|point| point.0));
    let y = Axis::around(plot.y.1, points.map(|point| point.1));
    let across = |value| LEFT + x.place(value) * (WIDTH - LEFT - RIGHT);
    let down = |value| HEIGHT - BOTTOM - y.place(value) * (HEIGHT - TOP - BOTTOM);
    let label = escaped(&format!("{}: {} over {}", plot.title, plot.y.0, plot.x.0));
    let mut svg =
        format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{label}\">");
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    for mark in y.marks() {
        let at = down(mark);
        put(
            &mut svg,
            &format!(
                "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{right}\"/><text class=\"y\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                LEFT - 6.0,
                at + 4.0,
                brief(mark)
            ),
        );
    }
    for mark in x.marks() {
        let at = across(mark);
        put(
            &mut svg,
            &format!(
                "<path class=\"grid\" d=\"M{at:.1} {TOP}V{bottom}\"/><text class=\"x\" x=\"{at:.1}\" y=\"{:.1}\">{}</text>",
                bottom + 16.0,
                brief(mark)
            ),
        );
    }
    put(
        &mut svg,
        &format!(
            "<text class=\"x name\" x=\"{:.1}\" y=\"{:.1}\">{}</text><text class=\"name\" x=\"{LEFT}\" y=\"{:.1}\">{}</text>",
            f64::midpoint(LEFT, right),
            HEIGHT - 8.0,
            escaped(plot.x.0),
            TOP - 7.0,
            escaped(plot.y.0)
        ),
    );
    for (at, line) in plot.lines.iter().enumerate() {
        svg += &drawn(line, &class(at), (&across, &down));
    }
    svg + "</svg>"
}

/// Where a value is in the drawing.
type Place<'a> = &'a dyn Fn(f64) -> f64;

fn drawn(line: &Line, class: &str, (across, down): (Place<'_>, Place<'_>)) -> String {
    let mut path = String::new();
    let mut dots = String::new();
    let has_dots = line.points.len() <= 40;
    for (number, (x, y)) in line.points.iter().enumerate() {
        let (at, height) = (across(*x), down(*y));
        let verb = if number == 0 { 'M' } else { 'L' };
        put(&mut path, &format!("{verb}{at:.1} {height:.1}"));
        if has_dots {
            let title = format!("{}: {} at {}", escaped(&line.name), row::short(*y), brief(*x));
            put(
                &mut dots,
                &format!(
                    "<circle cx=\"{at:.1}\" cy=\"{height:.1}\" r=\"3\"><title>{title}</title></circle>"
                ),
            );
        }
    }
    format!("<g class=\"{class}\"><path class=\"line\" d=\"{path}\"/>{dots}</g>")
}

/// Ratios as bars from 1 on, to the right where they are above it. No drawing, so that it fits any width.
pub(super) fn bars(rows: &[(&str, f64)]) -> String {
    let values = rows.iter().map(|row| row.1.max(LEAST));
    let axis = Axis::around(Scale::Log, values.chain([0.9, 1.1]));
    let place = |value| axis.place(value) * 100.0;
    let mut list = "<ol class=\"bars\">".to_owned();
    for (name, value) in rows {
        let value = value.max(LEAST);
        let (from, to) = (place(value.min(1.0)), place(value.max(1.0)));
        let class = if value < 1.0 { "below" } else { "above" };
        put(
            &mut list,
            &format!(
                "<li><span>{}</span><span class=\"track\"><i class=\"one\" style=\"left:{:.2}%\"></i>\
                 <i class=\"{class}\" style=\"left:{from:.2}%;width:{:.2}%\"></i></span><b>{}</b></li>",
                escaped(name),
                place(1.0),
                to - from,
                row::ratio(Some(value))
            ),
        );
    }
    list + "</ol>"
}

fn put(to: &mut String, text: &str) {
    let _written = write!(to, "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        let linear = Axis::around(Scale::Linear, [3.0, 47.0].into_iter());
        assert_eq!((linear.from, linear.to), (0.0, 50.0));
        assert_eq!(linear.marks(), [0.0, 10.0, 20.0, 30.0, 40.0, 50.0]);
        let log = Axis::around(Scale::Log, [20.0, 4000.0].into_iter());
        assert_eq!(log.marks(), [10.0, 100.0, 1000.0, 10000.0]);
        assert!((log.place(100.0) - 1.0 / 3.0).abs() < 1e-9);
        let none = Axis::around(Scale::Log, std::iter::empty());
        assert_eq!((none.from, none.to), (0.0, 1.0));
        let zero = Axis::around(Scale::Linear, [0.0].into_iter());
        assert!(zero.from < zero.to && zero.place(0.0).is_finite());
    }

    #[test]
    fn numbers_are_short() {
        let check = |value, expected: &str| assert_eq!(brief(value), expected);
        check(0.0, "0");
        check(0.25, "0.25");
        check(1500.0, "1.5k");
        check(3e6, "3M");
        check(2e9, "2G");
    }
}
