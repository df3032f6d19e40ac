//! The fuzz loop itself, and a short run of every target.

mod every_target;
mod planted;
