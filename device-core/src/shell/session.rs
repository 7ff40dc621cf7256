//! Proven calls, and what is remembered between them while the app runs: server time and nonces.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::crypto::Signature;
use protocol::endpoints::{self, Configuration, NonceReply, NonceRequest};
use protocol::messages::Prompt;
use protocol::problem::Problem;
use protocol::{EnrolmentId, Jws, KeyRole, Nonce, PromptId};
use serde::Deserialize;

use super::DeviceCore;
use crate::error::DeviceError;
use crate::exchange::{self, Call, Reply};
use crate::ports::{Clock, ClockError, DeviceEvent, HttpRequest, HttpResponse, SigningReason};
use crate::signature;
use crate::state::{AccountState, VaultKey};
use crate::time::{Reading, ServerTime};
use crate::trust::Distrust;

/// Lost when the app ends, at no loss.
#[derive(Default)]
pub(super) struct Session {
    times: HashMap<String, ServerTime>,
    nonces: HashMap<EnrolmentId, String>,
    /// What awaits the user, as far as it was opened.
    waiting: HashMap<PromptId, Waiting>,
    answering: HashSet<PromptId>,
}

/// Who asks, and until when.
struct Waiting {
    enr: EnrolmentId,
    client: String,
    exp: i64,
}

/// When a call must have ended, by the monotonic clock in milliseconds.
#[derive(Debug, Clone, Copy)]
struct Deadline(i64);

/// What a request needs of the rest of the app while it is on the screen.
#[derive(Clone)]
pub(super) struct Around {
    session: Arc<Mutex<Session>>,
    clock: Arc<dyn Clock>,
}

impl Around {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { session: Arc::default(), clock }
    }

    pub(super) fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server's time in seconds since 1970, as well as it is known.
    pub(super) fn now(&self, issuer: &str) -> Result<i64, ClockError> {
        let reading = Reading::take(&*self.clock)?;
        Ok(self.session().times.get(issuer).copied().unwrap_or_default().at(reading))
    }

    /// Takes in how far the clocks were apart when the app ran last.
    pub(super) fn presume(&self, accounts: &[AccountState]) {
        let mut session = self.session();
        for account in accounts {
            session.times.entry(account.trust.issuer().to_owned()).or_default().presume(account.clock_ahead);
        }
    }

    /// How many other requests of the same client wait for the same account.
    pub(super) fn others(&self, asked: &Prompt) -> u32 {
        let now = self.now(&asked.iss).unwrap_or(asked.iat);
        let session = self.session();
        let others = session.waiting.iter().filter(|(id, other)| {
            **id != asked.jti && other.enr == asked.enr && other.client == asked.client.id && other.exp > now
        });
        u32::try_from(others.count()).unwrap_or(u32::MAX)
    }

    /// Notes a request that was opened.
    pub(super) fn note(&self, asked: &Prompt) {
        let waiting = Waiting { enr: asked.enr, client: asked.client.id.clone(), exp: asked.exp };
        self.session().waiting.insert(asked.jti, waiting);
    }

    /// The server has listed all that waits for an account: what is not among it waits no more.
    pub(super) fn only(&self, enr: &EnrolmentId, listed: &HashSet<PromptId>) {
        self.session().waiting.retain(|id, waiting| waiting.enr != *enr || listed.contains(id));
    }

    /// Reserves a prompt for one answer at a time.
    pub(super) fn answering(&self, prompt: PromptId) -> Result<Answering<'_>, DeviceError> {
        if self.session().answering.insert(prompt) {
            Ok(Answering { around: self, prompt })
        } else {
            Err(DeviceError::Busy)
        }
    }
}

/// While it lives, nothing else answers the same prompt. An abandoned call gives it back.
pub(super) struct Answering<'a> {
    around: &'a Around,
    prompt: PromptId,
}

impl Answering<'_> {
    /// It was answered, and waits no more.
    pub(super) fn settled(&self) {
        self.around.session().waiting.remove(&self.prompt);
    }
}

impl Drop for Answering<'_> {
    fn drop(&mut self) {
        self.around.session().answering.remove(&self.prompt);
    }
}

impl DeviceCore {
    /// The server's time in seconds since 1970, as well as it is known.
    pub(super) fn now(&self, issuer: &str) -> Result<i64, DeviceError> {
        Ok(self.around.now(issuer)?)
    }

