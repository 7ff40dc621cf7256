//! Module 42: refresh tokens (`OP_ACCEPTANCE` §2.11).

use serde_json::Value;

use crate::stage::{Stage, refused};
use crate::suite::{Cell, Party};

async fn tokens(stage: &Stage, party: &Party) -> Value {
    let id = stage.accepted(party, &party.parameters()).await;
    stage.approve(&id).await;
    stage.told(party, &id).await;
    stage.collect(party, &id).await
}

#[tokio::test]
async fn m42_refresh_token_works_and_is_bound_to_its_client() {
    for cell in Cell::all() {
        let stage = Stage::of(cell).await;
        let first = tokens(&stage, &stage.client1).await;
        let second = tokens(&stage, &stage.client2).await;
        let of = |tokens: &Value| tokens["refresh_token"].as_str().expect("a refresh token").to_owned();
        let foreign = stage.refreshing(&stage.client1, &of(&second), None).post(&stage.world).await;
        refused(&foreign, &["400 invalid_grant"], &format!("{cell:?}"));
        let scopes = [(&stage.client1, of(&first), Some("openid profile")), (&stage.client2, of(&second), None)];
        for (party, refresh_token, scope) in scopes {
            stage.world.advance(2);
            let answer = stage.refreshing(party, &refresh_token, scope).post(&stage.world).await;
            assert_eq!(answer.in_short(), "200", "{cell:?}");
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            let refreshed = answer.json();
            assert!(refreshed["token_type"].as_str().is_some_and(|it| it.eq_ignore_ascii_case("bearer")));
            stage.resource_answers(party, refreshed["access_token"].as_str().expect("a token")).await;
        }
    }
}
