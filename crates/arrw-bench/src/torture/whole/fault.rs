//! Faults that the system makes at exact calls, by strace.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::random::Random;

/// Calls of the system by which the log writes.
const CALLS: [&str; 3] = ["pwrite64", "fdatasync", "fsync"];

/// What the system does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The disk fails.
    Io,
    /// There is no space.
    Full,
    /// The process is killed, at the call.
    Kill,
}

/// A fault, and at which call it happens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    pub(super) kind: Kind,
    call: &'static str,
    nth: u64,
}

impl Fault {
    /// The next one.
    pub(super) fn draw(random: &mut Random, nth_max: u64) -> Self {
        let kind = match random.below(3) {
            0 => Kind::Io,
            1 => Kind::Full,
            _ => Kind::Kill,
        };
        let at = usize::try_from(random.below(CALLS.len() as u64)).unwrap_or(0);
        // The folder is synced for each new file only.
        let nth_max = if CALLS[at] == "fsync" { nth_max / 12 } else { nth_max };
        Self { kind, call: CALLS[at], nth: random.up_to(nth_max.max(1)) }
    }

    fn inject(self) -> String {
        let Self { kind, call, nth } = self;
        let what = match kind {
            Kind::Io => "error=EIO",
            Kind::Full => "error=ENOSPC",
            Kind::Kill => "signal=SIGKILL",
        };
        format!("inject={call}:{what}:when={nth}")
    }

    /// The same command under strace, which writes into a file. The process of the command stays the child of this one.
    pub(super) fn around(self, command: &Command, trace: &Path) -> Command {
        let mut wrapped = Command::new("strace");
        wrapped.args(["-D", "-f", "-qq", "--seccomp-bpf", "-o"]).arg(trace);
        wrapped.args(["-e", &format!("trace={}", self.call), "-e", &self.inject()]);
        wrapped.arg(command.get_program()).args(command.get_args());
        if let Some(folder) = command.get_current_dir() {
            wrapped.current_dir(folder);
        }
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => wrapped.env(name, value),
                None => wrapped.env_remove(name),
            };
        }
        wrapped
    }

    /// Whether a call was failed, as the file of a trace says.
    pub(super) fn has_happened(trace: &Path) -> bool {
        fs::read_to_string(trace).is_ok_and(|text| text.contains("(INJECTED)"))
    }
}

/// Whether strace is there, and may trace.
pub(super) fn has_strace() -> bool {
    let mut command = Command::new("strace");
    command.args(["-qq", "-e", "trace=none", "-o", "/dev/null", "true"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_hit_all_calls_in_all_ways() {
        let mut random = Random::new(3);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..500 {
            let fault = Fault::draw(&mut random, 400);
            assert!((1..=400).contains(&fault.nth), "{fault:?}");
            seen.insert(fault.inject().rsplit_once(':').unwrap().0.to_owned());
        }
        assert_eq!(seen.len(), 9, "{seen:?}");
    }

    #[test]
    fn the_command_is_the_same_under_strace() {
        let mut command = Command::new("program");
        command.args(["serve", "--x"]).current_dir("/tmp").env("A", "1").env_remove("B");
        let fault = Fault { kind: Kind::Kill, call: "fdatasync", nth: 7 };
        let wrapped = fault.around(&command, Path::new("trace.txt"));
        let arguments: Vec<_> = wrapped.get_args().map(|it| it.to_str().unwrap()).collect();
        assert_eq!(&arguments[arguments.len() - 3..], ["program", "serve", "--x"]);
        assert!(arguments.contains(&"inject=fdatasync:signal=SIGKILL:when=7"), "{arguments:?}");
        assert_eq!(wrapped.get_current_dir(), Some(Path::new("/tmp")));
        assert_eq!(wrapped.get_envs().count(), 2);
    }
}
