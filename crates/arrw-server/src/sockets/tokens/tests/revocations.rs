//! Tokens that were taken back, and the file that says so.

use std::path::PathBuf;

use super::*;

/// A file in a folder of its own, which is removed at the end.
struct File(PathBuf);

impl File {
    fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("arrw-revoked-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder.join("revoked.json"))
    }

    fn settings(&self) -> TokenSettings {
        TokenSettings { revocations: Some(self.0.clone()), ..with_secret() }
    }

    fn revoke(&self, revoked: Revoked, until: Option<u64>, now: u64) {
        let mut file = RevocationFile::load(&self.0).unwrap();
        file.revoke(Revocation { revoked, until }, now).unwrap();
    }

    /// Puts another file in its place.
    fn put(&self, text: &str) {
        let beside = self.0.with_extension("other");
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(&beside, &self.0).unwrap();
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _left_behind = std::fs::remove_dir_all(self.0.parent().unwrap());
    }
}

fn user(user: &str, before: u64) -> Revoked {
    Revoked::User { user: user.to_owned(), before }
}

fn read(tokens: &Tokens, claims: &str) -> Result<(), TokenError> {
    let token = signed(r#"{"alg":"HS256"}"#, claims);
    tokens.connection(&token, NOW).map(|_token| ())
}

#[test]
fn tokens_are_revoked_by_user_by_id_and_all_together() {
    let file = File::new("kinds");
    let known = tokens(&file.settings());
    let check = |claims: &str, expected: Result<(), TokenError>| {
        assert_eq!(read(&known, claims), expected, "{claims}");
    };
    check(r#"{"sub":"42","iat":99}"#, Ok(()));
    file.revoke(user("42", 100), None, NOW);
    file.revoke(Revoked::Id("x".to_owned()), None, NOW);
    // Not before the file is read again.
    check(r#"{"sub":"42","iat":99}"#, Ok(()));
    assert!(known.revocations().refresh(NOW).unwrap());
    assert!(!known.revocations().refresh(NOW).unwrap());
    let revoked = Err(TokenError::Revoked);
    check(r#"{"sub":"42","iat":99}"#, revoked);
    check(r#"{"sub":"42","iat":100}"#, Ok(()));
    check(r#"{"sub":"42"}"#, revoked);
    check(r#"{"sub":"43","iat":99}"#, Ok(()));
    check(r#"{"sub":"43","jti":"x"}"#, revoked);
    check(r#"{"sub":"43","jti":"y"}"#, Ok(()));
    let sub = signed(r#"{"alg":"HS256"}"#, r#"{"sub":"42","iat":99,"channel":"a"}"#);
    assert_eq!(known.subscription(&sub, NOW), Err(TokenError::Revoked));
    // What has expired is expired first: its client may ask for a new one.
    check(r#"{"sub":"42","exp":5}"#, Err(TokenError::Expired));
    file.revoke(Revoked::All { before: 200 }, None, NOW);
    assert!(known.revocations().refresh(NOW).unwrap());
    check(r#"{"sub":"43","iat":199}"#, revoked);
    check(r#"{"sub":"43","iat":200}"#, Ok(()));
    // A server that is started anew knows them all.
    let again = tokens(&file.settings());
    assert_eq!(read(&again, r#"{"sub":"43","jti":"x","iat":500}"#), revoked);
    assert!(again.revocations().is_revoked("42", None, Some(150)));
}

#[test]
fn a_revocation_is_forgotten_when_its_tokens_have_expired() {
    let file = File::new("forgotten");
    file.revoke(user("1", 50), Some(100), 10);
    file.revoke(Revoked::Id("x".to_owned()), Some(200), 10);
    file.revoke(user("2", 50), None, 10);
    let known = tokens(&file.settings());
    let revoked = || {
        let known = known.revocations();
        [
            known.is_revoked("1", None, None),
            known.is_revoked("3", Some("x"), None),
            known.is_revoked("2", None, None),
        ]
    };
    assert_eq!(revoked(), [true, true, true]);
    known.revocations().refresh(99).unwrap();
    assert_eq!(revoked(), [true, true, true]);
    known.revocations().refresh(100).unwrap();
    assert_eq!(revoked(), [false, true, true]);
    known.revocations().refresh(u64::MAX).unwrap();
    assert_eq!(revoked(), [false, false, true]);
    // The file forgets with its next change.
    assert_eq!(RevocationFile::load(&file.0).unwrap().count(), 3);
    file.revoke(user("4", 1), None, 150);
    assert_eq!(RevocationFile::load(&file.0).unwrap().count(), 3);
    assert!(!std::fs::read_to_string(&file.0).unwrap().contains("\"1\""));
}

#[test]
fn a_revocation_never_takes_another_back() {
    let file = File::new("later");
    file.revoke(user("1", 50), Some(900), 10);
    file.revoke(user("1", 40), Some(800), 10);
    file.revoke(Revoked::Id("x".to_owned()), None, 10);
    file.revoke(Revoked::Id("x".to_owned()), Some(500), 10);
    let known = tokens(&file.settings());
    known.revocations().refresh(850).unwrap();
    assert!(known.revocations().is_revoked("1", None, Some(49)));
    assert!(known.revocations().is_revoked("", Some("x"), Some(1)));
}

#[test]
fn a_file_that_cannot_be_read_changes_nothing() {
    let file = File::new("wrong");
    file.revoke(user("1", 50), None, 10);
    let known = tokens(&file.settings());
    for wrong in ["", "[]", r#"{"users":{"1":{"befor":1}}}"#, r#"{"users":{"1":{"before":-1}}}"#] {
        file.put(wrong);
        let error = known.revocations().refresh(NOW).unwrap_err();
        assert!(error.to_string().contains("is not a file of revoked tokens: "), "{error}");
        assert!(known.revocations().is_revoked("1", None, None));
        let error = Tokens::new(&file.settings()).unwrap_err();
        assert!(matches!(error, TokenKeysError::Revocations(_)), "{error:?}");
    }
    file.put("{}");
    assert!(known.revocations().refresh(NOW).unwrap());
    assert!(!known.revocations().is_revoked("1", None, None));
}

#[test]
fn revocations_are_bounded() {
    let file = File::new("bounded");
    let ids: Vec<String> = (0..100_000).map(|id| format!("\"{id}\":{{\"until\":100}}")).collect();
    file.put(&format!("{{\"ids\":{{{}}}}}", ids.join(",")));
    let mut full = RevocationFile::load(&file.0).unwrap();
    let one_more = || Revocation { revoked: user("1", 5), until: None };
    assert!(matches!(full.revoke(one_more(), 99), Err(RevocationsError::Full)));
    assert_eq!(full.count(), 100_000);
    full.revoke(one_more(), 100).unwrap();
    assert_eq!(full.count(), 1);
    file.put(&format!("{{\"ids\":{{{},\"x\":{{}}}}}}", ids.join(",")));
    let error = RevocationFile::load(&file.0).unwrap_err().to_string();
    assert!(error.ends_with("it has more than 100000"), "{error}");
}

#[cfg(unix)]
#[test]
fn only_its_owner_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let file = File::new("mode");
    file.revoke(user("1", 50), None, 10);
    let mode = std::fs::metadata(&file.0).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
