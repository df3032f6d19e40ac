//! What a decider is told, and what becomes of what it makes, when the disk is full or fails.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use arrw_log::{
    AfterTurn, Append, AppendError, Batch, Committed, Decider, Decision, Drive, Environment, Log,
    NewRecord, Options, Place, Question, Records, Seq, Settled, Start, Urgency,
};
use arrw_sim::{EIO, ENOSPC, Effect, Fault, OpKind, SimDisk};

/// Bytes that the decider wants when it wants any.
const WANTS: usize = 3_000;

/// Makes one record for each batch, and one more whenever it wants to. Clones share what they know.
#[derive(Clone, Debug, Default)]
struct Maker(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    wants: bool,
    /// Seqs of what it was told of and does not know the end of.
    placed: Vec<u64>,
    /// What it was told in the end, with the seqs.
    settled: Vec<(Settled, Vec<u64>)>,
    /// How often it was asked for more.
    asked: u64,
}

impl Maker {
    fn with<T>(&self, act: impl FnOnce(&mut Known) -> T) -> T {
        act(&mut self.0.lock().unwrap())
    }

    /// What it was told in the end, since the last time.
    fn settled(&self) -> Vec<(Settled, Vec<u64>)> {
        self.with(|known| std::mem::take(&mut known.settled))
    }
}

fn record(payload: &[u8]) -> NewRecord<'_> {
    NewRecord { topic: "t", payload, ..NewRecord::default() }
}

impl Decider for Maker {
    fn decide(&mut self, _: &Question, _: Place, made: &mut Batch) -> Decision {
        made.push(record(b"made")).unwrap();
        Decision::Commit { skip: 0 }
    }

    fn place(&mut self, records: Records<'_>) {
        self.with(|known| known.placed.extend(records.map(|record| record.seq().get())));
    }

    fn settle(&mut self, settled: Settled) {
        self.with(|known| {
            let placed = std::mem::take(&mut known.placed);
            known.settled.push((settled, placed));
        });
    }

    fn wants(&self) -> usize {
        self.with(|known| if known.wants { WANTS } else { 0 })
    }

    fn more(&mut self, _: Place, bytes: usize, made: &mut Batch) {
        assert_eq!(bytes, WANTS);
        self.with(|known| known.asked += 1);
        made.push(record(b"more")).unwrap();
    }
}

fn open(disk: &SimDisk) -> (Log, Maker) {
    let options = Options { segment_bytes: 16 * 1024, drive: Drive::Callers, ..Options::default() };
    let environment = Environment::with_storage(Arc::new(disk.clone()));
    let log = Log::open_with(environment, options).unwrap();
    let maker = Maker::default();
    log.set_decider(Box::new(maker.clone()));
    (log, maker)
}

fn own(bytes: usize) -> Batch {
    Batch::of(record(&vec![7; bytes])).unwrap()
}

fn asking(batch: Batch) -> Batch {
    batch.asking(Arc::new(())).reserving(record(b"made").stored_bytes())
}

fn append(log: &Log, batch: Batch) -> Result<Committed, AppendError> {
    log.append(batch).wait()
}

fn payload_ends(log: &Log) -> Vec<String> {
    let mut reader = log.reader(Start::Earliest).unwrap();
    let mut all = Vec::new();
    while let Some(frame) = reader.try_next().unwrap() {
        for record in frame.records() {
            let text = String::from_utf8_lossy(record.payload()).into_owned();
            all.push(if text.len() == 4 { text } else { "own".to_owned() });
        }
    }
    all
}

/// Fills the segment until a batch of `bytes` does not fit any more, on a disk with room for no other one.
fn fill_up(disk: &SimDisk, log: &Log, bytes: usize) {
    disk.set_capacity(disk.used_bytes());
    for _ in 0..100 {
        match append(log, own(bytes)) {
            Ok(_) => (),
            Err(AppendError::Full) => return,
            Err(other) => unreachable!("{other}"),
        }
    }
    unreachable!("the disk never was full");
}

#[test]
fn what_the_decider_wants_fails_no_batch_on_a_full_disk() {
    let disk = SimDisk::new();
    let (log, maker) = open(&disk);
    fill_up(&disk, &log, 2_000);
    maker.with(|known| known.wants = true);
    // There is room for these, and not for what is wanted.
    append(&log, own(10)).unwrap();
    append(&log, asking(Batch::new())).unwrap();
    assert_eq!(maker.with(|known| known.asked), 0);
    assert_eq!(maker.settled().len(), 1);
    // Nor is it asked when there is room only for what is urgent.
    append(&log, own(10_000).with_urgency(Urgency::Reserved)).unwrap();
    assert_eq!(maker.with(|known| known.asked), 0);
    fill_up(&disk, &log, 10);
    assert_eq!(maker.with(|known| known.asked), 0);
    // With space it is asked again.
    disk.set_capacity(u64::MAX);
    append(&log, own(10)).unwrap();
    assert_eq!(maker.with(|known| known.asked), 1);
    assert_eq!(payload_ends(&log).last().unwrap(), "more");
    log.close().unwrap();
}

#[test]
fn a_batch_that_writes_nothing_needs_no_room() {
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    fill_up(&disk, &log, 2_000);
    fill_up(&disk, &log, 1);
    log.set_decider(Box::new(Nothing));
    let asked = append(&log, Batch::new().asking(Arc::new(()))).unwrap();
    assert_eq!(asked.first, log.tail());
    let refused = append(&log, asking(Batch::new()));
    assert!(matches!(refused, Err(AppendError::Full)), "{refused:?}");
}

/// Commits nothing.
#[derive(Debug)]
struct Nothing;

