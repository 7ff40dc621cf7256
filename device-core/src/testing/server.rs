//! The issuer behind a transport, and a phone in front of it whose every port a test can bend.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;

use async_trait::async_trait;
use protocol::crypto::p256::{AgreementKey, SigningKey, VerifyingKey};
use protocol::crypto::{Sign as _, Verify};
use protocol::endpoints::{
    Configuration, NONCE_HEADER, NonceReply, PROOF_HEADER, PromptReply, PromptsReply, SelfReply, SignedReply,
    SignedRequest,
};
use protocol::jws::{General, Unverified};
use protocol::messages as wire;
use protocol::problem::Problem;
use protocol::{Digest, Jws, KeyRole, Typ, json, jwe};
use serde::Serialize;

use super::ports::{HandClock, TestLock, TestObserver, TestStore, TestVault};
use super::{ISSUER, NOW, Op, info, key, wait};
use crate::app::{EnrolmentState, PushTarget};
use crate::decision::Signed;
use crate::desktop::SoftwareVault;
use crate::enrolment::Settings;
use crate::ports::{HttpHeader, HttpRequest, HttpResponse, SigningReason, Transport, TransportError};
use crate::shell::{DeviceCore, Enrolment, Ports};
use crate::state::AccountState;

/// How the next calls go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Trouble {
    /// They do not.
    #[default]
    None,
    /// Nothing arrives.
    Offline,
    /// Somebody else answers.
    Impostor,
    /// A captive portal answers everything with its page.
    Portal,
    /// A proxy refuses all, in problem documents of its own.
    Proxy,
    /// No call ever ends.
    Hang,
    /// No call arrives before this is over.
    Held,
    /// Decisions and rotations arrive and their replies get lost.
    LostReplies,
    /// Decisions and rotations are refused with this problem.
    Refusal(u16, &'static str),
    /// The reply to `finish` gets lost, once.
    LostFinish,
    /// The enrolment is forgotten.
    EnrolmentOver,
    /// The issuer says that the phone is revoked, and nothing that is signed.
    UnsignedRevocation,
    /// No nonce is ever fresh.
    StaleNonces,
    /// Results are signed by somebody else.
    ForgedResults,
}

/// What the issuer has seen and how it behaves.
#[derive(Default)]
pub(crate) struct Inner {
    pub(crate) trouble: Trouble,
    pub(crate) bend_offer: Option<fn(&mut wire::Offer)>,
    pub(crate) bend_enrolment: Option<fn(&mut wire::Enrolment)>,
    pub(crate) prompts: Vec<Jws>,
    pub(crate) list: Option<Jws>,
    /// What the issuer asks of its phones, and since when; otherwise what its offers say.
    pub(crate) policy: Option<(wire::EnrolmentPolicy, i64)>,
    /// Another word than the issuer's own on where the phone stands.
    pub(crate) standing: Option<Jws>,
    /// Another root than the one that tickets name, and how phones come to it.
    pub(crate) root: Option<protocol::Jwk>,
    pub(crate) successions: Vec<General>,
    /// `METHOD /path` of all that arrived.
    pub(crate) calls: Vec<String>,
    /// How long the phone would have waited for each.
    pub(crate) timeouts: Vec<u32>,
    /// How long each takes.
    pub(crate) takes_millis: i64,
    /// All decisions that arrived, as they came.
    pub(crate) decisions: Vec<Jws>,
    pub(crate) active: bool,
    /// Where pushes go, as far as the issuer knows.
    pub(crate) push: Option<wire::PushTarget>,
    /// The issuer's word, or somebody's, that the phone is revoked.
    pub(crate) revocation: Option<Jws>,
    pub(crate) nonce: u32,
    /// The rotation that was taken last, and the `device` key before.
    rotated: Option<(Digest, Option<protocol::Jwk>)>,
    ticket: Option<wire::Ticket>,
    finish: Option<(wire::Finish, General)>,
}

/// The issuer.
pub(crate) struct Fake {
    pub(crate) op: Op,
    inner: Mutex<Inner>,
    clock: Arc<HandClock>,
}

impl Fake {
    pub(crate) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    pub(crate) fn cause(&self, trouble: Trouble) {
        self.inner().trouble = trouble;
    }

    /// What the phone sent to end its enrolment.
    pub(crate) fn sent_finish(&self) -> General {
        self.inner().finish.as_ref().expect("enrolled").1.clone()
    }

    pub(crate) fn finish(&self) -> wire::Finish {
        self.inner().finish.as_ref().expect("enrolled").0.clone()
    }

