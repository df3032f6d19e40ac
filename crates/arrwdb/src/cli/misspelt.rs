//! A command that there is not: which one was meant.

use arrw_server::nearest;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Error};

/// Names the command that was meant, with our own measure: clap's misses swapped letters.
pub(crate) fn advised(mut error: Error, program: &Command, arguments: &[String]) -> Error {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return error;
    }
    let Some(ContextValue::String(given)) = error.get(ContextKind::InvalidSubcommand) else {
        return error;
    };
    let given = given.clone();
    // The command in which it was looked for.
    let mut within = program;
    for argument in arguments.iter().skip(1).take_while(|argument| **argument != given) {
        within = within.find_subcommand(argument).unwrap_or(within);
    }
    let known: Vec<&str> = within
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .map(Command::get_name)
        .collect();
    error.remove(ContextKind::SuggestedSubcommand);
    if let Some(meant) = nearest(&given, &known) {
        let meant = ContextValue::Strings(vec![meant.to_owned()]);
        error.insert(ContextKind::SuggestedSubcommand, meant);
    }
    error
}
