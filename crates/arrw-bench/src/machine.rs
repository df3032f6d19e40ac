//! On what machine, kernel and commit the figures were taken.

use std::fs;
use std::process::Command;

use anyhow::Context;

use crate::runs::float;

/// One line about the machine.
pub(crate) fn describe() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let cpu =
        field(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "unknown CPU".to_owned());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = field(&read("/proc/meminfo"), "MemTotal")
        .and_then(|text| text.split(' ').next()?.parse::<u64>().ok())
        .map_or("unknown memory".to_owned(), |kib| format!("{} GiB", kib.div_ceil(1 << 20)));
    format!("{cpu}, {cores} cores, {memory}")
}

/// The version of the kernel.
pub(crate) fn kernel() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = release.trim();
    if release.is_empty() { "unknown".to_owned() } else { format!("Linux {release}") }
}

/// The commit of the folder this runs in, if it is a work tree.
pub(crate) fn commit() -> String {
    let asked = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output();
    match asked {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        }
        Ok(_) | Err(_) => "unknown".to_owned(),
    }
}

/// CPU time of all threads of a process, or of this one, that still run, in nanoseconds: what getrusage counts, but to
/// the nanosecond. Threads that end in between make it too small.
pub(crate) fn cpu_nanos(process: Option<u32>) -> anyhow::Result<u64> {
    let process = process.map_or("self".to_owned(), |id| id.to_string());
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{process}/task"))? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        sum += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(sum)
}

/// Bytes of resident memory of a process, or of this one.
pub(crate) fn rss(process: Option<u32>) -> anyhow::Result<u64> {
    let process = process.map_or("self".to_owned(), |id| id.to_string());
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).context("no Rss there")?;
    Ok(kib.parse::<u64>()? * 1024)
}

/// The most bytes of resident memory that a process had since its start, or since this was forgotten.
pub(crate) fn rss_peak(process: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).context("no VmHWM there")?;
    Ok(kib.parse::<u64>()? * 1024)
}

/// Begins to look for the most anew, from what it is now.
pub(crate) fn forget_rss_peak(process: u32) -> anyhow::Result<()> {
    let path = format!("/proc/{process}/clear_refs");
    fs::write(&path, "5").with_context(|| format!("cannot write `{path}`"))
}

/// Files that this process, and those that it starts, may have open at once.
pub(crate) fn files_max() -> anyhow::Result<u64> {
    let limits = fs::read_to_string("/proc/self/limits")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next()).context("no limit there")?;
    Ok(soft.parse().unwrap_or(u64::MAX))
}

/// CPU time spent so far, in clock ticks: by the whole machine, and by this process and its children.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CpuTime {
    /// Ticks of all cores, idle ones included.
    all: u64,
    busy: u64,
    own: u64,
}

impl CpuTime {
    pub(crate) fn now() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        Self::parse(&read("/proc/stat"), &read("/proc/self/stat"))
    }

    fn parse(machine: &str, process: &str) -> Self {
        let number = |text: &str| text.parse::<u64>().unwrap_or(0);
        // user nice system idle iowait irq softirq steal; what follows is counted in the first two.
        let line = machine.lines().next().unwrap_or_default();
        let ticks: Vec<u64> = line.split_whitespace().skip(1).take(8).map(number).collect();
        let all = ticks.iter().sum::<u64>();
        let idle = ticks.iter().skip(3).take(2).sum::<u64>();
        // Behind the name, which may hold anything but ends with the last bracket: utime, stime and those
        // of children that ended are fields 11 to 14.
        let fields = process.rsplit_once(')').map_or("", |(_, fields)| fields);
        let own = fields.split_whitespace().skip(11).take(4).map(number).sum();
        Self { all, busy: all - idle, own }
    }

    /// Per cent of the machine's CPU time since `before` that others took.
    pub(crate) fn taken_by_others_since(self, before: Self) -> f64 {
        let since = |of: fn(Self) -> u64| of(self).saturating_sub(of(before));
        let others = since(|time| time.busy).saturating_sub(since(|time| time.own));
        float(others) * 100.0 / float(since(|time| time.all).max(1))
    }
}

/// The value of the first line `name : value`.
fn field(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_others_is_what_is_neither_idle_nor_ours() {
        let process = |ticks: u64| {
            format!("7 (a) b)) R 1 7 7 0 -1 4194304 0 0 0 0 {ticks} 10 5 5 20 0 1 0 999 0 0")
        };
        let before = CpuTime::parse("cpu  100 0 100 1000 100 0 0 0 50 0\ncpu0 9", &process(80));
        let after = CpuTime::parse("cpu  150 0 140 1050 150 5 5 0 60 0\ncpu0 9", &process(130));
        assert_eq!((before.busy, before.own), (200, 100));
        assert!((after.taken_by_others_since(before) - 25.0).abs() < 0.01);
    }
}
