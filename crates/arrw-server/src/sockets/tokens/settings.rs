//! What a server is told of tokens: the keys, and what every token must say.

use std::path::PathBuf;
use std::time::Duration;

use super::{KeyFamily, PublicKey, RevocationsError, Secret};

/// How tokens are verified. Without a key every token is refused.
///
/// Of each family there are two keys, so that one can take the place of the other: the new one is set, the one before
/// becomes the previous one, and is taken away when its last token has expired. A token is good when either signed it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenSettings {
    /// For HS256, HS384 and HS512.
    pub hmac_secret_key: Option<Secret>,
    /// The one before.
    pub hmac_previous_secret_key: Option<Secret>,
    /// For RS256, RS384 and RS512.
    pub rsa_public_key: Option<PublicKey>,
    /// The one before.
    pub rsa_previous_public_key: Option<PublicKey>,
    /// For ES256 or ES384, as its curve is.
    pub ecdsa_public_key: Option<PublicKey>,
    /// The one before, of either curve.
    pub ecdsa_previous_public_key: Option<PublicKey>,
    /// For EdDSA.
    pub ed25519_public_key: Option<PublicKey>,
    /// The one before.
    pub ed25519_previous_public_key: Option<PublicKey>,
    /// What must be among the `aud` of every token, if anything must.
    pub audience: Option<String>,
    /// What must be the `iss` of every token, if anything must.
    pub issuer: Option<String>,
    /// How far the clock of who makes the tokens may be from ours; begun seconds count. Zero, unless said.
    pub leeway: Duration,
    /// File of what is revoked, made by [`RevocationFile`](super::RevocationFile). None, unless said: then nothing is.
    pub revocations: Option<PathBuf>,
}

/// Settings by which no token can be verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenKeysError {
    /// A key stands where one of another family belongs.
    #[error("`{setting}` has a key of {is}, and must have one of {must}")]
    Family {
        /// The setting.
        setting: &'static str,
        /// What the key is.
        is: KeyFamily,
        /// What it must be.
        must: KeyFamily,
    },
    /// The file of what is revoked cannot be used.
    #[error(transparent)]
    Revocations(#[from] RevocationsError),
}

impl TokenSettings {
    /// True when there is a key, so that tokens can be verified.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        self.secrets().next().is_some() || self.public_keys().next().is_some()
    }

    /// True when a secret is there that has fewer than 32 bytes and so can be guessed from a token.
    #[must_use]
    pub fn has_short_secret(&self) -> bool {
        self.secrets().any(Secret::is_short)
    }

    pub(super) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        [&self.hmac_secret_key, &self.hmac_previous_secret_key].into_iter().flatten()
    }

    /// Every public key with its setting, and the family that this is for.
    pub(super) fn public_keys(
        &self,
    ) -> impl Iterator<Item = (&'static str, KeyFamily, &PublicKey)> {
        let all = [
            ("rsa_public_key", KeyFamily::Rsa, &self.rsa_public_key),
            ("rsa_previous_public_key", KeyFamily::Rsa, &self.rsa_previous_public_key),
            ("ecdsa_public_key", KeyFamily::Ecdsa, &self.ecdsa_public_key),
            ("ecdsa_previous_public_key", KeyFamily::Ecdsa, &self.ecdsa_previous_public_key),
            ("ed25519_public_key", KeyFamily::Ed25519, &self.ed25519_public_key),
            ("ed25519_previous_public_key", KeyFamily::Ed25519, &self.ed25519_previous_public_key),
        ];
        all.into_iter().filter_map(|(setting, family, key)| Some((setting, family, key.as_ref()?)))
    }

    pub(super) fn check_families(&self) -> Result<(), TokenKeysError> {
        let other = self.public_keys().find(|(_, must, key)| key.family() != *must);
        other.map_or(Ok(()), |(setting, must, key)| {
            Err(TokenKeysError::Family { setting, is: key.family(), must })
        })
    }

    pub(super) fn leeway_seconds(&self) -> u64 {
        u64::try_from(self.leeway.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX)
    }
}
