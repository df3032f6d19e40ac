//! The folder that the server runs in: a named one stays, one of its own goes with the demonstration.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::place::Folder;

/// Names that are tried for a folder of its own.
const NAMES_MAX: u32 = 100;

/// A folder to work in.
#[derive(Debug)]
pub(super) struct Home {
    path: PathBuf,
    is_temporary: bool,
}

impl Home {
    /// Makes the named folder, if it is not there and empty; without a name one that nobody else may look into.
    pub(super) fn make(named: Option<&Path>) -> anyhow::Result<Self> {
        Ok(match named {
            Some(path) => Self { path: Folder::make(path)?.path, is_temporary: false },
            None => Self { path: temporary()?, is_temporary: true },
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.is_temporary {
            // What is left there is in a folder for what may go.
            drop(fs::remove_dir_all(&self.path));
        }
    }
}

fn temporary() -> anyhow::Result<PathBuf> {
    let (folder, process) = (std::env::temp_dir(), std::process::id());
    for number in 0..NAMES_MAX {
        let path = folder.join(format!("arrwdb-demo-{process}-{number}"));
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => (),
            Err(error) => {
                let what = format!("cannot make the folder `{}`", path.display());
                return Err(error).context(what);
            }
        }
    }
    bail!("too many folders of demonstrations in `{}`: remove them", folder.display())
}
