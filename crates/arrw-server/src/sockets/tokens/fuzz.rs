//! Tokens as a function that a fuzzer calls: as they come, and with claims that are signed rightly.

use arrw_wire::centrifuge::is_json;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

use super::{
    ConnectionToken, PublicKey, Secret, SubscriptionToken, TokenError, TokenSettings, TokenSub,
    Tokens,
};
use crate::fuzz::{Input, Outcome, Target, text_of};

pub(crate) const TOKEN: Target = Target {
    name: "server-token",
    what: "a token, signed or not, and keys in PEM: what is taken is signed, and is one line where clients read it",
    run: token,
    seeds,
    words: &[
        "\"sub\":\"42\"",
        "\"exp\":1800000001",
        "\"nbf\":1.8e9",
        "\"expire_at\":0",
        "\"aud\":[\"a\"]",
        "\"iss\":",
        "\"info\":{",
        "\"b64info\":\"e30=\"",
        "\"channels\":[\"a\"]",
        "\"subs\":{\"a\":{",
        "\"override\":{\"presence\":{\"value\":true}}",
        "\"caps\":[{\"channels\":[\"*\"],\"match\":\"wildcard\",\"allow\":[\"sub\"]}]",
        "\"channel\":\"a\"",
        "\"client\":\"c\"",
        "\"crit\":[]",
        "HS256",
        "none",
        "-----BEGIN PUBLIC KEY-----\n",
        "\n-----END PUBLIC KEY-----",
        ".",
        "\r\n",
    ],
};

const SECRET: &str = "a secret of the fuzzer that has thirty-two bytes";

const NOW: u64 = 1_800_000_000;

fn token(input: &[u8]) -> Outcome {
    let mut input = Input::new(input);
    match input.byte() % 4 {
        0 => raw(text_of(input.rest())),
        1 => pem(text_of(input.rest())),
        2 => {
            let claims = input.rest();
            judge("{\"alg\":\"HS256\"}", claims)
        }
        _ => {
            let header = input.text();
            judge(header, input.rest())
        }
    }
}

fn tokens() -> Tokens {
    let secret = Secret::new(SECRET).expect("it is a secret");
    let settings = TokenSettings { hmac_secret_key: Some(secret), ..TokenSettings::default() };
    Tokens::new(&settings).expect("the settings are right")
}

fn sign(message: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes())))
}

/// A token as it came: nothing is taken that is not signed as we sign.
fn raw(token: &str) -> Outcome {
    let tokens = tokens();
    let read = tokens.connection(token, NOW);
    match read {
        Ok(_) => {
            let message = token.rsplit_once('.').map(|(message, _)| message);
            assert_eq!(sign(message.expect("it has parts")), token, "it is not signed");
            Outcome::accepted(&[token.len()])
        }
        Err(error) => refused(error),
    }
}

fn pem(pem: &str) -> Outcome {
    match PublicKey::parse(pem) {
        Ok(key) => {
            assert!(Secret::new(pem).is_err() || !pem.trim_start().starts_with("-----BEGIN "));
            assert_eq!(PublicKey::parse(key.pem()).ok(), Some(key.clone()));
            Outcome::accepted(&[key.bytes.len()])
        }
        Err(error) => Outcome::refused_because(&error),
    }
}

/// Claims that are signed, below any header.
fn judge(header: &str, claims: &[u8]) -> Outcome {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let token = sign(&message);
    let tokens = tokens();
    let connection = tokens.connection(&token, NOW);
    let subscription = tokens.subscription(&token, NOW);
    assert!(connection.is_err() || subscription.is_err(), "it is for both");
    match (connection, subscription) {
        (Ok(read), _) => {
            check_connection(&read);
            check_signed(&tokens, &token);
            let parts = [read.subs.len(), read.channels.len(), read.capabilities.len()];
            Outcome::accepted(&[&parts[..], &[read.info.len(), read.user.len()]].concat())
        }
        (_, Ok(read)) => {
            check_subscription(&read);
            check_signed(&tokens, &token);
            Outcome::accepted(&[100, read.info.len(), read.channel.len()])
        }
        (Err(error), Err(_)) => refused(error),
    }
}

fn check_connection(read: &ConnectionToken) {
    check_line(&read.info);
    check_line(&read.meta);
    for (at, (channel, sub)) in read.subs.iter().enumerate() {
        let TokenSub { info, data, overrides: _ } = sub;
        check_line(info);
        check_line(data);
        assert!(read.subs[..at].iter().all(|(other, _)| other != channel), "`{channel}` twice");
    }
    for capability in &read.capabilities {
        for pattern in &capability.channels {
            pattern.matches("a:b");
        }
    }
}

fn check_subscription(read: &SubscriptionToken) {
    check_line(&read.info);
    check_line(&read.data);
    assert!(!read.channel.is_empty());
}

/// What goes to clients that speak JSON must not end their message.
fn check_line(json: &[u8]) {
    assert!(json.is_empty() || is_json(json), "{}", text_of(json));
    assert!(!json.contains(&b'\n') && !json.contains(&b'\r'));
}

/// The same without its signature, or with another, is refused.
fn check_signed(tokens: &Tokens, token: &str) {
    let (message, signature) = token.rsplit_once('.').expect("it has parts");
    let first = if signature.starts_with('A') { "B" } else { "A" };
    for changed in ["", first] {
        let changed =
            format!("{message}.{changed}{}", signature.get(changed.len()..).unwrap_or(""));
        let is_same = changed == token;
        assert!(is_same || tokens.connection(&changed, NOW).is_err(), "`{changed}` is taken");
    }
}

fn refused(error: TokenError) -> Outcome {
    let shown = error.to_string();
    assert!(shown.len() < 100, "{shown}");
    Outcome::refused_because(&shown)
}

fn seeds() -> Vec<Vec<u8>> {
    let of = |mode: u8, text: &str| [&[mode], text.as_bytes()].concat();
    let connection = "{\"sub\":\"42\",\"exp\":1900000000,\"iat\":1700000000,\"jti\":\"x\",\"info\":{\"a\":\n1},\"meta\":1,\
                      \"channels\":[\"a\"],\"subs\":{\"a\":{\"data\":2,\"override\":{\"presence\":{\"value\":true}}}},\
                      \"caps\":[{\"channels\":[\"u*\"],\"match\":\"wildcard\",\"allow\":[\"sub\",\"pub\",\"prs\",\"hst\"]}]}";
    let subscription =
        "{\"sub\":\"\",\"channel\":\"a\",\"client\":\"c\",\"expire_at\":0,\"b64info\":\"e30=\"}";
    let header = "{\"alg\":\"HS256\",\"kid\":\"a\"}";
    let length = u8::try_from(header.len()).expect("it is short");
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode("{}"));
    vec![
        of(0, &sign(&message)),
        of(1, include_str!("testdata/p256.pem")),
        of(1, include_str!("testdata/rsa.pem")),
        of(1, include_str!("testdata/ed25519.pem")),
        of(2, connection),
        of(2, subscription),
        [&[3, length], header.as_bytes(), b"{}"].concat(),
    ]
}
