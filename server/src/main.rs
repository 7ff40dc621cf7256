//! `assent`: the command line over [`server::app`].

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use sd_notify::NotifyState;
use server::app::recover::Recovered;
use server::app::system::{SystemClock, SystemRandom};
use server::app::{self, Addresses, App, Init, Signing, log, operate};
use server::config::{Config, Environment, gluu, manual};
use server::domain::algorithm::Algorithm;
use server::domain::names::RealmId;
use server::domain::time::Clock as _;
use server::keys::{DeviceRotation, MOST_DAYS, Rotation, Terms, secret_file};
use server::outbound::web_push;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

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
    /// Writes everything the deployment holds, from the store or from the server that holds it: the back-up
    Export {
        /// The settings file
        #[arg(long)]
        config: PathBuf,
        /// Where; must not exist yet [default: the standard output]
        #[arg(long)]
        output: Option<PathBuf>,
    },
    /// Takes an export into an empty store
    Import {
        /// The settings file
        #[arg(long)]
        config: PathBuf,
        /// Also cancels what was open, as after an old back-up; an export made while serving always is
        #[arg(long)]
        recover: bool,
        /// The export
        file: PathBuf,
    },
    /// Makes an old copy of the store fit to be served: cancels what was open, refuses old refresh tokens, revokes anew
    Recover {
        /// The settings file
        #[arg(long)]
        config: PathBuf,
    },
    /// Tells what became of a request
    Explain {
        /// The settings file
        #[arg(long)]
        config: PathBuf,
        /// In which realm
        #[arg(long, default_value = "main")]
        realm: String,
        /// As the client knows it
        auth_req_id: String,
    },
    /// Verifies a receipt that came with tokens, offline, and says what it proves
    VerifyReceipt {
        /// Whose receipt: the issuer's URL
        #[arg(long)]
        issuer: String,
        /// To whom it was given
        #[arg(long)]
        client_id: String,
        /// For which request
        #[arg(long)]
        auth_req_id: String,
        /// What stands under the issuer's /receipt-keys, in a file
        #[arg(long)]
        keys: PathBuf,
        /// The token response, or its `approval_receipt` alone, in a file
        receipt: PathBuf,
    },
    /// Says what is wrong with the settings, and where they differ from what is stored
    CheckConfig {
        /// The settings file
        #[arg(long)]
        config: PathBuf,
    },
    /// Says in settings of ours what a Gluu Server or Janssen has set of CIBA; on the standard error what is not taken, and why
    ImportGluu {
        /// Its configuration: the JSON that it keeps as oxAuthConfDynamic or jansConfDyn
        file: PathBuf,
    },
    /// Prints every setting there is: docs/configuration.md
    Settings,
    /// Shows and replaces the keys that relying parties verify tokens with
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
}

