//! Small records of each kind, told apart by a number.

use protocol::messages::{AppInfo, DeviceInfo, KeyLevel, PushTarget, RevocationReason, UserVerification, VerifiedKind};
use protocol::{DecisionId, DeviceId, Digest, EnrolmentId, Jwk, Jws, Nonce, PromptId, RoutingId};

use crate::domain::attention::{Attention, AttentionKey, Block};
use crate::domain::audit::{Event, What};
use crate::domain::authentication_request::{AuthenticationRequest, State};
use crate::domain::client::{AuthenticationMethod, Client, ClientSecret};
use crate::domain::delivery::DeliveryMode;
use crate::domain::device::{Device, DeviceStatus, Enrolment, EnrolmentProgress, EnrolmentTicket, TicketState};
use crate::domain::grant::Grant;
use crate::domain::history::{Answered, History, HistoryKey};
use crate::domain::message::{Content, Message, MessageId};
use crate::domain::names::{ClientId, FamilyKey, RealmId, RegistrationKey, RequestKey, Subject, TicketKey, TokenKey};
use crate::domain::prompt::{About, StoredAnswer, StoredPrompt};
use crate::domain::realm::{Policy, Realm};
use crate::domain::refresh::RefreshFamily;
use crate::domain::registration::{Logo, RegistrationToken, SelfRegistered, Software};
use crate::domain::secret::{Secret, SecretHash};
use crate::domain::time::Timestamp;
use crate::domain::times::Times;
use crate::domain::user::{User, UserStatus};
use crate::store::MarkKey;

/// So many seconds after the beginning of all samples.
#[must_use]
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(1_800_000_000 + seconds)
}

fn bits(n: u64) -> [u8; 16] {
    let mut bits = [0; 16];
    bits[8..].copy_from_slice(&n.to_be_bytes());
    bits
}

fn jwk(n: u8) -> Jwk {
    Jwk::from_coordinates([n; 32], [n; 32])
}

fn jws(text: &str) -> Jws {
    Jws::from_text(text.to_owned())
}

/// A device's id.
#[must_use]
pub fn device_id(n: u64) -> DeviceId {
    DeviceId::from_bytes(bits(n))
}

/// A prompt's id.
#[must_use]
pub fn prompt_id(n: u64) -> PromptId {
    PromptId::from_bytes(bits(n))
}

/// An enrolment's id.
#[must_use]
pub fn enrolment_id(n: u64) -> EnrolmentId {
    EnrolmentId::from_bytes(bits(n))
}

/// A user's subject.
#[must_use]
pub fn subject(n: u64) -> Subject {
    Subject::new(format!("subject-{n}"))
}

/// A request's key.
#[must_use]
pub fn request_key(n: u64) -> RequestKey {
    RequestKey::of(&n.to_string())
}

/// A ticket's key.
#[must_use]
pub fn ticket_key(n: u64) -> TicketKey {
    TicketKey::of(&n.to_string())
}

/// A token's key.
#[must_use]
pub fn token_key(n: u64) -> TokenKey {
    TokenKey::of(&n.to_string())
}

/// A registration token's key.
#[must_use]
pub fn registration_key(n: u64) -> RegistrationKey {
    RegistrationKey::of(&n.to_string())
}

/// A token by which two clients may register themselves.
#[must_use]
pub fn a_registration_token(n: u64, expires_at: Timestamp) -> RegistrationToken {
    RegistrationToken { key: registration_key(n), created_at: at(0), expires_at, uses_left: 2 }
}

/// The logo of a client.
#[must_use]
pub fn a_logo(n: u64) -> Logo {
    Logo::of(ClientId::new(format!("client-{n}")), &n.to_be_bytes())
}

/// A realm by that name.
#[must_use]
pub fn a_realm(id: &str) -> Realm {
    Realm::new(RealmId::new(id), format!("https://{id}.example"), Policy::default())
}

/// A poll client.
#[must_use]
pub fn a_client(n: u64) -> Client {
    let secret = ClientSecret::Hashed(SecretHash::of(&Secret::new("not a secret".to_owned())));
    Client::new(ClientId::new(format!("client-{n}")), "Example".to_owned(), secret)
}

