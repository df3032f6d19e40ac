//! Makes tokens, for those who try the server out: applications make their own.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Map, Value};

use super::TokenSettings;
use crate::limits::TOKEN_BYTES_MAX;

/// A token that is wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewToken {
    /// Whose it is; empty for nobody in particular.
    pub user: String,
    /// The channel, of a token that is for a subscription; without one it is for a connection.
    pub channel: Option<String>,
    /// When it is made, in seconds since 1970.
    pub issued_at: u64,
    /// When it ends, in seconds since 1970, if it does.
    pub expires_at: Option<u64>,
    /// Its id, by which it can be revoked.
    pub id: Option<String>,
    /// What others are told of who has it.
    pub info: Option<Value>,
}

/// Why no token can be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// There is no secret to sign it with.
    #[error("`client.token.hmac_secret_key` is not set, and tokens are signed with it")]
    NoSecret,
    /// No server would take it.
    #[error("the token has {bytes} bytes, and may have {TOKEN_BYTES_MAX}")]
    Long {
        /// Its length.
        bytes: usize,
    },
}

/// `{"alg":"HS256","typ":"JWT"}`.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

impl NewToken {
    /// Makes the token that a server with these settings takes: signed with their secret by HS256, for their audience and
    /// of their issuer.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn signed(&self, settings: &TokenSettings) -> Result<String, SignError> {
        let secret = settings.hmac_secret_key.as_ref().ok_or(SignError::NoSecret)?;
        let claims = self.claims(settings).to_string();
        let message = format!("{HEADER}.{}", URL_SAFE_NO_PAD.encode(claims));
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.bytes());
        let signature = hmac::sign(&key, message.as_bytes());
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
        if TOKEN_BYTES_MAX < token.len() {
            return Err(SignError::Long { bytes: token.len() });
        }
        Ok(token)
    }

    fn claims(&self, settings: &TokenSettings) -> Value {
        let text = |text: &Option<String>| text.clone().map(Value::from);
        let claims = [
            ("sub", Some(self.user.clone().into())),
            ("channel", text(&self.channel)),
            ("iat", Some(self.issued_at.into())),
            ("exp", self.expires_at.map(Value::from)),
            ("jti", text(&self.id)),
            ("aud", text(&settings.audience)),
            ("iss", text(&settings.issuer)),
            ("info", self.info.clone()),
        ];
        let claims = claims.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(claims.collect::<Map<_, _>>())
    }
}
