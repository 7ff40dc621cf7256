//! Every condition that an app can meet is met here once, as an app would.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::*;
use crate::error::error_code;
use crate::ports::{
    Clock, ClockError, HttpRequest, HttpResponse, Lock, LockError, SecureStore as _, Transport, TransportError,
};
use crate::shell::{DeviceCore, Ports};
use crate::state::{DOCUMENT, State};
use crate::testing::{info, settings};

/// A page of something between phone and server.
struct Hotel;

#[async_trait]
impl Transport for Hotel {
    async fn send(&self, _: HttpRequest) -> Result<HttpResponse, TransportError> {
        Ok(HttpResponse { status: 502, headers: Vec::new(), body: b"<html>Welcome</html>".to_vec() })
    }
}

struct Broken;

impl Clock for Broken {
    fn unix_millis(&self) -> Result<i64, ClockError> {
        Err(ClockError::Unexpected { detail: "no battery".into() })
    }

    fn monotonic_millis(&self) -> Result<i64, ClockError> {
        self.unix_millis()
    }
}

#[async_trait]
impl Lock for Broken {
    async fn acquire(&self) -> Result<(), LockError> {
        Err(LockError::Unexpected { detail: "no such folder".into() })
    }

    fn release(&self) -> Result<(), LockError> {
        Ok(())
    }
}

type Case = fn() -> DeviceError;

fn failed<T>(result: Result<T, DeviceError>) -> DeviceError {
    result.err().expect("it fails")
}

fn asking(phone: &Phone, account: String) -> DeviceError {
    failed(wait(phone.core.pending(account, 0)))
}

fn enrolling(ticket: &str) -> DeviceError {
    failed(wait(Phone::new().core.enrol(ticket.to_owned(), info(), PushTarget::None)))
}

/// Approving while the server is so.
fn approving(trouble: Trouble) -> DeviceError {
    let (phone, request) = asked();
    phone.server.cause(trouble);
    failed(approve(&phone, &request))
}

/// Approving while the `verified` key is so.
fn signing(failure: VaultError) -> DeviceError {
    let (phone, request) = asked();
    *phone.vault.verified_fails.lock().unwrap() = Some(failure);
    failed(approve(&phone, &request))
}

/// Asking for a prompt that is so.
fn shown(bend: fn(&mut wire::Prompt)) -> DeviceError {
    let (phone, account) = Phone::enrolled();
    phone.server.ask(bend);
    asking(&phone, account)
}

/// Starting on a stored state that is so.
fn started(bend: impl FnOnce(Vec<u8>) -> Vec<u8>) -> DeviceError {
    let (mut phone, account) = Phone::enrolled();
    let stored = wait(phone.store.load(DOCUMENT.into())).unwrap().unwrap();
    wait(phone.store.save(DOCUMENT.into(), bend(stored))).unwrap();
    phone.restart();
    asking(&phone, account)
}

/// Asking through ports that are so.
fn through(bend: fn(Ports) -> Ports) -> DeviceError {
    let (phone, account) = Phone::enrolled();
    let ports = Ports::new(phone.vault.clone(), phone.store.clone(), phone.server.clone(), phone.clock.clone());
    let core = DeviceCore::new(settings(), bend(ports));
    match wait(core.pending(account.clone(), 0)) {
        Err(error) => error,
        Ok(_) => failed(wait(core.wipe(account))),
    }
}

fn ended(reason: wire::RevocationReason) -> DeviceError {
    let (phone, account) = Phone::enrolled();
    let said = phone.server.op.revocation(&phone.server.account(), |said| said.reason = reason);
    phone.server.inner().revocation = Some(said);
    asking(&phone, account)
}

fn without_tls(stored: &[u8]) -> Vec<u8> {
    let mut state = State::decode(Some(stored)).unwrap();
    let account = serde_json::to_string(&state.accounts[0]).unwrap();
    state.accounts[0] = serde_json::from_str(&account.replace("https://op.example", "http://127.0.0.1:9")).unwrap();
    state.encode()
}

