//! Whether what is acknowledged is synced by then: each call of the system is looked at. SIGKILL leaves what the system has
//! taken, so no kill can show that a sync was forgotten.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};

use super::WholeTorture;
use super::limits::SYNC_RECORDS;

/// How a frame of records begins, as strace writes it, and a segment's head.
const FRAME: &str = "\"ARWF";
const HEAD: &str = "\"ARRWSEG1";
const SEGMENT_BYTES: &str = "65536";
/// Fewer batches prove nothing.
const BATCHES_MIN: u64 = 100;

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Discipline {
    /// Batches that were acknowledged, each behind its sync.
    pub acknowledged: u64,
    /// Segments, each of which was synced with its folder before its first frame.
    pub segments: u64,
}

/// Has a writer write under strace, and looks at each of its calls.
pub(super) fn check(torture: &WholeTorture, folder: &Path) -> anyhow::Result<Discipline> {
    fs::create_dir(folder)?;
    let trace = folder.join("trace.txt");
    let calls = "trace=pwrite64,fdatasync,fsync,write";
    let status = Command::new("strace")
        .args(["-f", "-y", "-qq", "-s", "40", "-e", calls, "-o"])
        .arg(&trace)
        .arg(&torture.program)
        .args(["torture", "writer", "--writers", "1", "--data", "data"])
        .args(["--segment-bytes", SEGMENT_BYTES, "--seed", &torture.seed.to_string()])
        .args(["--records", &SYNC_RECORDS.to_string()])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(fs::File::create(folder.join("acks.txt"))?)
        .status()
        .context("cannot start strace")?;
    ensure!(status.success(), "the writer of the log under strace ended with {status}");
    let found = look(&fs::read_to_string(&trace)?)?;
    ensure!(
        BATCHES_MIN <= found.acknowledged && 2 <= found.segments,
        "too little of the log was synced to say anything: {found:?}"
    );
    Ok(found)
}

/// What is known of the calls so far.
#[derive(Debug, Default)]
struct Looked {
    /// Calls that have not returned, by thread: how their line began.
    open: HashMap<String, String>,
    /// By file: whether it has bytes that were not synced.
    dirty: HashMap<String, bool>,
    /// Segments whose head was written; true once the folder was synced behind it.
    heads: HashMap<String, bool>,
    /// By thread: the file of the last frame that it wrote.
    frames: HashMap<String, String>,
    found: Discipline,
}

fn look(trace: &str) -> anyhow::Result<Discipline> {
    let mut looked = Looked::default();
    for line in trace.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        if let Some(begun) = rest.strip_suffix(" <unfinished ...>") {
            looked.open.insert(thread.to_owned(), begun.to_owned());
        } else if rest.starts_with("<... ") {
            let Some(begun) = looked.open.remove(thread) else { continue };
            let end = rest.split_once("resumed>").map_or("", |(_, end)| end);
            looked.call(thread, &(begun + end))?;
        } else {
            looked.call(thread, rest)?;
        }
    }
    Ok(looked.found)
}

impl Looked {
    /// A call that has returned. One that failed did nothing.
    fn call(&mut self, thread: &str, call: &str) -> anyhow::Result<()> {
        if call.contains("= -1 ") {
            return Ok(());
        }
        let Some((name, rest)) = call.split_once('(') else { return Ok(()) };
        let file = rest.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
        let file = file.map_or("", |(file, _)| file);
        match name {
            "pwrite64" => {
                self.dirty.insert(file.to_owned(), true);
                if call.contains(HEAD) {
                    self.heads.insert(file.to_owned(), false);
                } else if call.contains(FRAME) {
                    self.frame(thread, file)?;
                }
            }
            "fdatasync" | "fsync" => {
                self.dirty.insert(file.to_owned(), false);
                for (segment, is_named) in &mut self.heads {
                    let folder = Path::new(segment).parent();
                    *is_named |= folder.is_some_and(|folder| folder == Path::new(file));
                }
            }
            "write" if call.contains("\"ack ") => self.acknowledged(thread, call)?,
            _ => (),
        }
        Ok(())
    }

    fn frame(&mut self, thread: &str, file: &str) -> anyhow::Result<()> {
        if self.heads.get(file) == Some(&false) {
            bail!("`{file}` got a frame, and its name was not synced");
        }
        if !self.frames.values().any(|before| before == file) {
            self.found.segments += 1;
        }
        self.frames.insert(thread.to_owned(), file.to_owned());
        Ok(())
    }

    /// The one who acknowledges has written the frame itself, and synced it.
    fn acknowledged(&mut self, thread: &str, call: &str) -> anyhow::Result<()> {
        let file = self.frames.get(thread);
        let file = file.with_context(|| format!("`{call}`, and no frame was written"))?;
        if self.dirty.get(file) != Some(&false) {
            bail!("`{call}`, and `{file}` was not synced behind its last write");
        }
        self.found.acknowledged += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD_OF_1: &str = "\
1 pwrite64(4</d/1.seg>, \"ARRWSEG1\\2\"..., 4096, 0) = 4096
1 fdatasync(4</d/1.seg>) = 0
1 fsync(5</d>) = 0
";

    fn looked(lines: &str) -> Result<Discipline, String> {
        look(&format!("{HEAD_OF_1}{lines}")).map_err(|error| error.to_string())
    }

    #[test]
    fn an_acknowledgement_stands_behind_its_sync() {
        let sound = "\
2 pwrite64(4</d/1.seg>, \"ARWF@\"..., 128, 4096) = 128
2 fdatasync(4</d/1.seg> <unfinished ...>
1 pwrite64(6</d/2.seg>, \"ARRWSEG1\"..., 4096, 0) = 4096
2 <... fdatasync resumed>) = 0
2 write(1</a>, \"ack 0 1 1 8\\n\", 12) = 12
";
        assert_eq!(looked(sound), Ok(Discipline { acknowledged: 1, segments: 1 }));
        let early = "\
2 pwrite64(4</d/1.seg>, \"ARWF@\"..., 128, 4096) = 128
2 write(1</a>, \"ack 0 1 1 8\\n\", 12) = 12
";
        assert!(looked(early).unwrap_err().contains("not synced behind"), "{:?}", looked(early));
        let failed = "\
2 pwrite64(4</d/1.seg>, \"ARWF@\"..., 128, 4096) = 128
2 fdatasync(4</d/1.seg>) = -1 EIO (Input/output error)
2 write(1</a>, \"ack 0 1 1 8\\n\", 12) = 12
";
        assert!(looked(failed).is_err(), "a sync that failed is none");
        let other = "\
2 pwrite64(4</d/1.seg>, \"ARWF@\"..., 128, 4096) = 128
2 fdatasync(6</d/2.seg>) = 0
2 write(1</a>, \"ack 0 1 1 8\\n\", 12) = 12
";
        assert!(looked(other).is_err(), "another file was synced");
    }

    #[test]
    fn a_segment_is_named_before_its_first_frame() {
        let unnamed = "\
1 pwrite64(6</d/2.seg>, \"ARRWSEG1\"..., 4096, 0) = 4096
1 fdatasync(6</d/2.seg>) = 0
2 pwrite64(6</d/2.seg>, \"ARWF@\"..., 128, 4096) = 128
";
        assert!(looked(unnamed).unwrap_err().contains("its name"), "{:?}", looked(unnamed));
    }
}
