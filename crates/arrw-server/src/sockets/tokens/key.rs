//! Keys that tokens are verified with: secrets, and public keys in PEM.

use std::fmt;

use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;

use super::spki::{self, Kind};
use crate::limits::TOKEN_KEY_BYTES_MAX;

/// A secret that is shared with who makes the tokens. Never shown, not in debugging output either.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

/// Bytes from which on a secret is as strong as HS256 (RFC 7518, section 3.2).
const STRONG_BYTES: usize = 32;

impl Secret {
    /// Takes the bytes of a secret.
    ///
    /// # Errors
    /// When there are none or too many, or they are a key in PEM: whoever knows a public key could sign with it.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, KeyError> {
        let bytes = bytes.into();
        if bytes.is_empty() {
            return Err(KeyError::Empty);
        }
        if TOKEN_KEY_BYTES_MAX < bytes.len() {
            return Err(KeyError::Long);
        }
        if bytes.trim_ascii_start().starts_with(b"-----BEGIN ") {
            return Err(KeyError::PemSecret);
        }
        Ok(Self(bytes))
    }

    /// Its bytes.
    pub(in crate::sockets) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// True when it has fewer than 32 bytes: a short secret can be guessed from one token.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.0.len() < STRONG_BYTES
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A public key. It verifies tokens of the algorithms of its family alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    pem: String,
    pub(super) kind: Kind,
    /// As the algorithms want it: `RSAPublicKey` of RFC 8017, a point that is not compressed, or the 32 bytes.
    pub(super) bytes: Vec<u8>,
}

/// Algorithms that share a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFamily {
    /// RS256, RS384 and RS512, with a key of 2,048 to 8,192 bits.
    Rsa,
    /// ES256 with a key on the curve P-256, ES384 with one on P-384.
    Ecdsa,
    /// EdDSA with a key of Ed25519.
    Ed25519,
}

impl PublicKey {
    /// Reads a key in PEM, of which it takes the first `PUBLIC KEY`. Where a variable of the environment cannot have
    /// line ends they may be `\n`.
    ///
    /// # Errors
    /// When there is none, or of no kind that is known.
    pub fn parse(pem: &str) -> Result<Self, KeyError> {
        if TOKEN_KEY_BYTES_MAX < pem.len() {
            return Err(KeyError::Long);
        }
        let lines = pem.replace("\\n", "\n");
        let der = SubjectPublicKeyInfoDer::from_pem_slice(lines.as_bytes());
        let der = der.map_err(|source| KeyError::Pem { source })?;
        let (kind, bytes) = spki::read(&der)?;
        Ok(Self { pem: pem.to_owned(), kind, bytes: bytes.to_vec() })
    }

    /// The text that it was read from.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Whose algorithms it verifies.
    #[must_use]
    pub fn family(&self) -> KeyFamily {
        match self.kind {
            Kind::Rsa => KeyFamily::Rsa,
            Kind::P256 | Kind::P384 => KeyFamily::Ecdsa,
            Kind::Ed25519 => KeyFamily::Ed25519,
        }
    }
}

impl fmt::Display for KeyFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rsa => "RSA",
            Self::Ecdsa => "ECDSA",
            Self::Ed25519 => "Ed25519",
        })
    }
}

/// A key that cannot be one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// There is nothing.
    #[error("the secret is empty")]
    Empty,
    /// It is longer than any key.
    #[error("the key has more than {TOKEN_KEY_BYTES_MAX} bytes")]
    Long,
    /// A key in PEM where a secret belongs.
    #[error("a key in PEM is no secret")]
    PemSecret,
    /// It is not in PEM, or there is no public key in there.
    #[error("there is no `-----BEGIN PUBLIC KEY-----` with a key in PEM")]
    Pem {
        /// What is wrong.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// What is in the PEM is damaged.
    #[error("the public key is damaged")]
    Damaged,
    /// No algorithm of ours uses it.
    #[error("the public key is none of RSA, of the curves P-256 and P-384, or of Ed25519")]
    Kind,
    /// A key of RSA that is too weak, or larger than can be used.
    #[error("the RSA key has {bits} bits, and must have 2048 to 8192")]
    RsaBits {
        /// Those of the modulus.
        bits: usize,
    },
}
