//! Short texts of a request: its query, times, and the values of its headers.

use arrw::Timestamp;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::{Outcome, Target, refused, seeds, text_of};
use crate::guard::Sites;
use crate::limits::{Limits, REQUEST_ID_BYTES_MAX};
use crate::query::Query;
use crate::{auth, request_id, rfc3339};

pub(super) const QUERY: Target = Target {
    name: "server-query",
    what: "part of an address behind `?`: within its bounds, and the same with everything escaped",
    run: query,
    seeds: || {
        seeds(&[
            "filter=a.%3E&after=00c0ffee00c0ffee:42&limit=7&wait_ms=1500",
            "after=2026-01-31T23:59:59%2B01:00&order=newest&since_offset=5",
            "generation=1&on_error=continue&after=latest&after_topic=a%20b",
            "filer=a",
            "limit=0",
        ])
    },
    words: &[
        "&", "=", "%", "%2", "%ff", "+", "filter", "after", "limit", "wait_ms", "earliest", "*",
        ">",
    ],
};

pub(super) const TIME: Target = Target {
    name: "server-time",
    what: "time of RFC 3339: printed and read again it is the same",
    run: time,
    seeds: || {
        seeds(&[
            "1970-01-01T00:00:00Z",
            "2000-02-29t23:59:59.9999999-00:30",
            "9999-12-30T22:00:00.999999Z",
            "2016-12-31T23:59:60Z",
            "1970-01-01",
        ])
    },
    words: &["T", "Z", "+00:00", "-23:59", ".000000001", "24:00", "-0001", "[Europe/Oslo]"],
};

pub(super) const HEADERS: Target = Target {
    name: "server-headers",
    what: "a host, an id of a request, a key: taken only when they are what they look like",
    run: headers,
    seeds: || {
        seeds(&[
            "localhost:7650",
            "[::1]:80",
            "db.example",
            "127.0.0.1.evil",
            "request-17",
            "Bearer arrw_a_b",
            "user@localhost",
        ])
    },
    words: &[
        "localhost",
        "127.0.0.1",
        "[::1]",
        "db.example",
        ":",
        "@",
        "[",
        "]",
        ".",
        "bearer ",
        "%2e",
    ],
};

/// The last microsecond that is printed as itself.
const LAST_MICROS: u64 = 253_402_207_200_999_999;

const PARAMETERS: &[&str] = &[
    "filter",
    "after",
    "after_topic",
    "since_offset",
    "generation",
    "order",
    "on_error",
    "limit",
    "wait_ms",
];

fn query(input: &[u8]) -> Outcome {
    let text = text_of(input);
    let limits = Limits::default();
    let read = match Query::parse(Some(text), PARAMETERS, &limits) {
        Ok(query) => query,
        Err(problem) => return refused(&problem),
    };
    assert!((1..=limits.page_events).contains(&read.limit), "{read:?}");
    assert!(read.wait <= limits.page_wait, "{read:?}");
    assert!(read.generation != Some(0), "{read:?}");
    let again = Query::parse(Some(&escaped(text)), PARAMETERS, &limits);
    let again = again.expect("it is the same with everything escaped");
    assert_eq!(format!("{again:?}"), format!("{read:?}"), "`{text}`");
    let given = text.split('&').filter(|pair| !pair.is_empty()).count();
    Outcome::accepted(&[given, usize::from(read.after.is_some()), read.limit])
}

/// The same query with every character escaped that may be.
fn escaped(query: &str) -> String {
    let escape = |text: &str| {
        let text = text.replace('+', " ");
        let decoded = percent_decode_str(&text).decode_utf8_lossy();
        utf8_percent_encode(&decoded, NON_ALPHANUMERIC).to_string()
    };
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, value)) => format!("{}={}", escape(name), escape(value)),
        None => escape(pair),
    });
    pairs.collect::<Vec<_>>().join("&")
}

fn time(input: &[u8]) -> Outcome {
    let text = text_of(input);
    // Any eight bytes are a time of the log, which prints as one that is read.
    let micros = input.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let printed = rfc3339(Timestamp::from_micros(micros));
    let read = rfc3339::parse(&printed).expect("what is printed is a time");
    assert_eq!(rfc3339(read), printed);
    let Some(time) = rfc3339::parse(text) else { return Outcome::refused(&[text.len()]) };
    if LAST_MICROS < time.micros() {
        return Outcome::accepted(&[]);
    }
    let printed = rfc3339(time);
    assert_eq!(rfc3339::parse(&printed), Some(time), "`{text}` is printed as `{printed}`");
    Outcome::accepted(&[
        text.len(),
        usize::from(text.contains('.')),
        usize::from(text.ends_with(['z', 'Z'])),
    ])
}

fn headers(input: &[u8]) -> Outcome {
    let text = text_of(input);
    let sites = Sites::new(
        "127.0.0.1:7650".parse().expect("it is an address"),
        vec!["db.example".to_owned()],
        Vec::new(),
    );
    let is_host = sites.allow(text);
    if is_host {
        let authority: Authority = text.parse().expect("it was taken for one");
        let host = authority.host().to_ascii_lowercase();
        let is_ours = ["localhost", "db.example", "[::1]"].contains(&host.as_str());
        assert!(is_ours || is_loopback(&host), "`{text}` is taken for a name of this server");
    }
    let key = auth::bearer(text);
    assert!(key.is_none_or(|key| text.ends_with(key.trim()) || text.trim_end().ends_with(key)));
    let mut headers = HeaderMap::new();
    let Ok(value) = HeaderValue::from_bytes(input) else { return Outcome::refused(&[0]) };
    headers.insert("x-request-id", value);
    let id = request_id::given(&headers);
    if let Some(id) = &id {
        let id = id.to_str().expect("it is fit to be printed");
        assert!(
            (1..=REQUEST_ID_BYTES_MAX).contains(&id.len()) && !id.contains([' ', '\n']),
            "`{id}`"
        );
    }
    let features = [usize::from(is_host), usize::from(key.is_some()), usize::from(id.is_some())];
    if features == [0; 3] {
        Outcome::refused(&[1, text.len()])
    } else {
        Outcome::accepted(&features)
    }
}

/// Whether a host is an address of this machine, by its text.
fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let v4 = bare.split('.').map(str::parse::<u8>).collect::<Result<Vec<_>, _>>();
    match v4.as_deref() {
        Ok([first, _, _, _]) => *first == 127,
        Ok(_) | Err(_) => bare.parse() == Ok(std::net::Ipv6Addr::LOCALHOST),
    }
}
