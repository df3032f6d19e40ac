//! Reads which key a `SubjectPublicKeyInfo` holds: the DER of RFC 5280, of four kinds of keys.

use super::KeyError;

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const NULL: u8 = 0x05;
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// Of RFC 8017, RFC 5480 and RFC 8410.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// Bits of a modulus of RSA that can be used: fewer can be factored, more are slow to check.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=8_192;

/// What is first of a point whose two coordinates follow.
const UNCOMPRESSED: u8 = 0x04;

/// The kind of a key and its bytes.
pub(crate) fn read(der: &[u8]) -> Result<(Kind, &[u8]), KeyError> {
    let Info { algorithm, curve, key } = info(der).ok_or(KeyError::Damaged)?;
    let kind = match (algorithm, curve) {
        (RSA, None) => Kind::Rsa,
        (EC, Some(P256)) => Kind::P256,
        (EC, Some(P384)) => Kind::P384,
        (ED25519, None) => Kind::Ed25519,
        (_, _) => return Err(KeyError::Kind),
    };
    let is_point = |len| key.first() == Some(&UNCOMPRESSED) && key.len() == len;
    let is_whole = match kind {
        Kind::Rsa => {
            let bits = rsa_bits(key).ok_or(KeyError::Damaged)?;
            if !RSA_BITS.contains(&bits) {
                return Err(KeyError::RsaBits { bits });
            }
            true
        }
        Kind::P256 => is_point(1 + 2 * 32),
        Kind::P384 => is_point(1 + 2 * 48),
        Kind::Ed25519 => key.len() == 32,
    };
    if is_whole { Ok((kind, key)) } else { Err(KeyError::Damaged) }
}

/// What is known of a key before it is looked at.
struct Info<'a> {
    algorithm: &'a [u8],
    curve: Option<&'a [u8]>,
    key: &'a [u8],
}

fn info(der: &[u8]) -> Option<Info<'_>> {
    let mut whole = Der(der);
    let mut info = Der(whole.take(SEQUENCE)?);
    let mut names = Der(info.take(SEQUENCE)?);
    let bits = info.take(BIT_STRING)?;
    let algorithm = names.take(OID)?;
    let curve = match names.0.first() {
        None => None,
        Some(&NULL) => names.take(NULL)?.is_empty().then_some(None)?,
        Some(_) => Some(names.take(OID)?),
    };
    // No bits are unused.
    let key = bits.strip_prefix(&[0])?;
    let is_end = whole.0.is_empty() && info.0.is_empty() && names.0.is_empty();
    is_end.then_some(Info { algorithm, curve, key })
}

/// Bits of the modulus of a key of RSA.
fn rsa_bits(key: &[u8]) -> Option<usize> {
    let mut whole = Der(key);
    let mut numbers = Der(whole.take(SEQUENCE)?);
    let modulus = positive(numbers.take(INTEGER)?)?;
    let exponent = positive(numbers.take(INTEGER)?)?;
    let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
    let is_end = whole.0.is_empty() && numbers.0.is_empty();
    let is_exponent = exponent.len() <= 4 && is_odd(exponent) && exponent != [1];
    let unused = modulus.first()?.leading_zeros() as usize;
    (is_end && is_exponent && is_odd(modulus)).then_some(8 * modulus.len() - unused)
}

/// The bytes of a number above 0, without the zero that says it is not below.
fn positive(number: &[u8]) -> Option<&[u8]> {
    match number {
        [0, rest @ ..] => rest.first().filter(|first| 0x80 <= **first).map(|_| rest),
        [first, ..] => (*first < 0x80).then_some(number),
        [] => None,
    }
}

/// What is left of a text of DER.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The content of the next value, which must have this tag, and its length in the shortest form.
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (len, rest) = match *self.0.strip_prefix(&[tag])? {
            [len, ref rest @ ..] if len < 0x80 => (usize::from(len), rest),
            [0x81, len, ref rest @ ..] if 0x80 <= len => (usize::from(len), rest),
            [0x82, high, low, ref rest @ ..] if 0 < high => {
                (usize::from(u16::from_be_bytes([high, low])), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some(content)
    }
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::SubjectPublicKeyInfoDer;
    use rustls::pki_types::pem::PemObject;

    use super::*;

    fn der(pem: &str) -> Vec<u8> {
        SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec()
    }

    #[test]
    fn keys_of_each_kind_are_known() {
        let check = |pem: &str, kind, len| {
            let der = der(pem);
            let (read, key) = read(&der).unwrap();
            assert_eq!((read, key.len()), (kind, len));
        };
        check(include_str!("testdata/rsa.pem"), Kind::Rsa, 270);
        check(include_str!("testdata/rfc7515-a2.pem"), Kind::Rsa, 270);
        check(include_str!("testdata/p256.pem"), Kind::P256, 65);
        check(include_str!("testdata/p384.pem"), Kind::P384, 97);
        check(include_str!("testdata/ed25519.pem"), Kind::Ed25519, 32);
    }

    #[test]
    fn other_keys_are_refused() {
        let short = read(&der(include_str!("testdata/rsa-short.pem"))).map(|_| ()).unwrap_err();
        assert_eq!(short.to_string(), "the RSA key has 1024 bits, and must have 2048 to 8192");
        let other = read(&der(include_str!("testdata/p521.pem"))).map(|_| ()).unwrap_err();
        assert!(matches!(other, KeyError::Kind), "{other:?}");
    }

    /// A key that is damaged anywhere is refused, or is another key of the same kind.
    #[test]
    fn no_change_of_a_byte_is_more_than_another_key() {
        for pem in [
            include_str!("testdata/rsa.pem"),
            include_str!("testdata/p256.pem"),
            include_str!("testdata/ed25519.pem"),
        ] {
            let whole = der(pem);
            let (kind, key) = read(&whole).unwrap();
            for at in 0..whole.len() {
                assert!(read(&whole[..at]).is_err(), "cut at {at}");
                for bit in 0..8 {
                    let mut changed = whole.clone();
                    changed[at] ^= 1 << bit;
                    if let Ok((other, changed)) = read(&changed) {
                        assert_eq!((other, changed.len()), (kind, key.len()), "bit {bit} of {at}");
                        assert_ne!(changed, key);
                    }
                }
            }
            assert!(read(&[whole, vec![0]].concat()).is_err());
        }
    }

    #[test]
    fn lengths_have_their_shortest_form() {
        let take = |bytes: &[u8]| Der(bytes).take(OID).map(<[u8]>::to_vec);
        assert_eq!(take(&[OID, 1, 7]), Some(vec![7]));
        assert_eq!(take(&[OID, 0x81, 1, 7]), None);
        assert_eq!(take(&[OID, 0x82, 0, 1, 7]), None);
        assert_eq!(take(&[OID, 0x80, 7, 0, 0]), None);
        assert_eq!(take(&[OID, 0x83, 0, 0, 1, 7]), None);
        assert_eq!(take(&[OID, 2, 7]), None);
        assert_eq!(take(&[NULL, 0]), None);
        assert_eq!(take(&[OID]), None);
        assert_eq!(
            take(&[&[OID, 0x81, 0x80][..], &[1; 128]].concat()).map(|it| it.len()),
            Some(128)
        );
    }
}
