//! Whether a person approved exactly this action: one call, by a receipt and the realm's published keys, without asking
//! anybody. For whoever is about to act, such as the server of a tool.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::{Action, AgentAction};
use crate::crypto::{CryptoError, Verify};
use crate::display::Line;
use crate::messages::KeyLevel;
use crate::receipt::{self, Approval, Expected, Proven, PublishedKeys, ReceiptError};
use crate::{Digest, Jwk, KeyRole};

/// What is about to be done, and what must have been approved for it.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Issuer, the agent's `client_id`, the request, and the time.
    pub expected: Expected<'a>,
    /// What is about to be done.
    pub action: &'a Action,
    /// Who alone may approve it, as the agent's client knows them; whomever the agent asked, where it is `None`.
    pub subject: Option<&'a str>,
    /// Whether the phone must have verified the person: then only its `verified` key counts.
    pub user_verified: bool,
    /// How well that key must be proven at least. [`KeyLevel::App`] is what the OP itself demands before it says that the person
    /// was verified, unless its realm trusts claimed keys: of [`KeyLevel::Claimed`] only the phone says where it is.
    pub level: KeyLevel,
    /// For how many seconds after the OP received it an approval counts.
    pub max_age: i64,
}

/// An approval of this action.
#[derive(Debug, Clone, PartialEq)]
pub struct Approved {
    /// What the agent called itself, if it did.
    pub agent: Option<String>,
    /// All that the receipt proves: who approved, when, by which key, and what was shown.
    pub proven: Proven,
    /// The approval's name among used ones: the digest of its request.
    pub request: Digest,
    /// The last second at which it counts.
    pub until: i64,
}

/// Why the action must not be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no approval.
    #[error("there is no approval")]
    Missing,
    /// The receipt proves nothing here.
    #[error("the approval proves nothing: {0}")]
    Receipt(#[from] ReceiptError),
    /// What was approved is something else than one agent's action.
    #[error("what was approved is not one action of an agent")]
    NoAction,
    /// Another tool.
    #[error("what was approved is another tool")]
    OtherTool,
    /// Other parameters, by name.
    #[error("what was approved has other parameters: {}", .0.join(", "))]
    OtherParameters(Vec<String>),
    /// The phone was not handed every line of the action, or it was handed others that could be taken for its lines.
    #[error("the phone did not show all of the action and nothing else like it")]
    NotShown,
    /// By somebody else.
    #[error("somebody else approved")]
    OtherSubject,
    /// By the phone's `device` key.
    #[error("the phone did not verify the person")]
    NotVerified,
    /// By a key that is proven less than it must be.
    #[error("the phone's key is not proven well enough")]
    TooWeak,
    /// Too long ago.
    #[error("the approval is too old")]
    TooOld,
    /// It was used.
    #[error("the approval was used")]
    Used,
    /// Nobody could write down that it is used now.
    #[error("the approval cannot be marked as used")]
    Unrecorded,
}

impl Refusal {
    /// The name of the reason, which is the same in every language (docs/agents.md).
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Missing => "Missing",
            Self::Receipt(error) => error.reason(),
            Self::NoAction => "NoAction",
            Self::OtherTool => "OtherTool",
            Self::OtherParameters(_) => "OtherParameters",
            Self::NotShown => "NotShown",
            Self::OtherSubject => "OtherSubject",
            Self::NotVerified => "NotVerified",
            Self::TooWeak => "TooWeak",
            Self::TooOld => "TooOld",
            Self::Used => "Used",
            Self::Unrecorded => "Unrecorded",
        }
    }
}

/// The record of used approvals could not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the record of used approvals cannot be written")]
pub struct CannotRecord;

