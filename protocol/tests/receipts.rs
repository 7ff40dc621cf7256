//! A receipt proves one approval: whatever is changed in it, it proves nothing any more.

use protocol::crypto::p256::{SigningKey, VerifyingKey};
use protocol::crypto::{Sign as _, Verify as _};
use protocol::digest::request_digest;
use protocol::display::Line;
use protocol::jws::JwsError;
use protocol::messages::*;
use protocol::receipt::{Approval, Expected, Proven, PublishedKey, PublishedKeys, ReceiptError, verify};
use protocol::{
    DecisionId, DeviceId, Digest, EnrolmentId, Jws, KeyRef, KeyRole, Nonce, PromptId, base64url, crypto::CryptoError,
};
use serde_json::{Value, json};

const ISSUER: &str = "https://op.example";
const ASKED: &str = "the auth_req_id that the client holds";
const NOW: i64 = 1_790_000_000;
const YEAR: i64 = 365 * 86_400;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32]).expect("a scalar")
}

const OP: u8 = 1;
const PHONE: u8 = 2;
const VERIFIED: u8 = 3;

fn device() -> DeviceId {
    DeviceId::from_bytes([4; 16])
}

/// All that a receipt is made of, to be changed before it is signed.
struct Parts {
    prompt: Prompt,
    decision: Decision,
    receipt: Receipt,
    role: KeyRole,
    signer: u8,
    /// Whether the hashes follow what was changed.
    hashes_follow: bool,
}

fn parts() -> Parts {
    let prompt = Prompt {
        iss: ISSUER.to_owned(),
        aud: key(PHONE).public().thumbprint(),
        enr: EnrolmentId::from_bytes([5; 16]),
        jti: PromptId::from_bytes([6; 16]),
        kind: PromptKind::Ciba,
        nonce: Nonce::from_bytes([7; 16]),
        iat: NOW,
        exp: NOW + 108,
        v: 1,
        req: request_digest(ASKED),
        client: PromptClient { id: "shop".to_owned(), name: "Shop".to_owned(), verified: true, logo: None },
        binding_message: Some("Pay 20 EUR".to_owned()),
        scope: vec!["openid".to_owned()],
        resource: Vec::new(),
        authorization_details: Vec::new(),
        display: vec![Line::new("Who asks", "Shop"), Line::new("Message", "Pay 20 EUR")],
        acr: None,
        uv: UserVerification::Required,
        match_code: Match::NONE,
        context: Vec::new(),
        lang: "en".to_owned(),
    };
    let decision = Decision {
        iss: device(),
        aud: ISSUER.to_owned(),
        jti: DecisionId::from_bytes([8; 16]),
        iat: NOW + 9,
        v: 1,
        prompt: prompt.jti,
        nonce: prompt.nonce,
        ph: Digest::of(b""),
        dh: prompt.display_digest(),
        decision: Answer::Approve,
        reason: None,
        match_code: None,
        uv: ReportedVerification::Biometric,
        ctr: 1,
    };
    let receipt = Receipt {
        iss: ISSUER.to_owned(),
        aud: "shop".to_owned(),
        sub: "1001".to_owned(),
        req: request_digest(ASKED),
        prompt: Digest::of(b""),
        decision: Digest::of(b""),
        received_at: NOW + 10,
        key: *key(VERIFIED).public(),
        level: KeyLevel::Attested,
        evidence: None,
        enrolment: Digest::of(b"transcript"),
        iat: NOW + 20,
        v: 1,
    };
    Parts { prompt, decision, receipt, role: KeyRole::Verified, signer: VERIFIED, hashes_follow: true }
}

impl Parts {
    fn signed(mut self) -> Approval {
        let op = key(OP);
        let kid = op.public().thumbprint();
        let prompt = Jws::sign(kid, &self.prompt, &op).expect("signed");
        if self.hashes_follow {
            self.decision.ph = prompt.digest();
        }
        let named = KeyRef { device: device(), role: self.role };
        let decision = Jws::sign(named, &self.decision, &key(self.signer)).expect("signed");
        if self.hashes_follow {
            (self.receipt.prompt, self.receipt.decision) = (prompt.digest(), decision.digest());
        }
        let receipt = Jws::sign(kid, &self.receipt, &op).expect("signed");
        Approval { prompt, decision, receipt }
    }
}

fn published() -> PublishedKeys {
    let key = PublishedKey { jwk: *key(OP).public(), not_before: NOW - 86_400, not_after: NOW + YEAR };
    PublishedKeys { keys: vec![key] }
}

fn expected() -> Expected<'static> {
    Expected { issuer: ISSUER, client: "shop", auth_req_id: ASKED, now: NOW + 9 * YEAR }
}

fn judged(approval: &Approval) -> Result<Proven, ReceiptError> {
    verify(approval, &expected(), &published(), VerifyingKey::new)
}

fn with(change: impl FnOnce(&mut Parts)) -> Result<Proven, ReceiptError> {
    let mut parts = parts();
    change(&mut parts);
    judged(&parts.signed())
}

