//! The authentication request and its states: the one place that says what may follow what.
//!
//! ```text
//! Pending ──► Approved ──► Redeemed          Expiry is computed from the clock and never stored.
//!    │           │
//!    │           ├──► Denied                 A deny wins over an approve until tokens are issued.
//!    │           └──► Cancelled              (the user or an operator revoked something)
//!    ├──► Denied · Cancelled · Failed
//! ```
//!
//! [`AuthenticationRequest::apply`] is total: every state, event, delivery mode and side of the expiry has its cell. A
//! bold word is the next state, `=` no change, a plain word the reason why not. ♪ tells the client, in the same commit:
//! a push client what stands beside it, a ping client that there is an outcome, a poll client nothing. *Told* is a
//! pending request whose client was told of the expiry; before the expiry it is met only after a clock was set back.
//!
//! | before the expiry | pending | told | approved | denied | cancelled | failed | redeemed | disputed |
//! |---|---|---|---|---|---|---|---|---|
//! | approve | **approved** ♪ tokens | **approved** | = | denied | cancelled | failed | redeemed | redeemed |
//! | deny | **denied** ♪ denied | **denied** | **denied** | = | cancelled | failed | redeemed | redeemed |
//! | deny: not me | **denied** ♪ denied | **denied** | **denied** | = | cancelled | failed | **disputed** | = |
//! | deny: wrong details | **denied** ♪ denied | **denied** | **denied** | = | cancelled | failed | redeemed | redeemed |
//! | deny: cancelled | **denied** ♪ denied | **denied** | **denied** | = | cancelled | failed | redeemed | redeemed |
//! | deny: wrong code | **denied** ♪ denied | **denied** | approved | = | cancelled | failed | redeemed | redeemed |
//! | cancel by client | **cancelled** | **cancelled** | approved | denied | = | failed | redeemed | redeemed |
//! | cancel by revocation | **cancelled** ♪ denied | **cancelled** | **cancelled** | denied | = | failed | redeemed | redeemed |
//! | cancel by operator | **cancelled** ♪ failed | **cancelled** | **cancelled** | denied | = | failed | redeemed | redeemed |
//! | fail: channel | **failed** ♪ failed | **failed** | approved | denied | cancelled | = | redeemed | redeemed |
//! | fail: handler | **failed** ♪ failed | **failed** | approved | denied | cancelled | = | redeemed | redeemed |
//! | redeem | pending | pending | **redeemed** | denied | cancelled | failed | redeemed | redeemed |
//! | expire | not yet | not yet | not yet | denied | cancelled | failed | redeemed | redeemed |
//!
//! | from the expiry on | pending | told | approved | denied | cancelled | failed | redeemed | disputed |
//! |---|---|---|---|---|---|---|---|---|
//! | approve | expired | expired | expired | denied | cancelled | failed | redeemed | redeemed |
//! | deny | expired | expired | expired | = | cancelled | failed | redeemed | redeemed |
//! | deny: not me | expired | expired | expired | = | cancelled | failed | **disputed** | = |
//! | deny: wrong details | expired | expired | expired | = | cancelled | failed | redeemed | redeemed |
//! | deny: cancelled | expired | expired | expired | = | cancelled | failed | redeemed | redeemed |
//! | deny: wrong code | expired | expired | expired | = | cancelled | failed | redeemed | redeemed |
//! | cancel by client | expired | expired | expired | denied | = | failed | redeemed | redeemed |
//! | cancel by revocation | expired | expired | expired | denied | = | failed | redeemed | redeemed |
//! | cancel by operator | expired | expired | expired | denied | = | failed | redeemed | redeemed |
//! | fail: channel | expired | expired | expired | denied | cancelled | = | redeemed | redeemed |
//! | fail: handler | expired | expired | expired | denied | cancelled | = | redeemed | redeemed |
//! | redeem | expired | expired | expired | denied | cancelled | failed | redeemed | redeemed |
//! | expire | **told** ♪ expired | = | = | denied | cancelled | failed | redeemed | redeemed |
//!
//! The table is written down in `authentication_request/table.rs`, where a test walks every cell of it and compares
//! this text.

use protocol::messages::{DenyReason, KeyLevel};
use protocol::{DeviceId, Digest, Jwk, KeyRole, PromptId};
use serde::{Deserialize, Serialize};

