//! What the system says of this process: memory, time of the processor, open files.

use std::fs;

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// What is known of this process. Each is `None` where the system does not say it as Linux does.
#[derive(Debug)]
pub(crate) struct ProcessFigures {
    /// Bytes of memory that are in use, not swapped out.
    pub(crate) resident_bytes: Option<u64>,
    /// Time of the processor that all threads used, in seconds.
    pub(crate) cpu_seconds: f64,
    /// Files that are open, sockets among them.
    pub(crate) open_files: Option<u64>,
    /// How many may be.
    pub(crate) open_files_max: Option<u64>,
}

impl ProcessFigures {
    /// Lists the open files, which takes some 100 ns for each.
    pub(crate) fn now() -> Self {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        let status = fs::read_to_string("/proc/self/status").ok();
        let open = fs::read_dir("/proc/self/fd").ok();
        Self {
            resident_bytes: status.as_deref().and_then(resident_bytes),
            #[expect(clippy::cast_precision_loss, reason = "a metric is a float")]
            cpu_seconds: cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9,
            // One of them is the listing itself.
            open_files: open.map(|files| (files.count() as u64).saturating_sub(1)),
            open_files_max: getrlimit(Resource::Nofile).current,
        }
    }
}

/// From the text of `/proc/self/status`.
fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_the_line_of_the_status() {
        assert_eq!(resident_bytes("VmHWM:\t  20 kB\nVmRSS:\t   2048 kB\n"), Some(2 << 20));
        assert_eq!(resident_bytes("VmRSS:\t   2048 pages\n"), None);
        assert_eq!(resident_bytes("VmHWM:\t  20 kB\n"), None);
    }

    #[test]
    fn this_process_uses_something() {
        let figures = ProcessFigures::now();
        assert!(0.0 < figures.cpu_seconds, "{figures:?}");
        if cfg!(target_os = "linux") {
            assert!(figures.resident_bytes.is_some_and(|bytes| 1 << 16 < bytes), "{figures:?}");
            assert!(figures.open_files.is_some_and(|files| 2 < files), "{figures:?}");
        }
    }
}