#[test]
fn a_receipt_proves_who_approved_what_and_when_even_years_later() {
    let proven = with(|_| {}).expect("proven");
    assert_eq!((proven.subject.as_str(), proven.received_at), ("1001", NOW + 10));
    assert_eq!((proven.role, proven.level), (KeyRole::Verified, KeyLevel::Attested));
    assert_eq!(proven.display[1].value, "Pay 20 EUR");
    let by_device = with(|parts| {
        (parts.role, parts.signer) = (KeyRole::Device, PHONE);
        parts.receipt.key = *key(PHONE).public();
    });
    assert_eq!(by_device.expect("proven").role, KeyRole::Device);
}

/// Every member of all three messages, changed where it stands: the signature does not hold any more.
#[test]
fn no_member_of_any_of_the_three_can_be_changed_once_they_are_signed() {
    let honest = parts().signed();
    let mut changed = 0;
    for which in 0..3 {
        let jws = [&honest.prompt, &honest.decision, &honest.receipt][which];
        let mut pieces = jws.as_str().split('.');
        let (header, payload, signature) = (pieces.next().unwrap(), pieces.next().unwrap(), pieces.next().unwrap());
        let payload: Value = serde_json::from_slice(&base64url::decode(payload).unwrap()).unwrap();
        for member in payload.as_object().expect("an object").keys() {
            let mut other = payload.clone();
            other[member] = match &payload[member] {
                Value::String(text) if text.is_empty() => json!("x"),
                Value::String(text) => {
                    json!(format!("{}{}", if text.starts_with('A') { 'B' } else { 'A' }, &text[1..]))
                }
                Value::Number(number) => json!(number.as_i64().expect("whole") + 1),
                Value::Array(_) => json!([{ "label": "x", "value": "y" }]),
                _ => json!({ "mode": "enter", "length": 2 }),
            };
            let text = format!("{header}.{}.{signature}", base64url::encode(other.to_string().as_bytes()));
            let mut tampered = honest.clone();
            *[&mut tampered.prompt, &mut tampered.decision, &mut tampered.receipt][which] = Jws::from_text(text);
            assert!(judged(&tampered).is_err(), "{which} {member}");
            changed += 1;
        }
    }
    assert!(changed > 40, "{changed}");
}

/// A change of what is signed.
type Change = Box<dyn FnOnce(&mut Parts)>;

/// The same by an OP or a phone that lies: every member that means something is compared with what it must be.
#[test]
fn a_signed_lie_is_told_for_what_it_is() {
    let lies: Vec<(Change, ReceiptError)> = vec![
        (Box::new(|p| p.receipt.v = 2), ReceiptError::Version("receipt")),
        (Box::new(|p| p.receipt.iss.push('/')), ReceiptError::Issuer("receipt")),
        (Box::new(|p| p.receipt.aud = "bank".into()), ReceiptError::Client("receipt")),
        (Box::new(|p| p.receipt.req = request_digest("another")), ReceiptError::Request("receipt")),
        (Box::new(|p| p.prompt.v = 2), ReceiptError::Version("prompt")),
        (Box::new(|p| p.prompt.iss.push('/')), ReceiptError::Issuer("prompt")),
        (Box::new(|p| p.prompt.client.id = "bank".into()), ReceiptError::Client("prompt")),
        (Box::new(|p| p.prompt.req = request_digest("another")), ReceiptError::Request("prompt")),
        (Box::new(|p| p.decision.v = 2), ReceiptError::Version("decision")),
        (Box::new(|p| p.decision.aud.push('/')), ReceiptError::Issuer("decision")),
        (Box::new(|p| p.decision.iss = DeviceId::from_bytes([9; 16])), ReceiptError::Key),
        (Box::new(|p| p.decision.prompt = PromptId::from_bytes([9; 16])), ReceiptError::Unanswered("prompt")),
        (Box::new(|p| p.decision.nonce = Nonce::from_bytes([9; 16])), ReceiptError::Unanswered("nonce")),
        (Box::new(|p| p.decision.dh = Digest::of(b"other lines")), ReceiptError::Unanswered("dh")),
        (Box::new(|p| p.prompt.display[1].value = "Pay 2 EUR".into()), ReceiptError::Unanswered("dh")),
        (Box::new(|p| p.decision.decision = Answer::Deny), ReceiptError::Denied),
        (
            Box::new(|p| p.receipt.key = *key(9).public()),
            ReceiptError::Signature("decision", CryptoError::BadSignature.into()),
        ),
        (Box::new(|p| (p.role, p.signer, p.receipt.key) = (KeyRole::Device, 9, *key(9).public())), ReceiptError::Key),
        (Box::new(|p| p.receipt.received_at = NOW - 1), ReceiptError::Times("answered before it was asked")),
        (Box::new(|p| p.receipt.received_at = NOW + 108), ReceiptError::Times("answered after its end")),
        (Box::new(|p| p.receipt.iat = NOW + 9), ReceiptError::Times("attested before it was answered")),
        (Box::new(|p| p.receipt.iat = NOW + 2 * YEAR), ReceiptError::KeyOutOfTime("receipt")),
        (Box::new(|p| p.receipt.iat = NOW - 2 * YEAR), ReceiptError::KeyOutOfTime("receipt")),
        (Box::new(|p| p.prompt.iat = NOW - 2 * YEAR), ReceiptError::KeyOutOfTime("prompt")),
    ];
    for (lie, error) in lies {
        assert_eq!(with(lie).err(), Some(error));
    }
}

