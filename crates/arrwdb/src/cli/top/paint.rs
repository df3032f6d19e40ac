//! Lines as bytes for a terminal: sequences of ECMA-48 that every terminal of today knows.

use super::view::{Line, Style};

/// Whether styles are shown as colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colours {
    Shown,
    /// Bold, dim and reversed text alone: for `NO_COLOR`.
    None,
}

/// The whole screen, drawn over what is there: nothing is cleared first, so that nothing flickers. Each line is as wide as the screen.
pub(super) fn screen(lines: &[Line], colours: Colours) -> String {
    let mut text = String::from("\x1b[H");
    for (at, line) in lines.iter().enumerate() {
        if 0 < at {
            text.push_str("\r\n");
        }
        for (style, piece) in &line.0 {
            let code = code(*style, colours);
            if code.is_empty() {
                text.push_str(piece);
            } else {
                text.push_str(&format!("\x1b[{code}m{piece}\x1b[0m"));
            }
        }
    }
    text
}

fn code(style: Style, colours: Colours) -> &'static str {
    match (style, colours) {
        (Style::Plain, _) | (Style::Bars, Colours::None) => "",
        (Style::Strong, _) | (Style::Good, Colours::None) => "1",
        (Style::Weak, _) => "2",
        (Style::Bars, Colours::Shown) => "36",
        (Style::Good, Colours::Shown) => "32",
        (Style::Bad, Colours::Shown) => "1;31",
        (Style::Chosen, _) | (Style::Bad, Colours::None) => "7",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_are_sequences_around_their_text() {
        let line = Line(vec![(Style::Plain, "a".to_owned()), (Style::Bad, "b".to_owned())]);
        let text = screen(&[line.clone(), line], Colours::Shown);
        assert_eq!(text, "\x1b[Ha\x1b[1;31mb\x1b[0m\r\na\x1b[1;31mb\x1b[0m");
    }

    #[test]
    fn without_colours_there_is_none() {
        for style in [
            Style::Plain,
            Style::Strong,
            Style::Weak,
            Style::Bars,
            Style::Good,
            Style::Bad,
            Style::Chosen,
        ] {
            assert!(!code(style, Colours::None).contains('3'), "{style:?}");
        }
    }
}
