//! Real processes on one PostgreSQL: several that start at the same moment, logins that wander from one to the other,
//! `kill -9` under load, and deployments that move between the embedded store and the database, and back.

use std::sync::Arc;
use std::time::Duration;

use protocol::messages::{Answer, Outcome, PushTarget};
use serde_json::{Value, json};
use simulator::relying_party::CIBA_GRANT;
use tests::postgres::{Bystander, Database};
use tests::process::http::{Call, Lost};
use tests::process::load::{Chance, Tally, Ways, Worker, redeemed};
use tests::process::party::{Party, Polled, Tokens};
use tests::process::phone::Phone;
use tests::process::{Server, Site, now, say};

const KILLS: u32 = 8;
const WORKERS: usize = 4;

/// What the servers ask clients to wait between two polls, and a little more.
const INTERVAL: Duration = Duration::from_millis(1_200);

const OTHER_KEYS: &str = "these are not the keys that realm main of this store was begun with";

/// So many nodes of one deployment: one database, one key file, a directory for each.
async fn sites(count: usize) -> (Database, Vec<Arc<Site>>) {
    let database = Database::new().await;
    let site = || Site::new().in_database(&database).with("POLICY__INTERVAL", "1");
    let first = site();
    let others: Vec<_> = (1..count).map(|_| site().with_keys_of(&first)).collect();
    (database, std::iter::once(first).chain(others).map(Arc::new).collect())
}

/// All at the same moment; what each came to.
async fn start(sites: &[Arc<Site>]) -> Vec<Result<Server, String>> {
    let starting: Vec<_> =
        sites.iter().map(Arc::clone).map(|site| tokio::spawn(async move { site.try_serve().await })).collect();
    let mut started = Vec::new();
    for server in starting {
        started.push(server.await.expect("no panic"));
    }
    started
}

async fn nodes() -> (Database, Vec<Arc<Site>>, [Server; 2]) {
    let (database, sites) = sites(2).await;
    let [one, other] = start(&sites).await.try_into().ok().expect("two were started");
    (database, sites, [one.expect("it serves"), other.expect("it serves")])
}

async fn get(server: &Server, path: &str) -> Result<Value, Lost> {
    Ok(server.connect().await?.send(Call::get(path)).await?.expect_status(200).json())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 6)]