    /// A decision as the issuer reads it: verified with the key that it names.
    pub(crate) fn read_decision(&self, message: &Jws) -> (KeyRole, wire::Decision) {
        let unverified = Unverified::parse(message.as_str(), Typ::Decision).unwrap();
        let role = unverified.key_ref().unwrap().role;
        let finish = self.finish();
        let key = if role == KeyRole::Device { finish.device } else { finish.verified };
        (role, unverified.verify(&VerifyingKey::new(&key).unwrap()).unwrap())
    }

    fn handle(&self, request: &HttpRequest) -> Result<HttpResponse, TransportError> {
        let trouble = self.inner().trouble;
        match trouble {
            Trouble::Offline => return Err(TransportError::Unreachable { detail: "offline".into() }),
            Trouble::Portal => {
                return Ok(HttpResponse { status: 200, headers: Vec::new(), body: b"<html>Log in</html>".to_vec() });
            }
            Trouble::Proxy => {
                let kind = "about:blank".to_owned();
                return Ok(respond(403, &Problem { kind, ..problem(403, "forbidden") }));
            }
            Trouble::Impostor => return Err(TransportError::UntrustedCertificate { detail: "self-signed".into() }),
            _ => {}
        }
        let path = request.url.strip_prefix(ISSUER).expect("calls go to the issuer").to_owned();
        let route = format!("{} {}", request.method, path.split('?').next().unwrap());
        self.inner().calls.push(route.clone());
        self.inner().timeouts.push(request.timeout_seconds);
        let slowness = self.inner().takes_millis;
        self.clock.monotonic.fetch_add(slowness, Ordering::SeqCst);
        match route.as_str() {
            "GET /device/v1/configuration" => Ok(reply(&self.configuration())),
            "POST /device/v1/nonce" => Ok(reply(&NonceReply { nonce: self.current_nonce(), now: NOW })),
            "POST /device/v1/enrolments/begin" => Ok(reply(&self.begin(&request.body))),
            "POST /device/v1/enrolments/finish" => Ok(reply(&self.take_finish(&request.body))),
            route => Ok(self.proven(route, request).unwrap_or_else(|problem| problem)),
        }
        .and_then(|response| self.lose(response, &route))
    }

    fn lose(&self, response: HttpResponse, route: &str) -> Result<HttpResponse, TransportError> {
        let is_signed = route.ends_with("/decision") || route.ends_with("/keys");
        if self.inner().trouble == Trouble::LostReplies && is_signed {
            return Err(TransportError::TimedOut);
        }
        if self.inner().trouble == Trouble::LostFinish && route.ends_with("/finish") {
            self.cause(Trouble::None);
            return Err(TransportError::TimedOut);
        }
        Ok(response)
    }

    fn current_nonce(&self) -> String {
        format!("nonce-{}", self.inner().nonce)
    }

    fn configuration(&self) -> Configuration {
        let inner = self.inner();
        Configuration {
            issuer: ISSUER.into(),
            root: inner.root.unwrap_or_else(|| *self.op.root.public()),
            successions: inner.successions.clone(),
            keys: inner.list.clone().unwrap_or_else(|| self.op.list(|_| ())),
            capabilities: Vec::new(),
            unicode: String::new(),
            vapid: None,
            now: NOW,
        }
    }

    fn begin(&self, body: &[u8]) -> protocol::endpoints::OfferReply {
        let request: SignedRequest = json::from_slice(body).unwrap();
        let unverified = Unverified::parse(request.message.as_str(), Typ::Begin).unwrap();
        let protocol::jws::KeyHint::Jwk(device) = *unverified.key_hint() else { panic!("begin brings its key") };
        let begin: wire::Begin = unverified.verify(&VerifyingKey::new(&device).unwrap()).unwrap();
        let ticket = self.inner().ticket.clone().expect("a ticket was given out");
        assert_eq!(begin.code, ticket.code);
        let bend = self.inner().bend_offer.unwrap_or(|_| ());
        self.op.offer(&ticket, &device, bend)
    }

    fn take_finish(&self, body: &[u8]) -> SignedReply {
        let general: General = json::from_slice(body).unwrap();
        let claimed: wire::Finish = general.unverified_payload().unwrap();
        let keys = [claimed.device, claimed.verified].map(|key| VerifyingKey::new(&key).unwrap());
        let finish: wire::Finish = general.verify(&[&keys[0] as &dyn Verify, &keys[1]]).unwrap();
        self.inner().finish = Some((finish, general));
        self.standing()
    }

