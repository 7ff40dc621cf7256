//! Random sequences of events against the real server, in one process on a hand-moved clock, checked against a model.
//!
//! `events` is what can happen and how it is drawn, `stage` the world it happens in, `act` and `perform` how it is done,
//! `gate` how two calls get into each other's way and how a process ends in the middle of one, `model` what must come of
//! it; `play` compares, and `runs` plays many, and makes what fails small.

#![expect(clippy::print_stdout, reason = "a run says which seeds it tries, and what it came upon")]

mod act;
mod events;
mod gate;
mod model;
mod perform;
mod play;
mod runs;
mod stage;

use std::path::Path;

use serde::Deserialize;

use crate::events::Sequence;
use crate::gate::Plant;
use crate::runs::{Run, played};

/// So many sequences are played, unless `ASSENT_SIMULATION_SEQUENCES` says otherwise.
const SEQUENCES: u64 = 5_000;

/// What was heard in any run worth its name.
const HEARD: [&str; 18] = [
    "accepted",
    "refused",
    "listed",
    "approved",
    "denied",
    "disputed",
    "not taken",
    "tokens",
    "pending",
    "expired",
    "gone",
    "not for it",
    "good",
    "not good",
    "told",
    "during",
    "crash",
    "done",
];

#[test]
fn random_sequences_follow_the_model() {
    let run =
        Run { sequences: setting("SEQUENCES").unwrap_or(SEQUENCES), first: setting("SEED").unwrap_or_else(chance) };
    println!("{} sequences from seed {} on", run.sequences, run.first);
    let tally = run.play(Plant::Sound).unwrap_or_else(|failure| panic!("{failure}"));
    println!("{tally:?}");
    let unheard: Vec<_> = HEARD.iter().filter(|heard| !tally.contains_key(**heard)).collect();
    assert!(run.sequences < 1_000 || unheard.is_empty(), "nothing shows what follows {unheard:?}");
}

/// A file of `cases/`: a sequence that failed once, and what was wrong.
#[derive(Deserialize)]
struct Case {
    story: String,
    sequence: Sequence,
}

#[test]
fn every_sequence_that_ever_failed_follows_the_model() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("simulation/cases");
    for file in std::fs::read_dir(cases).expect("a folder") {
        let path = file.expect("an entry").path();
        let case = std::fs::read(&path).expect("a file");
        let case: Case = serde_json::from_slice(&case).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        if let Err(why) = played(&case.sequence, Plant::Sound) {
            panic!("{} ({}): {why}", path.display(), case.story);
        }
    }
}

/// A fault is found in so many sequences at most.
const ENOUGH: u64 = 400;

fn is_found(plant: Plant) {
    let failure = Run { sequences: ENOUGH, first: 0 }.play(plant).expect_err("the fault is found");
    println!("{failure}");
}

#[test]
fn a_store_that_does_not_look_at_versions_is_found() {
    is_found(Plant::VersionsUnchecked);
}

#[test]
fn a_message_that_is_committed_apart_from_its_reason_is_found() {
    is_found(Plant::ToldApart);
}

#[test]
fn a_request_that_is_not_marked_as_redeemed_is_found() {
    is_found(Plant::NotMarkedRedeemed);
}

#[test]
fn a_phone_that_stays_when_it_is_revoked_is_found() {
    is_found(Plant::NotRevoked);
}

#[expect(clippy::disallowed_methods, reason = "how many and which ones is the choice of whoever runs them")]
fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(format!("ASSENT_SIMULATION_{name}")).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("ASSENT_SIMULATION_{name} is no number")))
}

/// Another run tries other sequences; it says which.
fn chance() -> u64 {
    use server::domain::random::Random;
    let random: &dyn Random = &server::app::system::SystemRandom;
    u64::from(u32::from_be_bytes(random.array()))
}
