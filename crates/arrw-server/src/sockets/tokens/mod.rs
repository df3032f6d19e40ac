//! Tokens (JWT) by which clients say who they are and what they may: checked, never trusted before.
//!
//! A token is three texts of base64 with dots between them: a header, claims, and a signature of both (RFC 7515,
//! RFC 7519). The claims are those of Centrifugo. What is read before the signature is checked is the header alone, and
//! of that only which algorithm it names: an algorithm is tried with the keys of its own family and no others, so that a
//! public key is never taken for a secret, and `none` is no algorithm.
//!
//! Nothing here looks at a clock: the time comes in, in seconds since 1970.

mod content;
mod key;
mod settings;

mod claims;
mod parts;
mod spki;
mod verify;

mod capability;
mod revocations;

mod sign;

#[cfg(feature = "fuzz")]
pub(crate) mod fuzz;
#[cfg(test)]
mod tests;

use std::fmt;

pub(crate) use capability::{Allow, Capability};
pub(crate) use content::{ConnectionToken, Overrides, SubscriptionToken, TokenSub};
pub use key::{KeyError, KeyFamily, PublicKey, Secret};
pub(crate) use revocations::Revocations;
pub use revocations::{Revocation, RevocationFile, RevocationsError, Revoked};
pub use settings::{TokenKeysError, TokenSettings};
pub use sign::{NewToken, SignError};

use claims::Claims;
pub(crate) use claims::of_back_end;
use verify::KeyRing;

/// What verifies tokens: keys, what every token must say, and which are revoked. Reading is lock-free but for the
/// revocations, which are behind a lock that is held for two look-ups.
pub(crate) struct Tokens {
    keys: KeyRing,
    audience: Option<String>,
    issuer: Option<String>,
    /// Seconds that the clocks of who signs and who checks may differ.
    leeway: u64,
    revocations: Revocations,
}

/// Why a token is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenError {
    /// It was good once: its client may ask for a new one.
    Expired,
    /// It would be good, and was taken back.
    Revoked,
    /// It never was one of ours; why, in our words. Nothing of the token is in there.
    Invalid(&'static str),
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired => f.write_str("the token has expired"),
            Self::Revoked => f.write_str("the token was revoked"),
            Self::Invalid(why) => write!(f, "the token is invalid: {why}"),
        }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("keys", &self.keys)
            .field("audience", &self.audience)
            .field("issuer", &self.issuer)
            .field("leeway", &self.leeway)
            .field("revocations", &self.revocations)
            .finish()
    }
}

impl Tokens {
    /// Takes the keys, and reads the file of revocations if there is one.
    ///
    /// # Errors
    /// When a key is of another family than its setting is for, or the file cannot be read.
    pub(crate) fn new(settings: &TokenSettings) -> Result<Self, TokenKeysError> {
        Ok(Self {
            keys: KeyRing::new(settings)?,
            audience: settings.audience.clone(),
            issuer: settings.issuer.clone(),
            leeway: settings.leeway_seconds(),
            revocations: Revocations::open(settings.revocations.clone())?,
        })
    }

    /// No key: every token is refused.
    #[cfg(any(test, feature = "fuzz"))]
    pub(crate) fn none() -> Self {
        Self::new(&TokenSettings::default()).expect("there is nothing that could be wrong")
    }

    /// True when there is a key. Without one every token is refused.
    pub(crate) fn are_known(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Which tokens are revoked; for connections whose token was taken before.
    pub(crate) fn revocations(&self) -> &Revocations {
        &self.revocations
    }

    /// Checks the token that a client connects with.
    ///
    /// # Errors
    /// [`TokenError`].
    pub(crate) fn connection(&self, token: &str, now: u64) -> Result<ConnectionToken, TokenError> {
        let payload = self.payload(token)?;
        let claims = Claims::read(&payload)?;
        self.check(&claims, now)?;
        claims.connection()
    }

    /// Checks the token that a client subscribes with. That its user, channel and client are those that ask is for the
    /// caller to see.
    ///
    /// # Errors
    /// [`TokenError`].
    pub(crate) fn subscription(
        &self,
        token: &str,
        now: u64,
    ) -> Result<SubscriptionToken, TokenError> {
        let payload = self.payload(token)?;
        let claims = Claims::read(&payload)?;
        self.check(&claims, now)?;
        claims.subscription()
    }

    /// The claims as text, once their signature is known to be ours.
    fn payload(&self, token: &str) -> Result<Vec<u8>, TokenError> {
        let parts = parts::split(token)?;
        let algorithm = parts.algorithm()?;
        self.keys.verify(algorithm, parts.message, &parts.signature()?)?;
        parts.payload()
    }

    fn check(&self, claims: &Claims<'_>, now: u64) -> Result<(), TokenError> {
        claims.check_issuer(self.issuer.as_deref())?;
        claims.check_audience(self.audience.as_deref())?;
        claims.check_times(now, self.leeway)?;
        let (user, id, issued_at) = claims.identity();
        if self.revocations.is_revoked(user, id, issued_at) {
            return Err(TokenError::Revoked);
        }
        Ok(())
    }
}