use super::certificate::Thumbprint;
use super::client::AuthenticationMethod;
use super::delivery::DeliveryMode;
use super::details::Details;
use super::names::{ClientId, FamilyKey, RequestKey, Subject, TokenKey};
use super::secret::Sealed;
use super::time::Timestamp;

#[cfg(test)]
mod table;

/// For so many seconds after tokens were issued, the user's phones can still say "this was not me".
pub const DISPUTE_SECONDS: i64 = 600;

/// A match code has so many digits.
pub const MATCH_DIGITS: u8 = 2;

/// A request as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthenticationRequest {
    /// Hash of its `auth_req_id`.
    pub key: RequestKey,
    /// Who asks.
    pub client: ClientId,
    /// How that client authenticated: the token endpoint wants the same method (REQUIREMENTS A13).
    pub authenticated_by: AuthenticationMethod,
    /// Whom it asks about.
    pub subject: Subject,
    /// How the client learns the outcome.
    pub delivery: DeliveryMode,
    /// What it asks for.
    pub scope: Vec<String>,
    /// `resource`: where the access token may be used (RFC 8707).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// The text shown on both devices.
    pub binding_message: Option<String>,
    /// Seconds between polls, before any `slow_down`.
    pub interval: u32,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// End of its life.
    pub expires_at: Timestamp,
    /// Until when it still answers `expired_token`; then it is forgotten.
    pub keep_until: Timestamp,
    /// One copy for each phone that was asked.
    pub prompts: Vec<(DeviceId, PromptId)>,
    /// Whether the client was told of an outcome: at most one ping for each request, ever.
    pub notified: bool,
    /// What a ping or push client is called with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<Callback>,
    /// `acr_values`, in order of preference.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acr_values: Vec<String>,
    /// The certificate that the client showed; tokens that are pushed are bound to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Thumbprint>,
    /// `authorization_details`, and what is shown of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
    /// What the user must type from the client's screen, where the client asks for that: a MAC of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub match_code: Option<Digest>,
    /// The tokens that came of it, so that a dispute ends them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued: Option<Issued>,
    /// Where it stands.
    pub state: State,
}

/// The tokens that were issued for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issued {
    /// The first access token.
    pub grant: TokenKey,
    /// The refresh tokens, with every access token that comes of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<FamilyKey>,
}

/// What a ping or push client is called with: both are spoken again, so they are sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    /// `auth_req_id`
    pub auth_req_id: Sealed,
    /// `client_notification_token`
    pub token: Sealed,
}

/// Where a request stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum State {
    /// Nobody answered yet.
    Pending,
    /// A phone approved; no tokens yet.
    Approved {
        /// The proof.
        approval: Approval,
    },
    /// A phone denied.
    Denied {
        /// The refusal.
        denial: Denial,
    },
    /// Withdrawn.
    Cancelled {
        /// Who did.
        by: CancelledBy,
    },
    /// Could not be put to the user.
    Failed {
        /// Why.
        why: Failure,
    },
    /// Tokens were issued.
    Redeemed {
        /// The proof.
        approval: Approval,
        /// When.
        at: Timestamp,
        /// Whether the user said afterwards that it was not them.
        disputed: bool,
    },
}

impl State {
    /// The approval that it rests on.
    #[must_use]
    pub const fn approval(&self) -> Option<&Approval> {
        match self {
            Self::Approved { approval } | Self::Redeemed { approval, .. } => Some(approval),
            Self::Pending | Self::Denied { .. } | Self::Cancelled { .. } | Self::Failed { .. } => None,
        }
    }
}

/// What a verified approval proved. Only `flow::decide` makes one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The phone.
    pub device: DeviceId,
    /// The key that signed.
    pub role: KeyRole,
    /// How well that key is proven.
    pub level: KeyLevel,
    /// SHA-256 of the decision JWS.
    pub decision: Digest,
    /// The key itself: it may be replaced before tokens are issued. Absent in records older than this member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Jwk>,
    /// Whether the user typed the match code.
    #[serde(default)]
    pub matched: bool,
    /// The server's clock.
    pub at: Timestamp,
    /// Whether the phone proved no more than presence then, having been recovered a short while before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub limited: bool,
}

/// A verified refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denial {
    /// The phone.
    pub device: DeviceId,
    /// Why.
    pub reason: Option<DenialReason>,
    /// The server's clock.
    pub at: Timestamp,
}