/// Remembers which approvals were used. One that outlives the process, and is shared by all that act, is a table with a
/// unique column: insert the digest, and act only if that inserted a row; best of all in the transaction that acts.
pub trait Used {
    /// Marks the approval of this request as used; whether it was unused until now. Of all who ask at once, one is told so.
    /// An hour after `until` it may be forgotten: a clock may be set back, and `max_age` raised.
    fn take(&self, request: &Digest, until: i64, now: i64) -> Result<bool, CannotRecord>;
}

/// For so many seconds longer is remembered what was used, lest a clock that is set back, or a greater `max_age`, lets it be
/// used again.
const LINGER: i64 = 3600;

/// Remembers in memory, for one process. What was used before it started is unused to it: refuse approvals from before, or
/// bring a record that lasts.
#[derive(Debug, Default)]
pub struct InMemory(Mutex<BTreeMap<Digest, i64>>);

impl Used for InMemory {
    fn take(&self, request: &Digest, until: i64, now: i64) -> Result<bool, CannotRecord> {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        used.retain(|_, until| until.saturating_add(LINGER) >= now);
        Ok(used.insert(*request, until).is_none())
    }
}

/// Whether this action was approved, and marks the approval as used: act if this returns, and once.
pub fn redeem<K: Verify>(
    approval: Option<&Approval>,
    wanted: &Wanted<'_>,
    keys: &PublishedKeys,
    parse: impl Fn(&Jwk) -> Result<K, CryptoError>,
    used: &impl Used,
) -> Result<Approved, Refusal> {
    let approved = judge(approval, wanted, keys, parse)?;
    match used.take(&approved.request, approved.until, wanted.expected.now) {
        Ok(true) => Ok(approved),
        Ok(false) => Err(Refusal::Used),
        Err(CannotRecord) => Err(Refusal::Unrecorded),
    }
}

/// The same, without looking at whether it was used: for who marks [`Approved::request`] as used by themselves, such as in a
/// transaction, before they act.
pub fn judge<K: Verify>(
    approval: Option<&Approval>,
    wanted: &Wanted<'_>,
    keys: &PublishedKeys,
    parse: impl Fn(&Jwk) -> Result<K, CryptoError>,
) -> Result<Approved, Refusal> {
    let approval = approval.ok_or(Refusal::Missing)?;
    let proven = receipt::verify(approval, &wanted.expected, keys, parse)?;
    let [detail] = proven.prompt.authorization_details.as_slice() else { return Err(Refusal::NoAction) };
    let asked = AgentAction::parse(detail).map_err(|_| Refusal::NoAction)?;
    judge_action(&asked, wanted.action)?;
    refuse_unless(is_shown(&asked, &proven.display), Refusal::NotShown)?;
    refuse_unless(wanted.subject.is_none_or(|subject| subject == proven.subject), Refusal::OtherSubject)?;
    refuse_unless(!wanted.user_verified || proven.role == KeyRole::Verified, Refusal::NotVerified)?;
    refuse_unless(proven.level >= wanted.level, Refusal::TooWeak)?;
    let until = proven.received_at.saturating_add(wanted.max_age);
    refuse_unless(wanted.expected.now <= until, Refusal::TooOld)?;
    Ok(Approved { agent: asked.agent, request: proven.prompt.req, proven, until })
}

fn judge_action(asked: &AgentAction, wanted: &Action) -> Result<(), Refusal> {
    refuse_unless(asked.action.tool() == wanted.tool(), Refusal::OtherTool)?;
    let differences = asked.action.differences(wanted);
    if differences.is_empty() { Ok(()) } else { Err(Refusal::OtherParameters(differences)) }
}

/// Whether the lines stand there together and in order, and no other has a label of theirs.
fn is_shown(asked: &AgentAction, display: &[Line]) -> bool {
    let labelled = |line: &Line| AgentAction::labels(&line.label);
    let first = display.iter().position(labelled).unwrap_or_default();
    let behind = display.iter().rposition(labelled).map_or(first, |last| last + 1);
    display[first..behind] == asked.lines()
}

fn refuse_unless(holds: bool, refusal: Refusal) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(refusal) }
}
