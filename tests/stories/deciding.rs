//! The checks of a decision: each failed one is an event with a code of its own, and they are judged in the order of the
//! device protocol. Of two that fail, the earlier one is told.

use device_core::DeviceError;
use protocol::messages::{Answer, Decision, DenyReason};
use protocol::{DecisionId, Digest, Jws, KeyRef, KeyRole, Nonce, PromptId};
use serde_json::{Value, json};
use server::domain::user::UserStatus;
use simulator::forger::{Forger, Reply};
use simulator::phone::Phone;
use simulator::relying_party::RelyingParty;
use tests::{ISSUER, World, a_request};

use crate::scene;

/// What can be wrong, in the order in which it is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Size,
    Typ,
    Alg,
    Kid,
    Revoked,
    UnknownPrompt,
    Key,
    Signature,
    Iss,
    Aud,
    Version,
    Prompt,
    Nonce,
    PromptHash,
    DisplayHash,
    Reason,
    Expired,
    Locked,
    Withdrawn,
    Match,
    Counter,
}

const ORDER: [Fault; 21] = [
    Fault::Size,
    Fault::Typ,
    Fault::Alg,
    Fault::Kid,
    Fault::Revoked,
    Fault::UnknownPrompt,
    Fault::Key,
    Fault::Signature,
    Fault::Iss,
    Fault::Aud,
    Fault::Version,
    Fault::Prompt,
    Fault::Nonce,
    Fault::PromptHash,
    Fault::DisplayHash,
    Fault::Reason,
    Fault::Expired,
    Fault::Locked,
    Fault::Withdrawn,
    Fault::Match,
    Fault::Counter,
];

impl Fault {
    /// What the phone is told, and what the audit trail says.
    fn told(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::Size => (400, "malformed", "size"),
            Self::Typ => (400, "malformed", "typ"),
            Self::Alg => (400, "malformed", "alg"),
            Self::Kid => (403, "bad_signature", "kid"),
            Self::Revoked => (401, "revoked", "device"),
            Self::UnknownPrompt => (404, "unknown_prompt", "unknown_prompt"),
            Self::Key => (403, "wrong_key", "key"),
            Self::Signature => (403, "bad_signature", "signature"),
            Self::Iss => (400, "mismatch", "iss"),
            Self::Aud => (400, "mismatch", "aud"),
            Self::Version => (400, "mismatch", "version"),
            Self::Prompt => (400, "mismatch", "prompt"),
            Self::Nonce => (400, "mismatch", "nonce"),
            Self::PromptHash => (400, "mismatch", "prompt_hash"),
            Self::DisplayHash => (400, "mismatch", "display_hash"),
            Self::Reason => (400, "mismatch", "reason"),
            Self::Expired => (410, "expired", "expired"),
            Self::Locked => (403, "user_not_active", "user"),
            Self::Withdrawn => (409, "cancelled", "state"),
            Self::Match => (400, "mismatch", "match"),
            Self::Counter => (403, "counter_reused", "counter"),
        }
    }

    fn spoil(self, decision: &mut Decision) {
        match self {
            Self::Iss => decision.iss = protocol::DeviceId::from_bytes([9; 16]),
            Self::Aud => decision.aud = format!("{ISSUER}/"),
            Self::Version => decision.v = 2,
            Self::Prompt => decision.prompt = PromptId::from_bytes([9; 16]),
            Self::Nonce => decision.nonce = Nonce::from_bytes([9; 16]),
            Self::PromptHash => decision.ph = Digest::of(b"another prompt"),
            Self::DisplayHash => decision.dh = Digest::of(b"other lines"),
            Self::Reason => decision.reason = Some(DenyReason::NotMe),
            Self::Match => decision.match_code = Some("42".to_owned()),
            Self::Size
            | Self::Typ
            | Self::Alg
            | Self::Kid
            | Self::Revoked
            | Self::UnknownPrompt
            | Self::Key
            | Self::Signature
            | Self::Expired
            | Self::Locked
            | Self::Withdrawn
            | Self::Counter => {}
        }
    }
}

/// A user with a phone, and what the shop asks of them.
struct Try<'w> {
    world: &'w World,
    shop: &'w RelyingParty,
    subject: String,
    phone: Phone,
    forger: Forger,
    asked: String,
    prompt: Jws,
}

