//! Exactly one job for each slot, over restarts at any time and clocks that jump forth and back.

use std::collections::BTreeSet;

use arrw_jobs::limits::{LATE_MICROS_MAX, MISSED_MAX};
use arrw_jobs::{Interval, Misfire, Schedule};
use arrw_log::Timestamp;
use proptest::prelude::*;

use crate::{at, cron, minus, plus};

const SECOND: u64 = 1_000_000;
const HOUR: u64 = 3_600 * SECOND;

fn schedules() -> impl Strategy<Value = Schedule> {
    prop_oneof![
        Just(cron("*/15 * * * *", "Europe/Berlin")),
        Just(cron("*/15 1-3 * * *", "Europe/Berlin")),
        Just(cron("30 2 * * *", "America/New_York")),
        Just(cron("* * * * *", "Australia/Lord_Howe")),
        Just(cron("0 5 * * *", "Pacific/Apia")),
        Just(cron("0 0 29 2 *", "UTC")),
        (1_u64..5_000, 0_u64..10_000_000).prop_map(|(seconds, ahead)| {
            let anchor = plus(at("2026-03-01T00:00:00Z"), ahead);
            Schedule::Interval(Interval::parse(&format!("{seconds}s"), anchor).unwrap())
        }),
    ]
}

/// What happens next to whoever makes the jobs.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The timer wakes at the next slot, so many microseconds late.
    Timer(u64),
    /// It asks after so many microseconds.
    Ask(u64),
    /// The process ends after it asked and before it has committed.
    Crash(u64),
    /// The clock is set back.
    Back(u64),
}

fn steps(back: u32) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..2 * LATE_MICROS_MAX).prop_map(Step::Timer),
        4 => (0..30 * HOUR).prop_map(Step::Ask),
        2 => (0..3 * HOUR).prop_map(Step::Crash),
        back => (0..48 * HOUR).prop_map(Step::Back),
    ];
    prop::collection::vec(step, 1..40)
}

fn misfires() -> impl Strategy<Value = Misfire> {
    prop_oneof![Just(Misfire::Skip), Just(Misfire::RunOnce)]
}

/// What is in the log, and the clock.
struct Life<'a> {
    schedule: &'a Schedule,
    misfire: Misfire,
    settled: Timestamp,
    now: Timestamp,
    jobs: BTreeSet<Timestamp>,
    missed: u64,
    /// A count reached its bound, so the sum is not known.
    is_capped: bool,
}

impl Life<'_> {
    fn step(&mut self, step: Step) {
        match step {
            Step::Timer(late) => {
                if let Some(next) = self.schedule.next_after(self.settled) {
                    self.now = self.now.max(plus(next, late));
                }
                self.ask();
            }
            Step::Ask(later) => {
                self.now = plus(self.now, later);
                self.ask();
            }
            Step::Crash(later) => {
                self.now = plus(self.now, later);
                let due = self.schedule.due(self.settled, self.now, self.misfire);
                assert_eq!(due, self.schedule.due(self.settled, self.now, self.misfire));
            }
            Step::Back(earlier) => self.now = minus(self.now, earlier),
        }
    }

    fn ask(&mut self) {
        let due = self.schedule.due(self.settled, self.now, self.misfire);
        assert!(self.settled <= due.settled, "{due:?}");
        assert!(due.next.is_none_or(|next| due.settled < next && (self.now < next)), "{due:?}");
        if let Some(slot) = due.run {
            assert!(self.settled < slot && slot <= self.now && slot == due.settled, "{due:?}");
            assert_eq!(self.schedule.next_after(minus(slot, 1)), Some(slot), "{due:?} is no slot");
            assert!(self.jobs.insert(slot), "{due:?} has its job");
            let is_late = LATE_MICROS_MAX < self.now.micros() - slot.micros();
            assert!(!is_late || self.misfire == Misfire::RunOnce, "{due:?}");
        }
        self.missed += due.missed;
        self.is_capped |= due.missed == MISSED_MAX;
        self.settled = due.settled;
    }
}