/// One that registered itself by a statement of its software, and that an operator replaced since.
#[must_use]
pub fn a_registered_client(n: u64) -> Client {
    let token = SecretHash::of(&Secret::new("not a token".to_owned()));
    let software = Software { issuer: "https://directory.example".to_owned(), id: "example".to_owned() };
    let registration = SelfRegistered {
        token,
        issued_at: at(0),
        statement: Some("e30.e30.AAAA".to_owned()),
        software: Some(software),
    };
    Client { registration: Some(registration), settled: true, ..a_client(n) }
}

/// An active user with every identifier.
#[must_use]
pub fn a_user(n: u64) -> User {
    User {
        subject: subject(n),
        username: format!("user{n}"),
        email: Some(format!("user{n}@example.com")),
        phone: Some(format!("+49 30 {n:06}")),
        user_code: None,
        status: UserStatus::Active,
    }
}

/// An active phone.
#[must_use]
pub fn a_device(n: u64, owner: u64) -> Device {
    let app = AppInfo { id: "com.example.app".to_owned(), version: "1.0".to_owned() };
    Device {
        id: device_id(n),
        enrolment: enrolment_id(n),
        subject: subject(owner),
        device_key: jwk(1),
        verified_key: jwk(2),
        verified_kind: VerifiedKind::Biometric,
        sealing_key: jwk(3),
        level: KeyLevel::Claimed,
        verified_level: KeyLevel::Claimed,
        attestation: None,
        info: DeviceInfo { name: format!("Phone {n}"), model: "Model".to_owned(), os: "OS 1".to_owned(), app },
        push: PushTarget::None,
        push_named_at: None,
        status: DeviceStatus::Active,
        transcript: Digest::of(b"transcript"),
        enrolled_at: at(0),
        limited_until: None,
        rotated: None,
        rotations: Times::NONE,
        proposed: None,
    }
}

/// A phone that was revoked.
#[must_use]
pub fn a_revoked_device(n: u64, owner: u64) -> Device {
    let status = DeviceStatus::Revoked { reason: RevocationReason::User, at: at(1) };
    Device { status, ..a_device(n, owner) }
}

/// A fresh ticket.
#[must_use]
pub fn a_ticket(n: u64, expires_at: Timestamp) -> EnrolmentTicket {
    EnrolmentTicket { key: ticket_key(n), subject: subject(n), state: TicketState::Fresh, expires_at }
}

/// An enrolment that was offered.
#[must_use]
pub fn an_enrolment(n: u64, expires_at: Timestamp) -> Enrolment {
    Enrolment {
        id: enrolment_id(n),
        ticket: ticket_key(n),
        subject: subject(n),
        key: Digest::of(b"key"),
        nonce: Nonce::from_bytes([7; 16]),
        offer: jws("offer"),
        progress: EnrolmentProgress::Offered,
        finished: None,
        confirmed_by: None,
        expires_at,
    }
}

/// A pending request that asked these phones by these prompts.
#[must_use]
pub fn a_request(n: u64, prompts: &[(u64, u64)], keep_until: Timestamp) -> AuthenticationRequest {
    AuthenticationRequest {
        key: request_key(n),
        client: ClientId::new("client-1"),
        authenticated_by: AuthenticationMethod::ClientSecretBasic,
        subject: subject(1),
        delivery: DeliveryMode::Poll,
        scope: vec!["openid".to_owned()],
        resources: Vec::new(),
        binding_message: Some("Transfer 250".to_owned()),
        interval: 5,
        created_at: at(0),
        expires_at: at(120),
        keep_until,
        prompts: prompts.iter().map(|(device, prompt)| (device_id(*device), prompt_id(*prompt))).collect(),
        notified: false,
        callback: None,
        acr_values: Vec::new(),
        certificate: None,
        details: None,
        match_code: None,
        issued: None,
        state: State::Pending,
    }
}

/// A prompt for a phone, without answer.
#[must_use]
pub fn a_prompt(n: u64, device: u64, request: u64) -> StoredPrompt {
    StoredPrompt {
        id: prompt_id(n),
        device: device_id(device),
        request: request_key(request),
        about: About::Request,
        nonce: Nonce::from_bytes([1; 16]),
        display: Digest::of(b"display"),
        user_verification: UserVerification::Required,
        jws: jws("prompt"),
        expires_at: at(100),
        answer: None,
        approval: None,
        req: None,
    }
}

