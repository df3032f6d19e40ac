//! The functions of `arrw-wire` for WebSockets as targets: that crate depends on none of ours.

use std::fmt::Display;

use arrw_log::fuzz::{Outcome, Target};
use arrw_wire::websocket::fuzz;

pub(crate) const TARGETS: &[Target] = &[
    Target {
        name: "websocket-frames",
        what: "frames: they mean the same at once and in pieces, and what is told is read again as it was",
        run: |input| outcome(fuzz::frames(input)),
        seeds: fuzz::frames_seeds,
        words: &["\u{1}\0", "\0\u{2}", "~\0", "\0\0\0\0"],
    },
    Target {
        name: "websocket-inflate",
        what: "compressed message: it inflates within its limit, and what comes out compresses to the same",
        run: |input| outcome(fuzz::inflate(input)),
        seeds: fuzz::inflate_seeds,
        words: &["\0\0", "\u{1}\0"],
    },
    Target {
        name: "websocket-request",
        what: "request for a WebSocket: what is agreed on is within what both have",
        run: |input| outcome(fuzz::request(input)),
        seeds: fuzz::request_seeds,
        words: &[
            "permessage-deflate",
            "server_max_window_bits=9",
            ";",
            ",",
            "=",
            "\"",
            "websocket",
        ],
    },
];

fn outcome(read: Result<[usize; 2], impl Display>) -> Outcome {
    read.map_or_else(|error| Outcome::refused_because(&error), |it| Outcome::accepted(&it))
}
