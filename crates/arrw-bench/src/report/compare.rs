//! Figures beside those that were taken before.

use std::io::Write;

use anyhow::ensure;

use super::Earlier;
use crate::plan::Standing;
use crate::row::{Better, Row, ratio, short};
use crate::runs::Spread;

/// What a figure may lose, besides the noise of both runs, before it is a regression.
const ALLOWED: f64 = 0.2;

/// What became of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// More than a fifth better, beyond the noise.
    Better,
    /// Neither.
    Same,
    /// More than a fifth worse, beyond the noise.
    Worse,
}

/// Says how each figure stands to what it was; bad when one is worse by more than a fifth, beyond the noise of both.
pub(super) fn compare(
    rows: &[Row],
    earlier: &[Earlier],
    out: &mut dyn Write,
) -> anyhow::Result<Standing> {
    let before = |row: &Row| earlier.iter().find(|earlier| earlier.id == row.id);
    let both: Vec<_> = rows.iter().filter_map(|row| Some((row, before(row)?))).collect();
    ensure!(!both.is_empty(), "none of these figures is in the file to compare with");
    writeln!(out, "\n{:<30} {:>12} {:>12} {:>6}", "figure", "before", "now", "ratio")?;
    let mut standing = Standing::Good;
    for (row, earlier) in both {
        let (better, now) = (row.better(), row.value);
        let change = change(better, now, earlier);
        let verdict = match change {
            Change::Better => "better",
            Change::Same => "",
            Change::Worse => "WORSE",
        };
        let times = ratio(better.ratio(now.median, earlier.value));
        let line = format!(
            "{:<30} {:>12} {:>12} {times:>6}  {verdict}",
            row.id,
            short(earlier.value),
            short(now.median)
        );
        writeln!(out, "{}", line.trim_end())?;
        if change == Change::Worse {
            standing = Standing::Bad;
        }
    }
    Ok(standing)
}

fn change(better: Better, now: Spread, before: &Earlier) -> Change {
    if now.runs < 2 || before.runs < 2 {
        // Nobody knows the noise of a single run.
        return Change::Same;
    }
    let Some(ratio) = better.ratio(now.median, before.value) else {
        // One of them is 0, such as a rate that fell to nothing, or losses that were none.
        let is_worse = match better {
            Better::More => now.max < before.min,
            Better::Less => before.max < now.min,
        };
        return if is_worse { Change::Worse } else { Change::Same };
    };
    let noise = |median: f64, min: f64, max: f64| (max - min) / median.abs() / 2.0;
    let noise = noise(now.median, now.min, now.max) + noise(before.value, before.min, before.max);
    let least = 1.0 - ALLOWED - noise;
    if ratio < least {
        Change::Worse
    } else if ratio * least.max(0.0) > 1.0 {
        Change::Better
    } else {
        Change::Same
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regression_is_more_than_a_fifth_and_beyond_the_noise() {
        let check = |better, now: [f64; 3], before: [f64; 3], expected| {
            let [value, min, max] = before;
            let before = Earlier { id: String::new(), value, min, max, runs: 3 };
            let [median, min, max] = now;
            let now = Spread { median, min, max, runs: 3 };
            assert_eq!(change(better, now, &before), expected, "{now:?} {before:?}");
            let single = Spread { runs: 1, ..now };
            assert_eq!(change(better, single, &before), Change::Same, "{now:?} {before:?}");
        };
        let rate = [100.0, 95.0, 105.0];
        check(Better::More, [70.0, 70.0, 70.0], rate, Change::Worse);
        check(Better::More, [70.0, 60.0, 80.0], rate, Change::Same);
        check(Better::More, [85.0, 84.0, 86.0], rate, Change::Same);
        check(Better::More, [140.0, 140.0, 140.0], rate, Change::Better);
        check(Better::More, [140.0, 105.0, 150.0], rate, Change::Same);
        check(Better::Less, [140.0, 138.0, 142.0], rate, Change::Worse);
        check(Better::Less, [70.0, 69.0, 71.0], rate, Change::Better);
        let none = [0.0, 0.0, 0.0];
        check(Better::Less, none, rate, Change::Same);
        check(Better::Less, none, none, Change::Same);
        check(Better::Less, [5.0, 4.0, 6.0], none, Change::Worse);
        check(Better::Less, [5.0, 0.0, 6.0], none, Change::Same);
        check(Better::More, none, rate, Change::Worse);
        check(Better::More, [0.0, 0.0, 96.0], rate, Change::Same);
        check(Better::More, rate, none, Change::Same);
    }
}
