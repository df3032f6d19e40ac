//! The server as its clients meet it: real sockets, requests in, answers out.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails where it cannot go on"
)]

mod asking;
mod channels;
mod chaos;
mod cloud;
mod consumers;
mod encodings;
mod guard;
mod hostile_sockets;
mod jobs;
mod limits;
mod lines;
mod metrics;
mod orders;
mod pages;
mod proxies;
mod publish;
mod queues;
mod request_ids;
mod socket;
mod stopping;
mod streams;
mod tls;
mod tokens;
mod topics;