impl Decider for Nothing {
    fn decide(&mut self, _: &Question, _: Place, _: &mut Batch) -> Decision {
        Decision::Nothing
    }

    fn place(&mut self, _: Records<'_>) {
        unreachable!("nothing is placed");
    }

    fn settle(&mut self, settled: Settled) {
        assert_eq!(settled, Settled::Committed);
    }
}

#[test]
fn a_frame_for_which_there_was_no_space_is_taken_back() {
    for wants in [false, true] {
        let disk = SimDisk::new();
        let (log, maker) = open(&disk);
        maker.with(|known| known.wants = wants);
        let more: Vec<u64> = if wants { vec![3] } else { vec![] };
        append(&log, asking(own(10))).unwrap();
        let placed = [vec![1, 2], more.clone()].concat();
        assert_eq!(maker.settled(), [(Settled::Committed, placed.clone())]);
        let next = log.tail().get();

        disk.plan_fault(Fault::once(OpKind::Write, 1, Effect::Errno(ENOSPC)));
        let refused = append(&log, asking(own(10)));
        assert!(matches!(refused, Err(AppendError::Full)), "{refused:?}");
        let placed: Vec<u64> = placed.iter().map(|seq| seq + next - 1).collect();
        assert_eq!(maker.settled(), [(Settled::TakenBack, placed.clone())]);
        assert_eq!(log.tail(), Seq::new(next));

        // The next one comes where that one would have been.
        let committed = append(&log, asking(own(10))).unwrap();
        assert_eq!((committed.first.get(), committed.last_offset), (next, next + 1));
        assert_eq!(maker.settled(), [(Settled::Committed, placed)]);
    }
}

#[test]
fn a_frame_of_which_nobody_can_say_is_taken_back() {
    let disk = SimDisk::new();
    let (log, maker) = open(&disk);
    append(&log, asking(own(10))).unwrap();
    maker.settled();
    disk.plan_fault(Fault::once(OpKind::SyncData, 1, Effect::Errno(EIO)));
    let sent = [own(10), asking(Batch::new()), asking(own(10))].map(|it| log.append(it).start());
    for answer in sent.map(Append::wait) {
        assert!(matches!(answer, Err(AppendError::Unknown(_))), "{answer:?}");
    }
    assert_eq!(maker.settled(), [(Settled::TakenBack, vec![4, 5, 6])]);
    // It stopped, and asks nothing any more.
    maker.with(|known| known.wants = true);
    let refused = append(&log, asking(own(10)));
    assert!(matches!(refused, Err(AppendError::Poisoned(_))), "{refused:?}");
    assert_eq!((maker.settled(), maker.with(|known| known.asked)), (vec![], 0));
}

/// A log that does something whenever its decider's call comes, and counts how often that was once it had stopped.
fn counted(disk: &SimDisk, act: fn(&Log)) -> (Log, Arc<AtomicU64>) {
    let (log, _) = open(disk);
    let stopped = Arc::new(AtomicU64::new(0));
    let (count, theirs) = (Arc::clone(&stopped), log.clone());
    let call: AfterTurn = Arc::new(move || {
        act(&theirs);
        count.fetch_add(u64::from(theirs.poison().is_some()), Ordering::SeqCst);
    });
    log.set_decider(Box::new(Calls(call)));
    (log, stopped)
}

/// Decides nothing and has something called.
struct Calls(AfterTurn);

impl std::fmt::Debug for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Calls").finish()
    }
}

impl Decider for Calls {
    fn decide(&mut self, _: &Question, _: Place, _: &mut Batch) -> Decision {
        Decision::Nothing
    }

    fn place(&mut self, _: Records<'_>) {}

    fn settle(&mut self, _: Settled) {}

    fn after_turn(&self) -> Option<AfterTurn> {
        Some(Arc::clone(&self.0))
    }
}

/// A fault, and the call that it stops the log in.
type Stop = (Fault, fn(&Log));

#[test]
fn whom_the_decider_names_learns_that_the_log_stopped_wherever_it_did() {
    let sync = Fault::once(OpKind::SyncData, 1, Effect::Errno(EIO));
    let write = Fault::once(OpKind::Write, 1, Effect::Errno(EIO));
    let stops: [Stop; 4] = [
        // In a turn, when a mark is added, in upkeep, and at a trim.
        (sync.clone(), |log| assert!(append(log, own(10)).is_err())),
        (sync.clone(), Log::mark),
        (write.clone(), |log| log.roll().unwrap()),
        (write, |log| assert!(log.enforce_retention().is_err())),
    ];
    for (number, (fault, act)) in stops.into_iter().enumerate() {
        let disk = SimDisk::new();
        // It may use the log: this takes the writer's role.
        let (log, stopped) = counted(&disk, |log| assert!(log.stats().tail <= log.tail()));
        append(&log, own(10)).unwrap();
        assert_eq!(stopped.load(Ordering::SeqCst), 0);
        disk.plan_fault(fault);
        act(&log);
        assert!(log.poison().is_some(), "{number}");
        assert!(stopped.load(Ordering::SeqCst) > 0, "{number}");
    }
}

#[test]
fn whom_the_decider_names_learns_of_upkeep_that_failed_behind_an_append() {
    let disk = SimDisk::new();
    let (log, stopped) = counted(&disk, |_| ());
    append(&log, own(10_000)).unwrap();
    // The next one fits in no more: a spare is used, and a footer and another spare are due behind it.
    disk.plan_fault(Fault::once(OpKind::Create, 1, Effect::Errno(EIO)));
    append(&log, own(10_000)).unwrap();
    assert!(log.poison().is_some());
    assert!(stopped.load(Ordering::SeqCst) > 0);
}
