//! How a command says what it did: a line for people, or an object of JSON.

use std::io::{self, Write};

use clap::Args;
use serde_json::Value;

use super::exit::Exit;

// Not a doc comment: it would become the text of each command that has it.
// For whom it is said.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Report {
    /// Print what was done as one JSON object
    #[arg(long)]
    json: bool,
}

impl Report {
    /// True when a program reads the standard output.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Says it on the standard output.
    pub(crate) fn say(self, text: &str, json: &Value) -> anyhow::Result<Exit> {
        self.say_to(&mut io::stdout().lock(), text, json)
    }

    /// Says it elsewhere, when the standard output has something else.
    pub(crate) fn say_to(
        self,
        out: &mut impl Write,
        text: &str,
        json: &Value,
    ) -> anyhow::Result<Exit> {
        if self.json {
            writeln!(out, "{json}")?;
        } else {
            writeln!(out, "{text}")?;
        }
        Ok(Exit::Fine)
    }
}
