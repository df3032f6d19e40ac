//! Compares what a command printed with what the file says, where `...` stands for anything.

/// At the end of a line: the rest of it; alone: any number of lines.
const ANYTHING: &str = "...";

/// True when the output has exactly the expected lines. Space at the end of lines and of the output is ignored.
pub(crate) fn fits(expected: &[String], output: &str) -> bool {
    let expected: Vec<&str> = expected.iter().map(|line| line.trim_end()).collect();
    let lines: Vec<&str> = output.trim_end().lines().map(str::trim_end).collect();
    lines_fit(&expected, &lines)
}

/// The text with every line set off, for messages.
pub(crate) fn indented(text: &str) -> String {
    let lines: Vec<String> = text.trim_end().lines().map(|line| format!("    {line}")).collect();
    lines.join("\n")
}

fn lines_fit(expected: &[&str], lines: &[&str]) -> bool {
    match expected {
        [] => lines.is_empty(),
        [ANYTHING, rest @ ..] => (0..=lines.len()).any(|skip| lines_fit(rest, &lines[skip..])),
        [first, rest @ ..] => match lines {
            [] => false,
            [line, others @ ..] => line_fits(first, line) && lines_fit(rest, others),
        },
    }
}

fn line_fits(expected: &str, line: &str) -> bool {
    match expected.strip_suffix(ANYTHING) {
        Some(start) => line.starts_with(start.trim_end()),
        None => expected == line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expected: &str, output: &str, fit: Fit) {
        let lines: Vec<String> = expected.lines().map(str::to_owned).collect();
        assert_eq!(fits(&lines, output), fit == Fit::Yes, "{expected:?} against {output:?}");
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Fit {
        Yes,
        No,
    }

    #[test]
    fn lines_must_be_equal() {
        check("a\nb", "a\nb\n", Fit::Yes);
        check("a\nb", "a \nb\n\n", Fit::Yes);
        check("a\nb", "a\n", Fit::No);
        check("a", "a\nb\n", Fit::No);
        check("a", "A\n", Fit::No);
    }

    #[test]
    fn dots_at_the_end_stand_for_the_rest_of_the_line() {
        check("took ...", "took 12 ms\n", Fit::Yes);
        check("took ...", "took\n", Fit::Yes);
        check("took ...", "it took 12 ms\n", Fit::No);
        check("took ...", "took 12 ms\nmore\n", Fit::No);
        check("a ... b", "a x b\n", Fit::No);
    }

    #[test]
    fn dots_alone_stand_for_any_lines() {
        check("...", "", Fit::Yes);
        check("a\n...\nz", "a\nz\n", Fit::Yes);
        check("a\n...\nz", "a\nb\nz\nc\nz\n", Fit::Yes);
        check("a\n...\nz", "a\nz\nb\n", Fit::No);
        check("...\nz\n...", "a\nz\nb\n", Fit::Yes);
    }
}
