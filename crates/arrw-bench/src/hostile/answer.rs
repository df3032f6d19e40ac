//! Takes an answer of the server apart, as strictly as a proxy would, and says when it is none.

use std::fmt;

use serde::Deserialize;

use super::limits::ANSWER_BYTES_MAX;
use crate::connection::find;

/// An answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The code of a refusal that has a body.
    pub(super) code: Option<String>,
    /// Events that it says were published.
    pub(super) count: Option<u64>,
    /// The beginning of its body, for a person.
    pub(super) said: String,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.said)
    }
}

/// Characters of a body that are told.
const SAID_CHARS: usize = 200;

/// What is looked at in a body.
#[derive(Debug, Deserialize)]
struct Body {
    code: Option<String>,
    status: Option<u16>,
    count: Option<u64>,
}

/// The head of an answer.
struct Head {
    status: u16,
    bytes: usize,
    content_length: Option<usize>,
    content_type: String,
}

/// The first answer in some bytes and how many of them it is, once it is whole.
///
/// # Errors
/// When it is no answer of HTTP, when it is a refusal that does not say its code, or a fault of the server.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Answer, usize)>, String> {
    if ANSWER_BYTES_MAX < bytes.len() {
        return Err(format!("an answer of more than {ANSWER_BYTES_MAX} bytes"));
    }
    let Some(head) = head(bytes)? else { return Ok(None) };
    let Some(length) = head.content_length else {
        return Err(format!("answer {} without a length", head.status));
    };
    let end = head.bytes + length;
    let Some(body) = bytes.get(head.bytes..end) else { return Ok(None) };
    Ok(Some((judge(&head, body)?, end)))
}

/// The status of an answer whose body has no end.
///
/// # Errors
/// As [`parse`].
pub(super) fn parse_status(bytes: &[u8]) -> Result<Option<u16>, String> {
    Ok(head(bytes)?.map(|head| head.status))
}

fn judge(head: &Head, body: &[u8]) -> Result<Answer, String> {
    let status = head.status;
    let said: String = String::from_utf8_lossy(body).chars().take(SAID_CHARS).collect();
    if 500 <= status && status != 503 {
        return Err(format!("a fault of the server: {status} {said}"));
    }
    let is_json = head.content_type.ends_with("json");
    let parsed = is_json.then(|| serde_json::from_slice::<Body>(body));
    let parsed = match parsed.transpose() {
        Ok(parsed) => parsed,
        Err(error) => return Err(format!("{status} with a body that is not as told: {error}")),
    };
    if 400 <= status && !body.is_empty() {
        let is_problem = head.content_type == "application/problem+json";
        let says = parsed.as_ref().is_some_and(|it| it.code.is_some() && it.status == Some(status));
        if !is_problem || !says {
            return Err(format!("a refusal without its code: {status} {said}"));
        }
    }
    let (code, count) = parsed.map_or((None, None), |body| (body.code, body.count));
    Ok(Answer { status, code, count, said })
}

fn head(bytes: &[u8]) -> Result<Option<Head>, String> {
    let whole = find(bytes, b"\r\n\r\n");
    let begins = |prefix: &[u8]| bytes.iter().zip(prefix).all(|(byte, other)| byte == other);
    if !begins(b"HTTP/1.1 ") && !begins(b"HTTP/1.0 ") {
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(SAID_CHARS)]);
        return Err(format!("what came is no answer: {text:?}"));
    }
    let Some(end) = whole else { return Ok(None) };
    let text = str::from_utf8(&bytes[..end]).map_err(|_not_text| "a head that is no text")?;
    if text.chars().any(|it| it.is_control() && !['\r', '\n'].contains(&it)) {
        return Err(format!("a head with a control character: {text:?}"));
    }
    let mut lines = text.split("\r\n");
    let line = lines.next().unwrap_or_default();
    let status = line.get(9..12).and_then(|status| status.parse().ok());
    let status = status.filter(|status| (200..600).contains(status));
    let status = status.ok_or_else(|| format!("a first line without a status: {line:?}"))?;
    let mut head =
        Head { status, bytes: end + 4, content_length: None, content_type: String::new() };
    for line in lines {
        let field = line.split_once(':').filter(|(name, _)| !name.is_empty());
        let (name, value) = field.ok_or_else(|| format!("a line that is no header: {line:?}"))?;
        match name.to_ascii_lowercase().as_str() {
            "content-length" => {
                let before =
                    head.content_length.replace(value.trim().parse().unwrap_or(usize::MAX));
                let is_fine = head.content_length.is_some_and(|it| it <= ANSWER_BYTES_MAX);
                if before.is_some() || !is_fine {
                    return Err(format!("a length that is none, too large, or twice: {line:?}"));
                }
            }
            "content-type" => value.trim().clone_into(&mut head.content_type),
            _ => (),
        }
    }
    if status == 204 {
        head.content_length = Some(0);
    }
    Ok(Some(head))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: &str, content_type: &str, body: &str) -> String {
        let length = body.len();
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n{body}"
        )
    }

    const PROBLEM: &str = "application/problem+json";

    #[test]
    fn an_answer_is_whole_or_not_yet() {
        let body = r#"{"code":"ARW0003","status":400,"count":7}"#;
        let text = refusal("400 Bad Request", PROBLEM, body);
        for end in 0..text.len() {
            assert_eq!(parse(&text.as_bytes()[..end]), Ok(None), "{end}");
        }
        let (answer, bytes) = parse((text.clone() + "HTTP").as_bytes()).unwrap().unwrap();
        assert_eq!((answer.status, answer.count, bytes), (400, Some(7), text.len()));
        assert_eq!(answer.code.as_deref(), Some("ARW0003"));
        let bare = "HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(parse(bare.as_bytes()).unwrap().unwrap().0.status, 431);
    }

    #[test]
    fn what_is_no_answer_is_told() {
        let check = |text: &str, part: &str| {
            let fault = parse(text.as_bytes()).unwrap_err();
            assert!(fault.contains(part), "{text:?}: {fault}");
        };
        check("SSH-2.0", "no answer");
        check("HTTP/1.1 2x0 OK\r\n\r\n", "without a status");
        check("HTTP/1.1 200 OK\r\n\r\n", "without a length");
        check("HTTP/1.1 200 OK\r\nno header\r\n\r\n", "no header");
        check("HTTP/1.1 200 OK\r\nx: a\0\r\n\r\n", "control character");
        check("HTTP/1.1 200 OK\r\ncontent-length: 0\r\ncontent-length: 0\r\n\r\n", "twice");
        check("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", "none");
        let fine = r#"{"code":"ARW0032","status":500}"#;
        check(&refusal("500 Internal Server Error", PROBLEM, fine), "fault of the server");
        check(&refusal("400 Bad Request", "text/plain", "no"), "without its code");
        check(&refusal("400 Bad Request", PROBLEM, "{}"), "without its code");
        check(&refusal("400 Bad Request", PROBLEM, fine), "without its code");
        check(&refusal("400 Bad Request", PROBLEM, "{"), "not as told");
    }
}
