//! The house rules that neither rustc, clippy nor rustfmt checks. STYLE.md says why.
//!
//! Each rule takes a text and answers with problems, one line each, that name the place and the fix.
//! `tests/tidy.rs` reads the tree and applies them; the tests beside each rule see it fail.

pub mod documents;
pub mod source;
pub mod workplace;
