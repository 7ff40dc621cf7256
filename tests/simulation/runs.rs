//! Plays many sequences, on as many threads as there are cores, and makes the first that fails small.

use std::fmt;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use proptest::strategy::{Strategy as _, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::events::{Event, Sequence, sequences};
use crate::gate::Plant;
use crate::play::{Tally, play};
use crate::stage::Original;

/// So often a sequence that fails is played again to find a shorter one.
const MOST_TRIES: usize = 150;

/// Some sequences.
pub(crate) struct Run {
    pub(crate) sequences: u64,
    /// The seed of the first; each has the next one.
    pub(crate) first: u64,
}

/// A sequence that does not follow the model.
pub(crate) struct Failure {
    seed: u64,
    why: String,
    sequence: Sequence,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, why, sequence } = self;
        let sequence = serde_json::to_string(sequence).map_err(|_| fmt::Error)?;
        write!(f, "seed {seed}: {why}\nthe shortest sequence found, for a file of tests/simulation/cases:\n{sequence}")
    }
}

impl Run {
    /// Plays them; what was heard in all, or the first that failed.
    pub(crate) fn play(&self, plant: Plant) -> Result<Tally, Box<Failure>> {
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        let (next, failed) = (AtomicU64::new(0), AtomicBool::new(false));
        let (tally, failure) = (Mutex::new(Tally::new()), Mutex::new(None));
        let work = || {
            while !failed.load(Ordering::Relaxed) {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= self.sequences {
                    return;
                }
                let seed = self.first + number;
                match played(&drawn(seed), plant) {
                    Ok(heard) => add(&mut tally.lock().unwrap_or_else(PoisonError::into_inner), heard),
                    Err(why) => {
                        failed.store(true, Ordering::Relaxed);
                        failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert((seed, why));
                    }
                }
            }
        };
        std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
        match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some((seed, why)) => Err(Box::new(shortened(seed, why, plant))),
            None => Ok(tally.into_inner().unwrap_or_else(PoisonError::into_inner)),
        }
    }
}

fn add(tally: &mut Tally, heard: Tally) {
    for (what, times) in heard {
        *tally.entry(what).or_default() += times;
    }
}

/// The sequence of a seed.
fn drawn(seed: u64) -> Sequence {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    sequences().new_tree(&mut runner).expect("sequences can always be drawn").current()
}

/// Plays one in a runtime of its own.
pub(crate) fn played(sequence: &Sequence, plant: Plant) -> Result<Tally, String> {
    let _made = Original::of(sequence);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let playing = AssertUnwindSafe(|| runtime.block_on(play(sequence, plant)));
    catch_unwind(playing).unwrap_or_else(|_| Err("a panic, see above".to_owned()))
}

/// Takes events out, ever fewer at a time, and what happens within others, as long as it fails.
fn shortened(seed: u64, why: String, plant: Plant) -> Failure {
    let mut failure = Failure { seed, why, sequence: drawn(seed) };
    let mut tries = 0;
    let mut fails = |failure: &mut Failure, shorter: Vec<Event>| {
        tries += 1;
        let sequence = Sequence { events: shorter, ..failure.sequence };
        let Some(Err(why)) = (tries <= MOST_TRIES).then(|| played(&sequence, plant)) else { return false };
        (failure.why, failure.sequence) = (why, sequence);
        true
    };
    let mut together = failure.sequence.events.len() / 2;
    while together > 0 {
        let mut from = 0;
        while from < failure.sequence.events.len() {
            let mut shorter = failure.sequence.events.clone();
            shorter.drain(from..(from + together).min(shorter.len()));
            if !fails(&mut failure, shorter) {
                from += together;
            }
        }
        together /= 2;
    }
    for place in 0..failure.sequence.events.len() {
        if let Event::During { event, .. } | Event::Crash { event, .. } = failure.sequence.events[place].clone() {
            let mut simpler = failure.sequence.events.clone();
            simpler[place] = *event;
            fails(&mut failure, simpler);
        }
    }
    failure
}
