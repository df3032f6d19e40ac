//! The one place that prints.
#![expect(clippy::print_stdout, reason = "printing is what a command is for")]

/// Prints one line, or several, to standard output.
pub(crate) fn line(text: &str) {
    println!("{text}");
}
