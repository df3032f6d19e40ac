//! A crash keeps what was synced, and may keep or lose all else.

use std::collections::BTreeSet;

use arrw_log::Storage as _;
use arrw_sim::{Rng, SECTORS_EXHAUSTIVE, SimDisk};

use crate::fixture::{create_synced, disk_with, distinct, folders, outcomes, sectors, write};

/// The outcomes as a set, after a check that none comes twice.
fn exact(disk: &SimDisk) -> BTreeSet<(String, usize)> {
    let states = disk.crash_states();
    assert!(states.is_exhaustive());
    let outcomes = outcomes(&states);
    let set: BTreeSet<_> = outcomes.iter().cloned().collect();
    assert_eq!(set.len(), outcomes.len(), "an image came twice: {outcomes:?}");
    assert_eq!(set.len(), distinct(&states), "fingerprints tell images apart");
    set
}

fn check(disk: &SimDisk, expected: &[(&str, usize)]) {
    let expected = expected.iter().map(|(text, len)| ((*text).to_owned(), *len)).collect();
    assert_eq!(exact(disk), expected);
}

#[test]
fn nothing_unsynced_leaves_one_state() {
    let (disk, file) = disk_with(&sectors(b"ab"));
    check(&disk, &[("ab", 1024)]);
    write(&file, &sectors(b"xy"), 0);
    file.sync_data().unwrap();
    check(&disk, &[("xy", 1024)]);
    assert_eq!(disk.crash_states().combinations(), 1);
}

#[test]
fn write_of_two_sectors_leaves_four_states() {
    let (disk, file) = disk_with(&sectors(b"ab"));
    write(&file, &sectors(b"xy"), 0);
    check(&disk, &[("ab", 1024), ("xb", 1024), ("ay", 1024), ("xy", 1024)]);
}

#[test]
fn sector_that_stays_the_same_does_not_count() {
    let (disk, file) = disk_with(&sectors(b"abc"));
    write(&file, &sectors(b"xbz"), 0);
    check(&disk, &[("abc", 1536), ("xbc", 1536), ("abz", 1536), ("xbz", 1536)]);
}

#[test]
fn write_across_a_sector_edge_tears_at_the_edge() {
    let (disk, file) = disk_with(&[b'a'; 1024]);
    write(&file, b"xxxx", 510);
    let tails: BTreeSet<Vec<u8>> = (disk.crash_states().into_iter())
        .map(|state| state.image().read_file("a")[509..515].to_vec())
        .collect();
    let expected = [b"aaaaaa", b"aaaxxa", b"axxaaa", b"axxxxa"];
    assert_eq!(tails, expected.iter().map(|bytes| bytes.to_vec()).collect());
}

#[test]
fn two_writes_are_kept_and_lost_apart() {
    let (disk, file) = disk_with(&sectors(b"ab"));
    write(&file, &sectors(b"x"), 0);
    write(&file, &sectors(b"y"), 512);
    check(&disk, &[("ab", 1024), ("xb", 1024), ("ay", 1024), ("xy", 1024)]);
}

#[test]
fn sector_written_twice_is_old_first_or_second() {
    let (disk, file) = disk_with(&sectors(b"a"));
    write(&file, &sectors(b"x"), 0);
    write(&file, &sectors(b"y"), 0);
    let found: BTreeSet<_> = outcomes(&disk.crash_states()).into_iter().collect();
    let expected = ["a", "x", "y"].map(|text| (text.to_owned(), 512));
    assert_eq!(found, expected.into());
}

#[test]
fn two_writes_into_one_sector_reach_the_disk_as_the_page_cache_had_them() {
    let (disk, file) = disk_with(&[b'a'; 512]);
    write(&file, b"x", 0);
    write(&file, b"y", 1);
    let found: BTreeSet<Vec<u8>> = (disk.crash_states().into_iter())
        .map(|state| state.image().read_file("a")[..2].to_vec())
        .collect();
    assert_eq!(found, [b"aa", b"xa", b"xy"].map(|bytes| bytes.to_vec()).into(), "never `ay`");
}

#[test]
fn appended_sectors_may_be_there_as_zeros_or_not_at_all() {
    let (disk, file) = disk_with(b"");
    write(&file, &sectors(b"xy"), 0);
    check(&disk, &[("", 0), ("00", 1024), ("x", 512), ("x0", 1024), ("0y", 1024), ("xy", 1024)]);
}

#[test]
fn appended_zeros_change_only_the_length() {
    let (disk, file) = disk_with(&sectors(b"a"));
    write(&file, &[0; 4096], 512);
    check(&disk, &[("a", 512), ("a00000000", 4608)]);
}