impl<'w> Try<'w> {
    async fn new(world: &'w World, shop: &'w RelyingParty, number: usize) -> Self {
        let (subject, name) = (format!("u{number}"), format!("user{number}"));
        world.add_user(&subject, &name).await;
        let phone = world.phone(&subject).await;
        let forger = Forger::of(&phone).await.expect("a phone taken apart");
        let asked = a_request().about(&name).accepted(shop).await;
        let prompt = world.prompt(&phone, &asked).await.prompt().message().clone();
        Self { world, shop, subject, phone, forger, asked, prompt }
    }

    /// Sends an approval with these faults.
    async fn with(&self, faults: &[Fault]) -> Reply {
        let has = |fault| faults.contains(&fault);
        let counter = self.use_counter(has(Fault::Counter)).await;
        let mut decision = self.forger.decision(&self.prompt, Answer::Approve).expect("a prompt");
        decision.ctr = counter;
        let to = if has(Fault::UnknownPrompt) { PromptId::from_bytes([7; 16]) } else { decision.prompt };
        for fault in faults {
            fault.spoil(&mut decision);
        }
        let signed = self.signed(&decision, &has).await;
        self.meanwhile(&has).await;
        self.forger.send(&to, signed).await.expect("an answer")
    }

    /// A counter that is new, or one that another decision has used.
    async fn use_counter(&self, again: bool) -> u64 {
        if again {
            let asked = a_request().about(&self.subject).accepted(self.shop).await;
            let prompt = self.world.prompt(&self.phone, &asked).await;
            let mut other = self.forger.decision(prompt.prompt().message(), Answer::Deny).expect("a prompt");
            (other.ctr, other.jti) = (77, DecisionId::from_bytes([8; 16]));
            let signed = self.forger.sign(KeyRole::Device, &other).await.expect("signed");
            assert_eq!(self.forger.send(&other.prompt, signed).await.expect("an answer").status, 200);
        }
        77
    }

    async fn signed(&self, decision: &Decision, has: &impl Fn(Fault) -> bool) -> Jws {
        let role = if has(Fault::Key) { KeyRole::Device } else { KeyRole::Verified };
        let device =
            if has(Fault::Kid) { protocol::DeviceId::from_bytes([6; 16]) } else { self.forger.account().device };
        let header = json!({
            "typ": if has(Fault::Typ) { "adp-proof+jwt" } else { "adp-decision+jwt" },
            "alg": if has(Fault::Alg) { "none" } else { "ES256" },
            "kid": KeyRef { device, role }.to_string(),
        });
        let mut payload = json!(decision);
        if has(Fault::Size) {
            payload["more"] = Value::from("x".repeat(9_000));
        }
        // The other key than the one that it names.
        let signer = match (role, has(Fault::Signature)) {
            (role, false) => role,
            (KeyRole::Device, true) => KeyRole::Verified,
            (KeyRole::Verified, true) => KeyRole::Device,
        };
        self.forger.sign_text(signer, &header, payload.to_string().as_bytes()).await.expect("signed")
    }

    /// What happens before the decision arrives.
    async fn meanwhile(&self, has: &impl Fn(Fault) -> bool) {
        if has(Fault::Withdrawn) {
            assert_eq!(self.shop.cancel(&self.asked).await.expect("an answer").in_short(), "200");
        }
        if has(Fault::Revoked) {
            let device = self.forger.account().device.to_string();
            self.world.admin().revoke(&device).await.expect("revoked");
        }
        if has(Fault::Locked) {
            self.world.set_status(&self.subject, UserStatus::Locked).await;
        }
        if has(Fault::Expired) {
            self.world.advance(110);
        }
    }

    /// The codes of the refusals of this phone that the audit trail has.
    async fn recorded(&self) -> Vec<String> {
        let events = self.world.admin().audit().await.expect("the audit trail");
        let device = self.forger.account().device.to_string();
        let refused = events.iter().filter(|event| event["event"] == "decision_refused" && event["device"] == device);
        refused.map(|event| event["check"].as_str().expect("a code").to_owned()).collect()
    }
}

async fn quiet_world() -> (World, RelyingParty) {
    let world = World::builder().policy(|policy| policy.prompt_limits = false).make().await;
    let shop = world.shop().await;
    (world, shop)
}

