//! Every request of a phone is proven, once, for exactly what it is.

use device_core::exchange::Call;
use protocol::endpoints::{self, PROOF_HEADER, Rename};
use protocol::messages::Proof;
use protocol::{Digest, Jws, KeyRole, Nonce};
use simulator::forger::{Forger, Reply};
use tests::{ISSUER, World, a_request};

use crate::scene;

async fn forger() -> (World, Forger) {
    let world = World::new().await;
    let phone = world.phone("1001").await;
    let forger = Forger::of(&phone).await.expect("a phone taken apart");
    (world, forger)
}

fn prompts() -> Call {
    Call::to(ISSUER, endpoints::PROMPTS)
}

fn rename(name: &str) -> Call {
    Call::to(ISSUER, endpoints::RENAME).with(&Rename { name: name.to_owned() })
}

async fn sent(forger: &Forger, call: &Call, proof: &Jws) -> (u16, String) {
    let reply: Reply = forger.call_with(call, Some(proof)).await.expect("an answer");
    (reply.status, reply.code().to_owned())
}

fn unproven() -> (u16, String) {
    (401, "unproven".to_owned())
}

#[tokio::test]
async fn a_request_without_a_proof_is_refused() {
    let (_world, forger) = forger().await;
    for call in [prompts(), rename("x"), Call::to(ISSUER, endpoints::SELF), Call::to(ISSUER, endpoints::LEAVE)] {
        let reply = forger.call_with(&call, None).await.expect("an answer");
        assert_eq!((reply.status, reply.code()), (401, "unproven"));
    }
}

#[tokio::test]
async fn a_proof_counts_once_for_reading_and_for_writing() {
    let (_world, forger) = forger().await;
    for (call, status) in [(prompts(), 200), (rename("Mine"), 204)] {
        let proof = forger.honest_proof(&call).await.expect("a proof");
        assert_eq!(sent(&forger, &call, &proof).await.0, status);
        assert_eq!(sent(&forger, &call, &proof).await, (401, "replayed".to_owned()));
    }
}

#[tokio::test]
async fn a_proof_fits_only_its_own_body_path_and_method() {
    let (_world, forger) = forger().await;
    let honest = rename("Mine");
    let proof = forger.honest_proof(&honest).await.expect("a proof");
    assert_eq!(sent(&forger, &rename("Yours"), &proof).await, unproven(), "another body");
    let nonce = forger.nonce().await.expect("a nonce");
    let body = serde_json::to_vec(&Rename { name: "Mine".to_owned() }).expect("JSON");
    let url = format!("{ISSUER}/device/v1/self");
    let wrong = [
        ("GET", url.clone(), body.clone()),
        ("patch", url.clone(), body.clone()),
        ("PATCH", format!("{url}/push"), body.clone()),
        ("PATCH", format!("{url}/"), body.clone()),
        ("PATCH", format!("{url}?x=1"), body.clone()),
        ("PATCH", "/device/v1/self".to_owned(), body.clone()),
        ("PATCH", "https://op.example.evil/device/v1/self".to_owned(), body.clone()),
        ("PATCH", "http://op.example/device/v1/self".to_owned(), body.clone()),
        ("PATCH", url.clone(), Vec::new()),
    ];
    for (method, url, body) in wrong {
        let proof = forger.proof(method, &url, &body, &nonce).await.expect("a proof");
        assert_eq!(sent(&forger, &honest, &proof).await, unproven(), "{method} {url}");
    }
    let right = forger.proof("PATCH", &url, &body, &nonce).await.expect("a proof");
    assert_eq!(sent(&forger, &honest, &right).await.0, 204, "none of these used it up");
}

#[tokio::test]
async fn a_stale_nonce_is_replaced_by_a_fresh_one() {
    let (world, forger) = forger().await;
    let call = prompts();
    let proof = forger.honest_proof(&call).await.expect("a proof");
    world.advance(300);
    let reply = forger.call_with(&call, Some(&proof)).await.expect("an answer");
    assert_eq!((reply.status, reply.code()), (401, "use_nonce"));
    let fresh = reply.nonce.expect("a nonce in the header");
    assert_eq!(reply.body["nonce"], fresh.as_str());
    let proof = forger.proof("GET", &format!("{ISSUER}/device/v1/prompts"), &[], &fresh).await.expect("a proof");
    assert_eq!(sent(&forger, &call, &proof).await.0, 200);
}

#[tokio::test]
async fn a_nonce_in_its_last_second_serves_parallel_requests() {
    let (world, forger) = forger().await;
    let nonce = forger.nonce().await.expect("a nonce");
    world.advance(299);
    for _ in 0..3 {
        let url = format!("{ISSUER}/device/v1/prompts");
        let proof = forger.proof("GET", &url, &[], &nonce).await.expect("a proof");
        assert_eq!(sent(&forger, &prompts(), &proof).await.0, 200);
    }
}

#[tokio::test]
async fn a_nonce_that_was_made_for_another_phone_or_made_up_is_not_taken() {
    let (world, forger) = forger().await;
    let bobs = Forger::of(&world.phone("1002").await).await.expect("a phone taken apart");
    let url = format!("{ISSUER}/device/v1/prompts");
    let made_up = protocol::base64url::encode(&[0; 24]);
    for nonce in [bobs.nonce().await.expect("a nonce").as_str(), &made_up, "", "x"] {
        let proof = forger.proof("GET", &url, &[], nonce).await.expect("a proof");
        assert_eq!(sent(&forger, &prompts(), &proof).await, (401, "use_nonce".to_owned()), "{nonce}");
    }
}

#[tokio::test]
async fn only_the_device_key_proves_and_only_under_its_own_name() {
    let (world, forger) = forger().await;
    let bobs = Forger::of(&world.phone("1002").await).await.expect("a phone taken apart");
    let nonce = forger.nonce().await.expect("a nonce");
    let proof = Proof {
        htm: "GET".to_owned(),
        htu: format!("{ISSUER}/device/v1/prompts"),
        iat: 0,
        jti: Nonce::from_bytes([1; 16]),
        nonce,
        bh: Digest::of(b""),
    };
    let by_verified = forger.sign(KeyRole::Verified, &proof).await.expect("signed");
    assert_eq!(sent(&forger, &prompts(), &by_verified).await, unproven());
    let alices = protocol::KeyRef { device: forger.account().device, role: KeyRole::Device };
    let by_bob = bobs.sign_as(alices, KeyRole::Device, &proof).await.expect("signed");
    assert_eq!(sent(&forger, &prompts(), &by_bob).await, unproven());
    let by_verified_as_device = forger.sign_as(alices, KeyRole::Verified, &proof).await.expect("signed");
    assert_eq!(sent(&forger, &prompts(), &by_verified_as_device).await, unproven());
}

#[tokio::test]
async fn a_phone_that_slept_for_an_hour_carries_on_by_itself() {
    let (world, shop, phone) = scene().await;
    assert!(phone.pending().await.expect("the phone asks").is_empty());
    world.advance(3_600);
    let asked = a_request().accepted(&shop).await;
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
    world.redeem(&shop, &asked).await;
}

#[tokio::test]
async fn replies_to_a_phone_hand_out_the_next_nonce() {
    let (_world, forger) = forger().await;
    let reply = forger.call(&prompts()).await.expect("an answer");
    let nonce = reply.nonce.expect("a nonce");
    let proof = forger.proof("GET", &format!("{ISSUER}/device/v1/prompts"), &[], &nonce).await.expect("a proof");
    assert_eq!(sent(&forger, &prompts(), &proof).await.0, 200);
    assert_eq!(PROOF_HEADER, "device-proof");
}
