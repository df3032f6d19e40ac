//! The engine from outside: what its users see.

mod follow;
mod policies;
mod volatile;
