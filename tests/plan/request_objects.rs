//! Modules 10 to 26 and 41: what makes a request object unacceptable. All are 400 `invalid_request`.

use serde_json::Value;

use crate::stage::{BACKCHANNEL, Stage, refused};
use crate::suite::{Algorithm, Cell, Form, Party, Signature, with, without};

const INVALID: [&str; 1] = ["400 invalid_request"];

/// In every cell, a request object whose claims were changed so is refused.
async fn fails(change: impl Fn(&Stage, Value) -> Value) {
    for cell in Cell::all() {
        let stage = Stage::of(cell).await;
        let party = &stage.client1;
        let claims = change(&stage, party.request_claims(&stage.world, &party.parameters()));
        refused(&stage.ask_by(party, &claims).await, &INVALID, &format!("{cell:?}"));
        assert!(stage.phone.pending().await.expect("the phone asks").is_empty(), "{cell:?}: nobody is disturbed");
    }
}

/// In every cell, a request object signed so is refused.
async fn fails_signed(how: Signature) {
    for cell in Cell::all() {
        let stage = Stage::of(cell).await;
        let party = &stage.client1;
        let claims = party.request_claims(&stage.world, &party.parameters());
        let request = party.sign(party.typ(), &claims, how);
        refused(&stage.asking(party, request).post(&stage.world).await, &INVALID, &format!("{cell:?}"));
    }
}

fn seconds(stage: &Stage, ahead: i64) -> i64 {
    stage.world.now().unix_seconds() + ahead
}

#[tokio::test]
async fn m10_request_object_without_aud_fails() {
    fails(|_, claims| without(claims, &["aud"])).await;
}

#[tokio::test]
async fn m11_request_object_with_bad_aud_fails() {
    fails(|_, claims| with(claims, "aud", "https://other.example")).await;
}

#[tokio::test]
async fn m12_request_object_without_iss_fails() {
    fails(|_, claims| without(claims, &["iss"])).await;
}

#[tokio::test]
async fn m13_request_object_with_bad_iss_fails() {
    fails(|stage, claims| with(claims, "iss", stage.client2.id.clone())).await;
}

#[tokio::test]
async fn m14_request_object_without_exp_fails() {
    fails(|_, claims| without(claims, &["exp"])).await;
}

#[tokio::test]
async fn m15_request_object_expired_an_hour_ago_fails() {
    fails(|stage, claims| with(claims, "exp", seconds(stage, -3600))).await;
}

#[tokio::test]
async fn m16_request_object_with_exp_70_minutes_ahead_fails() {
    fails(|stage, claims| with(claims, "exp", seconds(stage, 70 * 60))).await;
}

#[tokio::test]
async fn m17_request_object_without_iat_fails() {
    fails(|_, claims| without(claims, &["iat"])).await;
}

#[tokio::test]
async fn m18_request_object_without_nbf_fails() {
    fails(|_, claims| without(claims, &["nbf"])).await;
}

#[tokio::test]
async fn m19_request_object_with_nbf_10_minutes_ahead_fails() {
    fails(|stage, claims| with(with(claims, "nbf", seconds(stage, 600)), "exp", seconds(stage, 900))).await;
}

#[tokio::test]
async fn m20_request_object_with_nbf_70_minutes_ago_fails() {
    fails(|stage, claims| with(claims, "nbf", seconds(stage, -70 * 60))).await;
}

#[tokio::test]
async fn m21_request_object_without_jti_fails() {
    fails(|_, claims| without(claims, &["jti"])).await;
}

#[tokio::test]
async fn m22_request_object_with_algorithm_none_fails() {
    fails_signed(Signature::None).await;
}

#[tokio::test]
async fn m23_request_object_with_a_bad_signature_fails() {
    fails_signed(Signature::Corrupt).await;
}

#[tokio::test]
async fn m24_request_object_signed_by_rs256_fails() {
    for cell in Cell::all().into_iter().filter(|cell| cell.algorithm == Algorithm::Ps256) {
        let stage = Stage::of(cell).await;
        let party = &stage.client1;
        let claims = party.request_claims(&stage.world, &party.parameters());
        let request = party.sign(party.typ(), &claims, Signature::Rs256);
        refused(&stage.asking(party, request).post(&stage.world).await, &INVALID, &format!("{cell:?}"));
    }
}

#[tokio::test]
async fn m25_request_object_signed_by_the_other_client_fails() {
    for cell in Cell::all() {
        let stage = Stage::of(cell).await;
        let claims = stage.client1.request_claims(&stage.world, &stage.client1.parameters());
        let request = stage.client2.sign(None, &claims, Signature::Own);
        refused(&stage.asking(&stage.client1, request).post(&stage.world).await, &INVALID, &format!("{cell:?}"));
    }
}

#[tokio::test]
async fn m26_request_with_several_hints_fails() {
    fails(|_, claims| with(claims, "login_hint_token", "eyJhbGciOiJFUzI1NiJ9.e30.AAAA")).await;
    // CIBA §7.1: none is as wrong as two.
    fails(|_, claims| without(claims, &["login_hint"])).await;
}

#[tokio::test]
async fn m41_request_without_request_object_fails() {
    for cell in Cell::all() {
        let stage = Stage::of(cell).await;
        let party = &stage.client1;
        let plain = fields(party);
        let Form { fields: credentials, certificate, .. } = stage.asking(party, String::new());
        let credentials = credentials.into_iter().filter(|(name, _)| *name != "request");
        let form = Form { path: BACKCHANNEL, fields: plain.into_iter().chain(credentials).collect(), certificate };
        refused(&form.post(&stage.world).await, &INVALID, &format!("{cell:?}"));
    }
}

fn fields(party: &Party) -> Vec<(&'static str, String)> {
    let parameters = party.parameters();
    let names = ["scope", "login_hint", "binding_message", "client_notification_token"];
    names.into_iter().filter_map(|name| Some((name, parameters[name].as_str()?.to_owned()))).collect()
}

#[tokio::test]
async fn a_request_object_is_taken_once() {
    for cell in Cell::all() {
        let stage = Stage::of(cell).await;
        let party = &stage.client1;
        let claims = party.request_claims(&stage.world, &party.parameters());
        crate::stage::acknowledged(&stage.ask_by(party, &claims).await);
        refused(&stage.ask_by(party, &claims).await, &INVALID, &format!("{cell:?}"));
    }
}

#[tokio::test]
async fn parameters_beside_the_request_object_fail() {
    for cell in Cell::all() {
        let stage = Stage::of(cell).await;
        let party = &stage.client1;
        let claims = party.request_claims(&stage.world, &party.parameters());
        let mut form = stage.asking(party, party.sign(None, &claims, Signature::Own));
        form.fields.push(("scope", "openid".to_owned()));
        refused(&form.post(&stage.world).await, &INVALID, &format!("{cell:?}"));
    }
}
