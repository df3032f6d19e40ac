//! `arrwdb completions`: what a shell needs to complete commands and options.

use std::io::{self, Write};

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::Cli;
use super::exit::Exit;

/// Print completions for a shell
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb completions bash > arrwdb.bash
  $ arrwdb completions zsh > _arrwdb"
)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self) -> anyhow::Result<Exit> {
        let mut script = Vec::new();
        generate(self.shell, &mut Cli::command(), "arrwdb", &mut script);
        io::stdout().lock().write_all(&script)?;
        Ok(Exit::Fine)
    }
}
