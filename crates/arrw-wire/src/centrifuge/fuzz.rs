//! What reads bytes, as functions that a fuzzer calls: each panics when a property does not hold.
//!
//! This crate knows none of ours, so the crate `arrw-fuzz` makes its targets of these.

use super::{
    Command, CommandError, Commands, Encoding, Filter, FilterError, Malformed, Replies, Request,
    is_json, join,
};

/// Frames of commands that are valid, as JSON.
const COMMANDS: &[&str] = &[
    "{\"id\":1,\"connect\":{\"token\":\"t\",\"data\":{\"a\":[1]},\"subs\":{\"s\":{\"recover\":true,\"epoch\":\"e\",\"offset\":3}},\"name\":\"n\",\"version\":\"v\",\"headers\":{\"h\":\"x\"},\"flag\":1}}\n{}",
    r#"{"id":2,"subscribe":{"channel":"c","token":"t","recover":true,"epoch":"e","offset":300,"data":7,"positioned":true,"recoverable":true,"join_leave":true,"delta":"fossil","flag":3,"type":1,"limit":-1}}"#,
    "{\"id\":3,\"unsubscribe\":{\"channel\":\"c\"}}\n{\"id\":4,\"publish\":{\"channel\":\"c\\u00e9\",\"data\":\"\\ud83d\\ude00\"}}",
    "{\"id\":5,\"presence\":{\"channel\":\"c\"}}\n{\"id\":6,\"presence_stats\":{\"channel\":\"c\"}}",
    r#"{"id":7,"history":{"channel":"c","limit":-1,"since":{"offset":9,"epoch":"e"},"reverse":true}}"#,
    "{\"send\":{\"data\":-1.5e3}}\n{\"id\":8,\"rpc\":{\"method\":\"m\",\"data\":null}}\n{\"id\":9,\"ping\":{}}",
    "{\"id\":10,\"refresh\":{\"token\":\"t\"}}\n{\"id\":11,\"sub_refresh\":{\"channel\":\"c\",\"token\":\"t\"}}",
];

/// Frames of replies that are valid, as JSON.
const REPLIES: &[&str] = &[
    "{\"id\":1,\"connect\":{\"client\":\"c\",\"version\":\"v\",\"subs\":{\"s\":{\"recoverable\":true,\"epoch\":\"e\",\"offset\":2}},\"ping\":25,\"pong\":true}}\n{}",
    r#"{"id":2,"subscribe":{"epoch":"e","publications":[{"data":7,"offset":4,"tags":{"k":"v"}}],"recovered":true,"offset":3}}"#,
    r#"{"id":5,"presence":{"presence":{"k":{"user":"u","client":"k","conn_info":1,"chan_info":2}}}}"#,
    r#"{"push":{"channel":"c","pub":{"data":{"a":1},"info":{"user":"u"},"offset":1}}}"#,
    "{\"id\":3,\"error\":{\"code\":100,\"message\":\"m\",\"temporary\":true}}\n{\"push\":{\"disconnect\":{\"code\":3501,\"reason\":\"r\"}}}",
];

/// Tag filters that are valid, as JSON.
const FILTERS: &[&str] = &[
    r#"{"key":"a","cmp":"eq","val":"10"}"#,
    r#"{"op":"and","nodes":[{"key":"a","cmp":"in","vals":["9","10"]},{"op":"not","nodes":[{"key":"b","cmp":"ex"}]}]}"#,
    r#"{"op":"or","nodes":[{"key":"a","cmp":"gte","val":"9.5"},{"key":"b","cmp":"sw","val":"x"}]}"#,
];

/// Frames of commands that are valid.
#[must_use]
pub fn command_seeds(encoding: Encoding) -> Vec<Vec<u8>> {
    let frame = |json: &&str| {
        let mut frame = Vec::new();
        let commands = Commands::new(Encoding::Json, json.as_bytes());
        for command in commands.into_iter().flatten().flatten() {
            command.append(encoding, &mut frame);
        }
        frame
    };
    COMMANDS.iter().map(frame).collect()
}

/// Frames of replies that are valid.
#[must_use]
pub fn reply_seeds(encoding: Encoding) -> Vec<Vec<u8>> {
    let frame = |json: &&str| {
        let mut frame = Vec::new();
        for reply in Replies::new(Encoding::Json, json.as_bytes()).flatten() {
            reply.append(encoding, &mut frame);
        }
        frame
    };
    REPLIES.iter().map(frame).collect()
}

