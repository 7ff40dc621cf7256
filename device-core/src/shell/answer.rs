//! Requests that await the user, and the user's answer.

use std::collections::HashMap;
use std::sync::Arc;

use protocol::endpoints::{self, MAX_WAIT_SECONDS, PromptReply, PromptsReply, SignedReply, SignedRequest};
use protocol::jwe::Sealed;
use protocol::messages::{DecisionResult, EnrolmentState};
use protocol::{DecisionId, Jws, PromptId};

use super::session::random;
use super::{ApprovalRequest, DeviceCore};
use crate::app::{DenyReason, Outcome, Receipt};
use crate::decision::{self, Draft, KeyChoice, Signed};
use crate::error::DeviceError;
use crate::exchange::{self, Call};
use crate::ports::{DeviceEvent, KeyPurpose, SigningReason, VaultError};
use crate::prompt::{self, OpenPrompt};
use crate::push::{self, Push};
use crate::state::{AccountState, KeptDecision, Progress, Verdict};

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl DeviceCore {
    /// Requests that await an answer, oldest first. With nothing there, the server holds the call for up to
    /// `wait_seconds` (at most 25; 0 asks and returns).
    ///
    /// A request that must not be shown is left out; if that leaves none, its error is returned.
    pub async fn pending(&self, account: String, wait_seconds: u32) -> Result<Vec<Arc<ApprovalRequest>>, DeviceError> {
        let account = self.active(&account).await?;
        self.ask_pending(&account, wait_seconds).await
    }

    /// Opens a push from its data: a sealed one holds the request itself; any other makes the core ask for what is
    /// pending.
    pub async fn open_push(&self, data: HashMap<String, String>) -> Result<Vec<Arc<ApprovalRequest>>, DeviceError> {
        let push = push::read(&data)?;
        let mut accounts = self.all_accounts().await?;
        accounts.retain(|account| account.standing == EnrolmentState::Active);
        match push {
            Push::Sealed(sealed) => self.open_sealed(&accounts, &sealed).await.map(|request| vec![request]),
            Push::Wake => self.ask_all(&accounts).await,
        }
    }

    /// One request by its id, as in a notification that the user tapped.
    pub async fn fetch_prompt(&self, account: String, id: String) -> Result<Arc<ApprovalRequest>, DeviceError> {
        let account = self.active(&account).await?;
        let id: PromptId = id.parse().map_err(|_| DeviceError::UnknownPrompt)?;
        let call = Call::about(account.trust.issuer(), endpoints::PROMPT, &id.to_string());
        let reply: PromptReply = exchange::parse(200, &self.proven(&account, &call).await?)?;
        // Over or not: what was approved can still be disputed.
        let judge = |account: &AccountState, now| prompt::open_whenever(account, reply.prompt.clone(), now);
        let request = self.as_request(&account, self.believe(&account, judge).await?)?;
        if request.id() == id.to_string() { Ok(request) } else { Err(DeviceError::UnknownPrompt) }
    }

    /// Approves what was displayed. The platform verifies the user, unless the request asks for less.
    ///
    /// The decision is stored before it is sent: calling again after an error sends the same bytes and asks nothing of
    /// the user. A call that is dropped half-way can be made again, too.
    pub async fn approve(&self, request: Arc<ApprovalRequest>) -> Result<Outcome, DeviceError> {
        let match_code = request.ready_to_approve()?;
        self.answer(&request, Verdict::Approve, match_code).await
    }

    /// Denies; never asks anything of the user. A request that was approved before, with another object, is taken back
    /// if its approval has not been used yet, and disputed if it has and the reason is [`DenyReason::NotMe`].
    pub async fn deny(&self, request: Arc<ApprovalRequest>, reason: DenyReason) -> Result<Outcome, DeviceError> {
        self.answer(&request, Verdict::Deny(reason.into()), None).await
    }
}

impl DeviceCore {
    async fn ask_pending(&self, account: &AccountState, wait: u32) -> Result<Vec<Arc<ApprovalRequest>>, DeviceError> {
        let mut call = Call::to(account.trust.issuer(), endpoints::PROMPTS);
        if wait > 0 {
            call = call.waiting(wait.min(MAX_WAIT_SECONDS));
        }
        let reply: PromptsReply = exchange::parse(200, &self.proven(account, &call).await?)?;
        let (requests, mut bad) = self.open_all(account, reply.prompts).await;
        // One bad item must not hide the good ones; if there is nothing but bad ones, the first is what happened.
        if requests.is_empty() && !bad.is_empty() { Err(bad.swap_remove(0)) } else { Ok(requests) }
    }

