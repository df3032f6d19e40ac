//! What the client reads: streams, addresses, answers.

use std::collections::VecDeque;

use serde_json::Value;
use serde_json::value::RawValue;

use super::connection::{Connection, parsed};
use super::messages::{Message, Parser, Told};
use super::{Receipt, Refusal, value_of};
use crate::fuzz::{Input, Outcome, Target, seeds, text_of};

pub(crate) const MESSAGES: Target = Target {
    name: "client-messages",
    what: "Server-Sent Events: the same messages wherever the bytes are cut, as a plain reader says",
    run: messages,
    seeds: || {
        seeds(&[
            "\u{5}retry: 1000\nevent: progress\nid: e:1\ndata: {}\n\n: still here\n\nid: e:2\r\ndata: a\r\ndata:b\r\n\r\n",
            "\u{1}id: e:3\n\nevent: gap\ndata: g\n\nevent: error\ndata\n\nevent: x\ndata:  y\n\n",
        ])
    },
    words: &[
        "\n",
        "\n\n",
        "\r\n",
        "data: ",
        "data:",
        "data",
        "id: ",
        "event: ",
        "event: gap\n",
        ":",
        "\u{feff}",
    ],
};

pub(crate) const ADDRESS: Target = Target {
    name: "client-address",
    what: "address of a server: read again it is the same",
    run: address,
    seeds: || {
        seeds(&[
            "http://127.0.0.1:7650",
            "localhost:80/",
            "http://[::1]:1",
            "db.example",
            "https://a",
        ])
    },
    words: &["http://", "https://", "://", ":", "/", "[", "]", "@", "?", "#", ":65536", "[::1]"],
};

pub(crate) const ANSWER: Target = Target {
    name: "client-answer",
    what: "answers of a server: a receipt, or a refusal with a text",
    run: answer,
    seeds: || {
        seeds(&[
            "{\"epoch\":\"00c0ffee00c0ffee\",\"first\":1,\"last\":2,\"count\":2}",
            "{\"status\":400,\"code\":\"ARW0003\",\"detail\":\"no\",\"hint\":\"yes\",\"retry\":true,\"line\":1,\"count\":0}",
            "{\"job\":1,\"args\":{\"n\":1e999}}",
        ])
    },
    words: &["null", "\"count\":", "\"status\":", "\"code\":", "\"detail\":", "true", "{}", "[]"],
};

fn messages(input: &[u8]) -> Outcome {
    let mut input = Input::new(input);
    let piece = usize::from(input.byte()).max(1);
    let bytes = input.rest();
    let cut = |size: usize| {
        let (mut parser, mut messages) = (Parser::default(), VecDeque::new());
        let read = bytes.chunks(size).try_for_each(|piece| parser.push(piece, &mut messages));
        (read, messages)
    };
    let (read, messages) = cut(bytes.len().max(1));
    assert_eq!(cut(piece), (read, messages.clone()), "in pieces of {piece}");
    match read {
        Ok(()) => {
            assert_eq!(messages, plain(bytes));
            let kinds = messages.iter().filter(|message| message.told != Told::Event).count();
            Outcome::accepted(&[messages.len(), kinds])
        }
        Err(why) => Outcome::refused_because(&why),
    }
}

/// Reads a whole stream line by line.
fn plain(bytes: &[u8]) -> VecDeque<Message> {
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let text = std::str::from_utf8(&bytes[..end]).expect("it was read");
    let mut messages = VecDeque::new();
    let (mut name, mut position, mut data): (&str, &str, Vec<&str>) = ("", "", Vec::new());
    for line in text.split_terminator('\n') {
        let line = line.trim_end_matches('\r');
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" if line.is_empty() => {
                if !data.is_empty() {
                    let told = match name {
                        "" | "message" => Told::Event,
                        "progress" => Told::Progress,
                        "gap" => Told::Gap,
                        "error" => Told::Error,
                        _ => Told::Other,
                    };
                    let (position, data) = (position.to_owned(), data.join("\n"));
                    messages.push_back(Message { told, position, data });
                }
                (name, data) = ("", Vec::new());
            }
            "event" => name = value,
            "id" => position = value,
            "data" => data.push(value),
            _ => (),
        }
    }
    messages
}

fn address(input: &[u8]) -> Outcome {
    let text = text_of(input);
    match Connection::new(text, None) {
        Ok(connection) => {
            let server = connection.server();
            let again = Connection::new(server, None).expect("what is shown is an address");
            assert_eq!(again.server(), server, "`{text}`");
            assert!(server.starts_with("http://") && !server.contains('@'), "`{server}`");
            Outcome::accepted(&[server.len(), usize::from(server.contains('['))])
        }
        Err(error) => Outcome::refused_because(&error),
    }
}

fn answer(input: &[u8]) -> Outcome {
    let refusal = parsed::<Refusal>(input);
    if let Ok(refusal) = &refusal {
        assert!(refusal.to_string().len() <= input.len() + 3, "{refusal}");
    }
    let text = text_of(input);
    let value = value_of(text);
    if let Ok(plain) = serde_json::from_str::<Value>(text) {
        assert_eq!(value.ok(), Some(plain), "what can be read is read as it is");
    } else if value.is_ok() {
        assert!(serde_json::from_str::<&RawValue>(text).is_ok(), "`{text}` is JSON");
    }
    match parsed::<Receipt>(input) {
        Ok(receipt) => {
            let json = serde_json::to_vec(&receipt).expect("texts and numbers are always JSON");
            let again: Receipt = serde_json::from_slice(&json).expect("it was just written");
            assert_eq!(again, receipt);
            Outcome::accepted(&[
                usize::from(receipt.epoch.is_some()),
                usize::from(receipt.first.is_some()),
            ])
        }
        Err(_) if refusal.is_ok() => Outcome::accepted(&[7]),
        Err(error) => Outcome::refused_because(&error),
    }
}
