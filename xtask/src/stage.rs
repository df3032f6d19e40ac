//! Runs stages in order and sums up how they went.

use std::fmt;
use std::time::{Duration, Instant};

use crate::context::Context;
use crate::report;

/// One check of the whole workspace.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    /// The answer on success is a remark of a few words, such as `3 examples`; it may be empty.
    pub(crate) run: fn(&Context) -> Result<String, Failure>,
}

/// Why a stage failed, for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The code does not build, so no later stage can say anything.
    Build(String),
    /// What the stage checks does not hold.
    Check(String),
}

impl Failure {
    /// One failure out of many results; a broken build outweighs a failed check.
    pub(crate) fn all(results: Vec<Result<(), Failure>>) -> Result<(), Failure> {
        let failures: Vec<Failure> = results.into_iter().filter_map(Result::err).collect();
        if failures.is_empty() {
            return Ok(());
        }
        let texts: Vec<String> = failures.iter().map(ToString::to_string).collect();
        let text = texts.join("\n");
        let broken = failures.iter().any(|failure| matches!(failure, Failure::Build(_)));
        Err(if broken { Failure::Build(text) } else { Failure::Check(text) })
    }

    /// The same text, as a fault of the build.
    pub(crate) fn into_build(self) -> Failure {
        match self {
            Failure::Build(text) | Failure::Check(text) => Failure::Build(text),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Build(text) | Failure::Check(text) => f.write_str(text),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        Failure::Check(format!("{error:#}"))
    }
}

/// How one stage went.
#[derive(Debug)]
pub(crate) struct Row {
    name: &'static str,
    verdict: Verdict,
    elapsed: Duration,
}

#[derive(Debug)]
enum Verdict {
    Passed(String),
    Failed(Failure),
    /// An earlier stage found the build broken. Counts as failed: nothing was shown to hold.
    NotRun,
}

/// Runs the stages; after a broken build the rest is marked, not run.
pub(crate) fn run_all(stages: &[Stage], context: &Context) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for stage in stages {
        let broken =
            rows.iter().any(|row| matches!(row.verdict, Verdict::Failed(Failure::Build(_))));
        let started = Instant::now();
        let verdict = if broken || rows.iter().any(|row| matches!(row.verdict, Verdict::NotRun)) {
            Verdict::NotRun
        } else {
            report::line(&format!("\n== {}", stage.name));
            match (stage.run)(context) {
                Ok(remark) => Verdict::Passed(remark),
                Err(failure) => Verdict::Failed(failure),
            }
        };
        let row = Row { name: stage.name, verdict, elapsed: started.elapsed() };
        report::line(&announcement(&row));
        rows.push(row);
    }
    rows
}

/// True when every stage ran and held.
pub(crate) fn all_passed(rows: &[Row]) -> bool {
    count_passed(rows) == rows.len()
}

/// The failures, a table of times, and as the last line `N passed, N failed`.
pub(crate) fn summary(rows: &[Row]) -> String {
    let mut text = String::from("\n");
    for row in rows {
        if let Verdict::Failed(failure) = &row.verdict {
            text += &format!("{} FAILED\n{failure}\n\n", row.name);
        }
    }
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or_default();
    text += &format!("{:width$}  {:7}  {:>9}\n", "stage", "result", "time");
    for row in rows {
        text += &format!(
            "{:width$}  {:7}  {:>7.1} s  {}",
            row.name,
            result(row),
            row.elapsed.as_secs_f64(),
            remark(row)
        );
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    let total: Duration = rows.iter().map(|row| row.elapsed).sum();
    text += &format!("{:width$}  {:7}  {:>7.1} s\n\n", "total", "", total.as_secs_f64());
    let passed = count_passed(rows);
    text + &format!("{passed} passed, {} failed", rows.len() - passed)
}

fn announcement(row: &Row) -> String {
    match &row.verdict {
        Verdict::Passed(_) | Verdict::NotRun => {
            format!("== {}: {} ({:.1} s)", row.name, result(row), row.elapsed.as_secs_f64())
        }
        Verdict::Failed(failure) => {
            format!("{failure}\n== {}: FAILED ({:.1} s)", row.name, row.elapsed.as_secs_f64())
        }
    }
}

fn result(row: &Row) -> &'static str {
    match row.verdict {
        Verdict::Passed(_) => "ok",
        Verdict::Failed(_) => "FAILED",
        Verdict::NotRun => "not run",
    }
}

fn remark(row: &Row) -> &str {
    match &row.verdict {
        Verdict::Passed(remark) => remark,
        Verdict::Failed(_) => "",
        Verdict::NotRun => "the build is broken",
    }
}

fn count_passed(rows: &[Row]) -> usize {
    rows.iter().filter(|row| matches!(row.verdict, Verdict::Passed(_))).count()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::request::Level;
    use crate::workspace::Workspace;

    const GOOD: fn(&Context) -> Result<String, Failure> = |_| Ok("2 things".to_owned());
    const BAD: fn(&Context) -> Result<String, Failure> =
        |_| Err(Failure::Check("it does not hold".to_owned()));
    const BROKEN: fn(&Context) -> Result<String, Failure> =
        |_| Err(Failure::Build("it does not build".to_owned()));

    fn rows(stages: &[Stage]) -> Vec<Row> {
        let workspace =
            Workspace { root: PathBuf::new(), target: PathBuf::new(), examples: Vec::new() };
        run_all(stages, &Context { workspace, level: Level::Full })
    }

    #[test]
    fn stages_go_on_after_a_failed_check() {
        let rows = rows(&[Stage { name: "a", run: BAD }, Stage { name: "b", run: GOOD }]);
        let text = summary(&rows);
        assert!(text.contains("a FAILED\nit does not hold\n"), "{text}");
        assert!(text.contains("2 things\n"), "{text}");
        assert_eq!(text.lines().last(), Some("1 passed, 1 failed"));
        assert!(!all_passed(&rows));
    }

    #[test]
    fn nothing_runs_after_a_broken_build_and_all_of_it_counts_as_failed() {
        let stage = |run| Stage { name: "s", run };
        let rows = rows(&[stage(GOOD), stage(BROKEN), stage(GOOD), stage(GOOD)]);
        let text = summary(&rows);
        assert_eq!(text.matches("not run").count(), 2, "{text}");
        assert_eq!(text.lines().last(), Some("1 passed, 3 failed"));
    }

    #[test]
    fn a_run_without_failure_passes() {
        let rows = rows(&[Stage { name: "a", run: GOOD }]);
        assert!(all_passed(&rows));
        assert_eq!(summary(&rows).lines().last(), Some("1 passed, 0 failed"));
    }

    #[test]
    fn a_broken_build_outweighs_a_failed_check() {
        let check = || Err(Failure::Check("c".to_owned()));
        let build = Err(Failure::Build("b".to_owned()));
        assert_eq!(Failure::all(vec![check(), build]), Err(Failure::Build("c\nb".to_owned())));
        assert_eq!(Failure::all(vec![Ok(()), check()]), check());
        assert_eq!(Failure::all(vec![Ok(())]), Ok(()));
    }
}
