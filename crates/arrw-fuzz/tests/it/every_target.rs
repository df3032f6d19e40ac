//! Every target is run a little with every test run: kept inputs, seeds, and some changes of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use arrw_fuzz::{Current, Plan, folder_of, keep_panics, run, targets};

#[test]
fn every_target_holds_for_kept_inputs_and_seeds() {
    keep_panics();
    let measure = |call: &mut dyn FnMut()| {
        call();
        0
    };
    let plan = Plan { seed: 1, time: Duration::MAX, executions: 20, measure };
    for target in targets() {
        let ran = run(target, &plan, &Current::default(), &mut |_| ());
        assert!(ran.is_ok(), "{}: {ran:?}", target.name);
    }
}

#[test]
fn names_and_kept_inputs_belong_together() {
    let names: Vec<&str> = targets().iter().map(|target| target.name).collect();
    let plain = |name: &&str| {
        name.bytes().all(|it| it.is_ascii_lowercase() || b"-0123456789".contains(&it))
    };
    assert!(names.iter().all(plain), "{names:?}");
    let known: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(known.len(), names.len(), "two targets have one name");
    let corpus = folder_of(targets()[0]);
    for folder in fs::read_dir(corpus.parent().unwrap()).unwrap() {
        let name = folder.unwrap().file_name().into_string().unwrap();
        let is_target = known.contains(name.as_str()) || Path::new(&name).extension().is_some();
        assert!(is_target, "corpus/{name} belongs to no target");
    }
}

#[test]
fn every_target_reads_one_of_its_seeds() {
    for target in targets() {
        let outcomes = (target.seeds)().into_iter().map(|seed| (target.run)(&seed));
        let is_read = |outcome| matches!(outcome, arrw_fuzz::Outcome::Accepted(_));
        assert!(outcomes.into_iter().any(is_read), "{} reads none of its seeds", target.name);
    }
}
