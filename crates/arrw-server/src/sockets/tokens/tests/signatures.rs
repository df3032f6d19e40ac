//! Tokens that nobody with a key made.

use super::*;

fn with_rsa() -> TokenSettings {
    let key = PublicKey::parse(include_str!("../testdata/rsa.pem")).unwrap();
    TokenSettings { rsa_public_key: Some(key), ..TokenSettings::default() }
}

#[test]
fn a_public_key_is_never_a_secret() {
    let forged = token("HS256-of-the-RSA-key");
    let refused = tokens(&with_rsa()).connection(forged, NOW);
    assert_eq!(why(refused), "there is no key for its algorithm");
    let both = TokenSettings { hmac_secret_key: Some(secret()), ..with_rsa() };
    let refused = tokens(&both).connection(forged, NOW);
    assert_eq!(why(refused), "its signature is not of our key");
    let pem = Secret::new(include_str!("../testdata/rsa.pem")).unwrap_err();
    assert!(matches!(pem, KeyError::PemSecret), "{pem:?}");
}

#[test]
fn a_key_stands_where_its_family_does() {
    let key = PublicKey::parse(include_str!("../testdata/p256.pem")).unwrap();
    let settings = TokenSettings { rsa_previous_public_key: Some(key), ..with_rsa() };
    let refused = Tokens::new(&settings).unwrap_err().to_string();
    assert_eq!(refused, "`rsa_previous_public_key` has a key of ECDSA, and must have one of RSA");
}

/// No bit of a token can be changed: neither in the header, nor in the claims, nor in the signature.
#[test]
fn a_token_that_was_tampered_with_is_refused() {
    let known = tokens(&TokenSettings { hmac_secret_key: Some(secret()), ..with_rsa() });
    for name in ["HS256", "RS256"] {
        let token = token(name);
        known.connection(token, NOW).unwrap();
        for at in 0..token.len() {
            let mut bytes = token.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(known.connection(&changed, NOW).is_err(), "{name}: {at}");
            assert!(known.connection(&token[..at], NOW).is_err(), "{name}: cut at {at}");
        }
    }
}

