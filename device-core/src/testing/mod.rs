//! A small issuer made of protocol messages, for the tests of this crate: it says what a server says, or the opposite.

mod ports;
mod server;

pub(crate) use server::{Phone, Trouble, next_signing_key, settings};

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use protocol::crypto::Sign as _;
use protocol::crypto::p256::{SigningKey, VerifyingKey};
use protocol::digest::{nonce_commitment, request_digest};
use protocol::display::Line;
use protocol::endpoints::OfferReply;
use protocol::jws::{General, KeyHint, UnsignedGeneral};
use protocol::messages as wire;
use protocol::{DeviceId, Digest, EnrolmentId, Jwk, Jws, Nonce, PromptId, TicketCode, VERSION};

use crate::app::{DeviceInfo, PushTarget};
use crate::decision::Signed;
use crate::enrolment::Introduction;
use crate::ports::KeyProtection;
use crate::state::{AccountState, KeySlot, MovedKeys, PublicKeys};
use crate::trust::Trust;

pub(crate) const ISSUER: &str = "https://op.example";
pub(crate) const NOW: i64 = 1_800_000_000;
pub(crate) const REVEALED: Nonce = Nonce::from_bytes([0x33; 16]);

/// Runs a future whose ports answer at once.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        std::thread::yield_now();
    }
}

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32]).expect("a small number is a scalar")
}

pub(crate) fn info() -> DeviceInfo {
    let text = |text: &str| text.to_owned();
    DeviceInfo {
        name: text("Anna's phone"),
        model: text("Model 1"),
        os: text("OS 2"),
        app_id: text("org.example"),
        app_version: text("1"),
    }
}

pub(crate) fn introduction() -> Introduction {
    Introduction::new(info(), PushTarget::None)
}

/// The issuer's keys: what it signs is believed, unless a test bends it.
pub(crate) struct Op {
    pub(crate) root: SigningKey,
    pub(crate) signing: SigningKey,
}

impl Op {
    pub(crate) fn new() -> Self {
        Self { root: key(1), signing: key(2) }
    }

    pub(crate) fn sign<M: wire::Message>(&self, message: &M) -> Jws {
        Jws::sign(self.signing.public().thumbprint(), message, &self.signing).expect("a key in memory signs")
    }

    pub(crate) fn list(&self, bend: impl FnOnce(&mut wire::KeyList)) -> Jws {
        let key = wire::SigningKey { jwk: *self.signing.public(), not_before: NOW - 10, not_after: NOW + 100_000 };
        let mut list = wire::KeyList {
            iss: ISSUER.into(),
            sequence: 1,
            keys: vec![key],
            revoked: Vec::new(),
            iat: NOW,
            v: VERSION,
        };
        bend(&mut list);
        Jws::sign(self.root.public().thumbprint(), &list, &self.root).expect("a key in memory signs")
    }

    pub(crate) fn trust(&self) -> Trust {
        let root = *self.root.public();
        Trust::pin(ISSUER, &root.thumbprint(), root, &self.list(|_| ())).expect("the list is sound")
    }

    pub(crate) fn ticket(&self) -> wire::Ticket {
        wire::Ticket {
            issuer: ISSUER.into(),
            code: TicketCode::from_bytes([0x11; 16]),
            root: self.root.public().thumbprint(),
            expires_at: NOW + 300,
        }
    }

    pub(crate) fn offer(&self, ticket: &wire::Ticket, device: &Jwk, bend: impl FnOnce(&mut wire::Offer)) -> OfferReply {
        let mut offer = wire::Offer {
            iss: ISSUER.into(),
            aud: device.thumbprint(),
            enr: EnrolmentId::from_bytes([0x22; 16]),
            account: "a•••a".into(),
            policy: policy(),
            att_nonce: Nonce::from_bytes([0; 16]),
            cs: nonce_commitment(&REVEALED),
            th: wire::Offer::ticket_hash(&ticket.root, &ticket.code, ticket.expires_at),
            iat: NOW,
            exp: NOW + 600,
            v: VERSION,
        };
        bend(&mut offer);
        OfferReply { offer: self.sign(&offer), keys: self.list(|_| ()), root: *self.root.public(), now: NOW }
    }

    pub(crate) fn enrolment(&self, finish: &General, bend: impl FnOnce(&mut wire::Enrolment)) -> Jws {
        let sent: wire::Finish = finish.unverified_payload().expect("our own message");
        let mut enrolment = wire::Enrolment {
            iss: ISSUER.into(),
            aud: sent.device.thumbprint(),
            enr: sent.enr,
            device: DeviceId::from_bytes([0x44; 16]),
            state: wire::EnrolmentState::Unconfirmed,
            nonce: REVEALED,
            fh: finish.digest(),
            policy: None,
            now: NOW,
            v: VERSION,
        };
        bend(&mut enrolment);
        self.sign(&enrolment)
    }

