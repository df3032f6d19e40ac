//! Tokens of RFC 7515 and RFC 8037, and those by other programs.

use super::*;
use crate::sockets::tokens::parts;
use crate::sockets::tokens::verify::{Algorithm, KeyRing};

/// The claims of RFC 7515, appendix A.
const JOE: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

/// A time before they expire.
const THEN: u64 = 1_300_819_379;

#[track_caller]
fn is_joe(settings: TokenSettings, header: &str, signature: &str) {
    let settings = TokenSettings { issuer: Some("joe".to_owned()), ..settings };
    let token = format!("{header}.{JOE}.{signature}");
    let read = tokens(&settings).connection(&token, THEN).unwrap();
    assert_eq!((read.user.as_str(), read.expires_at), ("", Some(THEN + 1)));
    assert_eq!(tokens(&settings).connection(&token, THEN + 1), Err(TokenError::Expired));
}

#[test]
fn rfc_7515_a_1_hs256() {
    let secret =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let secret = Secret::new(URL_SAFE_NO_PAD.decode(secret).unwrap()).unwrap();
    let settings = TokenSettings { hmac_secret_key: Some(secret), ..TokenSettings::default() };
    let header = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9";
    is_joe(settings, header, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
}

#[test]
fn rfc_7515_a_2_rs256() {
    let key = PublicKey::parse(include_str!("../testdata/rfc7515-a2.pem")).unwrap();
    let settings = TokenSettings { rsa_public_key: Some(key), ..TokenSettings::default() };
    let signature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5\
                     jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0\
                     GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9\
                     Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    is_joe(settings, "eyJhbGciOiJSUzI1NiJ9", signature);
}

#[test]
fn rfc_7515_a_3_es256() {
    let key = PublicKey::parse(include_str!("../testdata/rfc7515-a3.pem")).unwrap();
    let settings = TokenSettings { ecdsa_public_key: Some(key), ..TokenSettings::default() };
    let signature =
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    is_joe(settings, "eyJhbGciOiJFUzI1NiJ9", signature);
}

#[test]
fn rfc_7515_a_5_none_is_no_algorithm() {
    let token = format!("eyJhbGciOiJub25lIn0.{JOE}.");
    for settings in [with_secret(), TokenSettings::default()] {
        let refused = tokens(&settings).connection(&token, THEN);
        assert_eq!(why(refused), "its algorithm is not known");
    }
}

#[test]
fn rfc_8037_a_4_eddsa() {
    let key = PublicKey::parse(include_str!("../testdata/rfc8037-a.pem")).unwrap();
    let settings = TokenSettings { ed25519_public_key: Some(key), ..TokenSettings::default() };
    let token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6d\
                 WbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let parts = parts::split(token).unwrap();
    assert_eq!(parts.algorithm(), Ok(Algorithm::EdDsa));
    let keys = KeyRing::new(&settings).unwrap();
    let signature = parts.signature().unwrap();
    assert_eq!(keys.verify(Algorithm::EdDsa, parts.message, &signature), Ok(()));
    assert_eq!(parts.payload().unwrap(), b"Example of Ed25519 signing");
    // Signed, and no claims all the same.
    let refused = tokens(&settings).connection(token, THEN);
    assert_eq!(why(refused), "its claims are not JSON, or nested too deep");
}

/// The keys of `testdata` by their settings: the current ones, the previous ones, or both.
fn all_keys(has_current: bool, has_previous: bool) -> TokenSettings {
    let public = |is_there: bool, pem: &str| is_there.then(|| PublicKey::parse(pem).unwrap());
    let previous = include_str!("../testdata/hmac-previous.txt").trim_end();
    TokenSettings {
        hmac_secret_key: has_current.then(secret),
        hmac_previous_secret_key: has_previous.then(|| Secret::new(previous).unwrap()),
        rsa_public_key: public(has_current, include_str!("../testdata/rsa.pem")),
        rsa_previous_public_key: public(has_previous, include_str!("../testdata/rsa-previous.pem")),
        ecdsa_public_key: public(has_current, include_str!("../testdata/p256.pem")),
        ecdsa_previous_public_key: public(
            has_previous,
            include_str!("../testdata/p256-previous.pem"),
        ),
        ed25519_public_key: public(has_current, include_str!("../testdata/ed25519.pem")),
        ed25519_previous_public_key: public(
            has_previous,
            include_str!("../testdata/ed25519-previous.pem"),
        ),
        ..TokenSettings::default()
    }
}

const OTHERS: [&str; 8] = ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "EdDSA"];

#[test]
fn tokens_by_pyjwt_are_taken_with_either_key_of_a_rotation() {
    for (current, previous) in [(true, false), (false, true), (true, true)] {
        let known = tokens(&all_keys(current, previous));
        for name in OTHERS {
            let check = |name: &str, is_known: bool| {
                let read = known.connection(token(name), NOW);
                if !is_known {
                    assert_eq!(why(read), "its signature is not of our key", "{name}");
                    return;
                }
                let read = read.unwrap();
                assert_eq!(read.user, "42", "{name}");
                assert_eq!(read.expires_at, Some(2_000_000_000));
                assert_eq!(
                    (read.issued_at, read.id),
                    (Some(1_700_000_000), Some("one".to_owned()))
                );
            };
            check(name, current);
            check(&format!("{name}-previous"), previous);
        }
    }
}

#[test]
fn the_curve_of_a_key_says_which_of_es256_and_es384_it_verifies() {
    let key = |pem: &str| Some(PublicKey::parse(pem).unwrap());
    let [p256, p384] =
        [key(include_str!("../testdata/p256.pem")), key(include_str!("../testdata/p384.pem"))];
    let only = |key| TokenSettings { ecdsa_public_key: key, ..TokenSettings::default() };
    let check = |settings: &TokenSettings, [has_256, has_384]: [bool; 2]| {
        let known = tokens(settings);
        for (name, is_known) in [("ES256", has_256), ("ES384", has_384)] {
            match known.connection(token(name), NOW) {
                Ok(read) => assert_eq!((read.user.as_str(), is_known), ("42", true)),
                refused => {
                    assert_eq!(why(refused), "there is no key for its algorithm");
                    assert!(!is_known, "{name}");
                }
            }
        }
    };
    check(&only(p256.clone()), [true, false]);
    check(&only(p384.clone()), [false, true]);
    let both = TokenSettings { ecdsa_previous_public_key: p384, ..only(p256) };
    check(&both, [true, true]);
}

#[test]
fn a_token_by_openssl_is_taken() {
    let read = tokens(&with_secret()).connection(token("HS256-by-openssl"), NOW).unwrap();
    assert_eq!((read.user.as_str(), read.expires_at), ("openssl", None));
}

#[test]
fn algorithms_that_are_not_ours_are_refused() {
    let known = tokens(&all_keys(true, true));
    for name in ["PS256", "ES512"] {
        assert_eq!(why(known.connection(token(name), NOW)), "its algorithm is not known", "{name}");
    }
}
