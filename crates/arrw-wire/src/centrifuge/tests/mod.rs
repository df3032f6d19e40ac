//! The codec as a whole: bytes written by hand, another's codec, and what is refused.

mod answers;
mod bounds;
mod commands;
mod differential;
mod replies;
mod values;

use super::*;