    /// Learns the server's time, where it is not known yet; says whether it is news. The nonce that comes with it is
    /// needed next anyway. An unreachable server is no error: the phone's clock must do.
    pub(super) async fn learn_time(&self, account: &AccountState) -> Result<bool, DeviceError> {
        let known = self.session().times.get(account.trust.issuer()).is_some_and(ServerTime::is_known);
        if known {
            return Ok(false);
        }
        match self.fresh_nonce(account).await {
            Ok(_) => Ok(true),
            Err(DeviceError::Unreachable { .. } | DeviceError::ServerBusy { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// A call that needs no proof.
    pub(super) async fn unproven(&self, issuer: &str, call: &Call) -> Result<Vec<u8>, DeviceError> {
        let response = self.send(issuer, call, None, self.deadline(call)?).await?;
        done(exchange::read(&response)?)
    }

    /// A call that burns something when it arrives, and is answered alike when it arrives again: a reply that got lost
    /// is asked for once more.
    pub(super) async fn insisting(&self, issuer: &str, call: &Call) -> Result<Vec<u8>, DeviceError> {
        match self.unproven(issuer, call).await {
            Err(DeviceError::Unreachable { .. } | DeviceError::ServerBusy { .. }) => self.unproven(issuer, call).await,
            answered => answered,
        }
    }

    /// A call of an enrolled phone. A nonce that the server does not take is replaced once. All of it has to end within
    /// the time of one call.
    pub(super) async fn proven(&self, account: &AccountState, call: &Call) -> Result<Vec<u8>, DeviceError> {
        let deadline = self.deadline(call)?;
        let cached = self.session().nonces.get(&account.enr).cloned();
        let nonce = match cached {
            Some(nonce) => nonce,
            None => self.fresh_nonce_by(account, deadline).await?,
        };
        let mut reply = self.prove_and_send(account, call, &nonce, deadline).await?;
        if let Reply::ProveAgain(fresh) = reply {
            reply = self.prove_and_send(account, call, &fresh.unwrap_or(nonce), deadline).await?;
        }
        if let Reply::Problem(Problem { revocation: Some(revocation), .. }, _) = &reply {
            return Err(self.heed(account, revocation).await?.into());
        }
        done(reply)
    }

    async fn prove_and_send(
        &self,
        account: &AccountState,
        call: &Call,
        nonce: &str,
        deadline: Deadline,
    ) -> Result<Reply, DeviceError> {
        let issuer = account.trust.issuer();
        let unsigned = call.proof(account.device, Nonce::from_bytes(random()?), nonce, self.now(issuer)?);
        let (key, input) = (account.key(KeyRole::Device), unsigned.signing_input());
        let raw = self.ports.vault.sign(key.alias.clone(), input.to_vec(), SigningReason::Proof).await?;
        let signature = signature::wire_form(&raw, input, &key.public).map_err(|_| unusable())?;
        let proof = unsigned.attach(&signature);
        let response = self.send(issuer, call, Some(&proof), deadline).await?;
        if let Some(nonce) = exchange::nonce_of(&response) {
            self.session().nonces.insert(account.enr, nonce);
        }
        exchange::read(&response)
    }

    async fn fresh_nonce(&self, account: &AccountState) -> Result<String, DeviceError> {
        let call = Call::to(account.trust.issuer(), endpoints::NONCE);
        self.fresh_nonce_by(account, self.deadline(&call)?).await
    }

    async fn fresh_nonce_by(&self, account: &AccountState, deadline: Deadline) -> Result<String, DeviceError> {
        let issuer = account.trust.issuer();
        let call = Call::to(issuer, endpoints::NONCE).with(&NonceRequest { device: account.device });
        let response = self.send(issuer, &call, None, deadline).await?;
        let reply: NonceReply = exchange::parse(200, &done(exchange::read(&response)?)?)?;
        self.session().nonces.insert(account.enr, reply.nonce.clone());
        Ok(reply.nonce)
    }

    fn deadline(&self, call: &Call) -> Result<Deadline, DeviceError> {
        let now = self.ports.clock.monotonic_millis()?;
        Ok(Deadline(now.saturating_add(i64::from(call.timeout_seconds()) * 1_000)))
    }

    async fn send(
        &self,
        issuer: &str,
        call: &Call,
        proof: Option<&Jws>,
        Deadline(deadline): Deadline,
    ) -> Result<HttpResponse, DeviceError> {
        // Judged again at every call: the settings may be others than those the account was made under.
        if !self.settings.is_protected(issuer) {
            return Err(DeviceError::InsecureIssuer { issuer: issuer.to_owned() });
        }
        let before = self.ports.clock.monotonic_millis()?;
        let left =
            u32::try_from(deadline.saturating_sub(before).max(0).saturating_add(999) / 1_000).unwrap_or(u32::MAX);
        if left == 0 {
            return Err(DeviceError::Unreachable { detail: "the time for this call is over".to_owned() });
        }
        let request = call.request(proof);
        let request = HttpRequest { timeout_seconds: request.timeout_seconds.min(left), ..request };
        let answered = self.ports.transport.send(request).await.map_err(DeviceError::from);
        self.observe_call(call, before, answered.as_ref())?;
        let response = answered?;
        if let Some(now) = now_of(&response) {
            let reading = Reading::take(&*self.ports.clock)?;
            self.session().times.entry(issuer.to_owned()).or_default().observe(now, reading);
        }
        Ok(response)
    }

    fn observe_call(
        &self,
        call: &Call,
        before: i64,
        answered: Result<&HttpResponse, &DeviceError>,
    ) -> Result<(), DeviceError> {
        let call = call.name();
        let millis = self.ports.clock.monotonic_millis()?.saturating_sub(before);
        self.observe(match answered {
            Ok(response) => DeviceEvent::Called { call, status: response.status, millis },
            Err(error) => DeviceEvent::Unanswered { call, code: error.code().to_owned() },
        });
        Ok(())
    }

    /// Signs with a key of the vault and checks what came back.
    pub(super) async fn sign(
        &self,
        key: &VaultKey,
        message: &[u8],
        reason: SigningReason,
    ) -> Result<Signature, DeviceError> {
        let raw = self.ports.vault.sign(key.alias.clone(), message.to_vec(), reason).await?;
        signature::normalise(&raw, message, &key.public).map_err(|_| unusable())
    }

    /// Judges something the server signed; a key that is not on the list is looked for on a newer list, once.
    pub(super) async fn believe<T>(
        &self,
        account: &AccountState,
        judge: impl Fn(&AccountState, i64) -> Result<T, Distrust> + Send + Sync,
    ) -> Result<T, DeviceError> {
        match judge(account, self.now(account.trust.issuer())?) {
            Err(Distrust::UnknownKey | Distrust::KeyNotValid) => {}
            judged => return Ok(judged?),
        }
        let account = self.with_newer_keys(account).await?;
        Ok(judge(&account, self.now(account.trust.issuer())?)?)
    }

    async fn with_newer_keys(&self, account: &AccountState) -> Result<AccountState, DeviceError> {
        let issuer = account.trust.issuer();
        let body = self.unproven(issuer, &Call::to(issuer, endpoints::CONFIGURATION)).await?;
        let configuration: Configuration = exchange::parse(200, &body)?;
        self.change(|state| {
            let account = state.account_mut(&account.enr)?;
            account.trust.follow(&configuration.root, &configuration.successions, &configuration.keys)?;
            Ok(account.clone())
        })
        .await
    }
}

fn done(reply: Reply) -> Result<Vec<u8>, DeviceError> {
    match reply {
        Reply::Done(body) => Ok(body),
        Reply::Problem(problem, after_seconds) => Err(DeviceError::of_problem(&problem, after_seconds)),
        Reply::ProveAgain(_) => Err(DeviceError::ProofNotTaken),
    }
}

/// Every reply with a body says what time it is, refusals too.
fn now_of(response: &HttpResponse) -> Option<i64> {
    #[derive(Deserialize)]
    struct Now {
        now: i64,
    }
    exchange::parse(response.status, &response.body).ok().map(|Now { now }| now)
}

fn unusable() -> DeviceError {
    DeviceError::KeyUnavailable { detail: "the vault's signature does not verify".into() }
}

/// 128 bits of the system's chance.
#[expect(
    clippy::disallowed_methods,
    reason = "the phone's one source of chance; every pure function takes it as an argument"
)]
pub(super) fn random() -> Result<[u8; 16], DeviceError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| DeviceError::Platform { detail: error.to_string() })?;
    Ok(bytes)
}
