//! Files of inputs: those that once failed, and those that just did.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use arrw_log::crc64;
use arrw_log::fuzz::Target;

/// Where the inputs of a target are that once failed.
#[must_use]
pub fn folder_of(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name)
}

/// The inputs that once failed, in the order of their names.
///
/// # Errors
/// When a file cannot be read. A folder that is not there has none.
pub fn of(target: &Target) -> io::Result<Vec<Vec<u8>>> {
    let folder = match fs::read_dir(folder_of(target)) {
        Ok(folder) => folder,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = folder.map(|it| Ok(it?.path())).collect::<io::Result<Vec<PathBuf>>>()?;
    files.sort();
    files.iter().map(fs::read).collect()
}

/// Writes an input that failed into a folder; answers the file.
///
/// # Errors
/// When it cannot be written.
pub fn write(folder: &Path, target: &Target, input: &[u8]) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let file = folder.join(format!("{}-{:016x}", target.name, crc64(input)));
    fs::write(&file, input)?;
    Ok(file)
}