    /// Opens a whole list, which is all that waits for this account.
    pub(super) async fn open_all(
        &self,
        account: &AccountState,
        listed: Vec<Jws>,
    ) -> (Vec<Arc<ApprovalRequest>>, Vec<DeviceError>) {
        let (mut requests, mut bad) = (Vec::new(), Vec::new());
        for message in listed {
            match self.open(account, message).await {
                Ok(request) => requests.push(request),
                Err(error) => bad.push(error),
            }
        }
        self.around.only(&account.enr, &requests.iter().map(|request| request.asked().jti).collect());
        (requests, bad)
    }

    async fn ask_all(&self, accounts: &[AccountState]) -> Result<Vec<Arc<ApprovalRequest>>, DeviceError> {
        let mut answers = Vec::new();
        for account in accounts {
            answers.push(self.ask_pending(account, 0).await);
        }
        Ok(all_that_succeeded(answers)?.into_iter().flatten().collect())
    }

    async fn open_sealed(
        &self,
        accounts: &[AccountState],
        sealed: &Sealed,
    ) -> Result<Arc<ApprovalRequest>, DeviceError> {
        let peer = sealed.ephemeral().to_sec1();
        // The push does not say which account it is for: an observer would learn which pushes belong together. So one whose
        // key fails hides nothing that is for another.
        let mut failure = None;
        for account in accounts {
            let alias = account.alias(KeyPurpose::Sealing);
            match self.ports.vault.agree(alias, peer.to_vec()).await {
                Ok(agreed) => {
                    if let Some(message) = push::unseal(sealed, &agreed) {
                        return self.open_at_once(account, message).await;
                    }
                }
                Err(VaultError::KeyMissing) => {}
                Err(error) => drop(failure.get_or_insert(error)),
            }
        }
        Err(failure.map_or(DeviceError::NotOurPush, DeviceError::from))
    }

    async fn open(&self, account: &AccountState, message: Jws) -> Result<Arc<ApprovalRequest>, DeviceError> {
        let opened = self.believe(account, |account, now| prompt::open(account, message.clone(), now)).await?;
        self.as_request(account, opened)
    }

    pub(super) fn as_request(
        &self,
        account: &AccountState,
        opened: OpenPrompt,
    ) -> Result<Arc<ApprovalRequest>, DeviceError> {
        let prompt = opened.showable()?;
        self.around.note(prompt.content());
        Ok(ApprovalRequest::new(prompt, account.label.clone(), self.around.clone()))
    }

    /// Opens by the phone's own clock where no other is known, so that a notification need not wait for the network.
    async fn open_at_once(&self, account: &AccountState, message: Jws) -> Result<Arc<ApprovalRequest>, DeviceError> {
        match self.open(account, message.clone()).await {
            Err(DeviceError::Expired) if self.learn_time(account).await? => self.open(account, message).await,
            opened => opened,
        }
    }

    async fn answer(
        &self,
        request: &ApprovalRequest,
        verdict: Verdict,
        match_code: Option<String>,
    ) -> Result<Outcome, DeviceError> {
        let prompt = request.asked().jti;
        let answering = self.around.answering(prompt)?;
        // Looked at once nobody else is at it: a call that came second finds what the first one did.
        request.check_unanswered()?;
        let account = self.active(&request.account()).await?;
        let decision = match account.kept(&prompt, verdict).cloned() {
            Some(KeptDecision { progress: Progress::Heard(_), .. }) => return Err(DeviceError::AlreadyAnswered),
            Some(KeptDecision { progress: Progress::Unheard(decision), jti, .. }) => {
                Signed { prompt, jti, message: decision }
            }
            // A denial that was signed stands, whether or not the server has heard it.
            None if verdict == Verdict::Approve && account.has_denied(&prompt) => {
                return Err(DeviceError::AlreadyAnswered);
            }
            None => self.decide(&account, request, verdict, match_code).await?,
        };
        let result = self.carry(&account, &decision).await?;
        answering.settled();
        request.conclude(receipt(request, verdict, &decision, &result));
        Ok(result.outcome.into())
    }

