//! Finds the commands in a Markdown text, and what it says they print.

/// The marker of a fenced block whose commands are run.
const CONSOLE: &str = "console";

/// What begins a command's line.
const PROMPT: &str = "$ ";

/// What ends a command's line that expects another exit code than 0.
const EXITS: &str = "# exits ";

/// One command of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// Where it stands, from 1.
    pub(crate) line: usize,
    /// As the shell gets it, without prompt and `# exits N`.
    pub(crate) command: String,
    /// What it must exit with.
    pub(crate) exit_code: i32,
    /// The lines that it must print, as patterns; empty when it may print anything.
    pub(crate) expected: Vec<String>,
}

/// A block that breaks the form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Where it stands, from 1.
    pub(crate) line: usize,
    pub(crate) reason: &'static str,
}

/// All commands of the `console` blocks, in order.
pub(crate) fn steps(markdown: &str) -> Result<Vec<Step>, Fault> {
    let mut steps = Vec::new();
    let mut lines = markdown.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let Some(fence) = opening_fence(line) else { continue };
        let mut body = Vec::new();
        loop {
            let Some((at, text)) = lines.next() else {
                return Err(Fault { line: index + 1, reason: "the block is not closed" });
            };
            if text.trim() == fence {
                break;
            }
            body.push((at + 1, text));
        }
        if line[fence.len()..].trim() == CONSOLE {
            steps.extend(steps_of_block(&body)?);
        } else if line.trim_start_matches(['`', '~', ' ']).trim() == CONSOLE {
            return Err(Fault { line: index + 1, reason: "a console block is not indented" });
        }
    }
    Ok(steps)
}

/// The run of backticks or tildes that opens a block, and closes it as well.
fn opening_fence(line: &str) -> Option<&str> {
    let text = line.trim_start();
    let mark = text.chars().next().filter(|c| ['`', '~'].contains(c))?;
    let length = text.len() - text.trim_start_matches(mark).len();
    (3 <= length).then(|| &text[..length])
}

fn steps_of_block(body: &[(usize, &str)]) -> Result<Vec<Step>, Fault> {
    let mut steps: Vec<Step> = Vec::new();
    let mut lines = body.iter();
    while let Some(&(line, text)) = lines.next() {
        let Some(typed) = text.strip_prefix(PROMPT) else {
            let reason = "output stands before the first command; begin commands with `$ `";
            let step = steps.last_mut().ok_or(Fault { line, reason })?;
            step.expected.push(text.to_owned());
            continue;
        };
        let mut command = typed.to_owned();
        while command.ends_with('\\') {
            let reason = "the command goes on in the next line, but there is none";
            let (_, next) = lines.next().ok_or(Fault { line, reason })?;
            command.push('\n');
            command.push_str(next);
        }
        let (command, exit_code) = split_exit_code(&command)
            .ok_or(Fault { line, reason: "`# exits N` needs a number from 0 to 255" })?;
        steps.push(Step { line, command, exit_code, expected: Vec::new() });
    }
    for step in &mut steps {
        let used = step.expected.iter().rposition(|line| !line.trim().is_empty());
        step.expected.truncate(used.map_or(0, |last| last + 1));
    }
    Ok(steps)
}

/// The command and the exit code that it must have; `None` when that is no number.
fn split_exit_code(typed: &str) -> Option<(String, i32)> {
    let Some((command, code)) = typed.rsplit_once(EXITS) else {
        return Some((typed.trim().to_owned(), 0));
    };
    let code: u8 = code.trim().parse().ok()?;
    Some((command.trim().to_owned(), i32::from(code)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(markdown: &str, expected: &[(usize, &str, i32, &[&str])]) {
        let expected: Vec<Step> = expected
            .iter()
            .map(|(line, command, exit_code, lines)| Step {
                line: *line,
                command: (*command).to_owned(),
                exit_code: *exit_code,
                expected: lines.iter().map(|line| (*line).to_owned()).collect(),
            })
            .collect();
        assert_eq!(steps(markdown).expect("it parses"), expected, "{markdown}");
    }

    fn check_fault(markdown: &str, line: usize, reason: &str) {
        let fault = steps(markdown).expect_err("it is refused");
        assert_eq!(fault.line, line, "{fault:?}");
        assert!(fault.reason.contains(reason), "{fault:?}");
    }

    #[test]
    fn a_command_has_the_lines_up_to_the_next() {
        check(
            "Text\n```console\n$ a b\n1\n\n2\n\n$ c\n```\n",
            &[(3, "a b", 0, &["1", "", "2"]), (8, "c", 0, &[])],
        );
    }

    #[test]
    fn only_console_blocks_count() {
        check("```sh\n$ a\n```\n\n    $ b\n\n~~~\n$ c\n~~~\n$ d\n", &[]);
        check("````text\n```console\n$ a\n```\n````\n", &[]);
        check(
            "```console\n$ a\n```\n```console\n$ b\n```\n",
            &[(2, "a", 0, &[]), (5, "b", 0, &[])],
        );
    }

    #[test]
    fn an_exit_code_is_taken_off_the_command() {
        check("```console\n$ a '# x'   # exits 3\n```\n", &[(2, "a '# x'", 3, &[])]);
        check_fault("```console\n$ a # exits maybe\n```\n", 2, "needs a number");
        check_fault("```console\n$ a # exits 256\n```\n", 2, "needs a number");
    }

    #[test]
    fn a_backslash_joins_the_next_line() {
        check(
            "```console\n$ a \\\n    b # exits 1\nout\n```\n",
            &[(2, "a \\\n    b", 1, &["out"])],
        );
        check_fault("```console\n$ a \\\n```\n", 2, "there is none");
    }

    #[test]
    fn a_block_that_breaks_the_form_is_refused() {
        check_fault("\n```console\nout\n$ a\n```\n", 3, "before the first command");
        check_fault("```console\n$ a\n", 1, "not closed");
        check_fault("- x\n  ```console\n  $ a\n  ```\n", 2, "not indented");
    }
}