    pub(crate) fn revocation(&self, account: &AccountState, bend: impl FnOnce(&mut wire::Revocation)) -> Jws {
        let mut revocation = wire::Revocation {
            iss: ISSUER.into(),
            aud: account.keys.device.thumbprint(),
            enr: account.enr,
            reason: wire::RevocationReason::Operator,
            at: NOW,
            v: VERSION,
        };
        bend(&mut revocation);
        self.sign(&revocation)
    }

    pub(crate) fn prompt(&self, account: &AccountState, bend: impl FnOnce(&mut wire::Prompt)) -> Jws {
        self.sign(&prompt(account, bend))
    }

    pub(crate) fn result(
        &self,
        account: &AccountState,
        decision: &Signed,
        bend: impl FnOnce(&mut wire::DecisionResult),
    ) -> Jws {
        let mut result = wire::DecisionResult {
            iss: ISSUER.into(),
            aud: account.keys.device.thumbprint(),
            prompt: PromptId::from_bytes([0x55; 16]),
            decision: decision.jti,
            hash: decision.message.digest(),
            outcome: wire::Outcome::Approved,
            received_at: NOW,
            v: VERSION,
        };
        bend(&mut result);
        self.sign(&result)
    }
}

pub(crate) fn prompt(account: &AccountState, bend: impl FnOnce(&mut wire::Prompt)) -> wire::Prompt {
    let mut prompt = wire::Prompt {
        iss: ISSUER.into(),
        aud: account.keys.device.thumbprint(),
        enr: account.enr,
        jti: PromptId::from_bytes([0x55; 16]),
        kind: wire::PromptKind::Ciba,
        nonce: Nonce::from_bytes([0x66; 16]),
        iat: NOW,
        exp: NOW + 100,
        v: VERSION,
        req: request_digest("r-1"),
        client: wire::PromptClient { id: "bank".into(), name: "Example Bank".into(), verified: true, logo: None },
        binding_message: Some("Pay 20 EUR".into()),
        scope: vec!["openid".into()],
        resource: Vec::new(),
        authorization_details: Vec::new(),
        display: vec![Line::new("Who asks", "Example Bank"), Line::new("Message", "Pay 20 EUR")],
        acr: None,
        uv: wire::UserVerification::Required,
        match_code: wire::Match::NONE,
        context: Vec::new(),
        lang: "en".into(),
    };
    bend(&mut prompt);
    prompt
}

/// The issuer's list under this number, by a root.
pub(crate) fn list_by(op: &Op, root: &SigningKey, sequence: u64) -> Jws {
    Jws::sign(root.public().thumbprint(), &listed(op, sequence), root).expect("a key in memory signs")
}

/// A step from root to root; `named` in its headers, signed `by`.
pub(crate) fn succession(op: &Op, sequence: u64, named: [&SigningKey; 2], by: [&SigningKey; 2]) -> General {
    let hints = named.map(|key| KeyHint::Jwk(*key.public())).to_vec();
    let unsigned = UnsignedGeneral::new(hints, &listed(op, sequence));
    let sign = |(input, key): (&[u8], &SigningKey)| key.sign(input).expect("a key in memory signs");
    let signatures: Vec<_> = unsigned.signing_inputs().zip(by).map(sign).collect();
    unsigned.attach(&signatures)
}

fn listed(op: &Op, sequence: u64) -> wire::KeyList {
    let list = op.list(|list| list.sequence = sequence);
    list.open(&VerifyingKey::new(op.root.public()).expect("a key")).expect("the root signed it")
}

/// What the issuer asks of new phones.
pub(crate) const fn policy() -> wire::EnrolmentPolicy {
    wire::EnrolmentPolicy {
        confirm: wire::Confirm::Page,
        attestation: wire::Attestation::None,
        verified: wire::VerifiedKind::Biometric,
        push: wire::PushMode::Sealed,
    }
}

/// An active account whose keys are `key(11)` and `key(12)`.
pub(crate) fn account(op: &Op) -> AccountState {
    AccountState {
        enr: EnrolmentId::from_bytes([0x22; 16]),
        device: DeviceId::from_bytes([0x44; 16]),
        label: "a•••a".into(),
        trust: op.trust(),
        slot: KeySlot::new([9; 16]),
        keys: PublicKeys { device: *key(11).public(), verified: *key(12).public(), sealing: *key(13).public() },
        protection: KeyProtection::Biometric,
        standing: wire::EnrolmentState::Active,
        digits: None,
        counter: 0,
        decisions: Vec::new(),
        clock_ahead: 0,
        moved: MovedKeys::default(),
        rotation: None,
        doubtful: Vec::new(),
        policy: None,
        former: None,
        ended: None,
    }
}

pub(crate) fn other_digest() -> Digest {
    Digest::of(b"something else")
}
