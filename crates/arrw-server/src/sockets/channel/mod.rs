//! Channels: what a name means, what may be set of them.

pub(crate) mod options;
