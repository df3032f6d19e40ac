//! The files of the server's own work: below one folder, and nowhere else.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use arrw::Failure;

use crate::json::shown;
use crate::limits::FILE_NAME_BYTES_MAX;

/// What a file is called that is not whole yet.
const PARTIAL: &str = ".part";

/// Where they are.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

/// A file that is being written. Unless it is [kept](Self::keep), it is removed.
#[derive(Debug)]
pub(super) struct Partial {
    pub(super) file: File,
    partial: PathBuf,
    whole: PathBuf,
    is_kept: bool,
}

impl Folder {
    pub(super) fn new(place: PathBuf) -> Self {
        Self(place)
    }

    /// Begins to write a file, in place of the one that has its name, if there is one.
    pub(super) fn create(&self, name: &str) -> Result<Partial, Failure> {
        let whole = self.place(name)?;
        let partial = self.0.join(format!("{name}{PARTIAL}"));
        let failed = |error: io::Error| {
            Failure::new(format!("cannot write `{}`: {error}", partial.display()))
        };
        fs::create_dir_all(&self.0).map_err(failed)?;
        let file = File::create(&partial).map_err(failed)?;
        Ok(Partial { file, partial, whole, is_kept: false })
    }

    /// Opens a file.
    pub(super) fn open(&self, name: &str) -> Result<File, Failure> {
        let place = self.place(name)?;
        File::open(&place).map_err(|error| {
            let text = format!("cannot read `{}`: {error}", place.display());
            match error.kind() == io::ErrorKind::NotFound {
                // It may come.
                true => Failure::new(format!("{text}; put it below the setting `files`")),
                false => Failure::new(text),
            }
        })
    }

    /// Where a file of that name is. No name leads out of the folder.
    fn place(&self, name: &str) -> Result<PathBuf, Failure> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_fine = (1..=FILE_NAME_BYTES_MAX).contains(&name.len())
            && name.bytes().all(is_plain)
            && !name.starts_with('.')
            && !name.ends_with(PARTIAL);
        if is_fine {
            return Ok(self.0.join(name));
        }
        Err(Failure::discard(format!(
            "{} cannot be the name of a file; use 1 to {FILE_NAME_BYTES_MAX} letters, digits, `.`, `_` and `-`, \
             with no `.` first",
            shown(name)
        )))
    }
}

impl Partial {
    /// Gives it its name, when all of it is on the disk.
    pub(super) fn keep(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.partial, &self.whole)?;
        self.is_kept = true;
        match self.whole.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.is_kept {
            // One that stays is overwritten by the next try.
            let _stays = fs::remove_file(&self.partial);
        }
    }
}
