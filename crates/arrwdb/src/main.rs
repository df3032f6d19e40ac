//! The `arrwdb` command.

use std::process::ExitCode;

/// Heaps of glibc that threads share: see `docs/decisions/0013-one-heap.md`.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const HEAPS: libc::c_int = 1;

fn main() -> ExitCode {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    bound_heaps();
    arrwdb::main()
}

/// Sets the number of heaps, unless whoever starts the program has: `MALLOC_ARENA_MAX`.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "glibc is told by a call of C alone")]
fn bound_heaps() {
    if std::env::var_os("MALLOC_ARENA_MAX").is_none() {
        // SAFETY: it is given two numbers, before there is another thread. One that it does not know changes nothing.
        let _is_known = unsafe { libc::mallopt(libc::M_ARENA_MAX, HEAPS) };
    }
}