    fn standing(&self) -> SignedReply {
        let active = self.inner().active;
        let bend = self.inner().bend_enrolment;
        let general = self.inner().finish.clone().unwrap().1;
        let message = self.op.enrolment(&general, |enrolment| {
            if active {
                enrolment.state = wire::EnrolmentState::Active;
            }
            bend.unwrap_or(|_| ())(enrolment);
        });
        SignedReply { message, now: NOW }
    }

    fn proven(&self, route: &str, request: &HttpRequest) -> Result<HttpResponse, HttpResponse> {
        let by_former = self.check_proof(request)?;
        if by_former && !route.starts_with("GET") && !route.ends_with("/keys") {
            return Err(refuse(403, "former_key"));
        }
        let mut response = match route {
            "POST /device/v1/self/keys" => self.rotate(request, by_former)?,
            route => self.route(route, request)?,
        };
        self.inner().nonce += 1;
        let nonce = HttpHeader { name: NONCE_HEADER.to_uppercase(), value: self.current_nonce() };
        response.headers.push(nonce);
        Ok(response)
    }

    /// Whether it is by the `device` key before.
    fn check_proof(&self, request: &HttpRequest) -> Result<bool, HttpResponse> {
        let header = request.headers.iter().find(|header| header.name == PROOF_HEADER).expect("a proof");
        let former = self.inner().rotated.and_then(|(_, former)| former);
        let open =
            |key: protocol::Jwk| Jws::from_text(header.value.clone()).open(&VerifyingKey::new(&key).unwrap()).ok();
        let by_present = open(self.finish().device);
        let by_former = by_present.is_none();
        let proof: Option<wire::Proof> = by_present.or_else(|| open(former?));
        let proof = proof.ok_or_else(|| refuse(401, "unproven"))?;
        assert_eq!(proof.bh, Digest::of(&request.body));
        if proof.nonce == self.current_nonce() && self.inner().trouble != Trouble::StaleNonces {
            return Ok(by_former);
        }
        let mut problem = problem(401, "use_nonce");
        problem.nonce = Some(self.current_nonce());
        Err(respond(401, &problem))
    }

    fn own_record(&self) -> SelfReply {
        let (finish, account) = (self.finish(), self.account());
        let (push, said) = {
            let inner = self.inner();
            (inner.push.clone().unwrap_or(finish.push), (inner.policy.clone(), inner.standing.clone()))
        };
        let ((policy, forged), sent) = (said, self.sent_finish());
        let standing = forged.unwrap_or_else(|| {
            self.op.enrolment(&sent, |enrolment| {
                enrolment.state = wire::EnrolmentState::Active;
                enrolment.aud = finish.device.thumbprint();
                (enrolment.policy, enrolment.now) =
                    policy.map_or((Some(super::policy()), NOW), |(policy, at)| (Some(policy), at));
            })
        });
        SelfReply { device: account.device, enr: account.enr, info: finish.info, push, standing, now: NOW }
    }

    fn route(&self, route: &str, request: &HttpRequest) -> Result<HttpResponse, HttpResponse> {
        if let Some(revocation) = self.inner().revocation.clone() {
            let problem = Problem { revocation: Some(revocation), ..problem(401, "revoked") };
            return Err(respond(401, &problem));
        }
        if self.inner().trouble == Trouble::UnsignedRevocation {
            return Err(refuse(401, "revoked"));
        }
        let nothing = HttpResponse { status: 204, headers: Vec::new(), body: Vec::new() };
        let forgotten = self.inner().trouble == Trouble::EnrolmentOver;
        match route {
            "GET /device/v1/self" if self.inner().active => Ok(reply(&self.own_record())),
            "GET /device/v1/self" => Err(refuse(401, "unproven")),
            route if forgotten && route.starts_with("GET /device/v1/enrolments/") => {
                Err(refuse(404, "unknown_enrolment"))
            }
            "GET /device/v1/prompts" => Ok(reply(&PromptsReply { prompts: self.inner().prompts.clone(), now: NOW })),
            "PUT /device/v1/self/push" => {
                self.inner().push = Some(json::from_slice(&request.body).unwrap());
                Ok(nothing)
            }
            "DELETE /device/v1/self" => Ok(nothing),
            route if route.starts_with("GET /device/v1/enrolments/") => Ok(reply(&self.standing())),
            route if route.ends_with("/decision") => self.decide(request),
            route if route.starts_with("GET /device/v1/prompts/") => {
                let prompt = self.inner().prompts.first().cloned();
                Ok(reply(&PromptReply { prompt: prompt.ok_or_else(|| refuse(404, "unknown_prompt"))?, now: NOW }))
            }
            other => panic!("no such call: {other}"),
        }
    }

