//! The committed seeds, without a fuzzer: every find that was ever kept stays fixed.

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use protocol_fuzz::{MESSAGES, TARGETS};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn names(directory: &Path) -> BTreeSet<String> {
    fs::read_dir(directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.expect("a file").file_name().into_string().expect("an ASCII name"))
        .collect()
}

fn named(targets: &[(&str, protocol_fuzz::Target)], more: &str) -> BTreeSet<String> {
    targets.iter().map(|(name, _)| *name).chain([more]).map(str::to_owned).collect()
}

#[test]
fn every_target_has_a_program_and_seeds() {
    assert_eq!(names(&corpus()), named(&TARGETS, "messages"));
    let programs = names(&Path::new(env!("CARGO_MANIFEST_DIR")).join("targets"));
    assert_eq!(programs, named(&TARGETS, "message").iter().map(|name| format!("{name}.rs")).collect());
    for (target, _) in TARGETS {
        assert!(names(&corpus().join(target)).len() >= 3, "{target}");
    }
}

#[test]
fn every_message_with_a_schema_has_a_target_and_seeds() {
    let schemas = names(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/device-protocol/schemas"));
    let targets: BTreeSet<String> = named(MESSAGES, "common");
    assert_eq!(schemas, targets.iter().map(|name| format!("{name}.json")).collect());
    for (target, _) in MESSAGES {
        assert!(names(&corpus().join("messages").join(target)).len() >= 3, "{target}");
    }
}

#[test]
fn no_seed_makes_its_target_panic() {
    let messages = MESSAGES.iter().map(|(target, run)| (corpus().join("messages").join(target), run));
    for (folder, run) in TARGETS.iter().map(|(target, run)| (corpus().join(target), run)).chain(messages) {
        for seed in names(&folder) {
            let bytes = fs::read(folder.join(&seed)).expect("a seed");
            assert!(catch_unwind(|| run(&bytes)).is_ok(), "{}/{seed}", folder.display());
        }
    }
}
