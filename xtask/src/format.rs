//! The stage that checks the layout of files and the spelling in them.

use crate::context::Context;
use crate::process;
use crate::request::Level;
use crate::stage::Failure;

/// Rust by rustfmt; with all tools also TOML by taplo and spelling by typos.
pub(crate) fn check(context: &Context) -> Result<String, Failure> {
    let mut commands = vec![context.cargo("fmt --all -- --check")];
    if context.level == Level::Full {
        let mut taplo = context.venv_command("taplo");
        taplo.args(["fmt", "--check"]).env("RUST_LOG", "warn");
        commands.push(taplo);
        commands.push(context.venv_command("typos"));
    }
    process::run_each(commands)?;
    Ok(String::new())
}