    /// Takes what is signed as it must be, and says so as often as it is asked. Without the `verified` key before, others
    /// are to agree, and nobody does.
    fn rotate(&self, request: &HttpRequest, by_former: bool) -> Result<HttpResponse, HttpResponse> {
        if let Trouble::Refusal(status, code) = self.inner().trouble {
            return Err(refuse(status, code));
        }
        let message: General = json::from_slice(&request.body).unwrap();
        let known = self.inner().rotated.is_some_and(|(hash, _)| hash == message.digest());
        if !known && by_former {
            return Err(refuse(403, "former_key"));
        }
        let state = if known { wire::EnrolmentState::Active } else { self.replace_keys(&message)? };
        let account = self.account();
        let said = wire::Enrolment {
            iss: ISSUER.into(),
            aud: account.keys.device.thumbprint(),
            enr: account.enr,
            device: account.device,
            state,
            nonce: protocol::Nonce::from_bytes([0; 16]),
            fh: message.digest(),
            policy: None,
            now: NOW,
            v: protocol::VERSION,
        };
        Ok(reply(&SignedReply { message: self.op.sign(&said), now: NOW }))
    }

    fn replace_keys(&self, message: &General) -> Result<wire::EnrolmentState, HttpResponse> {
        let claimed: wire::Rotation = message.unverified_payload().unwrap();
        let before = self.finish();
        let signers = 1 + usize::from(claimed.device.is_some()) + usize::from(claimed.verified.is_some());
        if claimed.verified.is_some() && message.signers() == signers {
            return Ok(wire::EnrolmentState::Unconfirmed);
        }
        let old_verified = claimed.verified.map(|_| before.verified);
        let signers = claimed.device.into_iter().chain(claimed.verified).chain(old_verified).chain([before.device]);
        let signers: Vec<_> = signers.map(|key| VerifyingKey::new(&key).unwrap()).collect();
        let signers: Vec<_> = signers.iter().map(|key| key as &dyn Verify).collect();
        message.verify::<wire::Rotation>(&signers).map_err(|_| refuse(403, "bad_signature"))?;
        let mut inner = self.inner();
        inner.rotated = Some((message.digest(), claimed.device.map(|_| before.device)));
        let finish = &mut inner.finish.as_mut().expect("enrolled").0;
        finish.device = claimed.device.unwrap_or(before.device);
        finish.verified = claimed.verified.unwrap_or(before.verified);
        finish.sealing = claimed.sealing.unwrap_or(before.sealing);
        Ok(wire::EnrolmentState::Active)
    }

    fn decide(&self, request: &HttpRequest) -> Result<HttpResponse, HttpResponse> {
        let message = json::from_slice::<SignedRequest>(&request.body).unwrap().message;
        self.inner().decisions.push(message.clone());
        let trouble = self.inner().trouble;
        if let Trouble::Refusal(status, code) = trouble {
            return Err(refuse(status, code));
        }
        let (_, decision) = self.read_decision(&message);
        let outcome = match decision.decision {
            wire::Answer::Approve => wire::Outcome::Approved,
            wire::Answer::Deny => wire::Outcome::Denied,
        };
        let signed = Signed { prompt: decision.prompt, jti: decision.jti, message };
        let impostor = Op { root: key(77), signing: key(78) };
        let op = if trouble == Trouble::ForgedResults { &impostor } else { &self.op };
        let result = op.result(&self.account(), &signed, |result| {
            result.outcome = outcome;
            result.prompt = decision.prompt;
        });
        Ok(reply(&SignedReply { message: result, now: NOW }))
    }

    /// The phone's account as far as prompts and results need it.
    pub(crate) fn account(&self) -> AccountState {
        let finish = self.finish();
        let mut account = super::account(&self.op);
        account.keys.device = finish.device;
        account.keys.sealing = finish.sealing;
        account
    }

    /// Puts a prompt where the phone finds it.
    pub(crate) fn ask(&self, bend: impl FnOnce(&mut wire::Prompt)) -> Jws {
        let prompt = self.op.prompt(&self.account(), bend);
        self.inner().prompts.push(prompt.clone());
        prompt
    }

    /// The data of a sealed push.
    pub(crate) fn seal(&self, prompt: &Jws) -> std::collections::HashMap<String, String> {
        let ephemeral = AgreementKey::from_bytes(&[0x21; 32]).unwrap();
        let jwe = jwe::seal(prompt.as_str().as_bytes(), &self.finish().sealing, &ephemeral, [3; 12]).unwrap();
        [("v", "1"), ("rid", "AAAAAAAAAAAAAAAAAAAAAA"), ("jwe", &jwe)].map(|(k, v)| (k.into(), v.into())).into()
    }
}

