//! All benchmarks in one program, so that it is linked once.
#![expect(clippy::print_stdout, reason = "the figures are what this program is for")]

use clap::{Parser, Subcommand};
use tests::process::http::Lost;

mod approve;
mod held;
mod load;
mod pending;
mod phones;
mod primitives;

/// What a server does in a second, and what it takes for that.
#[derive(Parser)]
#[command(name = "bench")]
struct CommandLine {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Bench {
    /// Whole CIBA flows: what they cost the server, and how long they take
    Load(load::Options),
    /// Polls that are held, what they cost, and how soon their clients know of a decision
    Held(held::Options),
    /// Phones that wait for a prompt, what they cost, and how soon they have it
    Phones(phones::Options),
    /// What approving costs the phone's core, without its key and the network
    Approve(approve::Options),
    /// Requests that nobody answers, and what they cost
    Pending(pending::Options),
    /// One ES256 signature, one verification, one hash and one sync
    Primitives(primitives::Options),
}

#[tokio::main]
async fn main() -> Result<(), Lost> {
    match CommandLine::parse().bench {
        Bench::Load(options) => load::run(options).await,
        Bench::Held(options) => held::run(options).await,
        Bench::Phones(options) => phones::run(options).await,
        Bench::Approve(options) => {
            approve::run(&options).await;
            Ok(())
        }
        Bench::Pending(options) => pending::run(options).await,
        Bench::Primitives(options) => {
            primitives::run(&options);
            Ok(())
        }
    }
}