#[derive(Subcommand)]
enum KeysCommand {
    /// Prints every key: which signs, which will, which did
    List {
        #[command(flatten)]
        which: WhichKeys,
    },
    /// Makes the key file the one of its store, after the one before was lost: every phone must enrol again. Stop every
    /// server first
    Adopt {
        /// The settings file
        #[arg(long)]
        config: PathBuf,
    },
    /// Makes the key under which phones subscribe to Web Push, and prints its public half
    Vapid {
        /// Where; must not exist yet
        file: PathBuf,
    },
    /// Makes the next key that signs for phones, which signs at once; phones fetch the list where they do not know it
    RotateDevice {
        /// The settings file
        #[arg(long)]
        config: PathBuf,
        /// Of one realm only
        #[arg(long)]
        realm: Option<String>,
        /// What the keys before sign is never believed again
        #[arg(long)]
        leaked: bool,
        /// With another root too, for which the one before vouches; tickets that are out are void
        #[arg(long)]
        root: bool,
        /// The list's number at least, where phones have seen a higher one
        #[arg(long, default_value_t = 0)]
        sequence: u64,
    },
    /// Writes what a device root that is kept elsewhere is to sign: the list as it is, and one key more
    RequestDevice {
        /// The settings file
        #[arg(long)]
        config: PathBuf,
        /// Of which realm
        #[arg(long, default_value = "main")]
        realm: String,
        /// What the keys before sign is never to be believed again
        #[arg(long)]
        leaked: bool,
        /// Where; must not exist yet
        #[arg(long)]
        output: PathBuf,
    },
    /// Signs what was requested, on the machine where the device root is: needs no settings and no network
    SignDevice {
        /// The root's file; made if there is none, and the root before hands over to it
        #[arg(long)]
        root: PathBuf,
        /// The root before, where that is another one and not in the server's key file
        #[arg(long)]
        old_root: Option<PathBuf>,
        /// The request
        #[arg(long)]
        request: PathBuf,
        /// Where the signed list goes; must not exist yet
        #[arg(long)]
        output: PathBuf,
        /// For how many days phones believe the new key
        #[arg(long, default_value_t = MOST_DAYS)]
        days: u32,
        /// A key that is never to be believed again, beside those of the request
        #[arg(long)]
        revoke: Vec<protocol::Digest>,
        /// The list's number at least, where phones have seen a higher one
        #[arg(long, default_value_t = 0)]
        sequence: u64,
    },
    /// Takes in a list that the device root signed. A running server notices by itself
    InstallDevice {
        /// The settings file
        #[arg(long)]
        config: PathBuf,
        /// Of which realm
        #[arg(long, default_value = "main")]
        realm: String,
        /// The signed list
        #[arg(long)]
        list: PathBuf,
    },
    /// Makes the next keys: published now, signing an hour later. A running server notices by itself
    Rotate {
        #[command(flatten)]
        which: WhichKeys,
        /// They sign at once; whoever caches the keys may refuse tokens until he fetches them again
        #[arg(long)]
        now: bool,
        /// They sign at once, and what the keys before them signed is no longer believed
        #[arg(long, conflicts_with = "now")]
        leaked: bool,
    },
}

#[derive(clap::Args)]
struct WhichKeys {
    /// The settings file
    #[arg(long)]
    config: PathBuf,
    /// Of one realm only
    #[arg(long)]
    realm: Option<String>,
    /// Of one algorithm only
    #[arg(long, value_parser = algorithm)]
    alg: Option<Algorithm>,
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
        Command::Export { config, output } => {
            block_on(operate::export_to(&config, &environment(), output.as_deref(), SystemClock.now()))
        }
        Command::Import { config, recover, file } => {
            let (imported, recovered) =
                block_on(operate::import_from(&config, &environment(), &file, recover, SystemClock.now()))?;
            writeln!(io::stdout(), "imported {} lines", imported.lines)?;
            recovered.map_or(Ok(()), |recovered| tell(&recovered))
        }
        Command::Recover { config } => {
            tell(&block_on(operate::recover_in_place(&config, &environment(), SystemClock.now()))?)
        }
        Command::Explain { config, realm, auth_req_id } => {
            let (realm, environment) = (RealmId::new(realm), environment());
            let story = operate::explain_to(&config, &environment, &realm, &auth_req_id, SystemClock.now());
            let story = block_on(story)?.ok_or("nobody knows such a request")?;
            Ok(writeln!(io::stdout(), "{}", story.join("\n"))?)
        }
        Command::CheckConfig { config } => {
            let remarks = tokio::runtime::Runtime::new()?.block_on(app::check(&config, &environment()))?;
            for remark in remarks {
                writeln!(io::stdout(), "warning: {remark}")?;
            }
            writeln!(io::stdout(), "{} is good", config.display())?;
            Ok(())
        }
        Command::VerifyReceipt { issuer, client_id, auth_req_id, keys, receipt } => {
            let claim = app::Claim {
                issuer: &issuer,
                client: &client_id,
                auth_req_id: &auth_req_id,
                keys: &keys,
                receipt: &receipt,
            };
            let lines = app::verify_receipt(&claim, SystemClock.now())?;
            Ok(writeln!(io::stdout(), "{}", lines.join("\n"))?)
        }
        Command::ImportGluu { file } => import_gluu(&file),
        Command::Settings => Ok(write!(io::stdout(), "{}", manual::render())?),
        Command::Keys { command } => keys(command),
    }
}

fn block_on<T, E: std::error::Error + 'static>(doing: impl Future<Output = Result<T, E>>) -> Result<T, Failure> {
    Ok(tokio::runtime::Runtime::new()?.block_on(doing)?)
}

fn tell(recovered: &Recovered) -> Result<(), Failure> {
    let Recovered { requests, messages, revocations } = recovered;
    let line = format!(
        "recovered: {requests} requests cancelled, {messages} messages dropped, {revocations} phones and users revoked again"
    );
    Ok(writeln!(io::stdout(), "{line}")?)
}

