//! Numbers, times and names as they are read in a narrow place.

use super::figures::Latency;

/// What a count has before it when it is too long.
const MILLION: f64 = 1e6;

/// A rate: with one digit behind the point when it is small, in thousands, then in millions.
pub(super) fn rate(rate: Option<f64>) -> String {
    match rate {
        None => "-".to_owned(),
        Some(0.0) => "0".to_owned(),
        Some(rate) if rate < 10.0 => format!("{rate:.1}"),
        Some(rate) => count(rate),
    }
}

/// A whole number with commas, from ten million on in millions.
pub(super) fn count(number: f64) -> String {
    if 10.0 * MILLION <= number {
        return format!("{:.1} M", number / MILLION);
    }
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if 0 < at && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in the unit that fits.
pub(super) fn bytes(number: f64) -> String {
    let units = [(f64::from(1 << 30), "GiB"), (f64::from(1 << 20), "MiB"), (1024.0, "KiB")];
    match units.iter().find(|(size, _)| *size <= number) {
        Some((size, unit)) => format!("{:.1} {unit}", number / size),
        None => format!("{number:.0} B"),
    }
}

/// A time in the unit that fits.
pub(super) fn time(seconds: f64) -> String {
    match seconds {
        s if s < 0.001 => format!("{:.0} us", s * 1e6),
        s if s < 0.01 => format!("{:.1} ms", s * 1e3),
        s if s < 1.0 => format!("{:.0} ms", s * 1e3),
        s if s < 100.0 => format!("{s:.1} s"),
        s => span(s),
    }
}

/// A long time: days, hours, minutes and seconds.
pub(super) fn span(seconds: f64) -> String {
    let minutes = (seconds / 60.0).floor();
    let hours = (minutes / 60.0).floor();
    let days = (hours / 24.0).floor();
    let clock =
        format!("{:02.0}:{:02.0}:{:02.0}", hours % 24.0, minutes % 60.0, (seconds % 60.0).floor());
    if 1.0 <= days { format!("{days:.0}d {clock}") } else { clock }
}

/// The two figures of a latency.
pub(super) fn latency(latency: Option<Latency>) -> String {
    latency.map_or_else(
        || "-".to_owned(),
        |it| format!("p50 {}, p99 {}", time(it.p50_s), time(it.p99_s)),
    )
}

/// Columns that a character takes.
fn width_of(char: char) -> usize {
    match u32::from(char) {
        0x300..=0x36f | 0x200b..=0x200f | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe6f => {
            2
        }
        0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1faff | 0x2_0000..=0x3_fffd => 2,
        _ => 1,
    }
}

/// Columns that a text takes.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(width_of).sum()
}

/// A text of exactly so many columns: filled with spaces, or cut with a sign that it was. What would move the cursor is a
/// question mark.
pub(super) fn fit(text: &str, columns: usize) -> String {
    let text: String = text.chars().map(|it| if it.is_control() { '?' } else { it }).collect();
    let taken = width(&text);
    if taken <= columns {
        return text + &" ".repeat(columns - taken);
    }
    let mut cut = String::new();
    for char in text.chars() {
        if columns < width(&cut) + width_of(char) + 1 {
            break;
        }
        cut.push(char);
    }
    if 0 < columns {
        cut.push('…');
    }
    let left = columns.saturating_sub(width(&cut));
    cut + &" ".repeat(left)
}

/// The same with the text at the right.
pub(super) fn fit_right(text: &str, columns: usize) -> String {
    let taken = width(text);
    if taken <= columns { " ".repeat(columns - taken) + text } else { fit(text, columns) }
}

/// Rates as a line of bars of eight heights, the newest at the right, the highest of those shown at the top.
pub(super) fn sparkline(rates: &std::collections::VecDeque<f64>, columns: usize) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let shown = rates.len().min(columns);
    let shown = || rates.iter().skip(rates.len() - shown);
    let top = shown().copied().fold(0.0, f64::max);
    let bar = |rate: &f64| {
        let heights = (1..8).filter(|height| f64::from(*height) * top / 8.0 < *rate);
        BARS[heights.count()]
    };
    fit_right(&shown().map(bar).collect::<String>(), columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let rates = [None, Some(0.0), Some(0.26), Some(12.4), Some(1234.0), Some(12_345_678.0)];
        assert_eq!(rates.map(rate), ["-", "0", "0.3", "12", "1,234", "12.3 M"]);
        assert_eq!([1.0, 1024.0, 1.5e6, 3e9].map(bytes), ["1 B", "1.0 KiB", "1.4 MiB", "2.8 GiB"]);
        assert_eq!(
            [0.000_12, 0.0012, 0.12, 1.0, 100.0].map(time),
            ["120 us", "1.2 ms", "120 ms", "1.0 s", "00:01:40"]
        );
        assert_eq!(span(200_000.0), "2d 07:33:20");
    }

    #[test]
    fn a_text_has_the_columns_that_it_is_given() {
        assert_eq!(fit("abc", 5), "abc  ");
        assert_eq!(fit("abcdef", 5), "abcd…");
        assert_eq!(fit("a\u{1b}[m", 5), "a?[m ");
        assert_eq!(fit("漢字漢字", 6), "漢字… ");
        assert_eq!((fit("abc", 0).as_str(), fit_right("7", 3).as_str()), ("", "  7"));
        for columns in 0..9 {
            assert_eq!(width(&fit("a漢字b漢", columns)), columns);
        }
    }

    #[test]
    fn bars_are_as_high_as_their_rates() {
        let rates = [0.0, 1.0, 4.0, 8.0].into();
        assert_eq!(sparkline(&rates, 5), " ▁▁▄█");
        assert_eq!(sparkline(&rates, 2), "▄█");
        assert_eq!(sparkline(&[0.0, 0.0].into(), 3), " ▁▁");
        assert_eq!(sparkline(&[].into(), 2), "  ");
    }
}
