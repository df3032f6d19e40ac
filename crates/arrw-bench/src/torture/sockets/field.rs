//! What publishers and followers of channels have in common.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch::{Receiver, Sender, channel};

use super::super::cadence::Cadence;
use super::super::lives::Ground;

/// What followers are to do.
#[derive(Clone, Debug)]
pub(in crate::torture) enum Stage {
    /// Follow, be cut, stall.
    Torture,
    /// Follow up to these offsets, by channel, and stay.
    Calm(Arc<[u64]>),
    /// Go.
    Leave,
}

/// The field of a torture of WebSockets.
#[derive(Debug)]
pub(in crate::torture) struct Field {
    pub(super) ground: Arc<Ground>,
    pub(super) channels: u32,
    /// Until a connection is cut or stalls, at most.
    pub(super) fate_ms_max: u64,
    /// When publications are due.
    cadence: Cadence,
    acknowledged: AtomicU64,
    deliveries: AtomicU64,
    /// Clients that follow all of their channels for the first time, and those that have all at the end.
    joined: AtomicU64,
    reached: AtomicU64,
    stage: Sender<Stage>,
}

impl Field {
    /// Publications are to come evenly over this time, if the server takes them.
    pub(in crate::torture) fn new(
        ground: &Arc<Ground>,
        channels: u32,
        (publications, time): (u64, Duration),
        fate_ms_max: u64,
    ) -> Self {
        Self {
            ground: Arc::clone(ground),
            channels,
            fate_ms_max,
            cadence: Cadence::of(publications, time),
            acknowledged: AtomicU64::new(0),
            deliveries: AtomicU64::new(0),
            joined: AtomicU64::new(0),
            reached: AtomicU64::new(0),
            stage: channel(Stage::Torture).0,
        }
    }

    pub(in crate::torture) fn stage(&self) -> Receiver<Stage> {
        self.stage.subscribe()
    }

    pub(in crate::torture) fn set_stage(&self, stage: Stage) {
        self.stage.send_replace(stage);
    }

    /// The first publication is due now.
    pub(in crate::torture) fn begin(&self) {
        self.cadence.begin(self.ground.now());
    }

    /// Waits until so many more publications are due.
    pub(super) async fn due(&self, count: usize) {
        self.cadence.due(count, || self.ground.now()).await;
    }

    pub(in crate::torture) fn acknowledge(&self, publications: usize) {
        self.acknowledged.fetch_add(publications as u64, Ordering::Relaxed);
    }

    pub(in crate::torture) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    pub(in crate::torture) fn deliver(&self, publications: u64) {
        self.deliveries.fetch_add(publications, Ordering::Relaxed);
    }

    pub(in crate::torture) fn deliveries(&self) -> u64 {
        self.deliveries.load(Ordering::Relaxed)
    }

    pub(in crate::torture) fn join(&self) {
        self.joined.fetch_add(1, Ordering::Relaxed);
    }

    pub(in crate::torture) fn reach(&self) {
        self.reached.fetch_add(1, Ordering::Relaxed);
    }

    /// Clients that joined, and those that reached the end.
    pub(in crate::torture) fn joined(&self) -> u64 {
        self.joined.load(Ordering::Relaxed)
    }

    /// See [`joined`](Self::joined).
    pub(in crate::torture) fn reached(&self) -> u64 {
        self.reached.load(Ordering::Relaxed)
    }

    /// Whether something is so before a time is over. Looked at again and again, as it becomes so elsewhere.
    pub(in crate::torture) fn wait(
        &self,
        time_max: Duration,
        is_so: impl Fn(&Self) -> bool,
    ) -> bool {
        let until = Instant::now() + time_max;
        while !is_so(self) {
            if until < Instant::now() || self.ground.fault().is_some() {
                return false;
            }
            crate::pace::wait(super::super::limits::TICK);
        }
        true
    }
}
