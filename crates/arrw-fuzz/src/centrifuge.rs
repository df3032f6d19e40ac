//! The Centrifuge client protocol: the fuzz functions of `arrw-wire`, which knows none of our crates, as targets.

use std::fmt::Display;

use arrw_log::fuzz::{Outcome, Target};
use arrw_wire::centrifuge::{Encoding, fuzz};

/// Every fuzz function of the protocol.
pub(crate) const TARGETS: &[Target] = &[
    Target {
        name: "wire-centrifuge-commands-json",
        what: "commands in JSON: each leads back in both encodings, payloads are parts of the frame",
        run: |input| outcome(fuzz::commands(Encoding::Json, input)),
        seeds: || fuzz::command_seeds(Encoding::Json),
        words: &[
            "\"id\":1,",
            "\"data\":",
            "null",
            "\\ud83d",
            "\\u00e9",
            "\n{}",
            "\"tf\":{",
            "\"subs\":{\"",
        ],
    },
    Target {
        name: "wire-centrifuge-commands-protobuf",
        what: "commands in Protobuf: each leads back, payloads are parts of the frame",
        run: |input| outcome(fuzz::commands(Encoding::Protobuf, input)),
        seeds: || fuzz::command_seeds(Encoding::Protobuf),
        words: &["\u{8}\u{1}", "\u{2}Z\0", "\u{1a}\u{4}\n\0\u{12}\0", "\u{7f}\u{7f}"],
    },
    Target {
        name: "wire-centrifuge-replies-json",
        what: "replies in JSON: they lead back, alone and joined",
        run: |input| outcome(fuzz::replies(Encoding::Json, input)),
        seeds: || fuzz::reply_seeds(Encoding::Json),
        words: &["\"push\":{", "\"pub\":{", "\"tags\":{", "null", "\n{}", "\\u0000"],
    },
    Target {
        name: "wire-centrifuge-replies-protobuf",
        what: "replies in Protobuf: they lead back, alone and joined",
        run: |input| outcome(fuzz::replies(Encoding::Protobuf, input)),
        seeds: || fuzz::reply_seeds(Encoding::Protobuf),
        words: &["\u{8}\u{1}", "\"\0", ":\0", "\u{7f}\u{7f}"],
    },
    Target {
        name: "wire-centrifuge-filter",
        what: "tag filter in JSON: read within bounds, its negation lets through what it does not",
        run: |input| filter_outcome(Encoding::Json, input),
        seeds: || fuzz::filter_seeds(Encoding::Json),
        words: &[
            "\"op\":\"not\",",
            "\"nodes\":[{",
            "\"vals\":[\"",
            "\"cmp\":\"nin\"",
            "\"cmp\":\"lt\"",
            "-0.5",
        ],
    },
    Target {
        name: "wire-centrifuge-filter-protobuf",
        what: "tag filter in Protobuf: read within bounds",
        run: |input| filter_outcome(Encoding::Protobuf, input),
        seeds: || fuzz::filter_seeds(Encoding::Protobuf),
        words: &["\n\u{3}not", "2\0", "*\0", "\u{1a}\u{2}lt"],
    },
];

fn outcome(read: Result<Vec<usize>, impl Display>) -> Outcome {
    match read {
        Ok(features) => Outcome::accepted(&features),
        Err(error) => Outcome::refused_because(&error),
    }
}

fn filter_outcome(encoding: Encoding, tf: &[u8]) -> Outcome {
    outcome(fuzz::filter(encoding, tf).map(|is_match| vec![usize::from(is_match), tf.len()]))
}
