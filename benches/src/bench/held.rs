//! Fills a server with polls that are held, each on a connection of its own, looks at what they cost, and then has some
//! decided: how soon does the client know?

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use benches::flow::{Counted, INTERVAL};
use benches::{Auth, Target, User, idle};
use clap::Args;
use protocol::messages::{Answer, Outcome};
use serde_json::json;
use tests::process::http::{Connection, Lost};
use tests::process::party::{Party, Polled};
use tests::process::{Site, now, run_binary, unix_seconds};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// Held polls, and what they cost the server.
#[derive(Args)]
pub(crate) struct Options {
    /// How many. Server and client each need a file descriptor for every one: see `ulimit -n`.
    #[arg(long, default_value_t = 10_000)]
    polls: usize,
    /// Users whom they are about, each with as many requests as it takes; a tenth of the polls if not given.
    #[arg(long)]
    users: Option<usize>,
    /// Requests that are decided while all are held.
    #[arg(long, default_value_t = 2000)]
    decisions: usize,
    /// Decisions a second.
    #[arg(long, default_value_t = 200.0)]
    rate: f64,
    /// Connections while requests are made.
    #[arg(long, default_value_t = 32)]
    workers: usize,
    /// Another binary than this workspace's, to compare with.
    #[arg(long)]
    assent: Option<PathBuf>,
}

/// A request of one of the users, and its held poll.
struct Asked {
    auth_req_id: String,
    answered: Option<oneshot::Receiver<Instant>>,
}

/// A user, and what they were asked.
struct Person {
    user: User,
    asked: VecDeque<Asked>,
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) async fn run(options: Options) -> Result<(), Lost> {
    if let Some(binary) = options.assent.clone() {
        run_binary(binary);
    }
    let site = Site::new().with("POLICY__INTERVAL", &INTERVAL.to_string());
    let server = site.serve().await;
    let target = Target::of(&server);
    let run = unix_seconds().to_string();
    let party = target.client(&run, Auth::ClientSecretBasic, &json!({ "long_poll": 25 })).await?;
    let count = options.users.unwrap_or(options.polls / 10).max(options.workers);
    let users = target.users(&run, count, options.workers).await?;
    let mut people = ask(&target, &party, users, &options).await?;
    // Every request has been polled once; the next poll is in time, and held.
    tokio::time::sleep(Duration::from_secs(INTERVAL)).await;
    let before = server.usage().resident_bytes;

    let begun = now();
    let answered = Arc::new(AtomicUsize::new(0));
    hold(&target, &party, &mut people, &answered).await?;
    idle(&server).await;
    let held = server.usage().resident_bytes;
    // None should be answered yet: nothing was decided, and the first is not over.
    let polls = options.polls - answered.load(Ordering::SeqCst);
    println!("{polls} polls held at once, {:.1} s after the first", now().duration_since(begun).as_secs_f64());
    let each = held.saturating_sub(before) as f64 / polls as f64;
    let mib = |bytes: u64| bytes as f64 / 1_048_576.0;
    println!("server: {each:.0} bytes of memory per held poll, its connection included");
    println!("server: {:.1} MiB resident, {:.1} MiB before they were held", mib(held), mib(before));

    let usage = server.usage();
    let counted = decide(&target, people, &options).await?;
    println!("{}", counted.table());
    let cpu = (server.usage().cpu_seconds - usage.cpu_seconds) / options.decisions as f64 * 1000.0;
    println!("server: {cpu:.3} CPU-seconds per 1,000 prompts, decisions and redemptions");
    Ok(())
}

/// Asks every user as often as it takes, and polls each request once.
async fn ask(target: &Target, party: &Party, users: Vec<User>, options: &Options) -> Result<Vec<Person>, Lost> {
    let count = users.len();
    let mut asking = JoinSet::new();
    let mut shares: Vec<Vec<(usize, User)>> = (0..options.workers).map(|_| Vec::new()).collect();
    for (number, user) in users.into_iter().enumerate() {
        let requests = options.polls / count + usize::from(number < options.polls % count);
        shares[number % options.workers].push((requests, user));
    }
    for share in shares {
        let (target, party) = (target.clone(), party.clone());
        asking.spawn(async move {
            let mut connection = Connection::open(target.public).await?;
            let mut people = Vec::new();
            for (requests, user) in share {
                let mut asked = VecDeque::new();
                for _ in 0..requests {
                    let begun = party.begin(&mut connection, &user.name, "Order 4711 over 12.50 EUR").await?;
                    assert_eq!(party.poll(&mut connection, &begun.auth_req_id).await?, Polled::Pending);
                    asked.push_back(Asked { auth_req_id: begun.auth_req_id, answered: None });
                }
                people.push(Person { user, asked });
            }
            Ok::<_, Lost>(people)
        });
    }
    let mut people = Vec::with_capacity(count);
    while let Some(share) = asking.join_next().await {
        people.append(&mut share.expect("a request failed")?);
    }
    Ok(people)
}

/// Polls every request once more, each on a connection of its own.
async fn hold(target: &Target, party: &Party, people: &mut [Person], answered: &Arc<AtomicUsize>) -> Result<(), Lost> {
    for asked in people.iter_mut().flat_map(|person| &mut person.asked) {
        let mut connection = Connection::open(target.public).await?;
        let (answers, answer) = oneshot::channel();
        asked.answered = Some(answer);
        let (party, id, answered) = (party.clone(), asked.auth_req_id.clone(), Arc::clone(answered));
        tokio::spawn(async move {
            let polled = party.poll(&mut connection, &id).await;
            answered.fetch_add(1, Ordering::SeqCst);
            // A poll that was answered otherwise, or lost, is missed by whoever decides its request.
            if let Ok(Polled::Tokens(_)) = polled {
                let _ = answers.send(now());
            }
        });
    }
    Ok(())
}

/// One request of each user is approved in turn, at a fixed rate.
async fn decide(target: &Target, mut people: Vec<Person>, options: &Options) -> Result<Counted, Lost> {
    let mut ticks = tokio::time::interval(Duration::from_secs_f64(1.0 / options.rate));
    let mut deciding: JoinSet<Result<(Person, Counted), Lost>> = JoinSet::new();
    let mut all = Counted::default();
    for _ in 0..options.decisions {
        ticks.tick().await;
        if people.is_empty() {
            let (person, counted) = deciding.join_next().await.expect("some are under way").expect("no panic")?;
            all.add(counted);
            people.push(person);
        }
        let mut person = people.pop().expect("one was just put there");
        let target = target.clone();
        deciding.spawn(async move {
            let mut phone = Connection::open(target.public).await?;
            let counted = approve(&mut person, &mut phone).await?;
            Ok((person, counted))
        });
    }
    while let Some(decided) = deciding.join_next().await {
        all.add(decided.expect("a decision failed")?.1);
    }
    Ok(all)
}

/// Approves the request that this user has been asked first and has not answered.
async fn approve(person: &mut Person, phone: &mut Connection) -> Result<Counted, Lost> {
    let Person { user, asked } = person;
    let mut counted = Counted::default();
    let prompts = user.phone.prompts(phone, 0).await?;
    let asked = asked.pop_front().expect("a prompt stands for a request");
    let decided = user.phone.decide(prompts.first().expect("a prompt is pending"), Answer::Approve);
    let sent = now();
    assert_eq!(user.phone.send(phone, &decided).await?, Ok(Outcome::Approved));
    let told = now();
    let knew = asked.answered.expect("it is held").await.expect("it was held until the decision");
    counted.known(knew, sent, told);
    Ok(counted)
}
