//! Tokens of WebSocket clients: made to try the server out, and taken back.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::program::Folder;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn with_settings(text: &str) -> Folder {
    let folder = Folder::new();
    std::fs::write(folder.path().join("arrwdb.toml"), text).unwrap();
    folder
}

/// What a token says, without looking at its signature.
fn claims(token: &str) -> Value {
    let payload = token.trim_end().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

#[test]
fn a_token_is_signed_with_the_secret_of_the_settings() {
    let text =
        format!("[client.token]\nhmac_secret_key = '{SECRET}'\naudience = 'chat'\nissuer = 'us'\n");
    let folder = with_settings(&text);
    let made =
        folder.run(&["token", "create", "--user", "42", "--info", "{\"a\": 1}"]).ended_with(0);
    assert_eq!((made.out.lines().count(), made.err.as_str()), (1, ""));
    let said = claims(&made.out);
    let issued = said["iat"].as_u64().unwrap();
    let expected = json!({
        "sub": "42", "iat": issued, "exp": issued + 3_600, "aud": "chat", "iss": "us", "info": {"a": 1}
    });
    assert_eq!(said, expected);
    let made =
        ["token", "create", "--user", "", "--channel", "news", "--expires-in", "never", "--json"];
    let made = folder.run(&made).ended_with(0).json().remove(0);
    let said = claims(made["token"].as_str().unwrap());
    assert_eq!(
        (&said["sub"], &said["channel"], &said["exp"]),
        (&json!(""), &json!("news"), &json!(null))
    );
    assert_eq!((&made["channel"], &made["expires_at"]), (&json!("news"), &json!(null)));
}

#[test]
fn the_secret_comes_from_the_environment_or_the_standard_input() {
    let folder = Folder::new();
    let made = |source: &[&str], input: &str, variable: &str| {
        let arguments =
            [&["token", "create", "--user", "42", "--expires-in", "never"], source].concat();
        let mut command = folder.command(&arguments);
        command.env("ARRWDB_CLIENT_TOKEN_HMAC_SECRET_KEY", variable);
        let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let signature = |token: &str| token.rsplit('.').next().unwrap().to_owned();
    // The time in it may be another: then the signature is, too.
    let same = (0..10).any(|_| {
        let by_variable = made(&[], "", SECRET);
        let by_stdin = made(&["--secret-from", "stdin"], &format!("{SECRET}\n"), "another one");
        signature(&by_variable) == signature(&by_stdin)
    });
    assert!(same);
    assert_ne!(signature(&made(&[], "", SECRET)), signature(&made(&[], "", "another one")));
}

#[test]
fn what_cannot_be_made_says_what_to_do() {
    let folder = Folder::new();
    let said = folder.run(&["token", "create", "--user", "42"]).ended_with(1).err;
    assert!(said.contains("no `client.token.hmac_secret_key`"), "{said}");
    assert!(said.contains("ARRWDB_CLIENT_TOKEN_HMAC_SECRET_KEY"), "{said}");
    let check = |arguments: &[&str], part: &str| {
        let said = folder.run(&[&["token", "create", "--user", "42"], arguments].concat());
        let said = said.ended_with(2).err;
        assert!(said.contains(part), "{said}");
    };
    check(&["--expires-in", "soon"], "a number with s, m, h or d behind it");
    check(&["--info", "{"], "it is not JSON");
    check(&["--channel", ""], "value is required");
    check(&["--secret", SECRET], "unexpected argument");
    let stdin = ["token", "create", "--user", "42", "--secret-from", "stdin"];
    let said = folder.run_with(&stdin, b"\n").ended_with(1).err;
    assert!(said.contains("the secret is empty"), "{said}");
    let large = format!("{SECRET}\n");
    let user = "x".repeat(9_000);
    let stdin = ["token", "create", "--user", &user, "--secret-from", "stdin"];
    let said = folder.run_with(&stdin, large.as_bytes()).ended_with(1).err;
    assert!(said.contains("bytes, and may have 8192"), "{said}");
}

#[test]
fn tokens_are_taken_back_in_a_file() {
    let folder = with_settings("[client.token]\nrevocations = 'gone.json'\n");
    let said = folder.run(&["token", "revoke", "--user", "42"]).ended_with(0).out;
    assert_eq!(said, "all tokens of the user `42` are revoked; `gone.json` has 1 revocation\n");
    let made = folder.run(&["token", "revoke", "--id", "x", "--expires-in", "1d", "--json"]);
    assert_eq!(made.ended_with(0).json()[0]["revocations"], 2);
    folder.run(&["token", "revoke", "--all"]).ended_with(0);
    let file = std::fs::read(folder.path().join("gone.json")).unwrap();
    let file: Value = serde_json::from_slice(&file).unwrap();
    assert!(file["users"]["42"]["before"].as_u64() <= file["all"]["before"].as_u64(), "{file}");
    assert!(file["ids"]["x"]["until"].is_u64() && file["users"]["42"]["until"].is_null(), "{file}");
    let said = folder.run(&["token", "revoke"]).ended_with(2).err;
    assert!(said.contains("--user <USER>"), "{said}");
    std::fs::write(folder.path().join("gone.json"), "[]").unwrap();
    let said = folder.run(&["token", "revoke", "--all"]).ended_with(1).err;
    assert!(said.contains("`gone.json` is not a file of revoked tokens"), "{said}");
    std::fs::write(folder.path().join("arrwdb.toml"), "[client.token]\nrevocations = ''\n")
        .unwrap();
    let said = folder.run(&["token", "revoke", "--all"]).ended_with(1).err;
    assert!(said.contains("help: name one as `client.token.revocations`"), "{said}");
}