fn live(schedule: &Schedule, misfire: Misfire, steps: &[Step], begin: Timestamp) {
    let mut life = Life {
        schedule,
        misfire,
        settled: begin,
        now: begin,
        jobs: BTreeSet::new(),
        missed: 0,
        is_capped: false,
    };
    steps.iter().for_each(|step| life.step(*step));
    let slots =
        std::iter::successors(schedule.next_after(begin), |slot| schedule.next_after(*slot));
    let passed: BTreeSet<Timestamp> = slots.take_while(|slot| *slot <= life.settled).collect();
    assert!(life.jobs.is_subset(&passed), "a job without a slot");
    if !life.is_capped {
        let settled = u64::try_from(life.jobs.len()).unwrap() + life.missed;
        assert_eq!(
            u64::try_from(passed.len()).unwrap(),
            settled,
            "each slot has a job or is missed"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn each_slot_is_settled_once(schedule in schedules(), misfire in misfires(), steps in steps(3), hours in 0_u64..9_000) {
        live(&schedule, misfire, &steps, plus(at("2026-02-27T00:00:00Z"), hours * HOUR));
    }

    #[test]
    fn in_a_time_that_samoa_skipped_too(misfire in misfires(), steps in steps(3), hours in 0_u64..72) {
        live(&cron("0 5 * * *", "Pacific/Apia"), misfire, &steps, plus(at("2011-12-28T00:00:00Z"), hours * HOUR));
    }

    #[test]
    fn a_timer_in_time_misses_nothing(schedule in schedules(), misfire in misfires(), late in prop::collection::vec(0..LATE_MICROS_MAX, 1..60)) {
        let mut settled = at("2026-03-28T20:00:00Z");
        for late in late {
            // A slot of a short interval may come while the timer is late; then the newest runs.
            let next = schedule.next_after(settled).unwrap();
            let later = schedule.next_after(next).unwrap();
            let now = plus(next, late).min(minus(later, 1));
            let due = schedule.due(settled, now, misfire);
            prop_assert_eq!((due.run, due.missed, due.next), (Some(next), 0, Some(later)));
            settled = due.settled;
        }
    }
}

#[test]
fn what_is_missed_is_skipped_or_runs_once() {
    let schedule = cron("0 * * * *", "UTC");
    let (begin, now) = (at("2026-11-25T00:00:00Z"), at("2026-11-25T05:30:00Z"));
    let skip = schedule.due(begin, now, Misfire::Skip);
    assert_eq!((skip.run, skip.missed, skip.settled), (None, 5, at("2026-11-25T05:00:00Z")));
    let once = schedule.due(begin, now, Misfire::RunOnce);
    assert_eq!((once.run, once.missed), (Some(at("2026-11-25T05:00:00Z")), 4));
    assert_eq!((skip.next, once.next), (Some(at("2026-11-25T06:00:00Z")), skip.next));
}

#[test]
fn a_slot_is_in_time_for_a_minute() {
    let schedule = cron("0 * * * *", "UTC");
    let slot = at("2026-11-25T05:00:00Z");
    let run = |late| schedule.due(minus(slot, 1), plus(slot, late), Misfire::Skip).run;
    assert_eq!(run(0), Some(slot));
    assert_eq!(run(LATE_MICROS_MAX), Some(slot));
    assert_eq!(run(LATE_MICROS_MAX + 1), None);
}

#[test]
fn a_clock_that_goes_back_repeats_nothing() {
    let schedule = cron("*/5 * * * *", "UTC");
    let settled = at("2026-11-25T05:00:00Z");
    let due = schedule.due(settled, at("2026-11-24T05:00:00Z"), Misfire::RunOnce);
    assert_eq!((due.run, due.missed, due.settled), (None, 0, settled));
    assert_eq!(due.next, Some(at("2026-11-25T05:05:00Z")));
}

#[test]
fn a_count_of_missed_slots_has_a_bound() {
    let schedule = cron("* * * * *", "Europe/Berlin");
    let (begin, now) = (at("1970-01-02T00:00:00Z"), at("2026-11-25T05:00:30Z"));
    let due = schedule.due(begin, now, Misfire::Skip);
    assert_eq!((due.run, due.missed), (Some(at("2026-11-25T05:00:00Z")), MISSED_MAX));
    assert_eq!(schedule.slots_between(begin, now), MISSED_MAX);
    assert_eq!(schedule.slots_between(now, begin), 0);
    assert_eq!(schedule.slots_between(minus(now, 120 * SECOND), now), 2);
}
