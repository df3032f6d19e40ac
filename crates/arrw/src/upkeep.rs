//! What goes on beside the calls: checkpoints, retention, the time of jobs, events for triggers. Each has a thread of its
//! own, or nothing happens but inside [`Db::upkeep`](crate::Db::upkeep), as the options of the log say.

use std::io;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use arrw_log::Drive;

use crate::jobs::minder::Minder;
use crate::jobs::tripping::Follower;
use crate::memory::{Due, Savers};
use crate::retention::Keeper;

const UNPOISONED: &str = "no holder of this lock panics";

/// All of it.
#[derive(Debug)]
pub(crate) struct Upkeep {
    due: Arc<Due>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Without threads.
    by_hand: Mutex<Option<ByHand>>,
}

/// What has no thread of its own.
#[derive(Debug)]
struct ByHand {
    minder: Minder,
    follower: Follower,
    savers: Savers,
    keeper: Keeper,
}

impl Upkeep {
    /// Begins with it.
    pub(crate) fn start(
        drive: Drive,
        due: &Arc<Due>,
        (minder, follower): (Minder, Follower),
        (mut savers, keeper): (Savers, Keeper),
    ) -> io::Result<Self> {
        let (threads, by_hand) = Default::default();
        let upkeep = Self { due: Arc::clone(due), threads, by_hand };
        if drive == Drive::Callers {
            let by_hand = ByHand { minder, follower, savers, keeper };
            *upkeep.by_hand.lock().expect(UNPOISONED) = Some(by_hand);
            return Ok(upkeep);
        }
        let due = Arc::clone(due);
        upkeep.spawn("arrw-jobs", move || minder.run())?;
        upkeep.spawn("arrw-triggers", move || follower.run())?;
        upkeep.spawn("arrw-checkpoint", move || due.save_until_closed(&mut savers, &keeper))?;
        Ok(upkeep)
    }

    fn spawn(&self, name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work)?;
        self.threads.lock().expect(UNPOISONED).push(thread);
        Ok(())
    }

    /// Does what is due now, if nobody else does.
    pub(crate) fn run(&self) {
        let mut by_hand = self.by_hand.lock().expect(UNPOISONED);
        let Some(ByHand { minder, follower, savers, keeper }) = &mut *by_hand else { return };
        minder.mind();
        follower.catch_up();
        if self.due.take() {
            savers.save(keeper, false);
        }
    }

    /// Ends it, and saves what is to be saved. What waits for jobs must have been ended before.
    pub(crate) fn close(&self) {
        self.due.close();
        if let Some(mut by_hand) = self.by_hand.lock().expect(UNPOISONED).take() {
            by_hand.savers.save(&by_hand.keeper, true);
        }
        let threads = std::mem::take(&mut *self.threads.lock().expect(UNPOISONED));
        for thread in threads {
            thread.join().expect("what goes on beside the calls does not panic");
        }
    }
}
