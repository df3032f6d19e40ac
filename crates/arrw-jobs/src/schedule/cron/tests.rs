//! What is a cron, what it means, and what is said of what is none.

use proptest::prelude::*;

use super::*;
use crate::limits::CRON_BYTES_MAX;

/// The text of a cron, and the one text of the same meaning.
fn check(text: &str, canonical: &str) {
    let cron = Cron::parse(text).unwrap();
    assert_eq!(cron.to_string(), canonical, "{text}");
    assert_eq!(canonical.parse(), Ok(cron), "{text} and {canonical}");
}

fn check_refused(text: &str, field: Option<Field>, why: &str) {
    let error = Cron::parse(text).unwrap_err();
    assert_eq!(error.field, field, "{error}");
    assert!(error.why.contains(why), "{error}");
}

#[test]
fn one_meaning_has_one_text() {
    check("* * * * *", "* * * * *");
    check("  0\t0 * * *  ", "0 0 * * *");
    check("0-59 0-23 1-31 1-12 0-6", "* * * * *");
    check("*/1 * * * 0-7", "* * * * *");
    check("00 007 * * *", "0 7 * * *");
    check("0,30 * * * *", "*/30 * * * *");
    check("30,0,30 * * * *", "*/30 * * * *");
    check("*/60 */24 * * *", "0 0 * * *");
    check("5/15 * * * *", "5,20,35,50 * * * *");
    check("0 9-17/2 * * *", "0 9-17/2 * * *");
    check("1,2,3,5,7,8 * * * *", "1-3,5,7,8 * * * *");
    check("0 0 1 jan,Feb,DEC *", "0 0 1 1,2,12 *");
    check("0 0 ? * mon", "0 0 * * 1");
    check("0 0 1 * ?", "0 0 1 * *");
}

#[test]
fn sunday_is_0_and_7_and_a_range_may_go_over_the_end_of_the_week() {
    check("0 0 * * 7", "0 0 * * 0");
    check("0 0 * * SUN-SAT", "0 0 * * *");
    check("0 0 * * 5-7", "0 0 * * 0,5,6");
    check("0 0 * * SAT-SUN", "0 0 * * 0,6");
    check("0 0 * * fri-mon", "0 0 * * 0,1,5,6");
    check("0 0 * * 6-0", "0 0 * * 0,6");
    check("0 0 * * MON-SUN/2", "0 0 * * 0,1,3,5");
    check("0 0 * * 1/2", "0 0 * * 1,3,5");
}

#[test]
fn macros_are_their_fields() {
    check("@hourly", "0 * * * *");
    check("@daily", "0 0 * * *");
    check("@Midnight", "0 0 * * *");
    check("@weekly", "0 0 * * 0");
    check("@monthly", "0 0 1 * *");
    check("@yearly", "0 0 1 1 *");
    check("@ANNUALLY", "0 0 1 1 *");
}

#[test]
fn a_day_field_that_begins_with_a_star_is_not_restricted() {
    let on = |text: &str| {
        let date = |day: i8| Date::new(2026, 11, day).unwrap();
        let cron = Cron::parse(text).unwrap();
        let days = (1..=30).filter(|&day| cron.is_on(date(day)));
        days.collect::<Vec<i8>>()
    };
    // In November 2026 the 1st is a Sunday.
    assert_eq!(on("0 0 13 11 FRI"), [6, 13, 20, 27]);
    assert_eq!(on("0 0 14 11 FRI"), [6, 13, 14, 20, 27]);
    assert_eq!(on("0 0 */2 11 MON"), [9, 23]);
    assert_eq!(on("0 0 14 11 */2"), [14]);
    assert_eq!(on("0 0 15 11 */2"), [15]);
    assert_eq!(on("0 0 16 11 */2"), [0; 0]);
}

#[test]
fn the_text_keeps_whether_days_are_both_or_either() {
    check("0 0 */2 * MON", "0 0 */2 * 1");
    check("0 0 1-31/2 * MON", "0 0 1-31/2 * 1");
    check("0 0 */31 * MON", "0 0 */31 * 1");
    check("0 0 15 * */2", "0 0 15 * */2");
    check("0 0 15 * 0,2,4,6", "0 0 15 * 0-6/2");
    check("0 0 */10,5 * MON", "0 0 */10,5 * 1");
    check("0 0 1 * *", "0 0 1 * *");
    check("0 0 1-31 * MON", "0 0 * * *");
}

#[test]
fn what_is_no_value_is_refused_with_what_to_write() {
    use Field::{DayOfMonth, DayOfWeek, Hour, Minute, Month};
    check_refused("60 * * * *", Some(Minute), "minute `60` is out of range; write 0 to 59");
    check_refused("-1 * * * *", Some(Minute), "a value of minute is missing");
    check_refused("+1 * * * *", Some(Minute), "minute `+1` is not a value");
    check_refused("? * * * *", Some(Minute), "minute `?` is not a value");
    check_refused("1, * * * *", Some(Minute), "is missing; write 0 to 59, or `*` for all");
    check_refused("99999999999 * * * *", Some(Minute), "out of range");
    check_refused("1-2-3 * * * *", Some(Minute), "minute `2-3` is not a value");
    check_refused("* 24 * * *", Some(Hour), "write 0 to 23");
    check_refused("* 22-2 * * *", Some(Hour), "write `22-23,0-2`");
    check_refused("* 23-0 * * *", Some(Hour), "write `23,0`");
    check_refused("* * 0 * *", Some(DayOfMonth), "write 1 to 31");
    check_refused("* * * 13 *", Some(Month), "write 1 to 12 or JAN to DEC");
    check_refused("* * * JANUARY *", Some(Month), "month `JANUARY` is not a value");
    check_refused("* * * * 8", Some(DayOfWeek), "0 and 7 are Sunday");
    check_refused("* * * * JUL", Some(DayOfWeek), "or SUN to SAT");
    check_refused("*/0 * * * *", Some(Minute), "must be 1 to 60");
    check_refused("*/90 * * * *", Some(Minute), "for steps over that use an interval");
    check_refused("*/ * * * *", Some(Minute), "step ``");
    check_refused("*/2/2 * * * *", Some(Minute), "step `2/2`");
}