/// What is refused fails the command, after all that could be taken was told.
fn import_gluu(file: &std::path::Path) -> Result<(), Failure> {
    let gluu::Imported { fragment, not_taken, refused } = gluu::import(file)?;
    write!(io::stdout(), "{fragment}")?;
    for line in not_taken {
        writeln!(io::stderr(), "not taken: {line}")?;
    }
    refused.map_or(Ok(()), |why| Err(why.into()))
}

fn keys(command: KeysCommand) -> Result<(), Failure> {
    let which = |which: &WhichKeys| app::Which { realm: which.realm.clone(), algorithm: which.alg };
    let lines = match command {
        KeysCommand::List { which: keys } => app::list_keys(&keys.config, &environment(), &which(&keys))?,
        KeysCommand::Rotate { which: keys, now, leaked } => {
            let rotation = match (now, leaked) {
                (_, true) => Rotation::Leaked,
                (true, false) => Rotation::AtOnce,
                (false, false) => Rotation::Announced,
            };
            app::rotate_keys(&keys.config, &environment(), &which(&keys), rotation)?
        }
        KeysCommand::Vapid { file } => {
            let (key, public) = web_push::generate_key();
            secret_file::create(&file, &key)?;
            vec![public]
        }
        KeysCommand::RotateDevice { config, realm, leaked, root, sequence } => {
            let rotation = DeviceRotation { leaked, root, sequence };
            app::rotate_device_keys(&config, &environment(), realm, rotation)?
        }
        KeysCommand::RequestDevice { config, realm, leaked, output } => {
            app::request_device_list(&config, &environment(), &realm, leaked, &output)?
        }
        KeysCommand::SignDevice { root, old_root, request, output, days, revoke, sequence } => {
            let terms = Terms { days, revoke, sequence };
            let old_root = old_root.as_deref();
            app::sign_device_list(&Signing { root: &root, old_root, request: &request, output: &output, terms })?
        }
        KeysCommand::InstallDevice { config, realm, list } => {
            app::install_device_list(&config, &environment(), &realm, &list)?
        }
        KeysCommand::Adopt { config } => block_on(app::adopt_keys(&config, &environment()))?,
    };
    for line in lines {
        writeln!(io::stdout(), "{line}")?;
    }
    Ok(())
}

fn algorithm(name: &str) -> Result<Algorithm, String> {
    Algorithm::parse(name).ok_or_else(|| format!("no such algorithm; for example {}", Algorithm::Es256))
}

fn serve(config: &std::path::Path, print_addresses: bool, dev_no_sync: bool) -> Result<(), Failure> {
    let mut config = Config::load(config, &environment())?;
    log::install(&config.log);
    if dev_no_sync {
        config.store.never_sync();
    }
    tokio::runtime::Runtime::new()?.block_on(async {
        let app = App::open(config, Arc::new(SystemClock), Arc::new(SystemRandom)).await?;
        let listeners = app.bind().await?;
        let Addresses { public, admin, mtls } = listeners.addresses()?;
        let told_to_stop = told_to_stop()?;
        reload_when_told(app.reload())?;
        let mtls = mtls.map(|mtls| mtls.to_string());
        tracing::info!(%public, %admin, mtls, "listening");
        if print_addresses {
            let mtls = mtls.map(|mtls| format!(r#","mtls":"{mtls}""#)).unwrap_or_default();
            writeln!(io::stdout(), r#"{{"public":"{public}","admin":"{admin}"{mtls}}}"#)?;
        }
        tell_manager(&NotifyState::Ready);
        let stopping = async {
            told_to_stop.await;
            tell_manager(&NotifyState::Stopping);
        };
        app.serve(listeners, stopping).await;
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

/// The service manager, where one waits to be told (systemd: `Type=notify`).
fn tell_manager(state: &NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(std::slice::from_ref(state)) {
        tracing::warn!(%error, "the service manager was not told");
    }
}

/// SIGHUP reads certificates again. From the call on, it does not end the process any more.
fn reload_when_told(reload: watch::Sender<()>) -> io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            reload.send_replace(());
        }
    });
    Ok(())
}

fn environment() -> Environment {
    Environment::of(std::env::vars_os())
}