/// An answer to any prompt.
#[must_use]
pub fn an_answer() -> StoredAnswer {
    StoredAnswer { id: DecisionId::from_bytes([5; 16]), jws: jws("decision"), result: jws("result") }
}

/// A grant.
#[must_use]
pub fn a_grant(n: u64, expires_at: Timestamp) -> Grant {
    Grant {
        token: token_key(n),
        client: ClientId::new("client-1"),
        subject: subject(1),
        scope: vec!["openid".to_owned()],
        request: request_key(n),
        issued_at: None,
        expires_at,
        audience: Vec::new(),
        details: Vec::new(),
        certificate: None,
        dpop_key: None,
        family: None,
        device: None,
        auth_time: None,
        acr: None,
        revoked_at: None,
    }
}

/// A family of refresh tokens' key.
#[must_use]
pub fn family_key(n: u64) -> FamilyKey {
    FamilyKey::of(&n.to_string())
}

/// A family of refresh tokens.
#[must_use]
pub fn a_family(n: u64, expires_at: Timestamp) -> RefreshFamily {
    RefreshFamily {
        key: family_key(n),
        client: ClientId::new("client-1"),
        subject: subject(1),
        told: Some(subject(1)),
        scope: vec!["openid".to_owned()],
        resources: Vec::new(),
        details: Vec::new(),
        request: request_key(n),
        device: device_id(1),
        auth_time: at(0),
        acr: "urn:assent:acr:uv".to_owned(),
        amr: vec!["pop".to_owned()],
        certificate: None,
        dpop_key: None,
        current: SecretHash::of(&Secret::new("a refresh token".to_owned())),
        previous: None,
        issued_at: at(0),
        expires_at,
        revoked_at: None,
    }
}

/// A push in the outbox.
#[must_use]
pub fn a_message(n: u64, due_at: Timestamp, give_up_at: Timestamp) -> Message {
    Message {
        id: MessageId::from_bytes(bits(n)),
        content: Content::Push {
            device: device_id(1),
            prompt: prompt_id(n),
            rid: RoutingId::from_bytes([4; 16]),
            also: Vec::new(),
        },
        request: request_key(n),
        attempts: 0,
        due_at,
        give_up_at,
    }
}

/// Under what a user's attention is found.
#[must_use]
pub fn attention_key(n: u64) -> AttentionKey {
    AttentionKey::of(&subject(n), None)
}

/// One prompt's worth of a user's attention. It is kept for an hour.
#[must_use]
pub fn an_attention(n: u64, prompted_at: Timestamp) -> Attention {
    let mut attention = Attention::of(subject(n), None);
    attention.prompts.add(prompted_at, 1);
    attention
}

/// A block by phone 1.
#[must_use]
pub fn a_block(n: u64, until: Option<Timestamp>) -> Block {
    Block { client: ClientId::new(format!("client-{n}")), device: device_id(1), at: at(0), until }
}

/// A phone's proof as a mark.
#[must_use]
pub fn a_mark(n: u64) -> MarkKey {
    MarkKey::Proof(device_id(1), Nonce::from_bytes(bits(n)))
}

/// An event that names a user.
#[must_use]
pub fn an_event(n: u64) -> What {
    What::UserCreated { subject: subject(n) }
}

/// That event as it comes back.
#[must_use]
pub fn the_event(at: Timestamp, n: u64) -> Event {
    Event { at, what: an_event(n) }
}

/// Under what a user's history is found.
#[must_use]
pub fn history_key(n: u64) -> HistoryKey {
    HistoryKey::of(&subject(n))
}

/// One answer of a user. It is kept for 90 days.
#[must_use]
pub fn a_history(n: u64, answered_at: Timestamp) -> History {
    let mut history = History::of(&subject(n));
    history.note(Answered {
        number: 0,
        request: request_key(n),
        client: crate::domain::names::ClientId::new("shop"),
        message: None,
        asked_at: answered_at,
        answered_at,
        outcome: protocol::messages::Outcome::Approved,
        reason: None,
        device: device_id(n),
    });
    history
}