async fn five_that_start_at_once_on_an_empty_database_serve_one_realm_with_the_same_keys() -> Result<(), Lost> {
    let (database, sites) = sites(5).await;
    let mut servers = Vec::new();
    for started in start(&sites).await {
        servers.push(started.unwrap_or_else(|said| panic!("{said}")));
    }
    let party = servers[0].operator().await?.create_client("shop").await?;
    servers[1].operator().await?.create_user("1001").await?;
    let keys = get(&servers[0], "/jwks").await?;
    for server in &servers {
        assert_eq!(get(server, "/jwks").await?, keys);
        assert_eq!(party.may_ask(&mut server.connect().await?, "1001").await?.0, 403, "the user has no phone");
    }
    let mut looker = Bystander::at(&database).await;
    assert_eq!(looker.number("SELECT count(*) FROM record WHERE kind = 'realm'").await, 1);
    assert_eq!(looker.number("SELECT count(*) FROM audit WHERE event LIKE '%realm_created%'").await, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_with_different_keys_that_start_at_once_one_serves_and_one_says_why_not() -> Result<(), Lost> {
    let database = Database::new().await;
    let sites = [Site::new(), Site::new()].map(|site| Arc::new(site.in_database(&database)));
    let mut started = start(&sites).await;
    started.sort_by_key(Result::is_err);
    let [serving, refused] = started.try_into().ok().expect("two were started");
    let (serving, refused) = (serving.expect("one serves"), refused.err().expect("and the other does not"));
    assert!(refused.contains(OTHER_KEYS), "{refused}");
    assert!(get(&serving, "/jwks").await?["keys"].is_array());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_with_other_keys_is_refused_until_an_operator_says_that_the_old_ones_are_lost() -> Result<(), Lost> {
    let database = Database::new().await;
    let (ours, others) = (Site::new().in_database(&database), Site::new().in_database(&database));
    let mut serving = ours.serve().await;
    for refused in [others.serve_in_vain(), others.run("check-config", &[])] {
        assert!(!refused.0.success() && refused.1.contains(OTHER_KEYS), "{}", refused.1);
    }
    assert!(ours.run("check-config", &[]).0.success());
    serving.operator().await?.create_user("1001").await?; // it is not disturbed
    assert!(serving.terminate().success());

    let (status, said) = others.run("keys adopt", &[]);
    assert!(status.success() && said.contains("main"), "{said}");
    let _serving = others.serve().await;
    let (_, said) = ours.serve_in_vain();
    assert!(said.contains(OTHER_KEYS), "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_wanders_between_two_processes() -> Result<(), Lost> {
    let (_database, _sites, [one, other]) = nodes().await;
    let mut operator = one.operator().await?;
    operator.create_user("1001").await?;
    let party = operator.create_client_with("shop", &json!({ "long_poll": 25 })).await?;
    let (mut here, mut there) = (one.connect().await?, other.connect().await?);
    let mut phone = Phone::enrol(&mut other.operator().await?, &mut there, "1001", PushTarget::None).await?;
    for held_here in [true, false, true] {
        let begun = party.begin(&mut here, "1001", "Order 4711").await?;
        let start = now();
        let mut holding = if held_here { one.connect().await? } else { other.connect().await? };
        assert_eq!(party.poll(&mut holding, &begun.auth_req_id).await?, Polled::Pending);
        // As every client must, before it polls again; only then is a poll held.
        tokio::time::sleep(INTERVAL).await;
        let (shop, asked) = (party.clone(), begun.auth_req_id.clone());
        let held = tokio::spawn(async move { shop.poll(&mut holding, &asked).await });
        let prompt = phone.prompts(&mut there, 20).await?.remove(0);
        let decided = phone.decide(&prompt, Answer::Approve);
        assert_eq!(phone.send(&mut there, &decided).await?, Ok(Outcome::Approved));
        let polled = held.await.expect("no panic")?;
        assert!(matches!(polled, Polled::Tokens(_)), "{polled:?}");
        assert!(now().duration_since(start) < Duration::from_secs(20), "it was not held to its end");
        for way in [&mut here, &mut there] {
            let again = party.poll(way, &begun.auth_req_id).await?;
            assert_eq!(again, Polled::Refused("invalid_grant".to_owned()));
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_waits_at_one_process_hears_of_a_request_at_the_other() -> Result<(), Lost> {
    let (_database, _sites, [one, other]) = nodes().await;
    let mut operator = one.operator().await?;
    operator.create_user("1001").await?;
    let party = operator.create_client("shop").await?;
    let (mut here, mut there) = (one.connect().await?, other.connect().await?);
    let mut phone = Phone::enrol(&mut operator, &mut here, "1001", PushTarget::None).await?;
    let start = now();
    let waiting = tokio::spawn(async move { phone.prompts(&mut there, 25).await });
    party.begin(&mut here, "1001", "Order 4711").await?;
    assert_eq!(waiting.await.expect("no panic")?.len(), 1);
    assert!(now().duration_since(start) < Duration::from_secs(20), "it did not wait to its end");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_acknowledged_survives_kill_9_of_either_process_and_no_request_gets_tokens_twice() -> Result<(), Lost>
{
    let seed = 20_261_128;
    say(&format!("seed {seed}"));
    let mut chance = Chance(seed);
    let (_database, sites, mut servers) = nodes().await;
    let party = servers[0].operator().await?.create_client("shop").await?;
    let mut workers = Vec::new();
    for number in 0..WORKERS {
        workers.push(Worker::enrol(&servers[number % 2], number).await?);
    }
    let mut tally = Tally::default();
    for kill in 0..KILLS {
        let known: Vec<usize> = workers.iter().map(Worker::known).collect();
        let mut working = Vec::new();
        for worker in workers.drain(..) {
            working.push(worker.work(Ways::to(&[&servers[0], &servers[1]]).await?, party.clone()));
        }
        tokio::time::sleep(Duration::from_millis(20 + chance.below(400))).await;
        // One of them, the other, or both.
        let dying = match kill % 3 {
            0 => vec![0],
            1 => vec![1],
            _ => vec![0, 1],
        };
        for node in &dying {
            servers[*node].kill();
        }
        for worker in working {
            workers.push(worker.await.expect("nothing unexpected was answered"));
        }
        for node in dying {
            servers[node] = sites[node].serve().await;
        }
        let redeemed = redeemed(&mut servers[0].operator().await?).await?;
        let mut ways = Ways::to(&[&servers[0], &servers[1]]).await?;
        for (worker, known) in workers.iter_mut().zip(known) {
            worker.look_again(known, &mut ways, &party, &redeemed, &mut tally).await?;
        }
    }
    let mut ways = Ways::to(&[&servers[0], &servers[1]]).await?;
    for worker in &workers {
        worker.look_last(&mut ways, &party).await?;
    }
    say(&format!("{KILLS} kills under load; acknowledged and found: {tally:?}"));
    let least = KILLS as usize;
    assert!(tally.requests > least && tally.approvals > least && tally.redemptions > least, "{tally:?}");
    Ok(())
}

/// Two users with a phone each, a client, and what happened between them.
struct Before {
    party: Party,
    phone: Phone,
    lost_phone: Phone,
    pending: String,
    tokens: Tokens,
}

impl Before {
    async fn at(server: &Server) -> Result<Self, Lost> {
        let mut operator = server.operator().await?;
        let mut connection = server.connect().await?;
        let metadata = json!({ "grant_types": [CIBA_GRANT, "refresh_token"] });
        let party = operator.create_client_with("shop", &metadata).await?;
        operator.create_user("1001").await?;
        operator.create_user("1002").await?;
        let mut phone = Phone::enrol(&mut operator, &mut connection, "1001", PushTarget::None).await?;
        let lost_phone = Phone::enrol(&mut operator, &mut connection, "1002", PushTarget::None).await?;
        let tokens = login(server, &party, &mut phone).await?;
        let pending = party.begin(&mut connection, "1001", "Order 4712").await?.auth_req_id;
        Ok(Self { party, phone, lost_phone, pending, tokens })
    }

    /// What an operator does after the back-up was made.
    async fn revoke(&self, server: &Server) -> Result<(), Lost> {
        let path = format!("/devices/{}/revoke", self.lost_phone.id());
        let reply = server.operator().await?.post(&path, &json!({})).await?;
        assert!(reply.status < 300, "{}", reply.status);
        Ok(())
    }

    /// At a server that was set up from the back-up.
    async fn holds_at(&mut self, server: &Server) -> Result<(), Lost> {
        let mut connection = server.connect().await?;
        assert_eq!(self.lost_phone.is_answered(&mut connection).await?, 401, "it was revoked after the back-up");
        let refused = |why: &str| Polled::Refused(why.to_owned());
        assert_eq!(self.party.poll(&mut connection, &self.pending).await?, refused("access_denied"));
        let token = self.tokens.refresh_token.as_deref().expect("it may refresh");
        assert_eq!(self.party.refresh(&mut connection, token).await?, refused("invalid_grant"));
        self.tokens = login(server, &self.party, &mut self.phone).await?;
        let token = self.tokens.refresh_token.clone().expect("it may refresh");
        let Polled::Tokens(refreshed) = self.party.refresh(&mut connection, &token).await? else {
            panic!("a token of after the recovery")
        };
        self.tokens = refreshed;
        self.pending = self.party.begin(&mut connection, "1001", "Order 4713").await?.auth_req_id;
        Ok(())
    }
}

async fn login(server: &Server, party: &Party, phone: &mut Phone) -> Result<Tokens, Lost> {
    let mut connection = server.connect().await?;
    let begun = party.begin(&mut connection, "1001", "Order 4711").await?;
    let digest = protocol::digest::request_digest(&begun.auth_req_id);
    let prompts = phone.prompts(&mut connection, 0).await?;
    let prompt = prompts.into_iter().find(|prompt| phone.open(prompt).req == digest).expect("the prompt is there");
    let decided = phone.decide(&prompt, Answer::Approve);
    assert_eq!(phone.send(&mut connection, &decided).await?, Ok(Outcome::Approved));
    match party.poll(&mut connection, &begun.auth_req_id).await? {
        Polled::Tokens(tokens) => Ok(tokens),
        other => panic!("{other:?}"),
    }
}

/// Moves a deployment: exported while it serves, revocations after that, an end by `kill -9`, imported elsewhere.
async fn moved(before: &mut Before, from: &Site, mut server: Server, to: &Site) -> Result<Server, Lost> {
    let back_up = to.path("back-up.jsonl");
    let back_up = back_up.to_str().expect("UTF-8");
    let (status, said) = from.run_beside(&server, "export", &["--output", back_up]);
    assert!(status.success(), "{said}");
    before.revoke(&server).await?;
    server.kill();
    let (status, said) = to.run("import", &[back_up]);
    assert!(status.success() && said.contains("recovered: 1 requests cancelled"), "{said}");
    assert!(said.contains("1 phones and users revoked again"), "{said}");
    let server = to.serve().await;
    before.holds_at(&server).await?;
    Ok(server)
}

/// With the keys, and the journal, of another.
fn in_place_of(site: Site, other: &Site) -> Site {
    site.with_keys_of(other).with("STORE__JOURNAL", &other.journal().display().to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_moves_from_the_embedded_store_to_postgres_and_back_while_it_serves() -> Result<(), Lost> {
    let first = Site::new();
    let server = first.serve().await;
    let mut before = Before::at(&server).await?;
    let second = in_place_of(Site::new().in_database(&Database::new().await), &first);
    let server = moved(&mut before, &first, server, &second).await?;
    // Another phone of the user whose first one is gone, to lose that one too.
    let mut operator = server.operator().await?;
    before.lost_phone = Phone::enrol(&mut operator, &mut server.connect().await?, "1002", PushTarget::None).await?;
    let third = in_place_of(Site::new(), &first);
    let server = moved(&mut before, &second, server, &third).await?;
    let (status, said) = third.run_beside(&server, "export", &[]);
    assert!(status.success() && said.contains("\"serving\":true"), "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_exported_under_other_keys_is_not_served() {
    let first = Site::new();
    let server = first.serve().await;
    let second = Site::new().in_database(&Database::new().await);
    let back_up = second.path("back-up.jsonl");
    let back_up = back_up.to_str().expect("UTF-8");
    assert!(first.run_beside(&server, "export", &["--output", back_up]).0.success());
    let (status, said) = second.run("import", &[back_up]);
    assert!(status.success(), "{said}");
    let (status, said) = second.serve_in_vain();
    assert!(!status.success() && said.contains(OTHER_KEYS), "{said}");
}
