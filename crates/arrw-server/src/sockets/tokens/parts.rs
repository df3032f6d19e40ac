//! The three parts of a token, and its header.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny};

use super::TokenError;
use super::claims::object;
use super::verify::Algorithm;
use crate::limits::TOKEN_BYTES_MAX;

/// A token as it came. Nothing in there can be trusted.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
    /// What is signed: the first two with the dot between them.
    pub(super) message: &'a [u8],
}

/// Takes a token apart.
pub(super) fn split(token: &str) -> Result<Parts<'_>, TokenError> {
    if TOKEN_BYTES_MAX < token.len() {
        return Err(TokenError::Invalid("it is too long"));
    }
    let shape = TokenError::Invalid("it has not three parts");
    let (message, signature) = token.rsplit_once('.').ok_or(shape)?;
    let (header, payload) = message.split_once('.').ok_or(shape)?;
    if payload.contains('.') {
        return Err(shape);
    }
    Ok(Parts { header, payload, signature, message: message.as_bytes() })
}

/// What counts of a header. Its `typ` says nothing that we do not know, and keys have no ids, so that `kid` chooses none:
/// all of a family are tried.
#[derive(Deserialize)]
struct Header {
    alg: String,
    /// Whether it has extensions that must be understood. We understand none.
    #[serde(default, deserialize_with = "is_there")]
    crit: bool,
}

fn is_there<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(value).map(|_value| true)
}

impl Parts<'_> {
    /// The algorithm that the header names.
    pub(super) fn algorithm(&self) -> Result<Algorithm, TokenError> {
        let header = decode(self.header)?;
        let header: Header = object(&header, TokenError::Invalid("its header is wrong"))?;
        if header.crit {
            return Err(TokenError::Invalid("it has extensions that must be understood"));
        }
        let unknown = TokenError::Invalid("its algorithm is not known");
        Algorithm::parse(&header.alg).ok_or(unknown)
    }

    pub(super) fn signature(&self) -> Result<Vec<u8>, TokenError> {
        decode(self.signature)
    }

    pub(super) fn payload(&self) -> Result<Vec<u8>, TokenError> {
        decode(self.payload)
    }
}

/// Without padding, and with nothing in the bits that are left over: a token has one way to be written.
fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    let wrong = TokenError::Invalid("it is not base64url");
    URL_SAFE_NO_PAD.decode(part).map_err(|_where| wrong)
}