#[test]
fn set_len_is_kept_or_lost() {
    let (disk, file) = disk_with(&sectors(b"ab"));
    file.set_len(512).unwrap();
    check(&disk, &[("ab", 1024), ("a", 512)]);
    file.sync_data().unwrap();
    check(&disk, &[("a", 512)]);
    file.set_len(1024).unwrap();
    check(&disk, &[("a", 512), ("a0", 1024)]);
}

#[test]
fn synced_data_is_in_every_state_and_other_data_in_some() {
    let (disk, file) = disk_with(&vec![0; 32 * 1024]);
    let mut rng = Rng::new(11);
    let synced = rng.bytes(5_000);
    write(&file, &synced, 700);
    file.sync_data().unwrap();
    write(&file, &[0xee; 9_000], 8_192);
    let (mut seen_new, mut seen_old) = (false, false);
    for state in disk.crash_states().limit(500) {
        let bytes = state.image().read_file("a");
        assert_eq!(&bytes[700..5_700], &synced[..]);
        seen_new |= bytes[8_192..17_192] == [0xee; 9_000];
        seen_old |= bytes[8_192..17_192] == [0; 9_000];
    }
    assert!(seen_new && seen_old);
}

#[test]
fn wide_write_comes_in_all_classes() {
    let count = SECTORS_EXHAUSTIVE as usize + 2;
    let (disk, file) = disk_with(&sectors(&vec![b'a'; count]));
    write(&file, &sectors(&vec![b'x'; count]), 0);
    let found: BTreeSet<String> =
        outcomes(&disk.crash_states()).into_iter().map(|(text, _)| text).collect();
    for n in 0..=count {
        let (a, x) = ("a".repeat(n), "x".repeat(count - n));
        assert!(found.contains(&format!("{a}{x}")) && found.contains(&format!("{x}{a}")));
    }
    for n in 0..count {
        for (most, one) in [("a", "x"), ("x", "a")] {
            let text = format!("{}{one}{}", most.repeat(n), most.repeat(count - n - 1));
            assert!(found.contains(&text), "{text}");
        }
    }
    assert!(found.len() < 100, "not all 1,024 subsets: {}", found.len());
}

#[test]
fn created_file_may_be_lost_though_its_data_was_synced() {
    let disk = SimDisk::new();
    create_synced(&disk, "a", b"x");
    assert_eq!(folders(&disk), ["", "a=x"].map(str::to_owned).into());
    disk.sync_folder().unwrap();
    assert_eq!(folders(&disk), ["a=x"].map(str::to_owned).into());
}

#[test]
fn created_file_may_be_there_though_its_data_was_lost() {
    let disk = SimDisk::new();
    let file = disk.create("a").unwrap();
    write(&file, b"x", 0);
    disk.sync_folder().unwrap();
    let found: BTreeSet<_> =
        disk.crash_states().into_iter().map(|s| s.image().read_file("a")).collect();
    assert_eq!(found, [&b""[..], b"\0", b"x"].map(<[u8]>::to_vec).into());
}

#[test]
fn rename_shows_the_old_file_or_the_new() {
    let (disk, _file) = disk_with(b"o");
    create_synced(&disk, "t", b"n");
    disk.sync_folder().unwrap();
    disk.rename("t", "a").unwrap();
    assert_eq!(folders(&disk), ["a=o t=n", "a=n"].map(str::to_owned).into());
    disk.sync_folder().unwrap();
    assert_eq!(folders(&disk), ["a=n"].map(str::to_owned).into());
}

#[test]
fn rename_builds_on_the_create() {
    let (disk, _file) = disk_with(b"o");
    create_synced(&disk, "t", b"n");
    disk.rename("t", "a").unwrap();
    assert_eq!(folders(&disk), ["a=o", "a=o t=n", "a=n"].map(str::to_owned).into());
}

#[test]
fn changes_of_different_names_come_in_any_order() {
    let (disk, _file) = disk_with(b"o");
    create_synced(&disk, "b", b"n");
    disk.remove("a").unwrap();
    assert_eq!(folders(&disk), ["a=o", "a=o b=n", "b=n", ""].map(str::to_owned).into());
}

#[test]
fn name_used_again_keeps_its_order() {
    let (disk, _file) = disk_with(b"1");
    disk.remove("a").unwrap();
    create_synced(&disk, "a", b"2");
    assert_eq!(folders(&disk), ["a=1", "", "a=2"].map(str::to_owned).into());
}

#[test]
fn rename_never_shows_neither_when_its_old_name_is_used_again() {
    let (disk, _file) = disk_with(b"o");
    create_synced(&disk, "t", b"n");
    disk.sync_folder().unwrap();
    disk.rename("t", "a").unwrap();
    create_synced(&disk, "t", b"2");
    let expected = ["a=o t=n", "a=n", "a=n t=2"];
    assert_eq!(folders(&disk), expected.map(str::to_owned).into());
}