#[test]
fn what_quartz_knows_and_cron_does_not_is_named() {
    use Field::{DayOfMonth, DayOfWeek};
    check_refused(
        "0 0 L * *",
        Some(DayOfMonth),
        "`L` in day of month `L` is not known here; known are",
    );
    check_refused("0 0 L-3 * *", Some(DayOfMonth), "`L` in");
    check_refused("0 0 lw * *", Some(DayOfMonth), "`L` in");
    check_refused("0 0 15W * *", Some(DayOfMonth), "`W` in");
    check_refused("0 0 * * 5L", Some(DayOfWeek), "`L` in");
    check_refused("0 0 * * FRIL", Some(DayOfWeek), "`L` in");
    check_refused("0 0 * * MON#2", Some(DayOfWeek), "`#` in");
}

#[test]
fn what_has_not_five_fields_is_refused() {
    check_refused("", None, "it has 0 fields, and must have 5: minute, hour,");
    check_refused("* * * *", None, "write `*` for a field that may be anything");
    check_refused("0 * * * * *", None, "leave out seconds");
    check_refused("@reboot", None, "@hourly, @daily");
    check_refused("@every 5m", None, "use an interval");
    check_refused(&"* ".repeat(CRON_BYTES_MAX), None, "at most 512 bytes");
}

#[test]
fn a_day_that_never_comes_is_refused() {
    use Field::DayOfMonth;
    check_refused("0 0 30 2 *", Some(DayOfMonth), "has a day 30; the longest of them has 29");
    check_refused("0 0 31 FEB,APR,JUN,SEP,NOV *", Some(DayOfMonth), "the longest of them has 30");
    check_refused("0 0 30 2 */2", Some(DayOfMonth), "has a day 30");
    check("0 0 29 2 *", "0 0 29 2 *");
    check("0 0 30 2 MON", "0 0 30 2 1");
    check("0 0 30,1 2 *", "0 0 1,30 2 *");
}

#[test]
fn the_rarest_day_is_found() {
    let cron = Cron::parse("0 0 29 2 */7").unwrap();
    let mut at = Date::constant(1970, 1, 1).at(0, 0, 0, 0);
    let mut longest = 0;
    while at.year() < 2400 {
        let next = cron.at_or_after(at.tomorrow().unwrap()).unwrap();
        longest = longest.max(next.year() - at.year());
        assert_eq!(
            (next.month(), next.day(), next.weekday()),
            (2, 29, jiff::civil::Weekday::Sunday)
        );
        at = next;
    }
    assert_eq!(longest, 40);
}

/// An item of a list for a field, which is right.
fn item(field: Field) -> impl Strategy<Value = String> {
    let value = || field.first()..=field.last_written();
    let step = || 1..=field.count();
    prop_oneof![
        2 => Just("*".to_owned()),
        4 => value().prop_map(|value| value.to_string()),
        2 => (value(), value()).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
        2 => step().prop_map(|step| format!("*/{step}")),
        1 => (value(), value(), step()).prop_map(|(a, b, step)| format!("{}-{}/{step}", a.min(b), a.max(b))),
        1 => (value(), step()).prop_map(|(value, step)| format!("{value}/{step}")),
    ]
}

fn list(field: Field) -> impl Strategy<Value = String> {
    prop::collection::vec(item(field), 1..5).prop_map(|items| items.join(","))
}

fn text() -> impl Strategy<Value = String> {
    let fields = Field::ALL.map(list);
    Vec::from(fields).prop_map(|fields| fields.join(" "))
}

proptest! {
    #[test]
    fn a_cron_survives_its_text(text in text()) {
        let Ok(cron) = Cron::parse(&text) else {
            // Only a day that never comes is refused.
            prop_assert_eq!(Cron::parse(&text).unwrap_err().field, Some(Field::DayOfMonth));
            return Ok(());
        };
        let printed = cron.to_string();
        prop_assert!(printed.len() < 400, "{}", printed);
        prop_assert_eq!(Cron::parse(&printed), Ok(cron));
        prop_assert_eq!(Cron::parse(&printed).unwrap().to_string(), printed);
    }

    #[test]
    fn any_text_gets_an_answer_of_bounded_length(text in "\\PC{0,40}|[-0-9*,/?@LW#A-Z ]{0,40}|([-0-9*,/]{0,9} ){4}[^ ]{0,900}") {
        if let Err(error) = Cron::parse(&text) {
            prop_assert!(error.to_string().len() < 1_000, "{}", error);
        }
    }
}

#[test]
fn the_longest_text_is_within_the_bound() {
    // No three in a row, and no equal steps: the most items that a field can have.
    let pairs = |field: Field| {
        let values =
            (field.first()..=field.last()).filter(|value| (value - field.first()) % 3 != 2);
        values.map(|value| value.to_string()).collect::<Vec<_>>().join(",")
    };
    let text = Field::ALL.map(pairs).join(" ");
    check(&text, &text);
    assert!(text.len() < 400, "{}", text.len());
}
