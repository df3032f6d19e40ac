//! The folder of a server that is tortured: its data, and what it said.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use crate::server::DATA;

/// What the server said on its standard error, in all its lives.
pub(crate) const SAID: &str = "server.txt";

/// When what a server under torture leaves is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// When there was a fault, or too little was seen.
    Faults,
    /// Always.
    Always,
}

/// Where the server and the evidence are.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    /// Whether it was there, empty.
    was_there: bool,
}

impl Folder {
    /// Makes it, if it is not there and empty.
    pub(crate) fn make(path: &Path) -> anyhow::Result<Self> {
        let path = std::path::absolute(path)?;
        let was_there = path.exists();
        if was_there {
            let mut inside = fs::read_dir(&path)
                .with_context(|| format!("cannot read the folder `{}`", path.display()))?;
            ensure!(inside.next().is_none(), "the folder `{}` is not empty", path.display());
        } else {
            fs::create_dir_all(&path)
                .with_context(|| format!("cannot make the folder `{}`", path.display()))?;
        }
        Ok(Self { path, was_there })
    }

    /// Removes what was put there.
    pub(crate) fn remove(&self) -> anyhow::Result<()> {
        fs::remove_dir_all(self.path.join(DATA))?;
        fs::remove_file(self.path.join(SAID))?;
        if !self.was_there {
            fs::remove_dir(&self.path)?;
        }
        Ok(())
    }
}
