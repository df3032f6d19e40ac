//! What a back end answers.

use arrw_wire::centrifuge::{Encoding, ErrorReply, is_json};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Fault;
use crate::json;
use crate::problem::{Code, Problem};
use crate::sockets::connection::Ending;
use crate::sockets::tokens::{ConnectionToken, of_back_end};

/// An answer, of which one member counts: a disconnect before an error, and that before a result.
#[derive(Debug, Deserialize)]
struct Answer<'a> {
    #[serde(default, borrow)]
    result: Option<&'a RawValue>,
    #[serde(default)]
    error: Option<ErrorForm>,
    #[serde(default)]
    disconnect: Option<DisconnectForm>,
}

#[derive(Debug, Deserialize)]
struct ErrorForm {
    code: u32,
    #[serde(default)]
    message: String,
    #[serde(default)]
    temporary: bool,
}

#[derive(Debug, Deserialize)]
struct DisconnectForm {
    code: u16,
    #[serde(default)]
    reason: String,
}

/// The result of a call.
#[derive(Debug, Default, Deserialize)]
struct Called<'a> {
    #[serde(default, borrow)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    b64data: Option<String>,
}

/// What a back end has against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The command fails.
    Error(ErrorReply<'static>),
    /// The connection ends.
    Ends(Ending),
}

/// What a client is told by a back end: JSON on one line for clients of JSON.
type Data = Vec<u8>;

/// Reads the answer about a client that connects: who it is and what it is told, or, as `None`, that it is nobody who may.
pub(crate) fn connected(
    answer: &[u8],
) -> Result<Result<Option<(ConnectionToken, Data)>, Refusal>, Fault> {
    let result = match read(answer)? {
        Ok(None) => return Ok(Ok(None)),
        Ok(Some(result)) => result,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let wrong = |error: crate::sockets::tokens::TokenError| Fault::Form(error.to_string());
    of_back_end(result.get().as_bytes()).map(|told| Ok(Some(told))).map_err(wrong)
}

/// Reads the answer to a call of a client of this encoding.
pub(crate) fn called(answer: &[u8], encoding: Encoding) -> Result<Result<Data, Refusal>, Fault> {
    let result = match read(answer)? {
        Ok(None) => return Ok(Ok(Data::new())),
        Ok(Some(result)) => result,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let Called { data, b64data } = object(result.get())?;
    let data = match b64data.filter(|text| !text.is_empty()) {
        None => data.map_or_else(Data::new, |data| data.get().as_bytes().to_vec()),
        Some(text) => STANDARD
            .decode(text)
            .map_err(|_where| Fault::Form("`b64data` is not base64".to_owned()))?,
    };
    match encoding {
        Encoding::Protobuf => Ok(Ok(data)),
        Encoding::Json if data.is_empty() => Ok(Ok(data)),
        Encoding::Json if is_json(&data) => {
            // A line end ends a message, and within a text of JSON there is none.
            Ok(Ok(data.into_iter().filter(|byte| !b"\r\n".contains(byte)).collect()))
        }
        Encoding::Json => {
            Err(Fault::Form("a client of JSON cannot be told what is not JSON".to_owned()))
        }
    }
}

fn read(answer: &[u8]) -> Result<Result<Option<&RawValue>, Refusal>, Fault> {
    if !is_json(answer) {
        return Err(Fault::Form("it is not JSON, or nested too deep".to_owned()));
    }
    let text = std::str::from_utf8(answer).map_err(|error| Fault::Form(error.to_string()))?;
    let Answer { result, error, disconnect } = object(text)?;
    if let Some(DisconnectForm { code, reason }) = disconnect {
        let ending = Ending::asked(code, reason);
        let ending =
            ending.ok_or_else(|| Fault::Form(format!("{code} is no code of a disconnect")))?;
        return Ok(Err(Refusal::Ends(ending)));
    }
    if let Some(ErrorForm { code, message, temporary }) = error {
        if code == 0 {
            return Err(Fault::Form("0 is no code of an error".to_owned()));
        }
        let error = ErrorReply { code, message: message.into(), temporary };
        return Ok(Err(Refusal::Error(error)));
    }
    Ok(Ok(result.filter(|result| result.get() != "null")))
}

fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Fault> {
    let wrong = |problem: Problem| Fault::Form(problem.detail().to_owned());
    json::object(Code::Body, text.as_bytes()).map_err(wrong)
}
