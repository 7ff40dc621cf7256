//! Modules 2 to 9: whole flows, with their answers checked on the way.

use serde_json::json;
use tests::ISSUER;

use crate::stage::{BACKCHANNEL, Stage, TOKEN, acknowledged, refused};
use crate::suite::{Cell, Mode, Signature, with};

#[tokio::test]
async fn m02_whole_flow_with_two_clients() {
    for cell in Cell::all() {
        let stage = Stage::of(cell).await;
        let mut tokens = Vec::new();
        for (number, party) in [(1, &stage.client1), (2, &stage.client2.with_long_token())] {
            let mut parameters = with(party.parameters(), "requested_expiry", 300);
            if number == 2 {
                parameters["acr_values"] = "urn:assent:acr:uv urn:assent:acr:presence".into();
            }
            // §2.3: the audience varies and every form is accepted.
            let audience = if number == 1 { ISSUER.to_owned() } else { format!("{ISSUER}{TOKEN}") };
            let claims = party.request_claims(&stage.world, &parameters);
            let request = party.sign(party.typ(), &claims, Signature::Own);
            let answer = stage.asking_for(party, request, &audience).post(&stage.world).await;
            assert_eq!(answer.json()["expires_in"], 300, "{cell:?}");
            let id = acknowledged(&answer);
            stage.pending_twice(party, &id).await;
            stage.approve(&id).await;
            stage.told(party, &id).await;
            let collected = stage.collect(party, &id).await;
            let claims = stage.verified(party, &collected, &id).await;
            if number == 2 {
                assert_eq!(claims["acr"], "urn:assent:acr:presence", "the phone's key is only claimed");
            }
            assert_eq!(stage.poll(party, &id).await, "400 invalid_grant", "{cell:?}: redeemed before");
            tokens.push(collected["access_token"].as_str().expect("a token").to_owned());
        }
        stage.resource_is_bound(&tokens).await;
    }
}

#[tokio::test]
async fn m03_user_rejects_authentication() {
    for cell in Cell::all() {
        let stage = Stage::of(cell).await;
        let party = &stage.client1;
        let id = stage.accepted(party, &party.parameters()).await;
        stage.pending_twice(party, &id).await;
        let prompt = stage.world.prompt(&stage.phone, &id).await;
        stage.phone.deny(&prompt, device_core::DenyReason::Cancelled).await.expect("the phone denies");
        stage.told(party, &id).await;
        assert_eq!(stage.poll(party, &id).await, "400 access_denied", "{cell:?}");
    }
}

#[tokio::test]
async fn m04_multiple_calls_to_the_token_endpoint() {
    for cell in Cell::all() {
        let stage = Stage::of(cell).await;
        let party = &stage.client1;
        let id = stage.accepted(party, &party.parameters()).await;
        for call in 0..20 {
            let answer = stage.poll(party, &id).await;
            let allowed = ["400 authorization_pending", "400 slow_down", "400 invalid_request"];
            assert!(allowed.contains(&answer.as_str()), "{cell:?}: call {call} → {answer}");
        }
        if cell.mode == Mode::Ping {
            stage.approve(&id).await;
            stage.told(party, &id).await;
            stage.collect(party, &id).await;
        }
    }
}

#[tokio::test]
async fn m05_auth_req_id_expired() {
    for cell in Cell::all() {
        let stage = Stage::of(cell).await;
        let party = &stage.client1;
        let id = stage.accepted(party, &with(party.parameters(), "requested_expiry", 10)).await;
        stage.pending_twice(party, &id).await;
        stage.world.advance(6);
        stage.world.deliver().await;
        assert_eq!(stage.poll(party, &id).await, "400 expired_token", "{cell:?}");
    }
}

#[tokio::test]
async fn m06_binding_message_succeeds() {
    for cell in Cell::all() {
        let stage = Stage::of(cell).await;
        let party = &stage.client1;
        let id = stage.accepted(party, &with(party.parameters(), "binding_message", "1234")).await;
        let prompt = stage.world.prompt(&stage.phone, &id).await;
        assert_eq!(prompt.binding_message().as_deref(), Some("1234"));
        stage.approve(&id).await;
        stage.told(party, &id).await;
        stage.collect(party, &id).await;
    }
}

#[tokio::test]
async fn m07_other_scope_order_succeeds() {
    for cell in Cell::all() {
        let stage = Stage::of(cell).await;
        let party = &stage.client1;
        let id = stage.accepted(party, &with(party.parameters(), "scope", "profile openid")).await;
        stage.approve(&id).await;
        stage.told(party, &id).await;
        stage.collect(party, &id).await;
    }
}

#[tokio::test]
async fn m08_requested_expiry_as_string_succeeds() {
    for cell in Cell::all() {
        let stage = Stage::of(cell).await;
        let party = &stage.client1;
        let answer = stage.ask(party, &with(party.parameters(), "requested_expiry", "30")).await;
        assert_eq!(answer.json()["expires_in"], 30, "{cell:?}");
        let id = acknowledged(&answer);
        stage.approve(&id).await;
        stage.told(party, &id).await;
        stage.collect(party, &id).await;
    }
}

#[tokio::test]
async fn m09_potentially_bad_binding_message_is_refused() {
    for cell in Cell::all() {
        let stage = Stage::of(cell).await;
        let party = &stage.client1;
        let message: String = "1234 \u{1f44d}\u{1f3ff} \u{54c1}\u{8cea} ".chars().cycle().take(456).collect();
        let answer = stage.ask(party, &with(party.parameters(), "binding_message", message)).await;
        refused(&answer, &["400 invalid_binding_message"], &format!("{cell:?}"));
    }
}

#[tokio::test]
async fn get_is_refused_at_the_backchannel_endpoint() {
    let stage = Stage::of(Cell::all()[0]).await;
    let answer = stage.world.public().get(&format!("{ISSUER}{BACKCHANNEL}")).await.expect("an answer");
    assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, Some("POST")));
    assert_eq!(answer.json()["error"], json!("invalid_request"));
}
