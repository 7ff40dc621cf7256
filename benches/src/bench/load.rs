//! Runs whole flows against a server, as fast as they go or at a fixed rate, and says what they cost it and how long they
//! took.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use benches::flow::{Asker, Counted, INTERVAL, Lane, Mode, metadata};
use benches::notified::Notified;
use benches::{Auth, Target};
use clap::Args;
use serde_json::Value;
use simulator::decryption_key::DecryptionKey;
use tests::process::http::Lost;
use tests::process::{ISSUER, Server, Site, Usage, now, run_binary, unix_seconds};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Whole CIBA flows, and what they cost the server.
#[derive(Args)]
pub(crate) struct Options {
    /// How the client learns of the decision.
    #[arg(long, value_enum, default_value = "poll")]
    mode: Mode,
    /// How the client authenticates.
    #[arg(long, value_enum, default_value = "client_secret_basic")]
    auth: Auth,
    /// Every token request carries a DPoP proof, made anew in ES256.
    #[arg(long)]
    dpop: bool,
    /// ID tokens are encrypted, by ECDH-ES on P-256.
    #[arg(long)]
    encrypt: bool,
    /// Flows a second, begun by the clock whatever the server does; without it, as fast as the workers go.
    #[arg(long)]
    rate: Option<f64>,
    /// Flows at a time.
    #[arg(long, default_value_t = 8)]
    workers: usize,
    /// Flows in all.
    #[arg(long, default_value_t = 2000)]
    flows: usize,
    /// Flows before counting begins.
    #[arg(long, default_value_t = 200)]
    warm_up: usize,
    /// Users with a phone; a fifth of the flows if not given. At a rate, so many flows may be under way.
    #[arg(long)]
    users: Option<usize>,
    /// Another binary than this workspace's, to compare with.
    #[arg(long)]
    assent: Option<PathBuf>,
    /// The public listener of a server that runs already; without it, one is started in a temporary directory.
    #[arg(long, requires_all = ["admin", "admin_token"])]
    server: Option<SocketAddr>,
    /// That server's admin listener.
    #[arg(long)]
    admin: Option<SocketAddr>,
    /// That server's admin token.
    #[arg(long)]
    admin_token: Option<String>,
    /// That server's process id, if it runs on this machine, to read what it uses.
    #[arg(long)]
    pid: Option<u32>,
}

impl Options {
    fn metadata(&self, notified: &Notified) -> Value {
        let mut metadata = metadata(self.mode, notified);
        metadata["dpop_bound_access_tokens"] = self.dpop.into();
        if self.encrypt {
            metadata["jwks"] = DecryptionKey::on("P-256").jwks();
            metadata["id_token_encrypted_response_alg"] = "ECDH-ES".into();
            metadata["id_token_encrypted_response_enc"] = "A256GCM".into();
        }
        metadata
    }
}