/// Why a request was denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DenialReason {
    /// The user started nothing.
    NotMe,
    /// The user started something else.
    WrongDetails,
    /// The user changed their mind.
    Cancelled,
    /// The user approved with another match code than the client's screen shows.
    WrongCode,
}

impl DenialReason {
    /// Whether the client may be the one to blame: not for somebody's change of mind.
    #[must_use]
    pub const fn speaks_against_client(self) -> bool {
        match self {
            Self::NotMe | Self::WrongDetails | Self::WrongCode => true,
            Self::Cancelled => false,
        }
    }
}

impl From<DenyReason> for DenialReason {
    fn from(reason: DenyReason) -> Self {
        match reason {
            DenyReason::NotMe => Self::NotMe,
            DenyReason::WrongDetails => Self::WrongDetails,
            DenyReason::Cancelled => Self::Cancelled,
        }
    }
}

/// Who withdrew a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelledBy {
    /// The relying party.
    Client,
    /// The user, by revoking the phone that approved.
    UserRevocation,
    /// An operator.
    Operator,
}

/// Why a request could not be put to the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// Every way to the user failed.
    Channel,
    /// A remote handler failed or answered nonsense.
    Handler,
}

/// What can happen to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A verified approval.
    Approve(Approval),
    /// A verified refusal.
    Deny(Denial),
    /// Someone withdraws it.
    Cancel(CancelledBy),
    /// It cannot be put to the user.
    Fail(Failure),
    /// Tokens are to be issued: by the token endpoint, or in push mode by the delivery worker.
    Redeem,
    /// The sweep found it past its life.
    Expire,
}

/// What must be told to the client in the same commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// Nothing.
    None,
    /// Ping mode: there is an outcome (CIBA §10.2).
    Ping,
    /// Push mode: mint tokens and send them (CIBA §10.3.1).
    PushTokens,
    /// Push mode: send this error (CIBA §12).
    PushError(PushError),
}

/// Error codes of CIBA §12.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PushError {
    /// `access_denied`
    AccessDenied,
    /// `expired_token`
    ExpiredToken,
    /// `transaction_failed`
    TransactionFailed,
}

/// What an event did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transition {
    /// The next state, and what the client must be told.
    Changed(Box<AuthenticationRequest>, Notice),
    /// It was so already.
    Unchanged,
}

/// Why an event cannot happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its life is over.
    #[error("the request has expired")]
    Expired,
    /// Nobody answered yet.
    #[error("the request is still pending")]
    StillPending,
    /// It is approved, which this event cannot undo.
    #[error("the request was approved")]
    AlreadyApproved,
    /// It was denied.
    #[error("the request was denied")]
    AlreadyDenied,
    /// It was withdrawn.
    #[error("the request was cancelled")]
    Cancelled,
    /// It could not be put to the user.
    #[error("the request failed")]
    Failed,
    /// Tokens were issued.
    #[error("the request was redeemed")]
    AlreadyRedeemed,
    /// It is not past its life.
    #[error("the request has not expired")]
    NotExpired,
}

