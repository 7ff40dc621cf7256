//! What a push client is told of an approval, decided when its message is about to leave (CIBA §10.3.1, §12): the tokens,
//! or why there are none. The request becomes redeemed in the same commit, so a denial that came before is what the client
//! is told, and one that comes after is a dispute. The body is sealed into the message and sent again as it was.

use protocol::digest::request_digest;
use tracing::info;

use super::super::mint::{self, Approved, mint};
use super::super::narrow::{Granted, Narrowed};
use super::super::provider::{Provider, Recorded as _};
use super::super::retry::{Attempt, until_decided};
use super::super::{Unavailable, refusals};
use super::leased_on;
use crate::domain::audit::{Point, What};
use crate::domain::authentication_request::{
    Approval, AuthenticationRequest, CancelledBy, Event, PushError, Refusal, State, Transition,
};
use crate::domain::binding::Binding;
use crate::domain::client::Client;
use crate::domain::message::{Content, Message};
use crate::domain::names::RequestKey;
use crate::domain::secret::{Sealed, Secret};
use crate::domain::time::Timestamp;
use crate::domain::user::UserStatus;
use crate::store::{Change, Versioned};

/// An approval about to be turned into tokens.
struct Turn<'a> {
    provider: &'a Provider,
    client: &'a Client,
    auth_req_id: &'a Secret,
    request: Versioned<AuthenticationRequest>,
    now: Timestamp,
}

/// The message with what is to be told; `None` if somebody else is about to tell it.
pub(super) async fn decide(
    provider: &Provider,
    message: &Versioned<Message>,
    client: &Client,
    auth_req_id: &Secret,
) -> Result<Option<Versioned<Message>>, Unavailable> {
    until_decided(|| async move {
        let Some(request) = provider.store.request(provider.id(), &message.record.request).await? else {
            return Ok(Attempt::Done(None));
        };
        let turn = Turn { provider, client, auth_req_id, request, now: provider.now() };
        let Some((change, content)) = turn.decide().await? else { return Ok(Attempt::Done(None)) };
        let record = leased_on(Message { content, ..message.record.clone() }, turn.now);
        let change = change.replace(message.version, record.clone());
        let decided = Versioned { version: message.version + 1, record };
        Ok::<_, Unavailable>(Attempt::after(provider.store.commit(change).await, Some(decided)))
    })
    .await
}

/// The body that was sealed into a message.
pub(super) fn open(provider: &Provider, request: &RequestKey, sealed: &Sealed) -> Option<Vec<u8>> {
    provider.keys.unseal(&context(request), sealed).ok().map(|body| body.to_vec())
}

fn context(request: &RequestKey) -> String {
    format!("pushed tokens of {request}")
}

