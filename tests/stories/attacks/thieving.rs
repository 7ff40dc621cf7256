//! A phone in other hands, and a server that is none.

use device_core::ports::HttpResponse;
use device_core::{DenyReason, DeviceError, EnrolmentState, Outcome};
use protocol::Jws;
use protocol::crypto::Sign as _;
use protocol::crypto::p256::SigningKey;
use protocol::messages::{Revocation, RevocationReason};
use protocol::problem::Problem;
use server::domain::algorithm::Algorithm;
use simulator::client_key::ClientKey;
use simulator::forger::Forger;
use tests::{ISSUER, a_request};

use super::{Trail, counted, intercepted, shows};
use crate::{introspected, keyed_shop, resource_server, scene, text};

#[tokio::test]
async fn what_a_stolen_phone_approved_is_undone_from_the_one_that_the_user_kept() {
    let (world, _, stolen) = scene().await;
    let shop = keyed_shop(&world, &ClientKey::generate(Algorithm::Es256)).await;
    let api = resource_server(&world).await;
    let kept = world.phone("1001").await;
    let trail = Trail::from_now(&world).await;
    let asked = a_request().accepted(&shop).await;
    let on_kept = world.prompt(&kept, &asked).await;
    stolen.approve(&world.prompt(&stolen, &asked).await).await.expect("the thief knows the PIN");
    let tokens = world.redeem(&shop, &asked).await.json();
    assert_eq!(introspected(&api, text(&tokens, "access_token")).await["active"], true);

    assert_eq!(kept.deny(&on_kept, DenyReason::NotMe).await, Ok(Outcome::Disputed));
    assert_eq!(introspected(&api, text(&tokens, "access_token")).await["active"], false);
    let refreshed = shop.refresh(text(&tokens, "refresh_token")).await.expect("an answer");
    assert_eq!(refreshed.in_short(), "400 invalid_grant");
    let next = a_request().accepted(&shop).await;
    assert_eq!(stolen.pending().await.err(), Some(DeviceError::Suspended), "the thief sees no more");
    assert_eq!(shows(&kept).await, ["shop: Pay 12 euros"]);
    kept.approve(&world.prompt(&kept, &next).await).await.expect("the user goes on");
    world.redeem(&shop, &next).await;

    let told = counted([
        ("request_accepted", 2),
        ("request_decided approve", 2),
        ("request_redeemed", 2),
        ("request_decided deny not_me", 1),
        ("request_disputed", 1),
        ("device_revoked disputed", 1),
    ]);
    assert_eq!(trail.told().await, told);
    let revoked = trail.newest("device_revoked").await;
    let thiefs = Forger::of(&stolen).await.expect("a phone taken apart").account().device.to_string();
    assert_eq!((&revoked["subject"], &revoked["device"]), (&"1001".into(), &thiefs.into()));
}

/// Whoever could make phones forget their keys could make their users enrol again, where they are weakest.
#[tokio::test]
async fn you_are_unenrolled_is_believed_of_nobody_but_the_server() {
    let (world, shop, phone) = scene().await;
    let trail = Trail::from_now(&world).await;
    let account = Forger::of(&phone).await.expect("a phone taken apart").account().clone();
    let impostor = SigningKey::from_bytes(&[5; 32]).expect("a key");
    let said = Revocation {
        iss: ISSUER.to_owned(),
        aud: account.keys.device.thumbprint(),
        enr: account.enr,
        reason: RevocationReason::Operator,
        at: world.now().unix_seconds(),
        v: protocol::VERSION,
    };
    let forged = Jws::sign(impostor.public().thumbprint(), &said, &impostor).expect("signed");
    let (now, lies) = (world.now().unix_seconds(), [None, Some(forged), Some(Jws::from_text("a.b.c".to_owned()))]);
    for lie in lies {
        let lied_to = intercepted(&phone, move |url, response| {
            // These two are asked without a proof, so that they need no account.
            if url.ends_with("/nonce") || url.ends_with("/configuration") {
                response
            } else {
                revoked(lie.clone(), now)
            }
        });
        let heard = lied_to.pending().await;
        assert!(matches!(heard, Err(DeviceError::Revoked | DeviceError::Untrusted { .. })), "{heard:?}");
        lied_to.core().sync(None).await.expect("it goes on");
        let accounts = lied_to.core().accounts().await.expect("a list");
        assert_eq!(accounts[0].state, EnrolmentState::Active, "nothing is wiped");
    }

    let asked = a_request().accepted(&shop).await;
    assert_eq!(shows(&phone).await, ["The shop: Pay 12 euros"]);
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("its keys are there");
    world.redeem(&shop, &asked).await;
    let expected = counted([("request_accepted", 1), ("request_decided approve", 1), ("request_redeemed", 1)]);
    assert_eq!(trail.told().await, expected, "nobody was revoked");
}

fn revoked(revocation: Option<Jws>, now: i64) -> HttpResponse {
    let kind = "urn:assent:problem:revoked".to_owned();
    let title = "This device was revoked".to_owned();
    let problem = Problem { kind, title, status: 401, nonce: None, revocation, now };
    HttpResponse { status: 401, headers: Vec::new(), body: serde_json::to_vec(&problem).expect("JSON") }
}
