//! Limits on prompts that two servers count together: however many requests meet at both, exactly as many pass as may.

use device_core::{DenyReason, Outcome};
use server::domain::policy::Policy;
use simulator::relying_party::RelyingParty;
use tests::{Kind, World, a_request};
use tokio::task::JoinSet;

use crate::within;

const REFUSED: &str = "403 access_denied";

/// Two servers on one database.
async fn nodes(rules: impl FnOnce(&mut Policy)) -> (World, World) {
    let one = World::builder().on(Kind::Postgres).policy(rules).make().await;
    let other = one.another_node().await;
    (one, other)
}

async fn at_both(one: &World, other: &World, id: &str) -> [RelyingParty; 2] {
    const SECRET: &str = "the secret of this client";
    one.add_client(id, SECRET).await;
    [one.client(id, SECRET).await, other.client(id, SECRET).await]
}

/// So many requests at the same moment, in turn by each of these ways; the answers, in order of their words.
async fn at_once(ways: &[RelyingParty], requests: usize) -> Vec<String> {
    let mut racing = JoinSet::new();
    for way in ways.iter().cycle().take(requests) {
        let way = way.clone();
        racing.spawn(async move { a_request().sent(&way).await.in_short() });
    }
    let mut answers = within(racing.join_all()).await;
    answers.sort_unstable();
    answers
}

fn passed(pass: usize, of: usize) -> Vec<&'static str> {
    [vec!["200"; pass], vec![REFUSED; of - pass]].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_requests_of_one_client_at_two_servers_exactly_as_many_pass_as_may_be_pending() {
    let (one, other) = nodes(|_| {}).await;
    one.phone("1001").await;
    for round in 0..4 {
        // A client of its own each time, as the limit is each client's own.
        let shop = at_both(&one, &other, &format!("shop-{round}")).await;
        assert_eq!(at_once(&shop, 24).await, passed(3, 24));
        assert_eq!(at_once(&shop, 8).await, passed(0, 8), "nor later at either of them");
    }
    assert_eq!(one.events("request_accepted").await, 12);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nor_do_more_pass_than_may_in_a_minute_and_as_many_again_in_the_next() {
    let rules = |policy: &mut Policy| (policy.client_prompts_per_minute, policy.client_prompts_pending) = (2, 5);
    let (one, other) = nodes(rules).await;
    one.phone("1001").await;
    let shop = at_both(&one, &other, "bank").await;
    for _ in 0..2 {
        assert_eq!(at_once(&shop, 24).await, passed(2, 24));
        one.advance(60);
    }
}

/// Beyond six clients the shares stand in records apart, which two servers may make at the same moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_client_that_comes_when_six_are_busy_is_held_to_the_same() {
    let (one, other) = nodes(|_| {}).await;
    one.phone("1001").await;
    for number in 0..6 {
        let busy = at_both(&one, &other, &format!("busy-{number}")).await;
        assert_eq!(at_once(&busy, 1).await, passed(1, 1));
    }
    let late = at_both(&one, &other, "late").await;
    assert_eq!(at_once(&late, 24).await, passed(3, 24));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_ten_clients_at_two_servers_exactly_as_many_wake_the_phone_as_may() {
    let (one, other) = nodes(|policy| policy.client_prompts_pending = 2).await;
    one.phone_with_push("1001", "token").await;
    let mut ways = Vec::new();
    for number in 0..10 {
        ways.extend(at_both(&one, &other, &format!("client-{number}")).await);
    }
    assert_eq!(at_once(&ways, 20).await, passed(20, 20));
    assert_eq!(one.events("push_withheld").await, 10);
    one.advance(120);
    one.deliver().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn refusals_at_two_servers_at_once_are_all_counted_and_cool_the_client_down_once() {
    let (one, other) = nodes(|_| {}).await;
    let shop = at_both(&one, &other, "bank").await;
    let mut denials = JoinSet::new();
    for number in 0..3 {
        let phone = one.phone("1001").await;
        let asked = a_request().accepted(&shop[number % 2]).await;
        let phone = if number == 1 { other.moved(&phone) } else { phone };
        let prompt = one.prompt(&phone, &asked).await;
        denials.spawn(async move { phone.deny(&prompt, DenyReason::NotMe).await });
    }
    for denied in within(denials.join_all()).await {
        assert_eq!(denied, Ok(Outcome::Denied));
    }
    assert_eq!(one.events("client_cooled_down").await, 1);
    assert_eq!(at_once(&shop, 8).await, passed(0, 8));
}
