//! Times, on this machine and in one thread, what no flow can do without: the signatures of the protocol, and the disk. And
//! what encryption adds for a client that registered for it.

use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::time::Duration;

use benches::Times;
use clap::Args;
use protocol::Digest;
use protocol::crypto::aws_lc::{SigningKey, VerifyingKey};
use protocol::crypto::{Sign as _, Verify as _};
use server::app::system::SystemRandom;
use server::domain::encryption::KeyManagement;
use server::jose::{JwkSet, NESTED};
use simulator::decryption_key::DecryptionKey;
use tests::process::now;

/// What one ES256 signature, one verification, one hash, one encrypted ID token and one sync take.
#[derive(Args)]
pub(crate) struct Options {
    /// Each of them so many times; a sync a hundredth of it.
    #[arg(long, default_value_t = 20_000)]
    times: u32,
    /// Where the file for the syncs is made.
    #[arg(long, default_value = ".")]
    dir: PathBuf,
}

pub(crate) fn run(options: &Options) {
    let (signing, _) = SigningKey::generate().expect("the machine has randomness");
    let verifying = VerifyingKey::new(signing.public()).expect("a key on the curve");
    // As long as a proof or a decision.
    let message = [b'a'; 500];
    let signature = signing.sign(&message).expect("signing");
    println!("{:<34} {:>9}", "primitive", "µs each");
    let line = |name: &str, each: Duration| println!("{name:<34} {:>9.2}", each.as_secs_f64() * 1e6);
    line("ES256 signature", each(options.times, || signing.sign(black_box(&message)).map(used).expect("signing")));
    line(
        "ES256 verification",
        each(options.times, || verifying.verify(black_box(&message), &signature).expect("it is its signature")),
    );
    line("SHA-256 of 500 bytes", each(options.times, || used(Digest::of(black_box(&message)))));
    // As long as an ID token.
    let jwt = [b'a'; 900];
    for (name, key, algorithm) in [
        ("JWE by ECDH-ES on P-256", DecryptionKey::on("P-256"), KeyManagement::EcdhEs),
        ("JWE by ECDH-ES on X25519", DecryptionKey::on("X25519"), KeyManagement::EcdhEs),
        ("JWE by RSA-OAEP-256, 2048 bits", DecryptionKey::rsa(), KeyManagement::RsaOaep256),
    ] {
        let recipient = JwkSet::of(&key.jwks()).expect("a set").recipient(algorithm).expect("it fits");
        let seal = || recipient.encrypt(black_box(&jwt), Some(NESTED), &SystemRandom).map(used).expect("it seals");
        line(name, each(options.times, seal));
    }

    let file = tempfile::tempfile_in(&options.dir).expect("a file can be made there");
    println!("{}", Times::heading());
    println!("{}", syncs(&file, options.times / 100).line("pwrite of 8 KiB and fdatasync"));
}

/// Keeps the compiler from leaving out what nobody looks at.
fn used<T>(outcome: T) {
    black_box(outcome);
}

/// The best of five rounds: what others do on the machine only ever adds.
fn each(times: u32, mut work: impl FnMut()) -> Duration {
    let round = |_| {
        let begun = now();
        (0..times).for_each(|_| work());
        now().duration_since(begun) / times
    };
    (0..5).map(round).min().unwrap_or_default()
}

fn syncs(file: &File, times: u32) -> Times {
    let mut taken = Times::default();
    for number in 0..times {
        let begun = now();
        file.write_all_at(&[1; 8192], u64::from(number) * 8192).expect("there is room");
        file.sync_data().expect("the disk takes it");
        taken.note(now().duration_since(begun));
    }
    taken
}