#[async_trait]
impl Transport for Fake {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        if self.inner().trouble == Trouble::Hang {
            std::future::pending::<()>().await;
        }
        std::future::poll_fn(|_| if self.inner().trouble == Trouble::Held { Poll::Pending } else { Poll::Ready(()) })
            .await;
        self.handle(&request)
    }
}

fn respond(status: u16, body: &impl Serialize) -> HttpResponse {
    HttpResponse { status, headers: Vec::new(), body: serde_json::to_vec(body).unwrap() }
}

fn reply(body: &impl Serialize) -> HttpResponse {
    respond(200, body)
}

fn problem(status: u16, code: &str) -> Problem {
    Problem {
        kind: format!("urn:assent:problem:{code}"),
        title: code.into(),
        status,
        nonce: None,
        revocation: None,
        now: NOW,
    }
}

fn refuse(status: u16, code: &str) -> HttpResponse {
    respond(status, &problem(status, code))
}

/// A phone and the issuer it speaks to.
pub(crate) struct Phone {
    pub(crate) server: Arc<Fake>,
    pub(crate) vault: Arc<TestVault>,
    pub(crate) store: Arc<TestStore>,
    pub(crate) clock: Arc<HandClock>,
    pub(crate) lock: Arc<TestLock>,
    pub(crate) observer: Arc<TestObserver>,
    pub(crate) core: Arc<DeviceCore>,
}

impl Phone {
    /// Not enrolled anywhere.
    pub(crate) fn new() -> Self {
        let clock = Arc::new(HandClock { unix: AtomicI64::new(NOW * 1000), monotonic: AtomicI64::new(5_000) });
        let server = Arc::new(Fake { op: Op::new(), inner: Mutex::default(), clock: Arc::clone(&clock) });
        let vault = Arc::new(TestVault {
            sealing_fails: Mutex::default(),
            inner: SoftwareVault::in_memory(),
            signed: Mutex::default(),
            verified_fails: Mutex::default(),
            aliases: Mutex::default(),
            keeps: AtomicBool::new(false),
            made: Mutex::default(),
        });
        let store = Arc::new(TestStore::default());
        let (lock, observer) = (Arc::default(), Arc::default());
        let ports = Ports::new(vault.clone(), store.clone(), server.clone(), clock.clone());
        let core = DeviceCore::new(settings(), ports);
        let mut phone = Self { server, vault, store, clock, lock, observer, core };
        phone.restart();
        phone
    }

    /// A core on this phone's ports, as another start of the app makes it.
    pub(crate) fn another_core(&self) -> Arc<DeviceCore> {
        self.core_under(settings())
    }

    /// The same under other settings.
    pub(crate) fn core_under(&self, settings: Settings) -> Arc<DeviceCore> {
        let ports = Ports::new(self.vault.clone(), self.store.clone(), self.server.clone(), self.clock.clone());
        let ports = Ports { lock: Some(self.lock.clone()), observer: Some(self.observer.clone()), ..ports };
        DeviceCore::new(settings, ports)
    }

    /// Enrolled and confirmed.
    pub(crate) fn enrolled() -> (Self, String) {
        let phone = Self::new();
        let enrolment = phone.enrol().expect("the issuer is sound");
        phone.server.inner().active = true;
        assert_eq!(wait(enrolment.refresh()), Ok(EnrolmentState::Active));
        let account = enrolment.account();
        (phone, account)
    }

    pub(crate) fn enrol(&self) -> Result<Arc<Enrolment>, crate::DeviceError> {
        let ticket = self.server.op.ticket();
        self.server.inner().ticket = Some(ticket.clone());
        wait(Arc::clone(&self.core).enrol(ticket.to_string(), info(), PushTarget::None))
    }

    /// The app dies and starts again: memory is gone, vault and store are not.
    pub(crate) fn restart(&mut self) {
        self.core = self.another_core();
    }

    pub(crate) fn approvals_signed(&self) -> usize {
        let is_approval = |reason: &&SigningReason| matches!(reason, SigningReason::Approval { .. });
        self.vault.signed.lock().unwrap().iter().filter(is_approval).count()
    }
}

pub(crate) fn settings() -> Settings {
    Settings { issuers: vec![ISSUER.into()], development: false }
}

/// A signing key that the pinned list does not carry.
pub(crate) fn next_signing_key() -> SigningKey {
    key(3)
}