impl Turn<'_> {
    /// What is committed, and what the message says then.
    async fn decide(&self) -> Result<Option<(Change, Content)>, Unavailable> {
        let request = &self.request.record;
        let redeemed = match request.clone().apply(Event::Redeem, self.now) {
            Ok(Transition::Changed(redeemed, _)) => redeemed,
            Ok(Transition::Unchanged) => return Ok(None),
            Err(refusal) => {
                return Ok(why(&request.state, refusal).map(|error| (self.provider.change(), self.error(error))));
            }
        };
        let State::Redeemed { approval, .. } = &redeemed.state else { return Ok(None) };
        if let Err((by, error)) = self.judge_again(approval).await? {
            return Ok(Some(self.cancelled(by, error)));
        }
        let Ok(narrowed) = Granted::in_request(request).to(self.provider, self.client) else {
            return Ok(Some(self.cancelled(CancelledBy::Operator, PushError::TransactionFailed)));
        };
        match self.tokens(approval, redeemed.clone(), narrowed).await {
            Ok(tokens) => Ok(Some(tokens)),
            Err(mint::Reason::AcrNotReached) => {
                Ok(Some(self.cancelled(CancelledBy::Operator, PushError::AccessDenied)))
            }
            Err(mint::Reason::Unavailable(reason)) => Err(reason),
        }
    }

    fn error(&self, error: PushError) -> Content {
        Content::Error { client: self.client.id.clone(), error }
    }

    /// The user may have been locked and the phone revoked since the approval.
    async fn judge_again(&self, approval: &Approval) -> Result<Result<(), (CancelledBy, PushError)>, Unavailable> {
        let (store, realm) = (&self.provider.store, self.provider.id());
        let user = store.user(realm, &self.request.record.subject).await?;
        if user.is_none_or(|user| user.record.status != UserStatus::Active) {
            let AuthenticationRequest { client, subject, .. } = &self.request.record;
            refusals::locked(self.provider, client, subject, Point::Redeem).await?;
            return Ok(Err((CancelledBy::Operator, PushError::AccessDenied)));
        }
        let device = store.device(realm, &approval.device).await?;
        if !device.is_some_and(|device| device.record.is_active()) {
            return Ok(Err((CancelledBy::UserRevocation, PushError::AccessDenied)));
        }
        // RFC 8705 §3: they can only be bound to a certificate that was shown when the request was made. RFC 9449 §5: and to
        // no key, since nobody calls.
        let has_none = self.request.record.certificate.is_none();
        let cannot_bind = self.client.certificate_bound && has_none || self.client.dpop_bound;
        Ok(if cannot_bind { Err((CancelledBy::Operator, PushError::TransactionFailed)) } else { Ok(()) })
    }

    async fn tokens(
        &self,
        approval: &Approval,
        redeemed: Box<AuthenticationRequest>,
        narrowed: Narrowed,
    ) -> Result<(Change, Content), mint::Reason> {
        let Self { provider, client, now, .. } = *self;
        let request = &self.request.record;
        let certificate = request.certificate.filter(|_| client.certificate_bound);
        let binding = Binding { certificate, key: None };
        let auth_req_id = self.auth_req_id.reveal();
        let receipt = mint::receipt(provider, client, (request, approval), request_digest(auth_req_id), now).await?;
        let approved = Approved { client, request, approval, auth_req_id, binding, narrowed, receipt };
        let minted = mint(provider, &approved, now).await?;
        let redeemed = AuthenticationRequest { issued: Some(minted.issued()), ..*redeemed };
        let (change, tokens) = minted.stored_by(provider.change());
        let mut body = tokens.members();
        body.insert("auth_req_id".into(), auth_req_id.into());
        let body = serde_json::to_vec(&body).expect("a map of plain values is JSON");
        let minted = Some(provider.keys.seal(&context(&request.key), &body));
        let what = What::RequestRedeemed { request: request.key, client: client.id.clone() };
        let change = change.replace(self.request.version, redeemed).recording(provider, now, what);
        info!(request = %request.key, client = %client.id, "tokens are about to be pushed");
        Ok((change, Content::Tokens { client: client.id.clone(), minted }))
    }

    fn cancelled(&self, by: CancelledBy, error: PushError) -> (Change, Content) {
        let change = self.provider.change();
        let change = match self.request.record.clone().apply(Event::Cancel(by), self.now) {
            Ok(Transition::Changed(cancelled, _)) => change.replace(self.request.version, *cancelled),
            Ok(Transition::Unchanged) | Err(_) => change,
        };
        (change, self.error(error))
    }
}

/// What stands in the way of tokens; `None` if somebody has them already, or it is too early to say.
const fn why(state: &State, refusal: Refusal) -> Option<PushError> {
    match refusal {
        Refusal::Expired => Some(PushError::ExpiredToken),
        Refusal::AlreadyDenied => Some(PushError::AccessDenied),
        Refusal::Cancelled => match state {
            State::Cancelled { by: CancelledBy::UserRevocation } => Some(PushError::AccessDenied),
            _ => Some(PushError::TransactionFailed),
        },
        Refusal::Failed => Some(PushError::TransactionFailed),
        Refusal::StillPending | Refusal::AlreadyApproved | Refusal::AlreadyRedeemed | Refusal::NotExpired => None,
    }
}
