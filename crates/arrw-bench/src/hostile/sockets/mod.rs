//! Attacks on WebSockets: the table of what each does, and what it must have met to prove anything.

mod commands;
mod crowds;
mod frames;
mod handshakes;
mod strike;

use std::sync::Arc;

use super::attacks::{Attack, Running};
use super::ground::{ENDED, Ground};
use super::limits::{SHOT_EVERY, STRIKE_EVERY};
use super::shot::volley;
use frames::Draft;
use strike::TAKEN;

/// All attacks on WebSockets. A number from 100 is the code of an error, from 1000 that of a close; [`TAKEN`] is a command that was
/// answered.
pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "ws-handshake",
        what: "requests for a WebSocket without key, version, upgrade, or of another site",
        proof: &[400, 403, 421, 426],
        run: |ground| Box::pin(volley(ground, handshakes::HANDSHAKES, SHOT_EVERY)),
    },
    Attack {
        name: "ws-upgrade",
        what: "500 requests for a WebSocket byte by byte",
        proof: &[ENDED],
        run: |ground| Box::pin(crowds::upgrades(ground)),
    },
    Attack {
        name: "ws-idle",
        what: "100 WebSockets that never connect",
        proof: &[3502],
        run: |ground| Box::pin(crowds::idle(ground)),
    },
    Attack {
        name: "ws-unmasked",
        what: "frames that are not masked",
        proof: &[1002],
        run: |ground| of(ground, frames::UNMASKED),
    },
    Attack {
        name: "ws-reserved",
        what: "reserved bits",
        proof: &[1002],
        run: |ground| of(ground, frames::RESERVED),
    },
    Attack {
        name: "ws-opcodes",
        what: "reserved opcodes",
        proof: &[1002],
        run: |ground| of(ground, frames::OPCODES),
    },
    Attack {
        name: "ws-rsv1",
        what: "compressed frames that were not agreed on",
        proof: &[1002],
        run: |ground| of(ground, frames::RSV1),
    },
    Attack {
        name: "ws-control",
        what: "control frames in pieces, and long ones",
        proof: &[1002],
        run: |ground| of(ground, frames::CONTROL),
    },
    Attack {
        name: "ws-continue",
        what: "pieces of no message, messages inside of others",
        proof: &[1002],
        run: |ground| of(ground, frames::CONTINUE),
    },
    Attack {
        name: "ws-fragments",
        what: "messages of pieces without end",
        proof: &[1009],
        run: |ground| of(ground, frames::FRAGMENTS),
    },
    Attack {
        name: "ws-oversize",
        what: "messages of 65 KiB, and of 4 GiB as they say",
        proof: &[1009],
        run: |ground| of(ground, frames::OVERSIZE),
    },
    Attack {
        name: "ws-lengths",
        what: "lengths in a longer form than they need, or of 64 bits",
        proof: &[1002],
        run: |ground| of(ground, frames::LENGTHS),
    },
    Attack {
        name: "ws-utf8",
        what: "text that is none, in frames, pieces and reasons",
        proof: &[1007],
        run: |ground| of(ground, frames::UTF8),
    },
    Attack {
        name: "ws-close",
        what: "closes with codes that are not sent",
        proof: &[1002],
        run: |ground| of(ground, frames::CLOSE),
    },
    Attack {
        name: "ws-pings",
        what: "floods of pings",
        proof: &[3013],
        run: |ground| of(ground, frames::PINGS),
    },
    Attack {
        name: "ws-tiny",
        what: "floods of frames of one byte",
        proof: &[111, 3013],
        run: |ground| of(ground, frames::TINY),
    },
    Attack {
        name: "ws-bomb",
        what: "8 MiB that are compressed into 8 KiB",
        proof: &[1009],
        run: |ground| of(ground, frames::BOMB),
    },
    Attack {
        name: "ws-inflate",
        what: "compressed messages that do not inflate, or to no text",
        proof: &[1007],
        run: |ground| of(ground, frames::INFLATE),
    },
    Attack {
        name: "ws-kinds",
        what: "frames of bytes where text is agreed on",
        proof: &[3506],
        run: |ground| of(ground, frames::KINDS),
    },
    Attack {
        name: "ws-commands",
        what: "floods of calls",
        proof: &[111, 3013],
        run: |ground| of(ground, commands::FLOOD),
    },
    Attack {
        name: "ws-early",
        what: "commands before the connection",
        proof: &[3501],
        run: |ground| of(ground, commands::EARLY),
    },
    Attack {
        name: "ws-twice",
        what: "second connections, and pongs for no ping",
        proof: &[3501],
        run: |ground| of(ground, commands::TWICE),
    },
    Attack {
        name: "ws-channels",
        what: "140 channels, of which there may be 128",
        proof: &[TAKEN, 106],
        run: |ground| of(ground, commands::SUBSCRIPTIONS),
    },
    Attack {
        name: "ws-names",
        what: "names of channels that are none, or of 60,000 bytes",
        proof: &[102, 107, 3501],
        run: |ground| of(ground, commands::NAMES),
    },
    Attack {
        name: "ws-methods",
        what: "commands and calls that are not",
        proof: &[104, 108, 3501, 3508],
        run: |ground| of(ground, commands::METHODS),
    },
    Attack {
        name: "ws-json",
        what: "JSON that is none, or no command",
        proof: &[3501],
        run: |ground| of(ground, commands::JSON),
    },
    Attack {
        name: "ws-protobuf",
        what: "Protobuf that is none",
        proof: &[3501],
        run: |ground| of(ground, commands::PROTOBUF),
    },
    Attack {
        name: "ws-deep",
        what: "commands of thousands of levels",
        proof: &[3501],
        run: |ground| of(ground, commands::DEEP),
    },
    Attack {
        name: "ws-many",
        what: "300 commands in a message",
        proof: &[3501],
        run: |ground| of(ground, commands::MANY),
    },
    Attack {
        name: "ws-filters",
        what: "filters of tags that are none, or deep",
        proof: &[107],
        run: |ground| of(ground, commands::FILTERS),
    },
    Attack {
        name: "ws-recover",
        what: "recoveries from places that never were",
        proof: &[TAKEN],
        run: |ground| of(ground, commands::RECOVER),
    },
    Attack {
        name: "ws-calls",
        what: "calls with data that they cannot have",
        proof: &[107],
        run: |ground| of(ground, commands::CALLS),
    },
    Attack {
        name: "ws-publish",
        what: "200 publications on their way at once",
        proof: &[TAKEN],
        run: |ground| of(ground, commands::PUBLISH),
    },
    Attack {
        name: "ws-history",
        what: "the whole history, again and again",
        proof: &[TAKEN, 112],
        run: |ground| of(ground, commands::HISTORY),
    },
    Attack {
        name: "ws-presence",
        what: "who is there, again and again",
        proof: &[TAKEN],
        run: |ground| of(ground, commands::PRESENCE),
    },
    Attack {
        name: "ws-tokens",
        what: "tokens of channels that are none",
        proof: &[],
        run: |ground| of(ground, commands::TOKENS),
    },
    Attack {
        name: "ws-slow",
        what: "busy channels are followed, and nothing is read",
        proof: &[],
        run: |ground| Box::pin(crowds::slow(ground)),
    },
    Attack {
        name: "ws-no-pong",
        what: "100 WebSockets that answer no ping",
        proof: &[3012],
        run: |ground| Box::pin(crowds::no_pongs(ground)),
    },
    Attack {
        name: "ws-storm",
        what: "500 clients a second come, subscribe and are gone",
        proof: &[],
        run: |ground| Box::pin(crowds::storm(ground)),
    },
    Attack {
        name: "ws-crowd",
        what: "100 WebSockets more than there may be",
        proof: &[503],
        run: |ground| Box::pin(crowds::too_many(ground)),
    },
    Attack {
        name: "ws-address",
        what: "100 WebSockets more than one address may have",
        proof: &[503],
        run: |ground| Box::pin(crowds::of_one_address(ground)),
    },
];

fn of(ground: Arc<Ground>, drafts: &'static [Draft]) -> Running {
    Box::pin(volley(ground, drafts, STRIKE_EVERY))
}
