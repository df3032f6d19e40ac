//! Whether a program of Linux needs no other file: no loader, no library.

use anyhow::{Context as _, bail};

/// Kinds of parts: what names a loader, and the list of what is to be loaded.
const INTERPRETER: u64 = 3;
const DYNAMIC: u64 = 2;

/// Kind of an entry of that list: a library that is needed. 0 ends it.
const NEEDED: u64 = 1;

/// Fails unless these are the bytes of a static program, of 64 bits and little-endian.
///
/// # Errors
/// Says what it needs, or that it is no such program.
pub(super) fn check_static(bytes: &[u8]) -> anyhow::Result<()> {
    if !bytes.starts_with(b"\x7fELF\x02\x01") {
        bail!("it is no program of Linux with 64 bits, little-endian");
    }
    let (start, size) = (number(bytes, 32, 8)?, number(bytes, 54, 2)?);
    for at in 0..number(bytes, 56, 2)? {
        let part = usize::try_from(at * size)
            .ok()
            .and_then(|at| at.checked_add(usize::try_from(start).ok()?));
        let part = part.context("a part lies beyond the file")?;
        match number(bytes, part, 4)? {
            INTERPRETER => bail!("it needs a loader: it is not static"),
            DYNAMIC => {
                check_needs(bytes, number(bytes, part + 8, 8)?, number(bytes, part + 32, 8)?)?;
            }
            _other => (),
        }
    }
    Ok(())
}

/// A static program that may be loaded anywhere has a list as well, without libraries.
fn check_needs(bytes: &[u8], start: u64, len: u64) -> anyhow::Result<()> {
    let start = usize::try_from(start).context("the list lies beyond the file")?;
    for at in 0..usize::try_from(len / 16).context("the list is too long")? {
        match number(bytes, start + at * 16, 8)? {
            NEEDED => bail!("it needs a library: it is not static"),
            0 => break,
            _other => (),
        }
    }
    Ok(())
}

/// A number of so many bytes at a place, at most 8.
fn number(bytes: &[u8], at: usize, len: usize) -> anyhow::Result<u64> {
    let found = at.checked_add(len).and_then(|end| bytes.get(at..end));
    let mut wide = [0; 8];
    wide[..len].copy_from_slice(found.context("the file ends too early")?);
    Ok(u64::from_le_bytes(wide))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program of one part of a kind, with a list of entries of these kinds behind it.
    fn program(kind: u32, entries: &[u64]) -> Vec<u8> {
        let mut bytes = b"\x7fELF\x02\x01".to_vec();
        bytes.resize(64, 0);
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56] = 1;
        bytes.extend(kind.to_le_bytes());
        bytes.resize(64 + 56, 0);
        bytes[64 + 8] = 120;
        bytes[64 + 32] = u8::try_from(entries.len() * 16).unwrap();
        for entry in entries {
            bytes.extend(entry.to_le_bytes());
            bytes.extend([0; 8]);
        }
        bytes
    }

    #[test]
    fn a_program_that_needs_nothing_is_static() {
        check_static(&program(1, &[])).unwrap();
        check_static(&program(2, &[5, 6, 0, 1])).unwrap();
    }

    #[test]
    fn a_program_that_needs_something_is_not() {
        let refused = |bytes: &[u8]| check_static(bytes).unwrap_err().to_string();
        assert!(refused(&program(3, &[])).contains("a loader"));
        assert!(refused(&program(2, &[5, 1])).contains("a library"));
        assert!(refused(b"#!/bin/sh").contains("no program"));
        assert!(refused(&program(1, &[])[..66]).contains("ends too early"));
    }

    #[test]
    fn this_test_is_not_static() {
        let this = std::env::current_exe().unwrap();
        if cfg!(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64")) {
            assert!(check_static(&std::fs::read(this).unwrap()).is_err());
        }
    }
}
