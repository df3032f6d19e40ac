//! `SimDisk`: a disk in memory that can fail, fill up and lose power.

mod process;

mod content;
mod crash;
mod fault;
mod folder;
mod image;
mod inode;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

pub use content::{PAGE_BYTES, SECTOR_BYTES};
pub use crash::{CrashState, CrashStates, CrashStatesIter, SECTORS_EXHAUSTIVE};
pub use fault::{EIO, ENOSPC, Effect, Fault, OpKind, TraceEntry};
pub use image::Image;

use content::Content;
use fault::Plan;
use folder::{Folder, InodeId};
use inode::Inode;

/// Operations that [`SimDisk::trace`] remembers; the oldest are forgotten.
const TRACE_ENTRIES_MAX: usize = 65_536;

/// A simulated disk, held by one process that runs on it.
///
/// It keeps apart what the program sees (the page cache), what is on the disk, and the changes between, so that
/// [`crash_states`](Self::crash_states) can make every disk that a power cut now may leave.
///
/// A clone is a second storage of the same process and place. The calls of [`arrw_log::Storage`] are for the program under
/// test; the calls below are for the driver, count as no operation, never fail, and work when the process is dead.
///
/// ```
/// use arrw_log::Storage;
/// use arrw_sim::SimDisk;
///
/// let disk = SimDisk::new();
/// let file = disk.create("a")?;
/// file.write_at(b"hello", 0)?;
/// file.sync_data()?;
/// // Nobody synced the folder, so the file may be gone, its data with it.
/// let states = disk.crash_states();
/// let mut lists: Vec<_> = states.into_iter().map(|state| state.disk().files()).collect();
/// lists.sort();
/// assert_eq!(lists, [vec![], vec!["a".to_owned()]]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
    /// The process that this storage belongs to.
    process: u64,
}

/// Everything about a disk.
struct State {
    folder: Folder,
    inodes: BTreeMap<InodeId, Inode>,
    inode_next: InodeId,
    /// The newest process; all before it are dead.
    process: u64,
    /// False once the newest has died as well.
    running: bool,
    lock_next: u64,
    /// The number of the lock that is held.
    locked_by: Option<u64>,
    plan: Plan,
    stop_at: Option<u64>,
    ops: u64,
    trace: VecDeque<TraceEntry>,
    hook: Option<Hook>,
    capacity: u64,
}

/// Called before each operation. See [`SimDisk::before_each_op`].
type Hook = Box<dyn FnMut(&Moment<'_>) + Send>;

/// The moment before an operation, as a hook sees it.
pub struct Moment<'a> {
    entry: &'a TraceEntry,
    state: &'a State,
}

