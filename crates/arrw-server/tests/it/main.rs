//! The server as its clients meet it: real sockets, requests in, answers out.

#![expect(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod asking;
mod consumers;
mod guard;
mod lines;
mod pages;
mod publish;
mod stopping;
mod streams;
mod topics;