const MET: &[(&str, Case)] = &[
    ("not_a_ticket", || enrolling("https://op.example/")),
    ("wrong_issuer", || {
        let ticket = wire::Ticket { issuer: "https://evil.example".into(), ..Phone::new().server.op.ticket() };
        enrolling(&ticket.to_string())
    }),
    ("insecure_issuer", || started(|stored| without_tls(&stored))),
    ("unfit_name", || {
        let phone = Phone::new();
        let info = crate::DeviceInfo { name: "Anna\u{202e}".into(), ..info() };
        failed(wait(phone.core.enrol(phone.server.op.ticket().to_string(), info, PushTarget::None)))
    }),
    ("unreachable", || approving(Trouble::Offline)),
    ("untrusted_certificate", || approving(Trouble::Impostor)),
    ("server_busy", || approving(Trouble::Refusal(503, "unavailable"))),
    ("proof_not_taken", || approving(Trouble::StaleNonces)),
    ("untrusted", || approving(Trouble::ForgedResults)),
    ("unshowable", || shown(|prompt| prompt.client.name = "Bank\u{202e}".into())),
    ("not_understood", || through(|ports| Ports { transport: Arc::new(Hotel), ..ports })),
    ("expired", || shown(|prompt| prompt.exp = NOW)),
    ("already_answered", || {
        let (phone, request) = asked();
        approve(&phone, &request).expect("approved");
        failed(approve(&phone, &request))
    }),
    ("withdrawn", || approving(Trouble::Refusal(409, "cancelled"))),
    ("busy", || {
        let (phone, request) = asked();
        *phone.lock.held.lock().unwrap() = true;
        failed(approve(&phone, &request))
    }),
    ("display_not_taken", || {
        let (phone, account) = Phone::enrolled();
        phone.server.ask(|_| ());
        failed(approve(&phone, &only_request(&phone, &account)))
    }),
    ("display_incomplete", || {
        let (phone, account) = Phone::enrolled();
        phone.server.ask(|_| ());
        let request = only_request(&phone, &account);
        assert_eq!(request.display_part(0, 1).lines.len(), 1);
        failed(approve(&phone, &request))
    }),
    ("match_code_needed", || failed(asked().1.enter_match_code("42".into()))),
    ("unknown_account", || asking(&Phone::new(), "x".into())),
    ("not_active", || {
        let phone = Phone::new();
        let account = phone.enrol().expect("the issuer is sound").account();
        asking(&phone, account)
    }),
    ("revoked", || ended(wire::RevocationReason::Operator)),
    ("suspended", || ended(wire::RevocationReason::Cloned)),
    ("unknown_prompt", || {
        let (phone, account) = Phone::enrolled();
        failed(wait(phone.core.fetch_prompt(account, PromptId::from_bytes([1; 16]).to_string())))
    }),
    ("not_our_push", || failed(wait(Phone::enrolled().0.core.open_push([].into())))),
    ("keys_lost", || signing(VaultError::KeyMissing)),
    ("key_invalidated", || signing(VaultError::KeyInvalidated)),
    ("key_unavailable", || signing(VaultError::Unavailable { detail: "locked out".into() })),
    ("user_cancelled", || signing(VaultError::UserCancelled)),
    ("storage", || {
        let (phone, request) = asked();
        *phone.store.full.lock().unwrap() = true;
        failed(approve(&phone, &request))
    }),
    ("damaged_state", || started(|stored| stored[..stored.len() / 2].to_vec())),
    ("newer_state", || started(|_| br#"{"format":9}"#.to_vec())),
    ("clock", || through(|ports| Ports { clock: Arc::new(Broken), ..ports })),
    ("platform", || through(|ports| Ports { lock: Some(Arc::new(Broken)), ..ports })),
    ("refused", || approving(Trouble::Refusal(403, "user_not_active"))),
];

#[test]
fn every_code_is_that_of_a_condition_that_an_app_meets() {
    for (code, meet) in MET {
        assert_eq!(error_code(meet()), *code);
    }
}

#[test]
fn no_code_is_left_out_here() {
    let source = include_str!("../../error/advice.rs");
    let listed = source.split("pub const fn code").nth(1).and_then(|rest| rest.split("pub const fn").next());
    let listed: BTreeSet<&str> = listed.expect("the codes").split('"').skip(1).step_by(2).collect();
    let met: BTreeSet<&str> = MET.iter().map(|(code, _)| *code).collect();
    assert!(met.len() > 30 && met.len() == MET.len());
    assert_eq!(met, listed);
}
