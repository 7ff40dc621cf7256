//! Joining an account, and waiting for the six digits to be typed.

use std::sync::{Arc, Mutex, PoisonError};

use protocol::endpoints::{self, Configuration, OfferReply, SignedReply, SignedRequest};
use protocol::jws::General;
use protocol::messages::{Attestation, EnrolmentState as Standing, Evidence, Ticket};
use protocol::{Digest, Jwk, Jws};

use super::DeviceCore;
use super::session::random;
use crate::app::{DeviceInfo, EnrolmentState, PushTarget};
use crate::enrolment::{self, Accepted, Draft, Introduction};
use crate::error::DeviceError;
use crate::exchange::{self, Call};
use crate::ports::{AttestationRequest, KeyProtection, KeyPurpose, PlatformEvidence, SigningReason};
use crate::state::{AccountState, KeySlot};

/// An enrolment that waits for its digits, or is done.
#[cfg_attr(feature = "uniffi", derive(uniffi::Object))]
pub struct Enrolment {
    core: Arc<DeviceCore>,
    account: String,
    label: String,
    digits: Option<String>,
    state: Mutex<EnrolmentState>,
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl Enrolment {
    /// The account's id, as in `accounts()`.
    #[must_use]
    pub fn account(&self) -> String {
        self.account.clone()
    }

    /// The account as the server masks it, for the user to recognise.
    #[must_use]
    pub fn label(&self) -> String {
        self.label.clone()
    }

    /// The six digits to be typed on the page that showed the ticket; `None` once they are of no more use.
    #[must_use]
    pub fn digits(&self) -> Option<String> {
        self.digits.clone().filter(|_| self.state() == EnrolmentState::Unconfirmed)
    }

    /// Where it stands, as last heard.
    #[must_use]
    pub fn state(&self) -> EnrolmentState {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the server where it stands.
    pub async fn refresh(&self) -> Result<EnrolmentState, DeviceError> {
        let account = self.core.refresh_standing(&self.account).await?;
        let state = account.standing.into();
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
        Ok(state)
    }
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl DeviceCore {
    /// Joins the account of a ticket: makes three keys, checks the server's offer against the ticket, introduces the
    /// phone. The ticket is burnt whatever comes of it.
    pub async fn enrol(
        self: Arc<Self>,
        ticket: String,
        info: DeviceInfo,
        push: PushTarget,
    ) -> Result<Arc<Enrolment>, DeviceError> {
        let ticket = self.settings.admit(&ticket)?;
        let about = Introduction::new(info, push);
        about.check().map_err(|rule| DeviceError::UnfitName { detail: rule.to_string() })?;
        let account = {
            let _one_at_a_time = self.enrolling.lock().await;
            self.clear_unfinished().await?;
            self.join(&ticket, about).await?
        };
        Ok(self.as_enrolment(account))
    }

    /// The key under which a phone subscribes to pushes by Web Push (RFC 8292 §4.1), in base64url, for
    /// [`PushTarget::WebPush`]; `None` where this issuer has no Web Push. Nobody has signed it: a push is a hint.
    pub async fn web_push_key(&self, issuer: String) -> Result<Option<String>, DeviceError> {
        self.settings.admit_issuer(&issuer)?;
        let body = self.unproven(&issuer, &Call::to(&issuer, endpoints::CONFIGURATION)).await?;
        Ok(exchange::parse::<Configuration>(200, &body)?.vapid)
    }

    /// An enrolment begun earlier, to wait on for its digits after a restart.
    pub async fn enrolment(self: Arc<Self>, account: String) -> Result<Arc<Enrolment>, DeviceError> {
        let account = self.account(&account).await?;
        Ok(self.as_enrolment(account))
    }
}

impl DeviceCore {
    fn as_enrolment(self: Arc<Self>, account: AccountState) -> Arc<Enrolment> {
        Arc::new(Enrolment {
            account: account.enr.to_string(),
            label: account.label,
            digits: account.digits,
            state: Mutex::new(account.standing.into()),
            core: self,
        })
    }

    /// Runs the enrolment in a key slot that is noted down first, so that no keys are left behind if it ends early.
    async fn join(&self, ticket: &Ticket, about: Introduction) -> Result<AccountState, DeviceError> {
        let slot = KeySlot::new(random()?);
        self.change(|state| {
            state.unfinished.push(slot.clone());
            Ok(())
        })
        .await?;
        let account = match self.exchange_messages(ticket, slot, about).await {
            Ok(account) => account,
            Err(error) => {
                // The first error is the one to report; what cannot be cleared now is cleared next time.
                let _ = self.clear_unfinished().await;
                return Err(error);
            }
        };
        self.change(|state| {
            state.unfinished.clear();
            state.accounts.push(account.clone());
            Ok(account)
        })
        .await
    }

    async fn exchange_messages(
        &self,
        ticket: &Ticket,
        slot: KeySlot,
        about: Introduction,
    ) -> Result<AccountState, DeviceError> {
        self.prepare(&slot, KeyPurpose::Device, &enrolment::early_challenge(ticket)).await;
        let device = self.new_key(&slot, KeyPurpose::Device, KeyProtection::Credential).await?;
        let accepted = self.begin(ticket, &slot, device).await?;
        let protection = accepted.protection();
        if accepted.attestation() != Attestation::None {
            self.prepare(&slot, KeyPurpose::Verified, &accepted.attestation_challenge()).await;
        }
        let verified = self.new_key(&slot, KeyPurpose::Verified, protection).await?;
        let sealing = self.new_key(&slot, KeyPurpose::Sealing, protection).await?;
        let draft = accepted.draft(verified, sealing, about, self.now(&ticket.issuer)?);
        let evidence = self.evidence(&slot, accepted.attestation(), &draft).await?;
        let unsigned = draft.with(evidence);
        let signers = [slot.key(KeyPurpose::Device, device), slot.key(KeyPurpose::Verified, verified)];
        let mut signatures = Vec::new();
        for (input, key) in unsigned.signing_inputs().zip(&signers) {
            signatures.push(self.sign(key, input, SigningReason::Enrolment).await?);
        }
        let finish = unsigned.attach(&signatures);
        self.finish(ticket, &accepted, &finish, slot).await
    }

    async fn begin(&self, ticket: &Ticket, slot: &KeySlot, device: Jwk) -> Result<Accepted, DeviceError> {
        let issuer = &ticket.issuer;
        let unsigned = enrolment::begin(ticket, device, self.now(issuer)?);
        let key = slot.key(KeyPurpose::Device, device);
        let signature = self.sign(&key, unsigned.signing_input(), SigningReason::Enrolment).await?;
        let call = Call::to(issuer, endpoints::BEGIN).with(&SignedRequest { message: unsigned.attach(&signature) });
        let reply: OfferReply = exchange::parse(200, &self.insisting(issuer, &call).await?)?;
        Ok(enrolment::accept(ticket, device, &reply, self.now(issuer)?)?)
    }

    async fn finish(
        &self,
        ticket: &Ticket,
        accepted: &Accepted,
        finish: &General,
        slot: KeySlot,
    ) -> Result<AccountState, DeviceError> {
        let issuer = &ticket.issuer;
        let call = Call::to(issuer, endpoints::FINISH).with(finish);
        let reply: SignedReply = exchange::parse(200, &self.insisting(issuer, &call).await?)?;
        Ok(accepted.conclude(finish, &reply.message, slot, self.now(issuer)?)?)
    }

    /// A platform that cannot prepare will not attest either, and that is where it is told.
    async fn prepare(&self, slot: &KeySlot, purpose: KeyPurpose, challenge: &Digest) {
        if let Some(attestor) = &self.ports.attestor {
            let _ = attestor.prepare(slot.alias(purpose), challenge.as_bytes().to_vec()).await;
        }
    }

    /// What the platform says of the keys. Where the server does without, so does the phone.
    async fn evidence(&self, slot: &KeySlot, wanted: Attestation, draft: &Draft) -> Result<Evidence, DeviceError> {
        let Some(attestor) = self.ports.attestor.as_ref().filter(|_| wanted != Attestation::None) else {
            return Ok(Evidence::none());
        };
        let (device, verified) = (slot.alias(KeyPurpose::Device), slot.alias(KeyPurpose::Verified));
        let request = AttestationRequest::new(device, verified, &draft.client_data_hash());
        match attestor.attest(request).await.and_then(PlatformEvidence::into_message) {
            Ok(evidence) => Ok(evidence),
            Err(_) if wanted == Attestation::Record => Ok(Evidence::none()),
            Err(error) => Err(DeviceError::Platform { detail: error.to_string() }),
        }
    }

    pub(super) async fn new_key(
        &self,
        slot: &KeySlot,
        purpose: KeyPurpose,
        protection: KeyProtection,
    ) -> Result<Jwk, DeviceError> {
        let point = self.ports.vault.generate(slot.alias(purpose), purpose, protection).await?;
        Jwk::from_sec1(&point)
            .ok_or_else(|| DeviceError::KeyUnavailable { detail: "the vault's key is no uncompressed point".into() })
    }

    pub(super) async fn clear_unfinished(&self) -> Result<(), DeviceError> {
        let slots = {
            let mut state = self.state.lock().await;
            self.loaded(&mut state).await?.unfinished.clone()
        };
        if slots.is_empty() {
            return Ok(());
        }
        for slot in &slots {
            self.destroy_keys(slot).await?;
        }
        self.change(|state| {
            state.unfinished.clear();
            Ok(())
        })
        .await
    }

    pub(super) async fn refresh_standing(&self, account: &str) -> Result<AccountState, DeviceError> {
        let account = self.account(account).await?;
        let call = Call::about(account.trust.issuer(), endpoints::ENROLMENT, &account.enr.to_string());
        let heard = match self.proven(&account, &call).await {
            Err(DeviceError::Refused { refusal }) if refusal == "unknown_enrolment" => {
                self.standing_without_enrolment(&account).await?
            }
            answered => {
                let reply: SignedReply = exchange::parse(200, &answered?)?;
                self.judge_standing(&account, &reply.message).await?
            }
        };
        self.change(|state| {
            let account = state.account_mut(&account.enr)?;
            account.standing = heard;
            if heard != Standing::Unconfirmed {
                account.digits = None;
            }
            Ok(account.clone())
        })
        .await
    }

    /// The server forgets enrolments minutes after they began, confirmed or not; phones that were confirmed it knows.
    /// That answer is not signed, and need not be: all it can do is make the phone ask for signed prompts.
    async fn standing_without_enrolment(&self, account: &AccountState) -> Result<Standing, DeviceError> {
        let call = Call::to(account.trust.issuer(), endpoints::SELF);
        match self.proven(account, &call).await {
            Ok(_) => Ok(Standing::Active),
            Err(DeviceError::Refused { .. }) => Err(DeviceError::Expired),
            Err(error) => Err(error),
        }
    }

    async fn judge_standing(&self, account: &AccountState, reply: &Jws) -> Result<Standing, DeviceError> {
        self.believe(account, |account, now| enrolment::standing(account, reply, now)).await.map(|heard| heard.state)
    }
}