pub(crate) async fn run(options: Options) -> Result<(), Lost> {
    if let Some(binary) = options.assent.clone() {
        run_binary(binary);
    }
    let own = if options.server.is_none() { Some(Own::start(options.mode).await) } else { None };
    let target = match (&own, options.server, options.admin, options.admin_token.clone()) {
        (Some(own), ..) => Target::of(&own.server),
        (None, Some(public), Some(admin), Some(token)) => Target { public, admin, token },
        _ => unreachable!("clap wants all three"),
    };
    let run = unix_seconds().to_string();
    let notified = Notified::start().await;
    let party = target.client(&run, options.auth, &options.metadata(&notified)).await?;
    let party = if options.dpop { party.proving(ISSUER) } else { party };
    let asker = Asker::new(options.mode, party, notified);
    let count = options.users.unwrap_or(options.flows / 5).max(options.workers);
    let mut lanes = Vec::with_capacity(count);
    for user in target.users(&run, count, options.workers).await? {
        lanes.push(Lane::open(user, target.public).await?);
    }
    println!("{:?}, {:?}: {count} users with a phone each", options.mode, options.auth);

    let (lanes, _) = drive(&options, &asker, lanes, options.warm_up).await?;
    let pid = own.as_ref().map(|own| own.server.pid()).or(options.pid);
    let before = pid.map(Usage::of);
    let begun = now();
    let (_, counted) = drive(&options, &asker, lanes, options.flows).await?;
    let seconds = now().duration_since(begun).as_secs_f64();
    println!("{}", counted.table());
    report(options.flows, seconds, before, pid.map(Usage::of));
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn report(flows: usize, seconds: f64, before: Option<Usage>, after: Option<Usage>) {
    println!("{flows} flows in {seconds:.2} s: {:.0} flows/s", flows as f64 / seconds);
    if let (Some(before), Some(after)) = (before, after) {
        let cpu = (after.cpu_seconds - before.cpu_seconds) / flows as f64 * 1000.0;
        println!("server: {cpu:.3} CPU-seconds per 1,000 flows (target for poll, client_secret_basic: at most 0.45)");
        println!("server: {:.1} MiB resident", after.resident_bytes as f64 / 1_048_576.0);
    }
}

/// A server of our own, as it is shipped: release build, embedded store, every commit durable.
struct Own {
    server: Server,
    _site: Site,
}

impl Own {
    async fn start(mode: Mode) -> Self {
        let site = match mode {
            Mode::Poll => Site::new(),
            Mode::Ping => Site::new().with("OUTBOUND__ALLOWED_NETWORKS", "127.0.0.0/8"),
            Mode::LongPoll => Site::new().with("POLICY__INTERVAL", &INTERVAL.to_string()),
        };
        Self { server: site.serve().await, _site: site }
    }
}

/// Runs this many flows; gives the lanes back.
async fn drive(options: &Options, asker: &Asker, lanes: Vec<Lane>, flows: usize) -> Result<(Vec<Lane>, Counted), Lost> {
    match options.rate {
        Some(rate) => at_a_rate(rate, asker, lanes, flows).await,
        None => by_workers(options.workers, asker, lanes, flows).await,
    }
}

/// Each worker begins a flow when its last one is done.
async fn by_workers(
    workers: usize,
    asker: &Asker,
    mut lanes: Vec<Lane>,
    flows: usize,
) -> Result<(Vec<Lane>, Counted), Lost> {
    let mut working = Vec::new();
    for worker in 0..workers {
        let share = flows / workers + usize::from(worker < flows % workers);
        let mut theirs = lanes.split_off(lanes.len() - lanes.len() / (workers - worker));
        let asker = asker.clone();
        working.push(tokio::spawn(async move {
            let (mut counted, count) = (Counted::default(), theirs.len());
            for number in 0..share {
                asker.flow(&mut theirs[number % count], &mut counted).await?;
            }
            Ok::<_, Lost>((theirs, counted))
        }));
    }
    let mut all = Counted::default();
    for worker in working {
        let (mut theirs, counted) = worker.await.expect("a flow failed")?;
        lanes.append(&mut theirs);
        all.add(counted);
    }
    Ok((lanes, all))
}

/// Flows begin by the clock, on whichever lane has been free for longest.
async fn at_a_rate(rate: f64, asker: &Asker, lanes: Vec<Lane>, flows: usize) -> Result<(Vec<Lane>, Counted), Lost> {
    let count = lanes.len();
    let (frees, mut free) = mpsc::channel(count);
    for lane in lanes {
        frees.try_send(lane).expect("there is room for all");
    }
    let mut ticks = tokio::time::interval(Duration::from_secs_f64(1.0 / rate));
    let mut running = JoinSet::new();
    for _ in 0..flows {
        ticks.tick().await;
        let mut lane = free.recv().await.expect("we hold a sender");
        let (asker, frees) = (asker.clone(), frees.clone());
        running.spawn(async move {
            let mut counted = Counted::default();
            asker.flow(&mut lane, &mut counted).await?;
            frees.try_send(lane).expect("there is room for all");
            Ok::<_, Lost>(counted)
        });
    }
    let mut all = Counted::default();
    while let Some(flow) = running.join_next().await {
        all.add(flow.expect("a flow failed")?);
    }
    let mut lanes = Vec::with_capacity(count);
    while let Ok(lane) = free.try_recv() {
        lanes.push(lane);
    }
    Ok((lanes, all))
}
