//! Tokens by others, tokens that were tampered with, every claim, and what is revoked.

mod claims;
mod revocations;
mod signatures;
mod vectors;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

use super::*;

/// A time at which the tokens of `testdata` are good.
const NOW: u64 = 1_800_000_000;

const SECRET: &str = include_str!("../testdata/hmac.txt");

/// The line of `testdata/tokens.txt` with this name.
fn token(name: &str) -> &'static str {
    let lines = include_str!("../testdata/tokens.txt").lines();
    let mut lines = lines.filter_map(|line| line.split_once(' '));
    lines.find(|(it, _)| *it == name).unwrap().1
}

fn secret() -> Secret {
    Secret::new(SECRET.trim_end()).unwrap()
}

fn with_secret() -> TokenSettings {
    TokenSettings { hmac_secret_key: Some(secret()), ..TokenSettings::default() }
}

fn tokens(settings: &TokenSettings) -> Tokens {
    Tokens::new(settings).unwrap()
}

/// A token with this header and these claims, signed by HS256 whatever the header says.
fn signed(header: &str, claims: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.trim_end().as_bytes());
    let signature = hmac::sign(&key, message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// What becomes of a connection with these claims.
fn connection(claims: &str) -> Result<ConnectionToken, TokenError> {
    tokens(&with_secret()).connection(&signed(r#"{"alg":"HS256"}"#, claims), NOW)
}

/// What becomes of a subscription with these claims.
fn subscription(claims: &str) -> Result<SubscriptionToken, TokenError> {
    tokens(&with_secret()).subscription(&signed(r#"{"alg":"HS256"}"#, claims), NOW)
}

/// Why it is invalid; panics when it is anything else.
#[track_caller]
fn why<T: fmt::Debug>(result: Result<T, TokenError>) -> &'static str {
    match result {
        Err(TokenError::Invalid(why)) => why,
        other => panic!("{other:?}"),
    }
}