impl SimDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::from_image(&Image::default())
    }

    pub(crate) fn from_image(image: &Image) -> Self {
        let (mut inodes, mut names) = (BTreeMap::new(), BTreeMap::new());
        for ((name, content), id) in image.files.iter().zip(0..) {
            names.insert(Arc::clone(name), id);
            inodes.insert(id, Inode::of(Arc::clone(content)));
        }
        let state = State {
            folder: Folder::of(names),
            inode_next: inodes.len() as u64,
            inodes,
            process: 0,
            running: true,
            lock_next: 0,
            locked_by: None,
            plan: Plan::default(),
            stop_at: None,
            ops: 0,
            trace: VecDeque::new(),
            hook: None,
            capacity: u64::MAX,
        };
        Self { state: Arc::new(Mutex::new(state)), process: 0 }
    }

    /// The process dies where it is, its lock is freed, and a new one comes: this is its storage.
    ///
    /// No power is lost, so the new process sees all that the old one wrote, synced or not. Planned faults stay,
    /// except stops. All older storages and files answer errors from now on.
    #[must_use]
    pub fn restart(&self) -> Self {
        let mut state = self.state();
        state.process += 1;
        state.running = true;
        state.locked_by = None;
        state.stop_at = None;
        let process = state.process;
        drop(state);
        Self { state: Arc::clone(&self.state), process }
    }

    /// Kills the running process: all its calls answer errors, until [`restart`](Self::restart).
    pub fn stop(&self) {
        self.state().running = false;
    }

    /// True when the process of this storage is dead.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        !self.state().is_alive(self.process)
    }

    /// Every state of the disk that a power cut now may leave.
    #[must_use]
    pub fn crash_states(&self) -> CrashStates {
        CrashStates::of(&self.state())
    }

    /// What the program sees, as a disk at rest: the state after a clean stop.
    #[must_use]
    pub fn image(&self) -> Image {
        let state = self.state();
        let content = |id| Arc::clone(&state.inode(id).visible);
        let names = state.folder.visible.iter();
        Image { files: names.map(|(name, &id)| (Arc::clone(name), content(id))).collect() }
    }

    /// A hash of all names and bytes that the program sees. See [`Image::fingerprint`].
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.image().fingerprint()
    }

    /// Arms a fault, counted from the next operation on.
    pub fn plan_fault(&self, fault: Fault) {
        self.state().plan.add(fault);
    }

    /// Disarms all faults. What they have broken stays broken.
    pub fn clear_faults(&self) {
        self.state().plan.clear();
    }

    /// Bytes that the pages of all files may take; growth beyond answers `StorageFull`. At first there is no limit.
    ///
    /// Space is taken page by page ([`PAGE_BYTES`]), by the first write to a page: a file grown by `set_len` has holes.
    pub fn set_capacity(&self, bytes: u64) {
        self.state().capacity = bytes;
    }

    /// Bytes taken by the pages of all files that have a name or are open.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.state().used_bytes()
    }

    /// Operations asked for so far, failed ones as well; it is also the index of the next.
    #[must_use]
    pub fn ops(&self) -> u64 {
        self.state().ops
    }

    /// The process dies when it asks for the operation of this index, before anything of it is done.
    ///
    /// Run a workload once to learn [`ops`](Self::ops), then again for each index below.
    pub fn stop_at(&self, op_index: u64) {
        self.state().stop_at = Some(op_index);
    }

    /// Calls `hook` before each operation, in place of the hook before.
    ///
    /// One run then shows the crashes at all its operations, also when threads make runs differ. The hook holds up
    /// the disk, so it must not call it: what it needs is in the [`Moment`], and in what it shares with the driver.
    pub fn before_each_op(&self, hook: impl FnMut(&Moment<'_>) + Send + 'static) {
        self.state().hook = Some(Box::new(hook));
    }

    /// The latest operations, oldest first, at most 65,536 of them.
    #[must_use]
    pub fn trace(&self) -> Vec<TraceEntry> {
        self.state().trace.iter().cloned().collect()
    }

    /// The names that the program sees, in byte order.
    #[must_use]
    pub fn files(&self) -> Vec<String> {
        self.state().folder.visible.keys().map(ToString::to_string).collect()
    }

    /// The bytes of a file, as the program sees them.
    ///
    /// # Panics
    /// When there is none of that name.
    #[must_use]
    pub fn read_file(&self, name: &str) -> Vec<u8> {
        self.image().read_file(name)
    }

    /// Puts a file on the disk, new or in place of the one of that name; durable at once.
    ///
    /// Open handles of the old one go on with the old one.
    pub fn write_file(&self, name: &str, bytes: &[u8]) {
        let mut state = self.state();
        let id = state.add_inode(Inode::of(Arc::new(Content::of(bytes))));
        state.folder.put(&name.into(), Some(id));
        state.drop_unused();
    }

    /// Takes a file off the disk, if there is one; durable at once.
    pub fn remove_file(&self, name: &str) {
        let mut state = self.state();
        state.folder.put(&name.into(), None);
        state.drop_unused();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("no holder of this lock panics")
}

impl State {
    const fn is_alive(&self, process: u64) -> bool {
        self.running && self.process == process
    }

    fn inode(&self, id: InodeId) -> &Inode {
        self.inodes.get(&id).expect("a file stays while a name or a handle is left")
    }

    fn inode_mut(&mut self, id: InodeId) -> &mut Inode {
        self.inodes.get_mut(&id).expect("a file stays while a name or a handle is left")
    }

    fn add_inode(&mut self, inode: Inode) -> InodeId {
        let id = self.inode_next;
        self.inode_next += 1;
        self.inodes.insert(id, inode);
        id
    }

    /// Forgets files that no name, crash or handle can bring back.
    fn drop_unused(&mut self) {
        let named = self.folder.inodes();
        self.inodes.retain(|id, inode| named.contains(id) || 1 < Arc::strong_count(&inode.handles));
    }

    fn used_bytes(&self) -> u64 {
        let named: Vec<InodeId> = self.folder.visible.values().copied().collect();
        let taken = self
            .inodes
            .iter()
            .filter(|(id, inode)| named.contains(id) || 1 < Arc::strong_count(&inode.handles));
        taken.map(|(_, inode)| inode.visible.pages_allocated() * PAGE_BYTES as u64).sum()
    }

    /// Puts an operation on the trace and tells the hook.
    fn announce(&mut self, kind: OpKind, file: &Arc<str>) {
        let entry = TraceEntry { index: self.ops, kind, file: Arc::clone(file) };
        if let Some(mut hook) = self.hook.take() {
            hook(&Moment { entry: &entry, state: self });
            self.hook = Some(hook);
        }
        if self.trace.len() == TRACE_ENTRIES_MAX {
            self.trace.pop_front();
        }
        self.trace.push_back(entry);
    }
}

impl Moment<'_> {
    /// The operation that comes.
    #[must_use]
    pub const fn op(&self) -> &TraceEntry {
        self.entry
    }

    /// Every state of the disk that a power cut before the operation may leave.
    #[must_use]
    pub fn crash_states(&self) -> CrashStates {
        CrashStates::of(self.state)
    }
}

impl fmt::Debug for Moment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Moment").field(self.entry).finish()
    }
}

/// The folder lock of a simulated disk, free again when this is dropped.
struct SimLock {
    state: Arc<Mutex<State>>,
    number: u64,
}

impl Drop for SimLock {
    fn drop(&mut self) {
        // A panic elsewhere may have poisoned the lock; a second one here would abort the test.
        if let Ok(mut state) = self.state.lock()
            && state.locked_by == Some(self.number)
        {
            state.locked_by = None;
        }
    }
}

impl fmt::Debug for SimLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimLock").field(&self.number).finish()
    }
}

impl Default for SimDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimDisk").field("process", &self.process).finish_non_exhaustive()
    }
}
