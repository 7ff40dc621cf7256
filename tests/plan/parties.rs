//! Modules 27 to 35 and the request of 43: who is who.

use serde_json::Value;
use tests::ISSUER;

use crate::stage::{BACKCHANNEL, Stage, TOKEN, refused};
use crate::suite::{ASSERTION_TYPE, Algorithm, CIBA, Cell, Form, Signature, with, without};

fn mutual_tls() -> impl Iterator<Item = Cell> {
    Cell::all().into_iter().filter(|cell| !cell.has_assertions())
}

fn assertions() -> impl Iterator<Item = Cell> {
    Cell::all().into_iter().filter(|cell| cell.has_assertions())
}

const REFUSED: [&str; 4] = ["400 invalid_request", "403 access_denied", "401 invalid_client", "400 invalid_client"];

#[tokio::test]
async fn m27_wrong_auth_req_id_in_token_request() {
    for cell in Cell::all() {
        let stage = Stage::of(cell).await;
        let id = stage.accepted(&stage.client1, &stage.client1.parameters()).await;
        let answer = stage.collecting(&stage.client2, &id).post(&stage.world).await;
        refused(&answer, &["400 invalid_grant"], &format!("{cell:?}"));
        stage.approve(&id).await;
        stage.told(&stage.client1, &id).await;
        stage.collect(&stage.client1, &id).await;
    }
}

#[tokio::test]
async fn m28_different_client_id_and_issuer_in_backchannel_request() {
    for cell in mutual_tls() {
        let stage = Stage::of(cell).await;
        let claims = stage.client1.request_claims(&stage.world, &stage.client1.parameters());
        let request = stage.client1.sign(None, &claims, Signature::Own);
        let fields = vec![("request", request), ("client_id", stage.client2.id.clone())];
        let form = Form { path: BACKCHANNEL, fields, certificate: Some(stage.client1.certificate()) };
        refused(&form.post(&stage.world).await, &["401 invalid_client"], &format!("{cell:?}"));
    }
}

#[tokio::test]
async fn m29_wrong_client_id_in_token_request() {
    for cell in mutual_tls() {
        let stage = Stage::of(cell).await;
        let id = stage.accepted(&stage.client1, &stage.client1.parameters()).await;
        let fields =
            vec![("grant_type", CIBA.to_owned()), ("auth_req_id", id), ("client_id", stage.client2.id.clone())];
        let form = Form { path: TOKEN, fields, certificate: Some(stage.client1.certificate()) };
        refused(&form.post(&stage.world).await, &["401 invalid_client", "400 invalid_client"], &format!("{cell:?}"));
    }
}

#[tokio::test]
async fn m30_wrong_client_id_in_backchannel_request() {
    for cell in mutual_tls() {
        let stage = Stage::of(cell).await;
        let claims = stage.client2.request_claims(&stage.world, &stage.client1.parameters());
        let request = stage.client1.sign(None, &claims, Signature::Own);
        let fields = vec![("request", request), ("client_id", stage.client2.id.clone())];
        let form = Form { path: BACKCHANNEL, fields, certificate: Some(stage.client1.certificate()) };
        refused(&form.post(&stage.world).await, &REFUSED, &format!("{cell:?}"));
    }
}

#[tokio::test]
async fn m31_token_request_without_client_assertion_fails() {
    for cell in assertions() {
        let stage = Stage::of(cell).await;
        let id = stage.accepted(&stage.client1, &stage.client1.parameters()).await;
        let fields =
            vec![("grant_type", CIBA.to_owned()), ("auth_req_id", id), ("client_id", stage.client1.id.clone())];
        let form = Form { path: TOKEN, fields, certificate: Some(stage.client1.certificate()) };
        let allowed = ["401 invalid_client", "400 invalid_client", "400 invalid_request"];
        refused(&form.post(&stage.world).await, &allowed, &format!("{cell:?}"));
    }
}

#[tokio::test]
async fn m32_backchannel_request_without_client_assertion_fails() {
    for cell in assertions() {
        let stage = Stage::of(cell).await;
        let claims = stage.client1.request_claims(&stage.world, &stage.client1.parameters());
        let request = stage.client1.sign(None, &claims, Signature::Own);
        let fields = vec![("request", request), ("client_id", stage.client1.id.clone())];
        let form = Form { path: BACKCHANNEL, fields, certificate: Some(stage.client1.certificate()) };
        refused(&form.post(&stage.world).await, &REFUSED, &format!("{cell:?}"));
    }
}

