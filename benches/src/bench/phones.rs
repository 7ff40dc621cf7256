//! Has many phones wait for their next prompt, each on a connection of its own, looks at what they cost, and then asks some
//! of their users: how soon does the phone know?

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use benches::{Auth, Target, Times, User, idle};
use clap::Args;
use protocol::endpoints::MAX_WAIT_SECONDS;
use serde_json::json;
use tests::process::http::{Connection, Lost};
use tests::process::{Site, now, run_binary, unix_seconds};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// Phones that wait, and what they cost the server.
#[derive(Args)]
pub(crate) struct Options {
    /// How many, each of a user of its own. Server and driver each need a file descriptor for every one: see `ulimit -n`.
    #[arg(long, default_value_t = 10_000)]
    phones: usize,
    /// Requests that are made while all wait, each about another user.
    #[arg(long, default_value_t = 2000)]
    requests: usize,
    /// Requests a second.
    #[arg(long, default_value_t = 200.0)]
    rate: f64,
    /// Connections while users enrol.
    #[arg(long, default_value_t = 32)]
    workers: usize,
    /// Another binary than this workspace's, to compare with.
    #[arg(long)]
    assent: Option<PathBuf>,
}

/// Somebody whose phone waits, and when it had its prompt.
struct Person {
    name: String,
    prompted: oneshot::Receiver<Instant>,
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) async fn run(options: Options) -> Result<(), Lost> {
    if let Some(binary) = options.assent.clone() {
        run_binary(binary);
    }
    assert!(options.requests <= options.phones, "each request is about another user");
    let server = Site::new().serve().await;
    let target = Target::of(&server);
    let run = unix_seconds().to_string();
    let party = target.client(&run, Auth::ClientSecretBasic, &json!({})).await?;
    let users = target.users(&run, options.phones, options.workers.min(options.phones)).await?;
    idle(&server).await;
    let before = server.usage().resident_bytes;

    let (begun, lost) = (now(), Arc::new(AtomicUsize::new(0)));
    let people = wait(&target, users, &lost).await?;
    idle(&server).await;
    let waiting = server.usage().resident_bytes;
    println!("{} phones wait, {:.1} s after the first", options.phones, now().duration_since(begun).as_secs_f64());
    let each = waiting.saturating_sub(before) as f64 / options.phones as f64;
    let mib = |bytes: u64| bytes as f64 / 1_048_576.0;
    println!("server: {each:.0} bytes of memory per waiting phone, its connection included");
    println!("server: {:.1} MiB resident, {:.1} MiB before they waited", mib(waiting), mib(before));

    let mut ticks = tokio::time::interval(Duration::from_secs_f64(1.0 / options.rate));
    let mut asking: JoinSet<Result<[Duration; 2], Lost>> = JoinSet::new();
    for person in people.into_iter().take(options.requests) {
        ticks.tick().await;
        let (target, party) = (target.clone(), party.clone());
        asking.spawn(async move {
            let mut connection = Connection::open(target.public).await?;
            let sent = now();
            party.begin(&mut connection, &person.name, "Order 4711 over 12.50 EUR").await?;
            let accepted = now();
            let knew = person.prompted.await.expect("the phone waits until it has its prompt");
            Ok([knew.duration_since(sent), knew.saturating_duration_since(accepted)])
        });
    }
    let [mut since_sent, mut since_accepted] = [Times::default(), Times::default()];
    while let Some(asked) = asking.join_next().await {
        let [sent, accepted] = asked.expect("a request failed")?;
        since_sent.note(sent);
        since_accepted.note(accepted);
    }
    println!("{}", Times::heading());
    println!("{}", since_sent.line("request sent → phone has its prompt"));
    println!("{}", since_accepted.line("request accepted → phone has it"));
    assert_eq!(lost.load(Ordering::SeqCst), 0, "a waiting phone lost its connection");
    Ok(())
}

/// Each phone asks for its prompts on a connection of its own, again whenever there was none, until there is one.
async fn wait(target: &Target, users: Vec<User>, lost: &Arc<AtomicUsize>) -> Result<Vec<Person>, Lost> {
    let mut people = Vec::with_capacity(users.len());
    for User { name, mut phone } in users {
        let mut connection = Connection::open(target.public).await?;
        let (prompted, knows) = oneshot::channel();
        let lost = Arc::clone(lost);
        tokio::spawn(async move {
            loop {
                match phone.prompts(&mut connection, MAX_WAIT_SECONDS).await {
                    Ok(prompts) if prompts.is_empty() => {}
                    // The run may be over by now.
                    Ok(_) => return prompted.send(now()).unwrap_or_default(),
                    Err(_) if prompted.is_closed() => return,
                    Err(_) => {
                        lost.fetch_add(1, Ordering::SeqCst);
                        return;
                    }
                }
            }
        });
        people.push(Person { name, prompted: knows });
    }
    Ok(people)
}
