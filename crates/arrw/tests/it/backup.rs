//! A copy of a database that is in use, and a database made of it.

use arrw::{Db, NewEvent, OpenError, RestoreError, Start};

#[test]
fn a_backup_becomes_a_database_and_what_is_none_makes_nothing() {
    let folder = std::env::temp_dir().join(format!("arrw-backup-{}", std::process::id()));
    let [data, copy, restored] = ["data", "copy", "restored"].map(|name| folder.join(name));
    let db = Db::open(&data).unwrap();
    db.bus().publish(NewEvent::new("a", b"1")).unwrap().wait().unwrap();

    let missing = Db::restore(&copy, &restored).unwrap_err();
    assert!(matches!(missing, RestoreError::Open(OpenError::NotFound { .. })), "{missing}");
    assert!(!copy.exists() && !restored.exists(), "bad input made a folder");

    assert_eq!(db.backup(&copy).unwrap().last.get(), 1);
    db.bus().publish(NewEvent::new("a", b"2")).unwrap().wait().unwrap();
    let epoch = Db::restore(&copy, &restored).unwrap();
    assert_ne!(epoch, db.position().epoch);
    let again = Db::open(&restored).unwrap();
    let mut events = again.bus().subscribe("a", Start::Earliest).unwrap();
    let seen = events.try_next().unwrap().unwrap();
    assert_eq!(seen.iter().map(|event| event.payload().to_vec()).collect::<Vec<_>>(), [b"1"]);
    drop(events);
    again.close().unwrap();
    db.close().unwrap();
    std::fs::remove_dir_all(folder).unwrap();
}