#[test]
fn hashes_of_other_messages_are_told() {
    let honest = parts().signed();
    let other = |change: Change| {
        let mut parts = parts();
        change(&mut parts);
        parts.signed()
    };
    let another_prompt = other(Box::new(|p| p.prompt.jti = PromptId::from_bytes([9; 16])));
    let swapped = Approval { prompt: another_prompt.prompt, ..honest.clone() };
    assert_eq!(judged(&swapped).err(), Some(ReceiptError::Other("prompt")));
    let another_decision = other(Box::new(|p| p.decision.ctr = 2));
    let swapped = Approval { decision: another_decision.decision, ..honest.clone() };
    assert_eq!(judged(&swapped).err(), Some(ReceiptError::Other("decision")));
    let mut lying = parts();
    (lying.hashes_follow, lying.decision.ph) = (false, Digest::of(b"another prompt"));
    let prompt = Jws::sign(key(OP).public().thumbprint(), &lying.prompt, &key(OP)).unwrap();
    let named = KeyRef { device: device(), role: KeyRole::Verified };
    let decision = Jws::sign(named, &lying.decision, &key(VERIFIED)).unwrap();
    (lying.receipt.prompt, lying.receipt.decision) = (prompt.digest(), decision.digest());
    assert_eq!(judged(&lying.signed()).err(), Some(ReceiptError::Unanswered("ph")));
}

#[test]
fn a_receipt_of_another_request_with_identical_text_proves_nothing_of_this_one() {
    let another = with(|parts| {
        (parts.prompt.req, parts.receipt.req) = (request_digest("another"), request_digest("another"));
    });
    assert_eq!(another.err(), Some(ReceiptError::Request("receipt")));
}

#[test]
fn a_receipt_handed_to_another_client_proves_nothing_there() {
    let approval = parts().signed();
    let bank = Expected { client: "bank", ..expected() };
    assert_eq!(verify(&approval, &bank, &published(), VerifyingKey::new).err(), Some(ReceiptError::Client("receipt")));
}

#[test]
fn a_receipt_from_the_future_or_by_a_key_that_is_not_published_proves_nothing() {
    let approval = parts().signed();
    for (now, holds) in [(NOW + 20, true), (NOW - 40, true), (NOW - 41, false)] {
        let then = Expected { now, ..expected() };
        assert_eq!(verify(&approval, &then, &published(), VerifyingKey::new).is_ok(), holds, "{now}");
    }
    let none = verify(&approval, &expected(), &PublishedKeys::default(), VerifyingKey::new);
    assert_eq!(none.err(), Some(ReceiptError::UnknownKey("receipt")));
}

#[test]
fn what_is_not_signed_as_its_kind_proves_nothing() {
    let honest = parts().signed();
    let swapped = Approval { receipt: honest.prompt.clone(), ..honest.clone() };
    assert_eq!(judged(&swapped).err(), Some(ReceiptError::Signature("receipt", JwsError::Typ)));
}

#[test]
fn published_keys_are_a_jwk_set_with_times() {
    let text = json!({ "keys": [{
        "kty": "EC", "crv": "P-256", "kid": "any", "alg": "ES256", "use": "sig",
        "x": serde_json::to_value(key(OP).public()).unwrap()["x"], "y": serde_json::to_value(key(OP).public()).unwrap()["y"],
        "not_before": NOW - 86_400, "not_after": NOW + YEAR,
    }] });
    let read: PublishedKeys = serde_json::from_value(text.clone()).expect("read");
    assert_eq!(read, published());
    let others = json!([
        null, "key", {}, { "kty": "RSA", "n": "AQAB", "e": "AQAB" }, { "kty": "OKP", "crv": "Ed25519", "x": "AA" },
        { "kty": "EC", "crv": "P-384", "x": "AA", "y": "AA" }, { "not_before": 0, "not_after": 1 },
    ]);
    for other in others.as_array().expect("an array") {
        let mut set = text.clone();
        set["keys"].as_array_mut().expect("an array").insert(0, other.clone());
        let among_others: PublishedKeys = serde_json::from_value(set).expect("read");
        assert_eq!(among_others, published(), "{other}");
    }
    serde_json::from_value::<PublishedKeys>(json!({ "keys": {} })).expect_err("no set");
    let message = b"any";
    let signature = key(OP).sign(message).expect("signed");
    assert!(VerifyingKey::new(&read.keys[0].jwk).expect("a key").verify(message, &signature).is_ok());
}
