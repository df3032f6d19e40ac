//! Signatures: which algorithm is tried with which keys.

use std::fmt;

use ring::hmac;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, UnparsedPublicKey,
    VerificationAlgorithm,
};

use super::spki::Kind;
use super::{PublicKey, Secret, TokenError, TokenKeysError, TokenSettings};

/// An algorithm by which tokens are signed, as RFC 7518 and RFC 8037 name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Hs256,
    Hs384,
    Hs512,
    Rs256,
    Rs384,
    Rs512,
    Es256,
    Es384,
    EdDsa,
}

impl Algorithm {
    /// That of a header. A name is one of these, letter by letter: `none` is none of them.
    pub(super) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "HS256" => Self::Hs256,
            "HS384" => Self::Hs384,
            "HS512" => Self::Hs512,
            "RS256" => Self::Rs256,
            "RS384" => Self::Rs384,
            "RS512" => Self::Rs512,
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            "EdDSA" => Self::EdDsa,
            _ => return None,
        })
    }
}

/// All keys. A secret is never a public key, nor the other way round.
pub(super) struct KeyRing {
    secrets: Vec<Hmac>,
    public: Vec<PublicKey>,
}

/// A secret, ready for each of its algorithms.
struct Hmac {
    sha256: hmac::Key,
    sha384: hmac::Key,
    sha512: hmac::Key,
}

impl Hmac {
    fn new(secret: &Secret) -> Self {
        let key = |algorithm| hmac::Key::new(algorithm, secret.bytes());
        Self {
            sha256: key(hmac::HMAC_SHA256),
            sha384: key(hmac::HMAC_SHA384),
            sha512: key(hmac::HMAC_SHA512),
        }
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let families: Vec<String> =
            self.public.iter().map(|key| key.family().to_string()).collect();
        f.debug_struct("KeyRing")
            .field("secrets", &self.secrets.len())
            .field("public", &families)
            .finish()
    }
}

impl KeyRing {
    pub(super) fn new(settings: &TokenSettings) -> Result<Self, TokenKeysError> {
        settings.check_families()?;
        let secrets = settings.secrets().map(Hmac::new).collect();
        let public = settings.public_keys().map(|(_, _, key)| key.clone()).collect();
        Ok(Self { secrets, public })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.secrets.is_empty() && self.public.is_empty()
    }

    /// Checks that one of the keys for this algorithm signed the message.
    pub(super) fn verify(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), TokenError> {
        let secret = |key: fn(&Hmac) -> &hmac::Key| self.with_secrets(key, message, signature);
        let public = |kind, how| self.with_public(kind, how, message, signature);
        match algorithm {
            Algorithm::Hs256 => secret(|key| &key.sha256),
            Algorithm::Hs384 => secret(|key| &key.sha384),
            Algorithm::Hs512 => secret(|key| &key.sha512),
            Algorithm::Rs256 => public(Kind::Rsa, &RSA_PKCS1_2048_8192_SHA256),
            Algorithm::Rs384 => public(Kind::Rsa, &RSA_PKCS1_2048_8192_SHA384),
            Algorithm::Rs512 => public(Kind::Rsa, &RSA_PKCS1_2048_8192_SHA512),
            Algorithm::Es256 => public(Kind::P256, &ECDSA_P256_SHA256_FIXED),
            Algorithm::Es384 => public(Kind::P384, &ECDSA_P384_SHA384_FIXED),
            Algorithm::EdDsa => public(Kind::Ed25519, &ED25519),
        }
    }

    fn with_secrets(
        &self,
        key: fn(&Hmac) -> &hmac::Key,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), TokenError> {
        if self.secrets.is_empty() {
            return Err(NO_KEY);
        }
        // Takes the same time wherever the first difference is.
        let is_right = |secret: &Hmac| hmac::verify(key(secret), message, signature).is_ok();
        if self.secrets.iter().any(is_right) { Ok(()) } else { Err(FOREIGN) }
    }

    fn with_public(
        &self,
        kind: Kind,
        how: &'static dyn VerificationAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), TokenError> {
        let mut keys = self.public.iter().filter(|key| key.kind == kind).peekable();
        if keys.peek().is_none() {
            return Err(NO_KEY);
        }
        let is_right = |key: &PublicKey| {
            UnparsedPublicKey::new(how, &key.bytes).verify(message, signature).is_ok()
        };
        if keys.any(is_right) { Ok(()) } else { Err(FOREIGN) }
    }
}

/// What is not known cannot be checked.
const NO_KEY: TokenError = TokenError::Invalid("there is no key for its algorithm");

/// Signed with another key, or changed since.
const FOREIGN: TokenError = TokenError::Invalid("its signature is not of our key");
