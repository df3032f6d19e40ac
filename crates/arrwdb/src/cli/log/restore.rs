//! `arrwdb log restore`: makes a log of a backup.

use clap::Args;

use crate::cli::backup::Restoring;
use crate::cli::exit::Exit;

/// Make a log of a backup, in another folder
///
/// The log begins a new life: positions from before the backup no longer fit, so that no reader takes other
/// records for those that it has seen. The backup stays as it is.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb log restore ./backup ./restored
  $ arrwdb log restore ./backup-2 ./restored-2 --json"
)]
pub(crate) struct Restore {
    #[command(flatten)]
    restoring: Restoring,
}

impl Restore {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        self.restoring.run()
    }
}
