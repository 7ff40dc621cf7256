//! Module 42: refresh tokens (`OP_ACCEPTANCE` §2.11).

use serde_json::Value;

use crate::stage::{Stage, refused};
use crate::suite::{Cell, Party};

async fn tokens(stage: &Stage, party: &Party) -> (String, Value) {
    let id = stage.accepted(party, &party.parameters()).await;
    stage.approve(&id).await;
    stage.told(party, &id).await;
    let tokens = stage.collect(party, &id).await;
    (id, tokens)
}

/// OIDC Core §12.2: an ID token that comes back is about the same authentication, and newer.
async fn same_authentication(stage: &Stage, party: &Party, (id, before): (&str, &Value), after: &Value) {
    if after.get("id_token").is_none() {
        return;
    }
    let (before, after) = (stage.verified(party, before, id).await, stage.verified(party, after, id).await);
    for claim in ["iss", "sub", "aud", "azp", "auth_time"] {
        assert_eq!(before.get(claim), after.get(claim), "{claim}");
    }
    assert!(after["iat"].as_i64() > before["iat"].as_i64());
}

#[tokio::test]
async fn m42_refresh_token_works_and_is_bound_to_its_client() {
    for cell in Cell::all() {
        let stage = Stage::of(cell).await;
        let (first_id, first) = tokens(&stage, &stage.client1).await;
        let (second_id, second) = tokens(&stage, &stage.client2).await;
        let of = |tokens: &Value| tokens["refresh_token"].as_str().expect("a refresh token").to_owned();
        let foreign = stage.refreshing(&stage.client1, &of(&second), None).post(&stage.world).await;
        refused(&foreign, &["400 invalid_grant"], &format!("{cell:?}"));
        let scopes = [
            (&stage.client1, (first_id.as_str(), &first), Some("openid profile")),
            (&stage.client2, (second_id.as_str(), &second), None),
        ];
        for (party, before, scope) in scopes {
            stage.world.advance(2);
            let answer = stage.refreshing(party, &of(before.1), scope).post(&stage.world).await;
            assert_eq!(answer.in_short(), "200", "{cell:?}");
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            let refreshed = answer.json();
            assert!(refreshed["token_type"].as_str().is_some_and(|it| it.eq_ignore_ascii_case("bearer")));
            assert_ne!(refreshed["access_token"], before.1["access_token"]);
            assert!(refreshed["expires_in"].as_u64().is_some_and(|it| (1..=31_536_000).contains(&it)));
            same_authentication(&stage, party, before, &refreshed).await;
            stage.resource_answers(party, refreshed["access_token"].as_str().expect("a token")).await;
        }
    }
}
