//! Fills a server with requests that nobody answers, and looks at what they cost: memory, disk, and how long a poll takes
//! among them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use benches::{Auth, Target, Times, User};
use clap::Args;
use tests::process::http::{Connection, Lost};
use tests::process::party::{Party, Polled};
use tests::process::{Site, now, run_binary, unix_seconds};

/// Pending requests, and what they cost the server.
#[derive(Args)]
pub(crate) struct Options {
    /// How many.
    #[arg(long, default_value_t = 100_000)]
    requests: usize,
    /// Users whom they are about; a hundredth of the requests if not given.
    #[arg(long)]
    users: Option<usize>,
    /// Requests at a time, each worker with one connection.
    #[arg(long, default_value_t = 32)]
    workers: usize,
    /// Polls to be timed at the end, spread over all requests.
    #[arg(long, default_value_t = 5000)]
    polls: usize,
    /// Another binary than this workspace's, to compare with.
    #[arg(long)]
    assent: Option<PathBuf>,
    /// Seconds to wait before memory is read.
    #[arg(long, default_value_t = 5)]
    idle: u64,
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) async fn run(options: Options) -> Result<(), Lost> {
    if let Some(binary) = options.assent.clone() {
        run_binary(binary);
    }
    let site = Site::new();
    let server = site.serve().await;
    let target = Target::of(&server);
    let run = unix_seconds().to_string();
    let client = target.client(&run, Auth::ClientSecretBasic, &serde_json::json!({})).await?;
    let count = options.users.unwrap_or(options.requests / 100).max(options.workers);
    let users = target.users(&run, count, options.workers).await?;
    println!("{count} users with a phone each, {} workers", options.workers);

    // A first request for every user brings whatever is kept for each of them into memory.
    let _ = fill(&target, &client, &users, options.workers, count).await?;
    idle(&options).await;
    let (before, disk_before) = (server.usage(), disk(&site.store()));
    let begun = now();
    let (requests, times) = fill(&target, &client, &users, options.workers, options.requests).await?;
    let seconds = now().duration_since(begun).as_secs_f64();
    println!("{} requests in {seconds:.1} s: {:.0} a second", requests.len(), requests.len() as f64 / seconds);
    idle(&options).await;
    let (after, disk_after) = (server.usage(), disk(&site.store()));

    let polled = poll(&target, &client, &requests, options.polls).await?;
    println!("{}", Times::heading());
    println!("{}", times.line("POST /backchannel/authenticate"));
    println!("{}", polled.line("POST /token (pending)"));
    let per_request = |before: u64, after: u64| after.saturating_sub(before) as f64 / requests.len() as f64;
    let memory = per_request(before.resident_bytes, after.resident_bytes);
    let mib = |bytes: u64| bytes as f64 / 1_048_576.0;
    println!("server: {memory:.0} bytes of memory per pending request (target: at most 2,048 at 100,000)");
    println!("server: {:.1} MiB resident, {:.1} MiB before", mib(after.resident_bytes), mib(before.resident_bytes));
    let (all, each) = (mib(disk_after), per_request(disk_before, disk_after));
    println!("server: {all:.1} MiB on disk, {each:.0} bytes per pending request");
    let polled = server.usage().resident_bytes;
    println!("server: {:.1} MiB resident after the polls", mib(polled));
    Ok(())
}

async fn idle(options: &Options) {
    tokio::time::sleep(Duration::from_secs(options.idle)).await;
}

/// Posts this many requests, about the users in turn.
async fn fill(
    target: &Target,
    client: &Party,
    users: &[User],
    workers: usize,
    requests: usize,
) -> Result<(Vec<String>, Times), Lost> {
    let mut filling = Vec::new();
    for worker in 0..workers {
        let (mut connection, client) = (Connection::open(target.public).await?, client.clone());
        let numbers = (worker..requests).step_by(workers);
        let names: Vec<String> = numbers.map(|number| users[number % users.len()].name.clone()).collect();
        filling.push(tokio::spawn(async move {
            let (mut begun, mut times) = (Vec::with_capacity(names.len()), Times::default());
            for name in names {
                let request = times.of(client.begin(&mut connection, &name, "Order 4711 over 12.50 EUR")).await?;
                begun.push(request.auth_req_id);
            }
            Ok::<_, Lost>((begun, times))
        }));
    }
    let (mut all, mut times) = (Vec::with_capacity(requests), Times::default());
    for worker in filling {
        let (mut begun, theirs) = worker.await.expect("a request failed")?;
        all.append(&mut begun);
        times.add(theirs);
    }
    Ok((all, times))
}

/// Polls requests from all over the store, one at a time.
async fn poll(target: &Target, client: &Party, requests: &[String], polls: usize) -> Result<Times, Lost> {
    let mut connection = Connection::open(target.public).await?;
    let mut times = Times::default();
    for request in requests.iter().step_by((requests.len() / polls.max(1)).max(1)) {
        let polled = times.of(client.poll(&mut connection, request)).await?;
        assert_eq!(polled, Polled::Pending);
    }
    Ok(times)
}

/// The size of all files of a directory, in bytes.
fn disk(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).expect("the store is a directory");
    entries
        .filter_map(Result::ok)
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => disk(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0, // removed in between
        })
        .sum()
}
