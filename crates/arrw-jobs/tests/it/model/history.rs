//! What happens to the jobs: histories from a generator that can make them shorter.

use arrw_jobs::{Backoff, ControlChange, Keep, OnDuplicate, Outcome, Plan, Priority, Rate};
use proptest::prelude::*;

pub(crate) const QUEUES: [&str; 3] = ["mail", "video", "a-b"];
const KINDS: [&str; 3] = ["send", "mail.send", "x"];
const ARGS: [&str; 3] = ["null", "7", "{\"to\":[1,2]}"];
const KEYS: [&str; 2] = ["k1", "k2"];
const IDS: [&str; 3] = ["i1", "i2", "i3"];
const WORKERS: [&str; 3] = ["w1", "w2", "w3"];

const MILLI: u64 = 1_000;
const SECOND: u64 = 1_000 * MILLI;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// What the log has in one frame, or had, as it may be taken back.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// Microseconds that pass before it, in which somebody looks at the jobs once.
    pub(crate) idle: u64,
    /// Microseconds that pass then.
    pub(crate) later: u64,
    pub(crate) turns: Vec<OneTurn>,
    pub(crate) is_taken_back: bool,
}

/// What is decided together.
#[derive(Clone, Debug)]
pub(crate) struct OneTurn {
    /// Records of somebody else in front of those that are made.
    pub(crate) own: u32,
    pub(crate) ops: Vec<Op>,
    pub(crate) is_taken_back: bool,
}

/// One wish. Which job is meant is found when its time has come.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Enqueue(Spec),
    /// The same as before, word by word.
    EnqueueAgain(usize),
    Finish(Which, Proof, Outcome),
    Cancel(Which),
    Retry(Which),
    Discard(Which),
    Delete(Which),
    /// With what its newest record is, or one less.
    Carry(Which, bool),
    Queue(&'static str, ControlChange),
    Claim {
        worker: &'static str,
        queues: Vec<&'static str>,
        count: usize,
        start: usize,
    },
}

/// A job that is enqueued, with times from now on.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) queue: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) args: &'static str,
    pub(crate) priority: Priority,
    pub(crate) run_at: Option<i64>,
    pub(crate) plan: Plan,
    pub(crate) unique: Option<Sole>,
    pub(crate) id: Option<&'static str>,
}

/// How it is unique.
#[derive(Clone, Debug)]
pub(crate) struct Sole {
    pub(crate) key: Option<&'static str>,
    pub(crate) across_queues: bool,
    pub(crate) until: Option<i64>,
    pub(crate) states: u8,
    pub(crate) on_duplicate: OnDuplicate,
}

/// Which job.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Which {
    /// One that is known.
    Known(usize),
    /// One that is leased.
    Leased(usize),
    /// One that is dead.
    Dead(usize),
    /// Any number, whether or not there ever was such a job.
    Number(usize),
}

/// With which token.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Proof {
    /// Its own.
    Right,
    /// One that some lease of any job has or had.
    Other(usize),
    /// An older one of the same job.
    Older(usize),
    /// None that ever was.
    MadeUp(u64),
}

fn one_of<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    prop::sample::select(all)
}

fn number() -> impl Strategy<Value = usize> {
    0..10_000_usize
}

/// Microseconds that pass.
fn passes() -> impl Strategy<Value = u64> {
    prop_oneof![
        8 => 1..3_u64,
        8 => 1..50 * MILLI,
        8 => 1..10 * SECOND,
        4 => 1..5 * MINUTE,
        2 => 1..2 * HOUR,
        1 => 1..3 * DAY,
    ]
}

fn from_now() -> impl Strategy<Value = i64> {
    prop_oneof![
        Just(0),
        -5_000..0_i64,
        1..4_i64,
        1..1_000_000_i64,
        1..600_000_000_i64,
        1..100_000_000_000_i64,
    ]
}

fn plan() -> impl Strategy<Value = Plan> {
    let backoff = prop_oneof![
        Just(Backoff::Fixed { ms: 0 }),
        Just(Backoff::Fixed { ms: 700 }),
        Just(Backoff::Exponential { first_ms: 10, max_ms: 40_000 }),
        Just(Backoff::List { ms: vec![1, 30, 9_000] }),
    ];
    let short = (1..4_u16, 0..2_u32, backoff)
        .prop_map(|(max_attempts, timeout_ms, backoff)| Plan { max_attempts, timeout_ms, backoff });
    prop_oneof![1 => Just(Plan::default()), 4 => short]
}

fn sole() -> impl Strategy<Value = Sole> {
    let key = prop_oneof![2 => one_of(&KEYS).prop_map(Some), 1 => Just(None)];
    let states =
        prop_oneof![4 => Just(arrw_jobs::Unique::UNFINISHED), 4 => 0..0x80_u8, 1 => any::<u8>()];
    let until = prop::option::of(from_now());
    let on = one_of(&[OnDuplicate::Keep, OnDuplicate::Replace, OnDuplicate::Delay]);
    (key, any::<bool>(), until, states, on).prop_map(
        |(key, across_queues, until, states, on_duplicate)| Sole {
            key,
            across_queues,
            until,
            states,
            on_duplicate,
        },
    )
}