/// Tag filters that are valid.
#[must_use]
pub fn filter_seeds(encoding: Encoding) -> Vec<Vec<u8>> {
    match encoding {
        Encoding::Json => FILTERS.iter().map(|json| json.as_bytes().to_vec()).collect(),
        // One comparison, and its negation.
        Encoding::Protobuf => {
            vec![
                b"\x12\x01a\x1a\x02eq\x22\x0210".to_vec(),
                b"\x0a\x03not\x32\x07\x12\x01a\x1a\x02ex".to_vec(),
            ]
        }
    }
}

/// Reads a frame of commands: each leads back in both encodings, and its payload is a part of the frame.
///
/// # Errors
/// When the frame is refused.
///
/// # Panics
/// When one of these does not hold.
pub fn commands(encoding: Encoding, frame: &[u8]) -> Result<Vec<usize>, CommandError> {
    let mut features = Vec::new();
    for command in Commands::new(encoding, frame)? {
        let command = command?;
        for other in [encoding, Encoding::Protobuf] {
            let mut written = Vec::new();
            command.append(other, &mut written);
            let read: Vec<_> = Commands::new(other, &written).expect("it was written").collect();
            assert_eq!(read, [Ok(command.clone())], "{other:?}");
        }
        features.push(check_payload(encoding, frame, &command));
    }
    Ok(features)
}

/// The size of a command's payload.
fn check_payload(encoding: Encoding, frame: &[u8], command: &Command<'_>) -> usize {
    let data = match &command.what {
        Request::Connect(request) => request.data,
        Request::Subscribe(request) => request.data,
        Request::Publish(request) => request.data,
        Request::Send(request) => request.data,
        Request::Rpc(request) => request.data,
        Request::Unsubscribe(_)
        | Request::Presence(_)
        | Request::PresenceStats(_)
        | Request::History(_)
        | Request::Ping
        | Request::Refresh(_)
        | Request::SubRefresh(_)
        | Request::Pong => &[],
    };
    if !data.is_empty() {
        let range = frame.as_ptr_range();
        assert!(range.contains(&data.as_ptr()), "the payload was copied");
        assert!(encoding == Encoding::Protobuf || is_json(data), "the payload is no JSON");
    }
    data.len()
}

/// Reads a frame of replies: each leads back in its encoding, alone and joined to others.
///
/// # Errors
/// When the frame is refused.
///
/// # Panics
/// When one of these does not hold.
pub fn replies(encoding: Encoding, frame: &[u8]) -> Result<Vec<usize>, Malformed> {
    let (mut appended, mut joined) = (Vec::new(), Vec::new());
    let mut features = Vec::new();
    for reply in Replies::new(encoding, frame) {
        let reply = reply?;
        let ready = reply.ready(encoding);
        let mut again = Replies::new(encoding, &ready);
        assert_eq!(again.next(), Some(Ok(reply.clone())));
        assert_eq!(again.next(), None);
        reply.append(encoding, &mut appended);
        join(encoding, &mut joined, &ready);
        features.push(ready.len());
    }
    assert_eq!(appended, joined);
    assert_eq!(Replies::new(encoding, &appended).count(), features.len());
    Ok(features)
}

/// Reads a tag filter: its negation lets through what it does not.
///
/// # Errors
/// When the filter is refused.
///
/// # Panics
/// When that does not hold.
pub fn filter(encoding: Encoding, tf: &[u8]) -> Result<bool, FilterError> {
    let Some(filter) = Filter::read(encoding, tf)? else {
        return Ok(true);
    };
    let matches = |filter: &Filter| {
        filter.matches(|key| match key {
            "a" => Some("10"),
            "b" => Some("x"),
            _ => None,
        })
    };
    let is_match = matches(&filter);
    if encoding == Encoding::Json {
        let negated = [br#"{"op":"not","nodes":["#, tf, b"]}"].concat();
        // One level or one node more may be too many.
        if let Ok(Some(negated)) = Filter::read(encoding, &negated) {
            assert_eq!(matches(&negated), !is_match);
        }
    }
    Ok(is_match)
}