#[test]
fn fate_of_data_in_a_lost_file_makes_no_states() {
    let disk = SimDisk::new();
    write(&disk.create("a").unwrap(), &sectors(b"xy"), 0);
    let states = disk.crash_states();
    assert_eq!(states.combinations(), 2 * 6);
    assert_eq!((states.into_iter().count(), distinct(&disk.crash_states())), (1 + 6, 1 + 6));
}

#[test]
fn sample_has_no_state_twice() {
    let (disk, file) = disk_with(&[0; 8 * 512]);
    write(&file, &[1; 8 * 512], 0);
    write(&disk.create("b").unwrap(), &[2; 8 * 512], 0);
    let states = disk.crash_states().limit(600);
    assert!(!states.is_exhaustive());
    assert_eq!(distinct(&states), 600);
}

#[test]
fn write_that_restores_the_old_bytes_counts() {
    let (disk, file) = disk_with(&sectors(b"a"));
    write(&file, &sectors(b"x"), 0);
    write(&file, &sectors(b"a"), 0);
    assert_eq!(disk.crash_states().all_kept().fingerprint(), disk.fingerprint());
    let (disk, file) = disk_with(&sectors(b"a"));
    file.set_len(0).unwrap();
    write(&file, &sectors(b"a"), 0);
    assert_eq!(disk.crash_states().all_kept().fingerprint(), disk.fingerprint());
}

#[test]
fn many_folder_changes_stay_bounded() {
    let disk = SimDisk::new();
    for n in 0..30 {
        create_synced(&disk, &format!("{n:02}"), b"x");
    }
    let counts: BTreeSet<usize> =
        disk.crash_states().into_iter().map(|state| state.image().files().len()).collect();
    assert!(counts.contains(&0) && counts.contains(&30) && counts.contains(&29), "{counts:?}");
    assert!(disk.crash_states().into_iter().count() < 1_000);
}

#[test]
fn same_seed_gives_the_same_sample() {
    let (disk, file) = disk_with(&[0; 16 * 1024]);
    let mut rng = Rng::new(5);
    for at in [0, 4_000, 8_000] {
        write(&file, &rng.bytes(7_000), at);
    }
    let states = disk.crash_states().limit(300).seed(1);
    assert!(!states.is_exhaustive());
    let run = |seed| -> Vec<u64> {
        states.clone().seed(seed).into_iter().map(|state| state.fingerprint()).collect()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
    assert_eq!(run(1).len(), 300);
    assert_eq!(run(1)[0], states.all_lost().fingerprint());
    assert_eq!(run(1)[1], states.all_kept().fingerprint());
    for state in &states {
        assert_eq!(states.replay(state.choices()).fingerprint(), state.fingerprint());
    }
}

#[test]
fn all_kept_is_what_the_program_saw() {
    let (disk, file) = disk_with(&[1; 3_000]);
    let mut rng = Rng::new(3);
    for _ in 0..20 {
        write(&file, &rng.bytes(1_500), 100);
        file.set_len(rng.below(9_000)).unwrap();
    }
    disk.create("b").unwrap();
    disk.rename("a", "c").unwrap();
    let states = disk.crash_states();
    assert_eq!(states.all_kept().fingerprint(), disk.fingerprint());
    assert_eq!(states.all_lost().image().read_file("a"), [1; 3_000]);
    let random = states.random(&mut rng);
    assert_eq!(states.replay(random.choices()).fingerprint(), random.fingerprint());
}

#[test]
fn state_says_what_was_kept() {
    let (disk, file) = disk_with(&sectors(b"ab"));
    write(&file, &sectors(b"xy"), 0);
    let states = disk.crash_states();
    let text = states.describe(&states.replay(&[0, 2]));
    assert_eq!(text, "folder 1 of 1: a\n`a` write up to 1024: sectors [1] kept of 2 changed");
}

#[test]
fn many_images_are_made_and_hashed_quickly() {
    let disk = SimDisk::new();
    let mut rng = Rng::new(9);
    for n in 0..6 {
        disk.write_file(&format!("segment-{n}"), &rng.bytes(32 * 1024));
    }
    let file = disk.open("segment-5").unwrap();
    for at in [1_000, 9_000, 20_000] {
        write(&file, &rng.bytes(1_500), at);
    }
    let states = disk.crash_states().limit(5_000);
    let fingerprints: BTreeSet<u64> =
        states.into_iter().map(|state| state.disk().fingerprint()).collect();
    assert_eq!(fingerprints.len(), 16 * 16 * 8, "4, 4 and 3 sectors, of which no two meet");
}