    /// Signs a decision and stores it.
    async fn decide(
        &self,
        account: &AccountState,
        request: &ApprovalRequest,
        verdict: Verdict,
        match_code: Option<String>,
    ) -> Result<Signed, DeviceError> {
        let asked = request.asked();
        match self.learn_time(account).await {
            // A denial's time is judged by nobody. It is signed and kept whatever is between this phone and the server.
            Err(_) if verdict != Verdict::Approve => {}
            learnt => drop(learnt?),
        }
        let now = self.now(account.trust.issuer())?;
        // Spares the user a fingerprint for nothing. A denial may still take back what was approved: the server judges.
        if verdict == Verdict::Approve && asked.exp <= now {
            return Err(DeviceError::Expired);
        }
        let KeyChoice { role, otherwise } = decision::key_for(verdict, decision::verification(asked));
        let jti = DecisionId::from_bytes(random()?);
        let counter = self.reserve_counter(account).await?;
        let mut draft = Draft { verdict, role, jti, counter, match_code, now };
        let signed = match (self.sign_decision(account, request, draft.clone()).await, otherwise) {
            (Err(error), Some(role)) if error.is_of_a_key() => {
                draft.role = role;
                self.sign_decision(account, request, draft.clone()).await?
            }
            (signed, _) => signed?,
        };
        let kept =
            KeptDecision { prompt: asked.jti, verdict, jti, progress: Progress::Unheard(signed.message.clone()) };
        self.change(|state| {
            state.account_mut(request.enr())?.keep(kept);
            Ok(())
        })
        .await?;
        self.observe(DeviceEvent::Decided {
            account: account.enr.to_string(),
            prompt: asked.jti.to_string(),
            approves: verdict == Verdict::Approve,
        });
        Ok(signed)
    }

    /// A counter value that no other decision of this phone has or will have, in whatever process: it is stored before
    /// it is used, for the server takes one value under two decisions for a copied phone.
    async fn reserve_counter(&self, account: &AccountState) -> Result<u64, DeviceError> {
        self.change(|state| {
            let account = state.account_mut(&account.enr)?;
            account.counter += 1;
            Ok(account.counter)
        })
        .await
    }

    async fn sign_decision(
        &self,
        account: &AccountState,
        request: &ApprovalRequest,
        draft: Draft,
    ) -> Result<Signed, DeviceError> {
        let (key, jti) = (account.key(draft.role), draft.jti);
        let reason = match draft.verdict {
            Verdict::Approve => SigningReason::Approval { client: request.client_name() },
            Verdict::Deny(_) => SigningReason::Denial,
        };
        let unsigned = decision::build(account, request.prompt(), draft);
        let signature = self.sign(&key, unsigned.signing_input(), reason).await?;
        Ok(Signed { prompt: request.asked().jti, jti, message: unsigned.attach(&signature) })
    }

    /// Sends a stored decision and stores the server's word on it.
    pub(super) async fn carry(&self, account: &AccountState, decision: &Signed) -> Result<DecisionResult, DeviceError> {
        let call = Call::about(account.trust.issuer(), endpoints::DECISION, &decision.prompt.to_string())
            .with(&SignedRequest { message: decision.message.clone() });
        let body = match self.proven(account, &call).await {
            Err(error) if error.is_final() => {
                self.change(|state| {
                    state.account_mut(&account.enr)?.drop_decision(&decision.jti);
                    Ok(())
                })
                .await?;
                return Err(error);
            }
            answered => answered?,
        };
        let reply: SignedReply = exchange::parse(200, &body)?;
        let result = self
            .believe(account, |account, now| decision::check_result(account, decision, &reply.message, now))
            .await?;
        self.change(|state| {
            state.account_mut(&account.enr)?.heard(&decision.jti, result.outcome);
            Ok(())
        })
        .await?;
        let (account, prompt) = (account.enr.to_string(), decision.prompt.to_string());
        self.observe(DeviceEvent::Concluded { account, prompt, outcome: result.outcome.into() });
        Ok(result)
    }
}

fn receipt(request: &ApprovalRequest, verdict: Verdict, decision: &Signed, result: &DecisionResult) -> Receipt {
    Receipt {
        account: request.account(),
        prompt: request.id(),
        client: request.client_name(),
        message: request.binding_message(),
        approved: verdict == Verdict::Approve,
        outcome: result.outcome.into(),
        received_at: result.received_at,
        prompt_digest: request.prompt().message().digest().to_string(),
        decision_digest: decision.message.digest().to_string(),
    }
}

/// One bad item must not hide the good ones; if there is nothing but errors, the first is what happened.
fn all_that_succeeded<T>(results: Vec<Result<T, DeviceError>>) -> Result<Vec<T>, DeviceError> {
    let (mut good, mut first_error) = (Vec::new(), None);
    for result in results {
        match result {
            Ok(item) => good.push(item),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    match first_error {
        Some(error) if good.is_empty() => Err(error),
        _ => Ok(good),
    }
}
