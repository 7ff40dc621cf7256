//! Modules 27 to 35 and the request of 43: who is who.

use tests::ISSUER;

use crate::stage::{BACKCHANNEL, Stage, TOKEN, refused};
use crate::suite::{ASSERTION_TYPE, Algorithm, CIBA, Cell, Form, Signature};

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
