//! The calls that the program under test makes, as one process of the simulated machine.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};

use arrw_log::{FolderLock, Storage, StorageFile};

use super::fault::{Effect, stopped};
use super::folder::{FolderOp, InodeId};
use super::inode::Inode;
use super::{OpKind, PAGE_BYTES, SimDisk, SimLock, State, lock};

/// Longest file, so that a wrong offset is an error and not the end of the memory.
const FILE_BYTES_MAX: u64 = 1 << 34;

impl Storage for SimDisk {
    fn open(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        let mut state = self.state();
        state.ask(self.process, OpKind::Open, &name.into())?;
        let id = *state.folder.visible.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(self.file(&state, name, id))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        let mut state = self.state();
        state.ask(self.process, OpKind::Create, &name.into())?;
        if state.folder.visible.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = state.add_inode(Inode::new());
        state.folder.apply(FolderOp::Create { name: name.into(), inode });
        Ok(self.file(&state, name, inode))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        state.ask_rename(self.process, from, to)?;
        if !state.folder.visible.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        if from != to {
            state.folder.apply(FolderOp::Rename { from: from.into(), to: to.into() });
        }
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        state.ask(self.process, OpKind::Remove, &name.into())?;
        if !state.folder.visible.contains_key(name) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.folder.apply(FolderOp::Remove { name: name.into() });
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut state = self.state();
        state.ask(self.process, OpKind::List, &"".into())?;
        Ok(state.folder.visible.keys().map(ToString::to_string).collect())
    }

    fn sync_folder(&self) -> io::Result<()> {
        let mut state = self.state();
        match state.begin(self.process, OpKind::SyncFolder, &["".into()])? {
            Some(Effect::Stop) => Err(stopped()),
            Some(effect) => {
                state.folder.fail_sync();
                effect.error().map_or(Ok(()), Err)
            }
            None => {
                state.folder.sync();
                state.drop_unused();
                Ok(())
            }
        }
    }

    fn lock(&self) -> io::Result<FolderLock> {
        let mut state = self.state();
        state.ask(self.process, OpKind::Lock, &"".into())?;
        if state.locked_by.is_some() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let number = state.lock_next;
        state.lock_next += 1;
        state.locked_by = Some(number);
        Ok(FolderLock::new(SimLock { state: Arc::clone(&self.state), number }))
    }

    fn place(&self) -> String {
        "simulated disk".to_owned()
    }
}

impl SimDisk {
    fn file(&self, state: &State, name: &str, inode: InodeId) -> Arc<dyn StorageFile> {
        Arc::new(SimFile {
            state: Arc::clone(&self.state),
            process: self.process,
            name: name.into(),
            inode,
            _open: Arc::clone(&state.inode(inode).handles),
        })
    }
}

/// An open file of a [`SimDisk`].
struct SimFile {
    state: Arc<Mutex<State>>,
    process: u64,
    /// The name it was opened by.
    name: Arc<str>,
    inode: InodeId,
    /// Counted, to keep the file while it is open.
    _open: Arc<()>,
}

impl StorageFile for SimFile {
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        let mut state = lock(&self.state);
        let count = match state.ask(self.process, OpKind::Read, &self.name)? {
            Some(Effect::ShortRead(most)) => into.len().min(most),
            _ => into.len(),
        };
        Ok(state.inode(self.inode).visible.read(&mut into[..count], at))
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize> {
        let mut state = lock(&self.state);
        let count = match state.ask(self.process, OpKind::Write, &self.name)? {
            Some(Effect::ShortWrite(most)) => bytes.len().min(most),
            _ => bytes.len(),
        };
        check_length(at.saturating_add(count as u64))?;
        let writable = state.writable(self.inode, at, count);
        if writable == 0 && count != 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.inode_mut(self.inode).write(&bytes[..writable], at);
        Ok(writable)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = lock(&self.state);
        let effect = state.begin(self.process, OpKind::SyncData, &[Arc::clone(&self.name)])?;
        let inode = state.inode_mut(self.inode);
        match effect {
            Some(Effect::Stop) => Err(stopped()),
            Some(effect) => {
                inode.fail_sync();
                effect.error().map_or(Ok(()), Err)
            }
            None => {
                inode.sync();
                Ok(())
            }
        }
    }

    fn len(&self) -> io::Result<u64> {
        let mut state = lock(&self.state);
        state.ask(self.process, OpKind::Len, &self.name)?;
        Ok(state.inode(self.inode).visible.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = lock(&self.state);
        state.ask(self.process, OpKind::SetLen, &self.name)?;
        check_length(len)?;
        state.inode_mut(self.inode).set_len(len);
        Ok(())
    }
}

impl fmt::Debug for SimFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimFile").field("name", &self.name).finish_non_exhaustive()
    }
}

fn check_length(len: u64) -> io::Result<()> {
    if FILE_BYTES_MAX < len { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(()) }
}

impl State {
    /// Counts an operation; its error, if a fault says so, or what else befalls it.
    fn ask(&mut self, process: u64, kind: OpKind, file: &Arc<str>) -> io::Result<Option<Effect>> {
        let effect = self.begin(process, kind, std::slice::from_ref(file))?;
        effect.and_then(Effect::error).map_or(Ok(effect), Err)
    }

    /// A fault planned for either name strikes.
    fn ask_rename(&mut self, process: u64, from: &str, to: &str) -> io::Result<()> {
        let effect = self.begin(process, OpKind::Rename, &[from.into(), to.into()])?;
        effect.and_then(Effect::error).map_or(Ok(()), Err)
    }

    /// Counts an operation on `files`; what befalls it. An error only from a process that is dead.
    fn begin(
        &mut self,
        process: u64,
        kind: OpKind,
        files: &[Arc<str>],
    ) -> io::Result<Option<Effect>> {
        if !self.is_alive(process) {
            return Err(stopped());
        }
        match files {
            [file] => self.announce(kind, file),
            _ => self.announce(kind, &files.join(" -> ").into()),
        }
        let planned = self.plan.next(kind, files);
        let stop = self.stop_at == Some(self.ops);
        self.ops += 1;
        let effect = if stop { Some(Effect::Stop) } else { planned };
        if effect == Some(Effect::Stop) {
            self.running = false;
        }
        Ok(effect)
    }

    /// How many of `count` bytes the disk has room for.
    fn writable(&self, inode: InodeId, at: u64, count: usize) -> usize {
        if self.capacity == u64::MAX {
            return count;
        }
        let room = self.capacity.saturating_sub(self.used_bytes()) / PAGE_BYTES as u64;
        self.inode(inode).visible.writable(at, count, room)
    }
}