#[tokio::test]
async fn every_failed_check_has_a_code_of_its_own_in_the_audit_trail() {
    let (world, shop) = quiet_world().await;
    let mut codes = Vec::new();
    for (number, fault) in ORDER.into_iter().enumerate() {
        let spoilt = Try::new(&world, &shop, number).await;
        let reply = spoilt.with(&[fault]).await;
        let (status, code, check) = fault.told();
        assert_eq!((reply.status, reply.code()), (status, code), "{fault:?}");
        assert_eq!(spoilt.recorded().await, [check], "{fault:?}");
        codes.push(check);
    }
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), ORDER.len(), "no two share one");
}

#[tokio::test]
async fn of_two_checks_that_fail_the_earlier_one_is_told() {
    let (world, shop) = quiet_world().await;
    let mut number = 0;
    for (place, earlier) in ORDER.into_iter().enumerate() {
        // Each with its neighbours and some that are far; all 210 pairs would show no more.
        for later in [1, 2, 5, 11].into_iter().filter_map(|far| ORDER.get(place + far).copied()) {
            number += 1;
            let spoilt = Try::new(&world, &shop, number).await;
            spoilt.with(&[earlier, later]).await;
            assert_eq!(spoilt.recorded().await, [earlier.told().2], "{earlier:?} and {later:?}");
        }
    }
}

#[tokio::test]
async fn a_decision_without_any_of_them_is_taken() {
    let (world, shop) = quiet_world().await;
    let honest = Try::new(&world, &shop, 1).await;
    assert_eq!(honest.with(&[]).await.status, 200);
    assert!(honest.recorded().await.is_empty());
    world.redeem(&shop, &honest.asked).await;
}

#[tokio::test]
async fn a_refusal_is_part_of_the_story_of_its_request() {
    let (world, shop) = quiet_world().await;
    let spoilt = Try::new(&world, &shop, 1).await;
    spoilt.with(&[Fault::PromptHash]).await;
    let body = json!({ "auth_req_id": spoilt.asked });
    let story = world.admin().call(axum::http::Method::POST, "/explain", Some(&body)).await.expect("an answer").json();
    let told: Vec<_> = story["events"].as_array().expect("events").iter().map(|event| &event["event"]).collect();
    assert_eq!(told, ["request_accepted", "decision_refused"]);
}

#[tokio::test]
async fn an_unapproved_prompt_may_be_denied_to_its_end_and_an_approved_one_to_the_end_of_the_request() {
    let (world, shop, phone) = scene().await;
    let (pending, approved) = (a_request().accepted(&shop).await, a_request().accepted(&shop).await);
    let (on_pending, on_approved) = (world.prompt(&phone, &pending).await, world.prompt(&phone, &approved).await);
    phone.approve(&on_approved).await.expect("approved");
    world.advance(110);
    assert_eq!(phone.deny(&on_pending, device_core::DenyReason::NotMe).await, Err(DeviceError::Expired));
    let taken_back = phone.deny(&on_approved, device_core::DenyReason::NotMe).await;
    assert_eq!(taken_back, Ok(device_core::Outcome::Denied), "what is not redeemed yet can be stopped");
    assert_eq!(world.poll(&shop, &approved).await, "400 access_denied");
}

#[tokio::test]
async fn two_pending_requests_of_one_client_warn_of_each_other_and_are_told_apart_by_their_text() {
    let (world, shop, phone) = scene().await;
    world.add_client("bank", "the secret of the bank").await;
    let bank = world.client("bank", "the secret of the bank").await;
    let small = a_request().with("binding_message", "Pay 1 euro").accepted(&shop).await;
    let alone = world.prompt(&phone, &small).await;
    assert_eq!(alone.display().warnings, []);
    let large = a_request().with("binding_message", "Pay 1000 euros").accepted(&shop).await;
    let other = a_request().accepted(&bank).await;
    let conflict = [device_core::Warning::Conflict { others: 1 }];
    let (on_small, on_large) = (world.prompt(&phone, &small).await, world.prompt(&phone, &large).await);
    assert_eq!((on_small.display().warnings, on_large.display().warnings), (conflict.to_vec(), conflict.to_vec()));
    assert_eq!(world.prompt(&phone, &other).await.display().warnings, [], "another client's is another matter");
    phone.approve(&on_small).await.expect("approved");
    assert_eq!(world.poll(&shop, &large).await, "400 authorization_pending", "the newer one is still there");
    assert_eq!(world.prompt(&phone, &large).await.display().warnings, [], "and alone now");
    world.redeem(&shop, &small).await;
}
