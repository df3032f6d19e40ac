//! Commands that are none, too many, or about what is not there.

use super::super::ground::ENDED;
use super::super::ledger::Form;
use super::super::limits::FLOOD_TIMES_MAX;
use super::frames::Draft;
use super::strike::{Strike, TAKEN, binary, text};

const BAD: &[u16] = &[3501];
/// Channels that are asked for at once: more than a connection may have.
const CHANNELS: usize = 140;
/// Publications on their way at once: fewer than there may be.
const PUBLICATIONS: u64 = 200;

/// Commands in one message, each of which is answered.
fn asked(what: &'static str, commands: &str, right: &'static [u16]) -> Strike {
    Strike::new(what, text(commands), right).answered(commands.lines().count())
}

fn bad(what: &'static str, command: &str) -> Strike {
    Strike::new(what, text(command), BAD)
}

/// A subscription, with these members.
fn subscribe(members: &str) -> String {
    format!(r#"{{"id":2,"subscribe":{{{members}}}}}"#)
}

pub(super) const FLOOD: &[Draft] = &[|_| {
    let commands = [r#"{"id":2,"rpc":{"method":"echo","data":1}}"#; 20].join("\n");
    Strike::new("calls", text(&commands), &[TAKEN, 111, 3013, ENDED]).times(FLOOD_TIMES_MAX)
}];

pub(super) const EARLY: &[Draft] = &[
    |_| bad("a subscription before the connection", &subscribe(r#""channel":"a""#)).early(),
    |_| bad("a pong before the connection", "{}").early(),
    |_| bad("a call before the connection", r#"{"id":1,"rpc":{"method":"echo"}}"#).early(),
];

pub(super) const TWICE: &[Draft] = &[
    |_| bad("a second connection", r#"{"id":2,"connect":{}}"#),
    |_| bad("a pong for no ping", "{}"),
];

pub(super) const SUBSCRIPTIONS: &[Draft] = &[|_| {
    let all: Vec<String> = (0..CHANNELS)
        .map(|number| format!(r#"{{"id":2,"subscribe":{{"channel":"hostile.{number}"}}}}"#))
        .collect();
    asked("channels beyond what there may be", &all.join("\n"), &[TAKEN, 106])
}];

pub(super) const NAMES: &[Draft] = &[
    |_| {
        let name = "x".repeat(60_000);
        asked("a name of 60,000 bytes", &subscribe(&format!(r#""channel":"{name}""#)), &[107])
    },
    |_| {
        let names = ["a b", "a..b", "*", ">", ".", "\\u0000", "\\ud83d\\ude00 x"];
        let all: Vec<String> =
            names.iter().map(|name| subscribe(&format!(r#""channel":"{name}""#))).collect();
        asked("names that are none", &all.join("\n"), &[107])
    },
    |_| asked("a namespace that is not", &subscribe(r#""channel":"none:a""#), &[102]),
    |_| bad("no name", &subscribe(r#""channel":"""#)),
];

pub(super) const METHODS: &[Draft] = &[
    |_| asked("a call that is not", r#"{"id":2,"rpc":{"method":"drop tables"}}"#, &[104]),
    |_| asked("a ping as a command", r#"{"id":2,"ping":{}}"#, &[108]),
    |_| bad("a command that is not", r#"{"id":2,"shutdown":{}}"#),
    |_| {
        let send = text(r#"{"send":{"data":1}}"#);
        Strike::new("a message to nobody", send, &[3508])
    },
];

pub(super) const JSON: &[Draft] = &[
    |_| bad("nothing", ""),
    |_| bad("blanks", " \n \n"),
    |_| bad("no JSON", "x"),
    |_| bad("an array", "[]"),
    |_| bad("half an object", r#"{"id":2,"rpc":{"#),
    |_| bad("a negative id", r#"{"id":-1,"rpc":{}}"#),
    |_| bad("an id that is too large", r#"{"id":99999999999999999999,"rpc":{}}"#),
    |_| bad("an id without a command", r#"{"id":2}"#),
];

fn protobuf(what: &'static str, bytes: &[u8]) -> Strike {
    Strike::new(what, binary(bytes), BAD).protobuf()
}

pub(super) const PROTOBUF: &[Draft] = &[
    |_| protobuf("a length without a message", b"\x7f"),
    |_| protobuf("a length without an end", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
    |_| protobuf("bytes", &[0xff; 300]),
    |_| protobuf("a field that is cut", b"\x03\x2a\x7f\x01"),
    |_| protobuf("nothing", b""),
];

pub(super) const DEEP: &[Draft] = &[
    |_| {
        let (open, shut) = ("[".repeat(20_000), "]".repeat(20_000));
        bad("data of 20,000 levels", &format!(r#"{{"id":2,"rpc":{{"data":{open}{shut}}}}}"#))
    },
    |_| bad("objects without end", &r#"{"id":2,"a":"#.repeat(4_000)),
];

pub(super) const MANY: &[Draft] = &[|_| {
    let commands = [r#"{"id":2,"rpc":{"method":"echo"}}"#; 300].join("\n");
    // Those up to the bound are answered.
    Strike::new("300 commands in a message", text(&commands), &[TAKEN, 3501])
}];

pub(super) const FILTERS: &[Draft] = &[
    |_| asked("a filter that is none", &subscribe(r#""channel":"a","tf":{"op":"x"}"#), &[107]),
    |_| {
        let (open, shut) = (r#"{"op":"not","nodes":["#.repeat(60), "]}".repeat(60));
        let filter = format!(r#""channel":"a","tf":{open}{shut}"#);
        Strike::new("a deep filter", text(&subscribe(&filter)), &[107, 3501]).answered(1)
    },
];

pub(super) const RECOVER: &[Draft] = &[
    |_| {
        let members = r#""channel":"good.1","recover":true,"epoch":"none.7","offset":3"#;
        asked("an epoch that never was", &subscribe(members), &[TAKEN])
    },
    |_| {
        let members = r#""channel":"good.1","recover":true,"offset":18446744073709551615"#;
        asked("the last offset there is", &subscribe(members), &[TAKEN])
    },
];

pub(super) const CALLS: &[Draft] = &[
    |_| {
        let call = r#"{"id":2,"rpc":{"method":"enqueue","data":{"queue":7}}}"#;
        asked("a job that is none", call, &[107])
    },
    |_| {
        let call = r#"{"id":2,"rpc":{"method":"publish","data":[1,2]}}"#;
        asked("a publication that is none", call, &[107])
    },
    |_| {
        let call = r#"{"id":2,"rpc":{"method":"job","data":{"job":"x"}}}"#;
        asked("a job without a number", call, &[107])
    },
];

pub(super) const PUBLISH: &[Draft] = &[|ground| {
    let topic = ground.enter(Form::Lines, PUBLICATIONS);
    let publish = |id: u64| {
        format!(r#"{{"id":{id},"publish":{{"channel":"{topic}","data":{{"id":{id}}}}}}}"#)
    };
    let all: Vec<String> = (1..=PUBLICATIONS).map(publish).collect();
    asked("publications", &all.join("\n"), &[TAKEN])
}];

pub(super) const HISTORY: &[Draft] = &[
    |_| {
        let history =
            r#"{"id":2,"history":{"channel":"good.1","limit":2147483647,"reverse":true}}"#;
        asked("the whole history, four times", &[history; 4].join("\n"), &[TAKEN, 111])
    },
    |_| {
        let history = r#"{"id":2,"history":{"channel":"good.1","limit":-2147483648}}"#;
        asked("less than nothing of a history", history, &[TAKEN, 111])
    },
    |_| {
        let history =
            r#"{"id":2,"history":{"channel":"good.1","limit":9,"since":{"offset":9,"epoch":"x"}}}"#;
        asked("a history of another life", history, &[112])
    },
];

pub(super) const PRESENCE: &[Draft] = &[
    |_| {
        let presence = r#"{"id":2,"presence":{"channel":"good.1"}}"#;
        asked("who is there", &[presence; 50].join("\n"), &[TAKEN])
    },
    |_| {
        let stats = r#"{"id":2,"presence_stats":{"channel":"good.1"}}"#;
        asked("how many are there", &[stats; 50].join("\n"), &[TAKEN])
    },
];

fn token(what: &'static str, token: &str) -> Strike {
    let members = format!(r#""channel":"a","token":"{token}""#);
    Strike::new(what, text(&subscribe(&members)), &[103, 3500]).answered(1)
}

pub(super) const TOKENS: &[Draft] = &[
    |_| token("no token", "x"),
    |_| token("a token of 20 KB", &"x".repeat(20_000)),
    // `{"alg":"none"}` and `{"sub":"1"}`.
    |_| token("a token without a signature", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."),
    |_| token("a token of nobody", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.AAAA"),
    |_| token("dots", "........................"),
];

/// Upgraded, and then silent; from an address that follows from the number.
pub(super) fn silent(number: usize) -> Strike {
    Strike::new("a WebSocket that says nothing", Vec::new(), &[3502, ENDED]).early().from(number)
}
