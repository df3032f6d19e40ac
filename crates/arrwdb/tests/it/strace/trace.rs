//! What a program asked of the system, as `strace -f -xx` writes it down.

use std::collections::HashMap;

/// One call, with the lines of the trace at which it began and ended.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) began: usize,
    pub(super) ended: usize,
    pub(super) name: String,
    /// The arguments as text, strings still in hexadecimal.
    pub(super) arguments: Vec<String>,
    /// What it answered; negative for an error.
    pub(super) result: i64,
}

impl Call {
    /// A string argument as bytes.
    pub(super) fn bytes(&self, at: usize) -> Vec<u8> {
        let text = self.arguments[at].strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let text = text.expect("strace wrote the whole string");
        let digits = text.split("\\x").skip(1);
        digits.map(|digits| u8::from_str_radix(digits, 16).unwrap()).collect()
    }

    /// A string argument as text.
    pub(super) fn text(&self, at: usize) -> String {
        String::from_utf8(self.bytes(at)).unwrap()
    }

    /// An argument as a number.
    pub(super) fn number(&self, at: usize) -> u64 {
        self.arguments[at].parse().expect("the argument is a number")
    }
}

/// All calls of a trace, in the order in which they ended. A call that never ended is left out.
pub(super) fn parse(trace: &str) -> Vec<Call> {
    let mut begun: HashMap<&str, (usize, String)> = HashMap::new();
    let mut calls = Vec::new();
    for (at, line) in trace.lines().enumerate() {
        let (process, rest) = line.split_once(' ').expect("a line starts with a process");
        let rest = rest.trim_start();
        if rest.starts_with("+++") || rest.starts_with("---") {
            continue;
        }
        if let Some(first_half) = rest.strip_suffix("<unfinished ...>") {
            begun.insert(process, (at, first_half.trim_end().to_owned()));
            continue;
        }
        let (began, whole) = match rest.split_once("resumed>") {
            Some((_, second_half)) if rest.starts_with("<... ") => {
                let (began, first_half) = begun.remove(process).expect("a call is begun first");
                (began, first_half + second_half.trim_start())
            }
            _ => (at, rest.to_owned()),
        };
        if let Some(call) = parse_call(&whole, began, at) {
            calls.push(call);
        }
    }
    calls
}

/// A whole call: `name(arguments) = result ...`.
fn parse_call(text: &str, began: usize, ended: usize) -> Option<Call> {
    let (name, rest) = text.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    let arguments = arguments.trim_end().strip_suffix(')')?;
    let result = result.split(' ').next()?.parse().ok()?;
    // Strings are in hexadecimal, so a comma always ends an argument.
    let arguments = arguments.split(", ").map(str::to_owned).collect();
    Some(Call { began, ended, name: name.to_owned(), arguments, result })
}

#[test]
fn calls_that_were_interrupted_by_others_are_put_together() {
    let trace = "\
10 openat(AT_FDCWD, \"\\x61\\x62\", O_RDWR|O_CREAT, 0666) = 3
11 fdatasync(3 <unfinished ...>
10 write(1, \"\\x61\\x63\\x6b\", 3) = 3
11 <... fdatasync resumed>) = 0
10 pwrite64(3, \"\\x00\", 1, 4096 <unfinished ...>
10 <... pwrite64 resumed>) = -1 ENOSPC (No space left on device)
10 exit_group(0) = ?
10 +++ exited with 0 +++
";
    let calls = parse(trace);
    let seen: Vec<_> =
        calls.iter().map(|c| (c.name.as_str(), c.began, c.ended, c.result)).collect();
    assert_eq!(
        seen,
        [("openat", 0, 0, 3), ("write", 2, 2, 3), ("fdatasync", 1, 3, 0), ("pwrite64", 4, 5, -1)]
    );
    assert_eq!(calls[0].text(1), "ab");
    assert_eq!(calls[3].number(3), 4096);
}
