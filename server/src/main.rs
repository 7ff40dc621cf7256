//! `assent`: the command line over [`server::app`].

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use server::app::system::{SystemClock, SystemRandom};
use server::app::{self, App, Init, Listeners, log};
use server::config::{Config, Environment};
use server::store::embedded::Sync;
use tokio::signal::unix::{SignalKind, signal};

/// An OpenID Provider for CIBA: asks people on their own phones, and proves their answers.
#[derive(Parser)]
#[command(name = "assent", version)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Makes a directory with settings, keys and an admin token, ready to be served
    Init {
        /// Where; must not hold any of these yet
        #[arg(long)]
        dir: PathBuf,
        /// The URL at which the world finds the server [default: its own address, if that is a loopback address]
        #[arg(long)]
        issuer: Option<String>,
        /// Where relying parties and phones are served
        #[arg(long, default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
        /// Where operators are served
        #[arg(long, default_value = "127.0.0.1:8081")]
        admin_listen: SocketAddr,
    },
    /// Serves until SIGTERM or SIGINT, then ends what is under way
    Serve {
        /// The settings file
        #[arg(long)]
        config: PathBuf,
        /// Prints one line of JSON with the addresses in use to the standard output
        #[arg(long)]
        print_addresses: bool,
        /// Does not bring commits to the disk
        #[arg(long, hide = true)]
        dev_no_sync: bool,
    },
    /// Says what is wrong with the settings, and where they differ from what is stored
    CheckConfig {
        /// The settings file
        #[arg(long)]
        config: PathBuf,
    },
}

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match run(CommandLine::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "assent: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Init { dir, issuer, listen, admin_listen } => {
            let settings = app::init(&Init { dir, issuer, listen, admin_listen })?;
            writeln!(io::stdout(), "Start it with: assent serve --config {}", settings.display())?;
            Ok(())
        }
        Command::Serve { config, print_addresses, dev_no_sync } => serve(&config, print_addresses, dev_no_sync),
        Command::CheckConfig { config } => {
            let remarks = tokio::runtime::Runtime::new()?.block_on(app::check(&config, &environment()))?;
            for remark in remarks {
                writeln!(io::stdout(), "warning: {remark}")?;
            }
            writeln!(io::stdout(), "{} is good", config.display())?;
            Ok(())
        }
    }
}

fn serve(config: &std::path::Path, print_addresses: bool, dev_no_sync: bool) -> Result<(), Failure> {
    let mut config = Config::load(config, &environment())?;
    log::install(&config.log);
    if dev_no_sync {
        config.store.sync = Sync::NeverForTesting;
    }
    tokio::runtime::Runtime::new()?.block_on(async {
        let app = App::open(config, Arc::new(SystemClock), Arc::new(SystemRandom)).await?;
        let listeners = app.bind().await?;
        let (public, admin) = listeners.addresses()?;
        let told_to_stop = told_to_stop()?;
        tracing::info!(%public, %admin, "listening");
        if print_addresses {
            writeln!(io::stdout(), r#"{{"public":"{public}","admin":"{admin}"}}"#)?;
        }
        let Listeners { public, admin } = listeners;
        app.serve(public, admin, told_to_stop).await;
        Ok(())
    })
}

/// Ends at the first SIGTERM or SIGINT. From the call on, neither ends the process any more.
fn told_to_stop() -> io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn environment() -> Environment {
    Environment::of(std::env::vars_os())
}
