//! The binary as its users meet it: arguments in, text and an exit code out.

#![expect(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod backup;
mod centrifuge_client;
mod channels;
mod connections;
mod damage;
mod demo;
mod examples;
mod failed_write;
mod hostile;
mod jobs;
mod kill;
mod lines;
mod logging;
mod operating;
mod program;
mod refusals;
mod server;
mod settings;
mod strace;
mod token;
mod top;
mod torture;
mod work;