impl AuthenticationRequest {
    /// Whether its life is over at `now`. At the very instant it is.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        now >= self.expires_at
    }

    /// Applies an event at `now`: the next state, no change, or the reason why not.
    #[expect(clippy::match_same_arms, reason = "the arms stand in the order of the table")]
    pub fn apply(self, event: Event, now: Timestamp) -> Result<Transition, Refusal> {
        let expired = self.has_expired(now);
        match (&self.state, event) {
            (State::Pending, Event::Expire) if expired => Ok(self.expire()),
            // Its client was told of the approval already.
            (State::Approved { .. }, Event::Expire) if expired => Ok(Transition::Unchanged),
            (State::Pending | State::Approved { .. }, Event::Expire) => Err(Refusal::NotExpired),
            (State::Pending | State::Approved { .. }, _) if expired => Err(Refusal::Expired),

            (State::Pending, Event::Approve(approval)) => Ok(self.conclude(State::Approved { approval })),
            (State::Pending, Event::Deny(denial)) => Ok(self.conclude(State::Denied { denial })),
            (State::Pending, Event::Cancel(by)) => Ok(self.conclude(State::Cancelled { by })),
            (State::Pending, Event::Fail(why)) => Ok(self.conclude(State::Failed { why })),
            (State::Pending, Event::Redeem) => Err(Refusal::StillPending),

            (State::Approved { .. }, Event::Approve(_)) => Ok(Transition::Unchanged),
            // Only a guess at a pending request counts: whoever knows no code must not take back what was approved.
            (State::Approved { .. }, Event::Deny(Denial { reason: Some(DenialReason::WrongCode), .. })) => {
                Err(Refusal::AlreadyApproved)
            }
            (State::Approved { .. }, Event::Deny(denial)) => Ok(self.overturn(State::Denied { denial })),
            (State::Approved { .. }, Event::Cancel(CancelledBy::Client) | Event::Fail(_)) => {
                Err(Refusal::AlreadyApproved)
            }
            (State::Approved { .. }, Event::Cancel(by)) => Ok(self.overturn(State::Cancelled { by })),
            (State::Approved { approval }, Event::Redeem) => {
                let approval = approval.clone();
                Ok(self.redeem(approval, now))
            }

            (State::Denied { .. }, Event::Deny(_)) => Ok(Transition::Unchanged),
            (
                State::Denied { .. },
                Event::Approve(_) | Event::Cancel(_) | Event::Fail(_) | Event::Redeem | Event::Expire,
            ) => Err(Refusal::AlreadyDenied),

            (State::Cancelled { .. }, Event::Cancel(_)) => Ok(Transition::Unchanged),
            (
                State::Cancelled { .. },
                Event::Approve(_) | Event::Deny(_) | Event::Fail(_) | Event::Redeem | Event::Expire,
            ) => Err(Refusal::Cancelled),

            (State::Failed { .. }, Event::Fail(_)) => Ok(Transition::Unchanged),
            (
                State::Failed { .. },
                Event::Approve(_) | Event::Deny(_) | Event::Cancel(_) | Event::Redeem | Event::Expire,
            ) => Err(Refusal::Failed),

            (
                State::Redeemed { approval, at, disputed },
                Event::Deny(Denial { reason: Some(DenialReason::NotMe), .. }),
            ) => {
                if *disputed {
                    return Ok(Transition::Unchanged);
                }
                let state = State::Redeemed { approval: approval.clone(), at: *at, disputed: true };
                Ok(self.overturn(state))
            }
            (
                State::Redeemed { .. },
                Event::Approve(_) | Event::Deny(_) | Event::Cancel(_) | Event::Fail(_) | Event::Redeem | Event::Expire,
            ) => Err(Refusal::AlreadyRedeemed),
        }
    }

    /// The first outcome: the client is told of it, once. A clock that was set back can bring an outcome after the
    /// client was told of the expiry; it is then not told again.
    fn conclude(self, state: State) -> Transition {
        let notice = match (self.delivery, &state) {
            _ if self.notified => Notice::None,
            // The client withdrew it by itself and needs no telling.
            (_, State::Cancelled { by: CancelledBy::Client }) | (DeliveryMode::Poll, _) => Notice::None,
            (DeliveryMode::Ping, _) => Notice::Ping,
            (DeliveryMode::Push, State::Approved { .. }) => Notice::PushTokens,
            (DeliveryMode::Push, State::Denied { .. } | State::Cancelled { by: CancelledBy::UserRevocation }) => {
                Notice::PushError(PushError::AccessDenied)
            }
            // CIBA §12: reasons other than the user's refusal and the end of its life.
            (DeliveryMode::Push, _) => Notice::PushError(PushError::TransactionFailed),
        };
        let notified = self.notified || notice != Notice::None;
        Transition::Changed(Box::new(Self { notified, state, ..self }), notice)
    }

    /// A later turn of a request whose client was told already: no second notice. In push mode the message that is
    /// waiting in the outbox reads the state when it is carried, so it brings the later outcome.
    fn overturn(self, state: State) -> Transition {
        Transition::Changed(Box::new(Self { state, ..self }), Notice::None)
    }

    /// Kept for as long as the user may still say that it was not them.
    fn redeem(self, approval: Approval, at: Timestamp) -> Transition {
        let keep_until = self.keep_until.max(at.plus_seconds(DISPUTE_SECONDS));
        Self { keep_until, ..self }.overturn(State::Redeemed { approval, at, disputed: false })
    }

    fn expire(self) -> Transition {
        let notice = match self.delivery {
            _ if self.notified => return Transition::Unchanged,
            DeliveryMode::Poll => return Transition::Unchanged,
            DeliveryMode::Ping => Notice::Ping,
            DeliveryMode::Push => Notice::PushError(PushError::ExpiredToken),
        };
        Transition::Changed(Box::new(Self { notified: true, ..self }), notice)
    }
}
