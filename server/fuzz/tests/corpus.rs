//! The committed seeds, without a fuzzer: every find that was ever kept stays fixed.

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use server_fuzz::TARGETS;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn names(directory: &Path) -> BTreeSet<String> {
    fs::read_dir(directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.expect("a file").file_name().into_string().expect("an ASCII name"))
        .collect()
}

#[test]
fn every_target_has_a_program_and_seeds() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&corpus()), targets);
    let programs: BTreeSet<String> = targets.iter().map(|name| format!("{name}.rs")).collect();
    assert_eq!(names(&Path::new(env!("CARGO_MANIFEST_DIR")).join("targets")), programs);
    for target in targets {
        assert!(names(&corpus().join(&target)).len() >= 3, "{target}");
    }
}

#[test]
fn no_seed_makes_its_target_panic() {
    for (target, run) in TARGETS {
        for seed in names(&corpus().join(target)) {
            let bytes = fs::read(corpus().join(target).join(&seed)).expect("a seed");
            assert!(catch_unwind(|| run(&bytes)).is_ok(), "{target}/{seed}");
        }
    }
}
