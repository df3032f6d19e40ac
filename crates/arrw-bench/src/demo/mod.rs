//! A demonstration: the example texts stream in as events, become jobs, reach clients, and the server is killed meanwhile.
//!
//! This process starts the server as another one and is everything else: the publisher, the workers, the clients, each as any program
//! would be, over HTTP and WebSockets; and the page that shows it.

mod running;

mod client;
mod keeper;
mod publisher;
mod standing;
mod worker;

mod asking;
mod board;
mod book;
mod counted;
mod home;
pub mod limits;
mod page;
mod show;
mod summary;
mod texts;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

pub use counted::Counted;
pub use running::Running;
pub use show::{Glance, Proof};

/// What is to be shown.
#[derive(Clone, Debug)]
pub struct Demo {
    /// The program that has the command `serve`.
    pub program: OsString,
    /// Where the server's data are, empty or not there yet; none for a folder that is removed at the end.
    pub folder: Option<PathBuf>,
    /// Events a second.
    pub rate: u32,
    /// Clients over WebSockets.
    pub clients: u32,
    /// Workers over HTTP.
    pub workers: u32,
    /// Where the page is, on loopback; another port when that one is taken.
    pub listen: SocketAddr,
}
