//! `arrwdb man`: manual pages of all commands.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, CommandFactory};
use clap_mangen::Man;

use super::Cli;
use super::exit::Exit;

/// Print the manual page, or write those of all commands into a folder
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb man > arrwdb.1
  $ arrwdb man --all ./man1"
)]
pub(crate) struct Manual {
    /// Folder for the pages of all commands; made if it is not there
    #[arg(long, value_name = "FOLDER")]
    all: Option<PathBuf>,
}

impl Manual {
    pub(crate) fn run(&self) -> anyhow::Result<Exit> {
        let Some(folder) = &self.all else {
            let mut page = Vec::new();
            Man::new(Cli::command()).render(&mut page)?;
            io::stdout().lock().write_all(&page)?;
            return Ok(Exit::Fine);
        };
        let failed = || format!("cannot write the pages into `{}`", folder.display());
        std::fs::create_dir_all(folder).with_context(failed)?;
        clap_mangen::generate_to(Cli::command(), folder).with_context(failed)?;
        Ok(Exit::Fine)
    }
}
