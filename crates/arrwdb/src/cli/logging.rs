//! What the server tells about itself, line by line on the standard error.

use std::io;

use tracing::level_filters::LevelFilter;

use super::settings::{Config, Format, Level};

/// Begins to write lines as the settings have it. They are written at once, by whoever has something to say.
pub(crate) fn start(config: &Config) {
    let level = match config.log_level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
    };
    let lines = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_target(false)
        .with_ansi(false)
        // A standard error that is gone is no reason to fail.
        .log_internal_errors(false)
        .with_writer(io::stderr);
    // It fails when it was called before.
    let _begun = match config.log_format {
        Format::Text => lines.try_init(),
        Format::Json => lines.json().flatten_event(true).try_init(),
    };
}
