//! What of schedules is seen from inside only.

use super::*;

#[test]
fn an_error_repeats_a_bounded_part_of_what_was_written() {
    assert_eq!(quoted("short"), "short");
    assert_eq!(quoted(&"\u{1f550}".repeat(1_000)).chars().count(), QUOTED_CHARS_MAX);
}
