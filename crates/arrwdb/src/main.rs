//! The `arrwdb` command.

fn main() {}
