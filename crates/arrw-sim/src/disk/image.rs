//! What lies on a disk at rest: names and bytes, nothing pending.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::SimDisk;
use super::content::Content;
use crate::rng::mix;

/// The files of a disk at rest. A clone costs one count per file; bytes are shared until changed.
#[derive(Clone, Debug, Default)]
pub struct Image {
    pub(super) files: BTreeMap<Arc<str>, Arc<Content>>,
}

impl Image {
    /// A fresh disk with these files, all durable.
    #[must_use]
    pub fn disk(&self) -> SimDisk {
        SimDisk::from_image(self)
    }

    /// A hash of all names and bytes: equal for equal images, different for others but by an accident of 64 bits.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.files.iter().fold(self.files.len() as u64, |hash, (name, content)| {
            let name = name.bytes().fold(name.len() as u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
            mix(hash.rotate_left(17) ^ mix(name) ^ content.hash().rotate_left(32))
        })
    }

    /// The names, in byte order.
    #[must_use]
    pub fn files(&self) -> Vec<String> {
        self.files.keys().map(ToString::to_string).collect()
    }

    /// The bytes of a file.
    ///
    /// # Panics
    /// When there is none of that name.
    #[must_use]
    pub fn read_file(&self, name: &str) -> Vec<u8> {
        let file = self.files.get(name);
        file.unwrap_or_else(|| panic_no_file(name)).to_vec()
    }

    /// Puts a file, new or in place of the one of that name.
    pub fn write_file(&mut self, name: &str, bytes: &[u8]) {
        self.files.insert(name.into(), Arc::new(Content::of(bytes)));
    }

    /// Overwrites some bytes of a file, which grows as needed; the rest stays shared.
    ///
    /// # Panics
    /// When there is none of that name.
    pub fn patch_file(&mut self, name: &str, at: u64, bytes: &[u8]) {
        let file = self.files.get_mut(name).unwrap_or_else(|| panic_no_file(name));
        Arc::make_mut(file).write(bytes, at);
    }

    /// Cuts or grows a file.
    ///
    /// # Panics
    /// When there is none of that name.
    pub fn cut_file(&mut self, name: &str, len: u64) {
        let file = self.files.get_mut(name).unwrap_or_else(|| panic_no_file(name));
        Arc::make_mut(file).set_len(len);
    }

    /// Removes a file, if there is one.
    pub fn remove_file(&mut self, name: &str) {
        self.files.remove(name);
    }
}

/// The driver asked for a file that it has not put there.
#[expect(clippy::panic, reason = "a mistake in a test ends the test")]
pub(super) fn panic_no_file(name: &str) -> ! {
    panic!("the disk has no file `{name}`")
}