fn assertion_by_rs256(stage: &Stage, path: &str) -> [(&'static str, String); 2] {
    let claims = stage.client1.assertion_claims(&stage.world, &format!("{ISSUER}{path}"));
    let assertion = stage.client1.sign(None, &claims, Signature::Rs256);
    [("client_assertion", assertion), ("client_assertion_type", ASSERTION_TYPE.to_owned())]
}

#[tokio::test]
async fn m33_client_assertion_by_rs256_in_backchannel_request_fails() {
    for cell in assertions().filter(|cell| cell.algorithm == Algorithm::Ps256) {
        let stage = Stage::of(cell).await;
        let claims = stage.client1.request_claims(&stage.world, &stage.client1.parameters());
        let mut fields = vec![("request", stage.client1.sign(None, &claims, Signature::Own))];
        fields.extend(assertion_by_rs256(&stage, BACKCHANNEL));
        let form = Form { path: BACKCHANNEL, fields, certificate: Some(stage.client1.certificate()) };
        refused(&form.post(&stage.world).await, &REFUSED, &format!("{cell:?}"));
    }
}

#[tokio::test]
async fn m34_client_assertion_by_rs256_in_token_request_fails() {
    for cell in assertions().filter(|cell| cell.algorithm == Algorithm::Ps256) {
        let stage = Stage::of(cell).await;
        let id = stage.accepted(&stage.client1, &stage.client1.parameters()).await;
        let mut fields = vec![("grant_type", CIBA.to_owned()), ("auth_req_id", id)];
        fields.extend(assertion_by_rs256(&stage, TOKEN));
        let form = Form { path: TOKEN, fields, certificate: Some(stage.client1.certificate()) };
        refused(&form.post(&stage.world).await, &["401 invalid_client", "400 invalid_client"], &format!("{cell:?}"));
    }
}

#[tokio::test]
async fn m35_client_assertion_with_issuer_as_aud_at_the_token_endpoint_succeeds() {
    for cell in assertions() {
        let stage = Stage::of(cell).await;
        let id = stage.accepted(&stage.client1, &stage.client1.parameters()).await;
        stage.approve(&id).await;
        stage.told(&stage.client1, &id).await;
        let answer = stage.collecting_for(&stage.client1, &id, ISSUER).post(&stage.world).await;
        assert_eq!(answer.in_short(), "200", "{cell:?}");
    }
}

#[tokio::test]
async fn m43_token_request_without_certificate_is_refused() {
    for cell in Cell::all() {
        let stage = Stage::of(cell).await;
        let id = stage.accepted(&stage.client1, &stage.client1.parameters()).await;
        stage.approve(&id).await;
        stage.told(&stage.client1, &id).await;
        let form = Form { certificate: None, ..stage.collecting(&stage.client1, &id) };
        let mut allowed = vec!["401 invalid_client", "400 invalid_client", "400 invalid_request"];
        if cell.has_assertions() {
            allowed.push("400 invalid_grant");
        }
        refused(&form.post(&stage.world).await, &allowed, &format!("{cell:?}"));
        stage.collect(&stage.client1, &id).await;
    }
}

#[tokio::test]
async fn an_assertion_is_taken_once() {
    for cell in assertions() {
        let stage = Stage::of(cell).await;
        let id = stage.accepted(&stage.client1, &stage.client1.parameters()).await;
        let form = stage.collecting(&stage.client1, &id);
        let again = Form { path: form.path, fields: form.fields.clone(), certificate: form.certificate.clone() };
        assert_eq!(form.post(&stage.world).await.in_short(), "400 authorization_pending");
        refused(&again.post(&stage.world).await, &["401 invalid_client"], &format!("{cell:?}"));
    }
}

/// What is wrong with an assertion of the module below.
enum Wrong {
    Type(Option<&'static str>),
    Claims(fn(Value) -> Value),
    Signed(Signature),
}

/// A module that the plan got after the 43: every assertion is wrong in one way, and a good one then goes through.
#[tokio::test]
async fn m44_invalid_client_assertions_in_backchannel_requests_fail() {
    let expired = |claims: Value| {
        let past = claims["iat"].as_i64().expect("a date") - 300;
        with(claims, "exp", past)
    };
    let wrongs = [
        Wrong::Type(None),
        Wrong::Type(Some("urn:ietf:params:oauth:client-assertion-type:saml2-bearer")),
        Wrong::Claims(|claims| without(claims, &["sub"])),
        Wrong::Claims(|claims| with(claims, "sub", "somebody-else")),
        Wrong::Claims(|claims| without(claims, &["iss"])),
        Wrong::Claims(|claims| with(claims, "iss", "somebody-else")),
        Wrong::Claims(|claims| without(claims, &["aud"])),
        Wrong::Claims(|claims| with(claims, "aud", "https://other.example")),
        Wrong::Claims(expired),
        Wrong::Signed(Signature::Rs256),
        Wrong::Signed(Signature::None),
        Wrong::Signed(Signature::Corrupt),
    ];
    for cell in assertions() {
        let stage = Stage::of(cell).await;
        let party = &stage.client1;
        for (number, wrong) in wrongs.iter().enumerate() {
            let mut claims = party.assertion_claims(&stage.world, &format!("{ISSUER}{BACKCHANNEL}"));
            let (mut kind, mut how) = (Some(ASSERTION_TYPE), Signature::Own);
            match wrong {
                Wrong::Type(wrong) => kind = *wrong,
                Wrong::Claims(change) => claims = change(claims),
                Wrong::Signed(Signature::Rs256) if cell.algorithm == Algorithm::Es256 => continue,
                Wrong::Signed(signature) => how = *signature,
            }
            let request = party.request_claims(&stage.world, &party.parameters());
            let mut fields = vec![
                ("request", party.sign(None, &request, Signature::Own)),
                ("client_assertion", party.sign(None, &claims, how)),
            ];
            fields.extend(kind.map(|kind| ("client_assertion_type", kind.to_owned())));
            let form = Form { path: BACKCHANNEL, fields, certificate: Some(party.certificate()) };
            refused(&form.post(&stage.world).await, &REFUSED, &format!("{cell:?}: {number}"));
        }
        assert!(stage.phone.pending().await.expect("the phone asks").is_empty(), "{cell:?}: nobody is disturbed");
        let id = stage.accepted(party, &party.parameters()).await;
        stage.pending_twice(party, &id).await;
        stage.approve(&id).await;
        stage.told(party, &id).await;
        stage.collect(party, &id).await;
    }
}
