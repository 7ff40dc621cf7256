//! Runs whole flows against a server: request, one pending poll, the phone finds its prompt and approves it with its
//! `verified` key, redemption. Every call is proven and signed as by a real phone, over one kept connection a worker.
#![expect(clippy::print_stdout, reason = "the figures are what this program is for")]

use std::net::SocketAddr;
use std::path::PathBuf;

use benches::{Target, Times, User};
use clap::Parser;
use protocol::messages::{Answer, Outcome};
use tests::process::http::{Connection, Lost};
use tests::process::party::{Party, Polled};
use tests::process::{Server, Site, Usage, now, run_binary, unix_seconds};

/// Whole CIBA flows, and what they cost the server.
#[derive(Parser)]
struct Options {
    /// Flows at a time, each worker with one connection.
    #[arg(long, default_value_t = 8)]
    workers: usize,
    /// Flows in all.
    #[arg(long, default_value_t = 2000)]
    flows: usize,
    /// Flows before counting begins.
    #[arg(long, default_value_t = 200)]
    warm_up: usize,
    /// Users with a phone; a fifth of the flows if not given.
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

/// What is counted, by endpoint.
#[derive(Default)]
struct Counted {
    begin: Times,
    pending: Times,
    prompts: Times,
    decision: Times,
    redeem: Times,
}

impl Counted {
    fn add(&mut self, other: Self) {
        self.begin.add(other.begin);
        self.pending.add(other.pending);
        self.prompts.add(other.prompts);
        self.decision.add(other.decision);
        self.redeem.add(other.redeem);
    }

    fn print(&self) {
        println!("{}", Times::heading());
        for (name, times) in [
            ("POST /backchannel/authenticate", &self.begin),
            ("POST /token (pending)", &self.pending),
            ("GET  /device/v1/prompts", &self.prompts),
            ("POST /device/v1/prompts/…/decision", &self.decision),
            ("POST /token (redemption)", &self.redeem),
        ] {
            println!("{}", times.line(name));
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Lost> {
    let options = Options::parse();
    if let Some(binary) = options.assent.clone() {
        run_binary(binary);
    }
    let own = if options.server.is_none() { Some(Own::start().await) } else { None };
    let target = match (&own, options.server, options.admin, options.admin_token.clone()) {
        (Some(own), ..) => Target::of(&own.server),
        (None, Some(public), Some(admin), Some(token)) => Target { public, admin, token },
        _ => unreachable!("clap wants all three"),
    };
    let run = unix_seconds().to_string();
    let client = target.client(&run).await?;
    let count = options.users.unwrap_or(options.flows / 5).max(options.workers);
    let users = target.users(&run, count, options.workers).await?;
    println!("{count} users with a phone each, {} workers", options.workers);

    let (users, _) = drive(&target, &client, users, options.workers, options.warm_up).await?;
    let pid = own.as_ref().map(|own| own.server.pid()).or(options.pid);
    let before = pid.map(Usage::of);
    let begun = now();
    let (_, counted) = drive(&target, &client, users, options.workers, options.flows).await?;
    let seconds = now().duration_since(begun).as_secs_f64();
    counted.print();
    report(options.flows, seconds, before, pid.map(Usage::of));
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn report(flows: usize, seconds: f64, before: Option<Usage>, after: Option<Usage>) {
    println!("{flows} flows in {seconds:.2} s: {:.0} flows/s", flows as f64 / seconds);
    if let (Some(before), Some(after)) = (before, after) {
        let cpu = (after.cpu_seconds - before.cpu_seconds) / flows as f64 * 1000.0;
        println!("server: {cpu:.3} CPU-seconds per 1,000 flows (target: at most 0.6)");
        println!("server: {:.1} MiB resident", after.resident_bytes as f64 / 1_048_576.0);
    }
}

/// A server of our own, as it is shipped: release build, embedded store, every commit durable.
struct Own {
    server: Server,
    _site: Site,
}

impl Own {
    async fn start() -> Self {
        let site = Site::new();
        Self { server: site.serve().await, _site: site }
    }
}

/// Runs this many flows; gives the users back.
async fn drive(
    target: &Target,
    client: &Party,
    mut users: Vec<User>,
    workers: usize,
    flows: usize,
) -> Result<(Vec<User>, Counted), Lost> {
    let mut working = Vec::new();
    for worker in 0..workers {
        let share = flows / workers + usize::from(worker < flows % workers);
        let theirs = users.split_off(users.len() - users.len() / (workers - worker));
        let (connection, client) = (Connection::open(target.public).await?, client.clone());
        working.push(tokio::spawn(work(connection, client, theirs, share)));
    }
    let mut all = Counted::default();
    for worker in working {
        let (mut theirs, counted) = worker.await.expect("a flow failed")?;
        users.append(&mut theirs);
        all.add(counted);
    }
    Ok((users, all))
}

async fn work(
    mut connection: Connection,
    client: Party,
    mut users: Vec<User>,
    flows: usize,
) -> Result<(Vec<User>, Counted), Lost> {
    let mut counted = Counted::default();
    let count = users.len();
    for number in 0..flows {
        flow(&mut connection, &client, &mut users[number % count], &mut counted).await?;
    }
    Ok((users, counted))
}

/// One flow from the first request to the tokens. Anything but the expected answer ends the program.
async fn flow(connection: &mut Connection, client: &Party, user: &mut User, counted: &mut Counted) -> Result<(), Lost> {
    let begun = counted.begin.of(client.begin(connection, &user.name, "Order 4711 over 12.50 EUR")).await?;
    let polled = counted.pending.of(client.poll(connection, &begun.auth_req_id)).await?;
    assert_eq!(polled, Polled::Pending);
    let prompts = counted.prompts.of(user.phone.prompts(connection, 0)).await?;
    let [prompt] = &prompts[..] else { panic!("one prompt is pending, not {}", prompts.len()) };
    let decided = user.phone.decide(prompt, Answer::Approve);
    let outcome = counted.decision.of(user.phone.send(connection, &decided)).await?;
    assert_eq!(outcome, Ok(Outcome::Approved));
    let redeemed = counted.redeem.of(client.poll(connection, &begun.auth_req_id)).await?;
    assert!(matches!(redeemed, Polled::Tokens(_)), "{redeemed:?}");
    Ok(())
}
