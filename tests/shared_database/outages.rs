//! A database whose connections are cut again and again while two servers work on it: every answer is right or an honest
//! 503, nothing acknowledged is lost, and no request gets tokens twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use simulator::relying_party::RelyingParty;
use simulator::wire::Answer;
use tests::postgres::{Bystander, Database};
use tests::{Kind, World, a_request};
use tokio::task::JoinSet;

use crate::{approve, within};

const ALL_WRITES: &str = "BEGIN; LOCK TABLE record IN SHARE MODE";

/// What an answer is worth: nothing if it is the honest 503.
fn told(answer: &Answer) -> Option<String> {
    if answer.status == 503 {
        assert_eq!(
            (answer.in_short().as_str(), answer.header("retry-after")),
            ("503 temporarily_unavailable", Some("1"))
        );
        return None;
    }
    Some(answer.in_short())
}

async fn world() -> World {
    let unlimited = |policy: &mut server::domain::policy::Policy| policy.prompt_limits = false;
    World::builder().on(Kind::Postgres).policy(unlimited).make().await
}

#[tokio::test]
async fn a_request_whose_connection_is_cut_is_answered_503_and_was_not_made() {
    let world = world().await;
    let (shop, phone) = (world.shop().await, world.phone("1001").await);
    let before = a_request().accepted(&shop).await;
    let mut other = Bystander::at(world.database()).await;
    other.run(ALL_WRITES).await;
    let sending = tokio::spawn({
        let shop = shop.clone();
        async move { a_request().sent(&shop).await }
    });
    let backend = within(other.is_waited_for(1)).await[0];
    other.cut(&[backend]).await;
    let answer = within(sending).await.expect("no panic");
    assert_eq!((answer.status.as_u16(), told(&answer)), (503, None));
    other.run("ROLLBACK").await;
    assert_eq!(phone.pending().await.expect("the phone asks").len(), 1, "the one before");
    approve(&world, &phone, &before).await;
    world.redeem(&shop, &before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn connections_cut_under_load_lose_nothing_acknowledged_and_issue_no_token_twice() {
    let database = Database::alone().await;
    let unlimited = |policy: &mut server::domain::policy::Policy| policy.prompt_limits = false;
    let one = World::builder().in_database(database.clone()).policy(unlimited).make().await;
    let other = one.another_node().await;
    let (phone, at_one, at_other) = (one.phone("1001").await, one.shop().await, other.shop().await);
    let mut approved = Vec::new();
    for _ in 0..40 {
        let asked = a_request().accepted(&at_one).await;
        approve(&one, &phone, &asked).await;
        approved.push(asked);
    }
    let over = Arc::new(AtomicBool::new(false));
    let cutting = tokio::spawn(cut_until(database, Arc::clone(&over)));
    let mut redeeming = JoinSet::new();
    for asked in approved.clone() {
        for shop in [&at_one, &at_other] {
            redeeming.spawn(redeem(shop.clone(), asked.clone()));
        }
    }
    let mut beginning = JoinSet::new();
    for shop in [at_one.clone(), at_other.clone()] {
        beginning.spawn(begin(shop, 40));
    }
    let redeemed = within(redeeming.join_all()).await;
    let mut with_tokens: Vec<String> = redeemed.into_iter().flatten().collect();
    let begun: Vec<String> = within(beginning.join_all()).await.concat();
    over.store(true, Ordering::SeqCst);
    assert!(within(cutting).await.expect("no panic") > 0, "something was cut");

    let tokens = with_tokens.len();
    with_tokens.sort_unstable();
    with_tokens.dedup();
    assert_eq!(with_tokens.len(), tokens, "no request got tokens twice");
    for asked in &approved {
        assert_eq!(one.poll(&at_one, asked).await, "400 invalid_grant", "it was redeemed");
    }
    // Whoever was not answered may have been served: those tokens are nobody's.
    let issued = other.events("request_redeemed").await;
    assert!(tokens <= issued && issued == 40, "{tokens} of {issued}");
    assert_eq!(begun.len(), 80);
    for asked in &begun {
        assert_eq!(other.poll(&at_other, asked).await, "400 authorization_pending");
    }
    assert!(one.provider().store().realms().await.is_ok());
}

/// Asks until it is known what became of a request; gives it back if tokens came.
async fn redeem(shop: RelyingParty, asked: String) -> Option<String> {
    loop {
        match told(&shop.poll(&asked).await.expect("an answer")).as_deref() {
            None => {}
            Some("200") => return Some(asked),
            Some("400 invalid_grant") => return None,
            Some(other) => panic!("{other}"),
        }
    }
}

/// So many requests that were acknowledged.
async fn begin(shop: RelyingParty, count: usize) -> Vec<String> {
    let mut begun = Vec::new();
    while begun.len() < count {
        let answer = a_request().sent(&shop).await;
        if told(&answer).is_some_and(|told| told == "200") {
            begun.push(answer.json()["auth_req_id"].as_str().expect("an auth_req_id").to_owned());
        }
    }
    begun
}

/// Cuts a connection of the servers, one after the other, and sometimes all; how many it cut.
async fn cut_until(database: Database, over: Arc<AtomicBool>) -> i64 {
    let mut other = Bystander::at(&database).await;
    let mut cut = 0;
    for round in 1.. {
        if over.load(Ordering::SeqCst) {
            break;
        }
        let most = if round % 8 == 0 { 100 } else { 1 };
        let one = format!(
            "SELECT count(pg_terminate_backend(pid)) FROM (
                SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'assent'
                ORDER BY random() LIMIT {most}
            ) AS chosen"
        );
        cut += other.number(&one).await;
        other.number("SELECT count(*) FROM (SELECT pg_sleep(0.02)) AS pause").await;
    }
    cut
}