fn spec() -> impl Strategy<Value = Spec> {
    let what = (one_of(&QUEUES), one_of(&KINDS), one_of(&ARGS), one_of(&Priority::ALL));
    let run_at = prop_oneof![3 => Just(None), 2 => from_now().prop_map(Some)];
    let unique = prop_oneof![2 => Just(None), 1 => sole().prop_map(Some)];
    let id = prop_oneof![4 => Just(None), 1 => one_of(&IDS).prop_map(Some)];
    (what, run_at, plan(), unique, id).prop_map(
        |((queue, kind, args, priority), run_at, plan, unique, id)| Spec {
            queue,
            kind,
            args,
            priority,
            run_at,
            plan,
            unique,
            id,
        },
    )
}

fn which() -> impl Strategy<Value = Which> {
    prop_oneof![
        6 => number().prop_map(Which::Known),
        2 => number().prop_map(Which::Leased),
        2 => number().prop_map(Which::Dead),
        1 => number().prop_map(Which::Number),
    ]
}

fn wait_ms() -> impl Strategy<Value = u64> {
    prop_oneof![4 => Just(0), 8 => 1..2_000_u64, 8 => 1..600_000_u64, 1 => Just(u64::MAX)]
}

fn finish() -> impl Strategy<Value = Op> {
    let outcome = prop_oneof![
        8 => Just(Outcome::Complete),
        4 => prop::option::of(wait_ms()).prop_map(|retry_in_ms| Outcome::Fail { retry_in_ms }),
        2 => wait_ms().prop_map(|for_ms| Outcome::Snooze { for_ms }),
        1 => Just(Outcome::Discard),
        2 => Just(Outcome::Release),
        3 => Just(Outcome::Lost),
    ];
    let proof = prop_oneof![
        12 => Just(Proof::Right),
        1 => number().prop_map(Proof::Other),
        2 => number().prop_map(Proof::Older),
        1 => any::<u64>().prop_map(Proof::MadeUp),
    ];
    let which = prop_oneof![8 => number().prop_map(Which::Leased), 1 => which()];
    (which, proof, outcome).prop_map(|(which, proof, outcome)| Op::Finish(which, proof, outcome))
}

fn keep() -> impl Strategy<Value = Keep> {
    let for_ms = one_of(&[0, 1, 30_000, 3_600_000, 86_400_000, 1 << 40]);
    let count = one_of(&[0, 1, 3, 40, 100_000]);
    (for_ms, count).prop_map(|(for_ms, count)| Keep { for_ms, count })
}

/// Names of queues, hardly one of which cannot be.
fn queue_name() -> impl Strategy<Value = &'static str> {
    prop_oneof![20 => one_of(&QUEUES), 1 => one_of(&["", "a.b"])]
}

fn control() -> impl Strategy<Value = ControlChange> {
    let number = |to: u32| prop_oneof![20 => 1..to, 1 => Just(0)];
    let rate = (number(5), number(20_000)).prop_map(|(count, per_ms)| Rate { count, per_ms });
    let limits = (0..5_u32, prop_oneof![3 => Just(None), 1 => rate.prop_map(Some)]);
    prop_oneof![
        1 => Just(ControlChange::Pause),
        4 => Just(ControlChange::Resume),
        3 => limits.prop_map(|(concurrency_max, rate)| ControlChange::Limits { concurrency_max, rate }),
        2 => (keep(), keep()).prop_map(|(done, dead)| ControlChange::Keep { done, dead }),
    ]
}

fn claim() -> impl Strategy<Value = Op> {
    let one = prop_oneof![12 => one_of(&QUEUES), 1 => Just("nobody")];
    let count = prop_oneof![4 => 1..4_usize, 1 => 1..40_usize];
    (one_of(&WORKERS), prop::collection::vec(one, 1..5), count, number())
        .prop_map(|(worker, queues, count, start)| Op::Claim { worker, queues, count, start })
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        24 => spec().prop_map(Op::Enqueue),
        4 => number().prop_map(Op::EnqueueAgain),
        24 => claim(),
        36 => finish(),
        3 => which().prop_map(Op::Cancel),
        3 => which().prop_map(Op::Retry),
        2 => which().prop_map(Op::Discard),
        2 => which().prop_map(Op::Delete),
        3 => (which(), prop::bool::weighted(0.1)).prop_map(|(job, late)| Op::Carry(job, late)),
        4 => (queue_name(), control()).prop_map(|(queue, change)| Op::Queue(queue, change)),
    ]
}

fn turn() -> impl Strategy<Value = OneTurn> {
    let own = prop_oneof![4 => Just(0), 1 => 1..4_u32];
    (own, prop::collection::vec(op(), 1..7), prop::bool::weighted(0.1))
        .prop_map(|(own, ops, is_taken_back)| OneTurn { own, ops, is_taken_back })
}

/// One step of a history.
pub(crate) fn step() -> impl Strategy<Value = Step> {
    let idle = prop_oneof![4 => Just(0), 1 => passes()];
    (idle, passes(), prop::collection::vec(turn(), 1..4), prop::bool::weighted(0.08))
        .prop_map(|(idle, later, turns, is_taken_back)| Step { idle, later, turns, is_taken_back })
}
