//! How many files this process may have open: each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that a server has open besides its connections: the log's segments, the terminal, the runtime.
const OTHERS: u64 = 100;

/// Raises the limit of open files as far as the system lets this process, and says what it is then; `None`
/// when there is no limit.
pub(crate) fn raise_limit() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return current;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        // Some systems have a lower bound than they say. What was there before stays.
        Err(_) => current,
    }
}

/// True when that many open files are too few for so many connections.
pub(crate) fn are_too_few(limit: Option<u64>, connections: usize) -> bool {
    limit.is_some_and(|limit| limit < (connections as u64).saturating_add(OTHERS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_need_a_file_each() {
        assert!(!are_too_few(None, usize::MAX));
        assert!(!are_too_few(Some(10_100), 10_000));
        assert!(are_too_few(Some(10_099), 10_000));
        assert!(are_too_few(Some(1_024), 10_000));
    }
}
