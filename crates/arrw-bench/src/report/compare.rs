//! Figures beside those that were taken before.

use std::io::Write;

use anyhow::ensure;

use super::Earlier;
use crate::plan::Standing;
use crate::row::{Better, Row, ratio, short};

/// A figure below this share of what it was is a regression, if it is no noise.
const REGRESSION: f64 = 0.8;

/// What became of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// More than a fifth better, beyond the noise.
    Better,
    /// Neither.
    Same,
    /// More than a fifth worse, and its best run worse than the worst one then.
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
        let change = change(better, (now.median, now.min, now.max), earlier);
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

fn change(better: Better, (now, min, max): (f64, f64, f64), before: &Earlier) -> Change {
    let Some(ratio) = better.ratio(now, before.value) else { return Change::Same };
    let (is_above, is_below) = match better {
        Better::More => (before.max < min, max < before.min),
        Better::Less => (max < before.min, before.max < min),
    };
    if ratio < REGRESSION && is_below {
        Change::Worse
    } else if 1.0 / REGRESSION < ratio && is_above {
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
        let check = |better, now, before: [f64; 3], expected| {
            let [value, min, max] = before;
            let before = Earlier { id: String::new(), value, min, max };
            assert_eq!(change(better, now, &before), expected, "{now:?} {before:?}");
        };
        let rate = [100.0, 90.0, 110.0];
        check(Better::More, (70.0, 60.0, 80.0), rate, Change::Worse);
        check(Better::More, (70.0, 60.0, 95.0), rate, Change::Same);
        check(Better::More, (85.0, 84.0, 86.0), rate, Change::Same);
        check(Better::More, (140.0, 130.0, 150.0), rate, Change::Better);
        check(Better::More, (140.0, 105.0, 150.0), rate, Change::Same);
        check(Better::Less, (140.0, 130.0, 150.0), rate, Change::Worse);
        check(Better::Less, (70.0, 60.0, 80.0), rate, Change::Better);
        check(Better::Less, (0.0, 0.0, 0.0), rate, Change::Same);
    }
}