#[test]
fn claims_of_one_token_do_not_go_with_the_signature_of_another() {
    let known = tokens(&with_secret());
    let (mine, other) = (
        signed(r#"{"alg":"HS256"}"#, r#"{"sub":"1"}"#),
        signed(r#"{"alg":"HS256"}"#, r#"{"sub":"2"}"#),
    );
    let part = |token: &str, at: usize| token.split('.').nth(at).unwrap().to_owned();
    let mixed = format!("{}.{}.{}", part(&mine, 0), part(&other, 1), part(&mine, 2));
    assert_eq!(why(known.connection(&mixed, NOW)), "its signature is not of our key");
}

#[test]
fn a_signature_of_another_algorithm_of_the_family_is_refused() {
    let known = tokens(&with_secret());
    let other = signed(r#"{"alg":"HS512"}"#, r#"{"sub":"1"}"#);
    assert_eq!(why(known.connection(&other, NOW)), "its signature is not of our key");
}

#[test]
fn the_form_of_a_token_is_exact() {
    let known = tokens(&with_secret());
    let check = |token: &str, expected: &str| {
        assert_eq!(why(known.connection(token, NOW)), expected, "{token}");
    };
    let token = signed(r#"{"alg":"HS256"}"#, "{}");
    known.connection(&token, NOW).unwrap();
    let (message, signature) = token.rsplit_once('.').unwrap();
    for wrong in ["", ".", "a", "a.b", &format!("{token}."), &format!(".{token}")] {
        check(wrong, "it has not three parts");
    }
    check("..", "its header is wrong");
    check(&format!("{message}."), "its signature is not of our key");
    for wrong in [format!("{token}="), format!("{token} "), format!("{message}.{signature}+")] {
        check(&wrong, "it is not base64url");
    }
    // 32 bytes leave four bits over: another letter with the same bytes would be another way to write the token.
    let last = signature.bytes().last().unwrap();
    let next =
        char::from(if last.is_ascii_alphanumeric() && last != b'z' { last + 1 } else { b'B' });
    let again = format!("{}{next}", &token[..token.len() - 1]);
    assert!(known.connection(&again, NOW).is_err(), "{again}");
    let long = signed(r#"{"alg":"HS256"}"#, &format!(r#"{{"sub":"{}"}}"#, "x".repeat(6_100)));
    check(&long, "it is too long");
    let fits = signed(r#"{"alg":"HS256"}"#, &format!(r#"{{"sub":"{}"}}"#, "x".repeat(6_000)));
    assert_eq!(known.connection(&fits, NOW).unwrap().user.len(), 6_000);
}

#[test]
fn the_header_says_the_algorithm_once_and_nothing_that_must_be_understood() {
    let known = tokens(&with_secret());
    let check = |header: &str, expected: Option<&str>| {
        let read = known.connection(&signed(header, "{}"), NOW);
        match expected {
            Some(expected) => assert_eq!(why(read), expected, "{header}"),
            None => assert!(read.is_ok(), "{header}: {read:?}"),
        }
    };
    check(r#"{"alg":"HS256","typ":"anything","kid":"a","x":[[1]]}"#, None);
    check(" {\"alg\":\"HS256\"}\r\n", None);
    let wrong = Some("its header is wrong");
    check(r#"["HS256"]"#, wrong);
    check(r#"{"alg":"HS256","alg":"HS256"}"#, wrong);
    check(r#"{"alg":["HS256"]}"#, wrong);
    check(r#"{"alg":null}"#, wrong);
    check("{}", wrong);
    check("", wrong);
    check(r#"{"alg":"HS256"} {}"#, wrong);
    for name in ["none", "None", "NONE", "hs256", "HS256 ", "", "PS256", "ES256K", "Ed25519"] {
        check(&format!(r#"{{"alg":"{name}"}}"#), Some("its algorithm is not known"));
    }
    let must = Some("it has extensions that must be understood");
    for crit in ["[\"exp\"]", "[]", "null", "1"] {
        check(&format!(r#"{{"alg":"HS256","crit":{crit}}}"#), must);
    }
}

#[test]
fn without_keys_every_token_is_refused() {
    let none = tokens(&TokenSettings::default());
    assert!(
        !none.are_known() && tokens(&with_secret()).are_known() && tokens(&with_rsa()).are_known()
    );
    let refused = none.connection(token("HS256"), NOW);
    assert_eq!(why(refused), "there is no key for its algorithm");
}

#[test]
fn nothing_shows_a_secret() {
    let settings = with_secret();
    let shown = format!("{settings:?} {:?}", tokens(&settings));
    assert!(!shown.contains("thirty-two") && shown.contains("Secret(..)"), "{shown}");
    assert!(!settings.has_short_secret());
    let short = Secret::new("x".repeat(31)).unwrap();
    let short = TokenSettings { hmac_previous_secret_key: Some(short), ..settings };
    assert!(short.has_short_secret());
    assert!(matches!(Secret::new("").unwrap_err(), KeyError::Empty));
    assert!(matches!(Secret::new("x".repeat(8_193)).unwrap_err(), KeyError::Long));
}

#[test]
fn a_key_in_pem_is_a_public_key() {
    let pem = include_str!("../testdata/p256.pem");
    let key = PublicKey::parse(pem).unwrap();
    assert_eq!((key.family(), key.pem()), (KeyFamily::Ecdsa, pem));
    let in_a_variable = PublicKey::parse(&pem.trim_end().replace('\n', "\\n")).unwrap();
    assert_eq!(in_a_variable.bytes, key.bytes);
    let check = |pem: &str, expected: &str| {
        assert_eq!(PublicKey::parse(pem).unwrap_err().to_string(), expected);
    };
    let none = "there is no `-----BEGIN PUBLIC KEY-----` with a key in PEM";
    check("", none);
    check("a secret", none);
    check(include_str!("../testdata/rsa-pkcs1.pem"), none);
    check(&pem.replace("-----END", "----END"), none);
    check(
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        "the public key is damaged",
    );
    check(&"x".repeat(8_193), "the key has more than 8192 bytes");
}
