//! Whom a hint means (CIBA §7.1, §7.2).

use server::domain::policy::{LoginHint, NoDevice};
use server::domain::user::UserStatus;
use tests::{ISSUER, World, a_request};

use crate::scene;

#[tokio::test]
async fn a_login_hint_may_be_a_subject_identifier() {
    // OP_ACCEPTANCE §5.8; RFC 9493.
    let (world, shop, phone) = scene().await;
    for hint in [
        format!(r#"{{"format":"iss_sub","iss":"{ISSUER}","sub":"1001"}}"#),
        r#"{"format":"opaque","id":"1001"}"#.to_owned(),
        r#"{"format":"email","email":"Alice@example.com"}"#.to_owned(),
        r#"{"format":"phone_number","phone_number":"+49301001"}"#.to_owned(),
    ] {
        let asked = a_request().about(&hint).accepted(&shop).await;
        world.prompt(&phone, &asked).await;
        world.advance(120);
    }
}

#[tokio::test]
async fn a_subject_identifier_of_nobody_here_is_unknown_user_id_and_one_that_is_none_is_invalid_request() {
    let (_world, shop, _phone) = scene().await;
    for (hint, answer) in [
        (r#"{"format":"iss_sub","iss":"https://other.example","sub":"1001"}"#, "400 unknown_user_id"),
        (r#"{"format":"iss_sub","iss":"https://op.example","sub":"alice"}"#, "400 unknown_user_id"),
        (r#"{"format":"email","email":"1001"}"#, "400 unknown_user_id"),
        (r#"{"format":"iss_sub","sub":"1001"}"#, "400 invalid_request"),
        (r#"{"format":"did","url":"did:example:1001"}"#, "400 invalid_request"),
        (r#"{"sub":"1001"}"#, "400 invalid_request"),
        ("{", "400 invalid_request"),
    ] {
        assert_eq!(a_request().about(hint).sent(&shop).await.in_short(), answer, "{hint}");
    }
}

#[tokio::test]
async fn exactly_one_hint_is_needed() {
    // CIBA §7.1; OP_ACCEPTANCE module 26.
    let (_world, shop, _phone) = scene().await;
    let none = a_request().without("login_hint");
    for request in [
        none.clone(),
        a_request().with("login_hint_token", "a.b.c"),
        a_request().with("id_token_hint", "a.b.c"),
        none.with("login_hint_token", "a.b.c").with("id_token_hint", "a.b.c"),
    ] {
        assert_eq!(request.sent(&shop).await.in_short(), "400 invalid_request", "{request:?}");
    }
}

#[tokio::test]
async fn a_realm_says_in_which_ways_users_may_be_named() {
    // REQUIREMENTS G91.
    let ways = vec![LoginHint::Email, LoginHint::Sub];
    let world = World::builder().policy(|policy| policy.login_hint = ways).make().await;
    let (shop, _phone) = (world.shop().await, world.phone("1001").await);
    for (hint, answer) in [
        ("alice@example.com", "200"),
        ("1001", "200"),
        ("alice", "400 unknown_user_id"),
        ("+49 30 1001", "400 unknown_user_id"),
        (r#"{"format":"phone_number","phone_number":"+49301001"}"#, "400 unknown_user_id"),
    ] {
        assert_eq!(a_request().about(hint).sent(&shop).await.in_short(), answer, "{hint}");
    }
}

#[tokio::test]
async fn where_the_realm_masks_unknown_users_they_are_answered_as_those_who_cannot_be_asked() {
    // REQUIREMENTS Q17.
    let world = World::builder().policy(|policy| policy.mask_unknown_user = true).make().await;
    let (shop, _phone) = (world.shop().await, world.phone("1001").await);
    world.set_status("1001", UserStatus::Locked).await;
    // Alice is locked, bob has no phone, nobody does not exist.
    let mut answers = Vec::new();
    for hint in ["alice", "bob", "nobody", r#"{"format":"opaque","id":"nobody"}"#] {
        // As often as a client could be refused for its number of prompts.
        for _ in 0..6 {
            let answer = a_request().about(hint).sent(&shop).await;
            assert_eq!(answer.in_short(), "403 access_denied", "{hint}");
            answers.push(answer.body);
        }
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "no answer differs from another");
}

#[tokio::test]
async fn where_requests_without_a_phone_are_accepted_masked_users_are_accepted_too_and_limited_alike() {
    let masking = World::builder().policy(|policy| {
        policy.mask_unknown_user = true;
        policy.no_device = NoDevice::Accept;
    });
    let world = masking.make().await;
    let shop = world.shop().await;
    for hint in ["bob", "nobody"] {
        let mut answers = Vec::new();
        for _ in 0..4 {
            answers.push(a_request().about(hint).sent(&shop).await.in_short());
        }
        assert_eq!(answers, ["200", "200", "200", "403 access_denied"], "{hint}");
    }
}
