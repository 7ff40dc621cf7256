//! The complete transition table, and the test that walks it.
//!
//! Read a line from the left: what happens; then, state by state, what becomes of the request. Two tables, one for each
//! side of the expiry. Delivery modes differ only in what the client is told, which stands in the cell.

use std::fmt::Write as _;

use protocol::messages::KeyLevel;
use protocol::{DeviceId, Digest, KeyRole, PromptId};

use super::{
    Approval, AuthenticationRequest, CancelledBy, DISPUTE_SECONDS, Denial, DenialReason, Event, Failure, Notice,
    PushError, Refusal, State, Transition,
};
use crate::domain::client::AuthenticationMethod;
use crate::domain::delivery::DeliveryMode;
use crate::domain::names::{ClientId, RequestKey, Subject};
use crate::domain::time::Timestamp;

use Cell::{No, Same, To};
use Column::{Approved, Cancelled, Denied, Disputed, Failed, Pending, Redeemed, Told};

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Pending,
    /// Pending, and the client was told of the expiry.
    Told,
    Approved,
    Denied,
    Cancelled,
    Failed,
    Redeemed,
    /// Redeemed, and the user said that it was not them.
    Disputed,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    /// The next state; a push client is told this, a ping client is pinged unless it is `Notice::None`.
    To(Column, Notice),
    /// It was so already.
    Same,
    /// It cannot be.
    No(Refusal),
}

const QUIET: Notice = Notice::None;
const TOKENS: Notice = Notice::PushTokens;
const DENIED: Notice = Notice::PushError(PushError::AccessDenied);
const FAILED: Notice = Notice::PushError(PushError::TransactionFailed);
const EXPIRED: Notice = Notice::PushError(PushError::ExpiredToken);

/// No: it is so.
const APPR: Cell = No(Refusal::AlreadyApproved);
const DEN: Cell = No(Refusal::AlreadyDenied);
const CANC: Cell = No(Refusal::Cancelled);
const FAIL: Cell = No(Refusal::Failed);
const RED: Cell = No(Refusal::AlreadyRedeemed);
const EXP: Cell = No(Refusal::Expired);
const WAIT: Cell = No(Refusal::StillPending);
const EARLY: Cell = No(Refusal::NotExpired);

const COLUMNS: [Column; 8] = [Pending, Told, Approved, Denied, Cancelled, Failed, Redeemed, Disputed];

const ROWS: [&str; 13] = [
    "approve",
    "deny",
    "deny: not me",
    "deny: wrong details",
    "deny: cancelled",
    "deny: wrong code",
    "cancel by client",
    "cancel by revocation",
    "cancel by operator",
    "fail: channel",
    "fail: handler",
    "redeem",
    "expire",
];

/// Before the expiry. Told and yet live is a clock that was set back: nothing is told twice.
#[rustfmt::skip]
const LIVE: [[Cell; 8]; 13] = [
    //                        Pending                Told                  Approved              Denied Cancelled Failed Redeemed             Disputed
    /* approve              */ [To(Approved, TOKENS),  To(Approved, QUIET),  Same,                 DEN,   CANC,     FAIL,  RED,                 RED],
    /* deny                 */ [To(Denied, DENIED),    To(Denied, QUIET),    To(Denied, QUIET),    Same,  CANC,     FAIL,  RED,                 RED],
    /* deny: not me         */ [To(Denied, DENIED),    To(Denied, QUIET),    To(Denied, QUIET),    Same,  CANC,     FAIL,  To(Disputed, QUIET), Same],
    /* deny: wrong details  */ [To(Denied, DENIED),    To(Denied, QUIET),    To(Denied, QUIET),    Same,  CANC,     FAIL,  RED,                 RED],
    /* deny: cancelled      */ [To(Denied, DENIED),    To(Denied, QUIET),    To(Denied, QUIET),    Same,  CANC,     FAIL,  RED,                 RED],
    /* deny: wrong code     */ [To(Denied, DENIED),    To(Denied, QUIET),    APPR,                 Same,  CANC,     FAIL,  RED,                 RED],
    /* cancel by client     */ [To(Cancelled, QUIET),  To(Cancelled, QUIET), APPR,                 DEN,   Same,     FAIL,  RED,                 RED],
    /* cancel by revocation */ [To(Cancelled, DENIED), To(Cancelled, QUIET), To(Cancelled, QUIET), DEN,   Same,     FAIL,  RED,                 RED],
    /* cancel by operator   */ [To(Cancelled, FAILED), To(Cancelled, QUIET), To(Cancelled, QUIET), DEN,   Same,     FAIL,  RED,                 RED],
    /* fail: channel        */ [To(Failed, FAILED),    To(Failed, QUIET),    APPR,                 DEN,   CANC,     Same,  RED,                 RED],
    /* fail: handler        */ [To(Failed, FAILED),    To(Failed, QUIET),    APPR,                 DEN,   CANC,     Same,  RED,                 RED],
    /* redeem               */ [WAIT,                  WAIT,                 To(Redeemed, QUIET),  DEN,   CANC,     FAIL,  RED,                 RED],
    /* expire               */ [EARLY,                 EARLY,                EARLY,                DEN,   CANC,     FAIL,  RED,                 RED],
];

/// From the expiry on.
#[rustfmt::skip]
const PAST: [[Cell; 8]; 13] = [
    //                        Pending             Told  Approved Denied Cancelled Failed Redeemed             Disputed
    /* approve              */ [EXP,                EXP,  EXP,     DEN,   CANC,     FAIL,  RED,                 RED],
    /* deny                 */ [EXP,                EXP,  EXP,     Same,  CANC,     FAIL,  RED,                 RED],
    /* deny: not me         */ [EXP,                EXP,  EXP,     Same,  CANC,     FAIL,  To(Disputed, QUIET), Same],
    /* deny: wrong details  */ [EXP,                EXP,  EXP,     Same,  CANC,     FAIL,  RED,                 RED],
    /* deny: cancelled      */ [EXP,                EXP,  EXP,     Same,  CANC,     FAIL,  RED,                 RED],
    /* deny: wrong code     */ [EXP,                EXP,  EXP,     Same,  CANC,     FAIL,  RED,                 RED],
    /* cancel by client     */ [EXP,                EXP,  EXP,     DEN,   Same,     FAIL,  RED,                 RED],
    /* cancel by revocation */ [EXP,                EXP,  EXP,     DEN,   Same,     FAIL,  RED,                 RED],
    /* cancel by operator   */ [EXP,                EXP,  EXP,     DEN,   Same,     FAIL,  RED,                 RED],
    /* fail: channel        */ [EXP,                EXP,  EXP,     DEN,   CANC,     Same,  RED,                 RED],
    /* fail: handler        */ [EXP,                EXP,  EXP,     DEN,   CANC,     Same,  RED,                 RED],
    /* redeem               */ [EXP,                EXP,  EXP,     DEN,   CANC,     FAIL,  RED,                 RED],
    /* expire               */ [To(Told, EXPIRED),  Same, Same,    DEN,   CANC,     FAIL,  RED,                 RED],
];

/// The row of an event. Total, so that a new event does not compile until it has a row.
fn row(event: &Event) -> usize {
    match event {
        Event::Approve(_) => 0,
        Event::Deny(Denial { reason: None, .. }) => 1,
        Event::Deny(Denial { reason: Some(DenialReason::NotMe), .. }) => 2,
        Event::Deny(Denial { reason: Some(DenialReason::WrongDetails), .. }) => 3,
        Event::Deny(Denial { reason: Some(DenialReason::Cancelled), .. }) => 4,
        Event::Deny(Denial { reason: Some(DenialReason::WrongCode), .. }) => 5,
        Event::Cancel(CancelledBy::Client) => 6,
        Event::Cancel(CancelledBy::UserRevocation) => 7,
        Event::Cancel(CancelledBy::Operator) => 8,
        Event::Fail(Failure::Channel) => 9,
        Event::Fail(Failure::Handler) => 10,
        Event::Redeem => 11,
        Event::Expire => 12,
    }
}

/// The column of a request. Total, so that a new state does not compile until it has a column.
fn column(request: &AuthenticationRequest) -> Column {
    match &request.state {
        State::Pending if request.notified => Told,
        State::Pending => Pending,
        State::Approved { .. } => Approved,
        State::Denied { .. } => Denied,
        State::Cancelled { .. } => Cancelled,
        State::Failed { .. } => Failed,
        State::Redeemed { disputed: false, .. } => Redeemed,
        State::Redeemed { disputed: true, .. } => Disputed,
    }
}

const LIFE_ENDS: i64 = 120;
const KEPT_UNTIL: i64 = 300;

/// One instant on each side of the expiry, as close to it as the clock can tell.
const SIDES: [(i64, &[[Cell; 8]; 13]); 2] = [(LIFE_ENDS * 1000 - 1, &LIVE), (LIFE_ENDS * 1000, &PAST)];

fn at(millis: i64) -> Timestamp {
    Timestamp::from_unix_millis(millis)
}

fn approval(device: u8) -> Approval {
    Approval {
        limited: false,
        device: DeviceId::from_bytes([device; 16]),
        role: KeyRole::Verified,
        level: KeyLevel::Claimed,
        decision: Digest::of(&[device]),
        key: None,
        matched: false,
        at: at(1),
    }
}

fn denial(reason: Option<DenialReason>) -> Denial {
    Denial { device: DeviceId::from_bytes([3; 16]), reason, at: at(2) }
}

/// One event for each row, in the order of the rows.
fn events() -> [Event; 13] {
    [
        Event::Approve(approval(2)),
        Event::Deny(denial(None)),
        Event::Deny(denial(Some(DenialReason::NotMe))),
        Event::Deny(denial(Some(DenialReason::WrongDetails))),
        Event::Deny(denial(Some(DenialReason::Cancelled))),
        Event::Deny(denial(Some(DenialReason::WrongCode))),
        Event::Cancel(CancelledBy::Client),
        Event::Cancel(CancelledBy::UserRevocation),
        Event::Cancel(CancelledBy::Operator),
        Event::Fail(Failure::Channel),
        Event::Fail(Failure::Handler),
        Event::Redeem,
        Event::Expire,
    ]
}

/// Every state of a column: it does not matter who cancelled or why it failed.
fn states(column: Column) -> Vec<State> {
    let redeemed = |disputed| State::Redeemed { approval: approval(1), at: at(7), disputed };
    match column {
        Pending | Told => vec![State::Pending],
        Approved => vec![State::Approved { approval: approval(1) }],
        Denied => [None, Some(DenialReason::NotMe)].map(|reason| State::Denied { denial: denial(reason) }).into(),
        Cancelled => [CancelledBy::Client, CancelledBy::UserRevocation, CancelledBy::Operator]
            .map(|by| State::Cancelled { by })
            .into(),
        Failed => [Failure::Channel, Failure::Handler].map(|why| State::Failed { why }).into(),
        Redeemed => vec![redeemed(false)],
        Disputed => vec![redeemed(true)],
    }
}

/// The state after `event`, apart from what the column says: which approval, whose denial, who and why.
fn after(event: &Event, before: &State, now: Timestamp) -> State {
    match (event, before) {
        (Event::Approve(approval), _) => State::Approved { approval: approval.clone() },
        (Event::Deny(_), State::Redeemed { approval, at, .. }) => {
            State::Redeemed { approval: approval.clone(), at: *at, disputed: true }
        }
        (Event::Deny(denial), _) => State::Denied { denial: denial.clone() },
        (Event::Cancel(by), _) => State::Cancelled { by: *by },
        (Event::Fail(why), _) => State::Failed { why: *why },
        (Event::Redeem, State::Approved { approval }) => {
            State::Redeemed { approval: approval.clone(), at: now, disputed: false }
        }
        (Event::Redeem | Event::Expire, before) => before.clone(),
    }
}

fn a_request(column: Column, state: State, delivery: DeliveryMode) -> AuthenticationRequest {
    // What was concluded was told already, but to a client that polls.
    let notified = column == Told || (column != Pending && delivery != DeliveryMode::Poll);
    AuthenticationRequest {
        key: RequestKey::of("request"),
        client: ClientId::new("client"),
        authenticated_by: AuthenticationMethod::ClientSecretBasic,
        subject: Subject::new("subject"),
        delivery,
        scope: vec!["openid".to_owned()],
        resources: Vec::new(),
        binding_message: Some("1234".to_owned()),
        interval: 5,
        created_at: at(0),
        expires_at: Timestamp::from_unix_seconds(LIFE_ENDS),
        keep_until: Timestamp::from_unix_seconds(KEPT_UNTIL),
        prompts: vec![(DeviceId::from_bytes([1; 16]), PromptId::from_bytes([1; 16]))],
        notified,
        callback: None,
        acr_values: Vec::new(),
        certificate: None,
        details: None,
        match_code: None,
        issued: None,
        state,
    }
}

/// What the client hears of a notice by its mode.
fn heard(notice: Notice, delivery: DeliveryMode) -> Notice {
    match delivery {
        DeliveryMode::Poll => Notice::None,
        DeliveryMode::Ping if notice == Notice::None => Notice::None,
        DeliveryMode::Ping => Notice::Ping,
        DeliveryMode::Push => notice,
    }
}

/// What the table says of one event to one request.
fn expected(cell: Cell, event: &Event, before: &AuthenticationRequest, now: Timestamp) -> Result<Transition, Refusal> {
    let (next, notice) = match cell {
        No(refusal) => return Err(refusal),
        Same => return Ok(Transition::Unchanged),
        To(next, notice) => (next, heard(notice, before.delivery)),
    };
    // A poll client is never told, so there is nothing to remember of its request.
    if next == Told && before.delivery == DeliveryMode::Poll {
        return Ok(Transition::Unchanged);
    }
    let mut request = before.clone();
    request.state = after(event, &before.state, now);
    request.notified |= notice != Notice::None;
    if next == Redeemed {
        request.keep_until = request.keep_until.max(now.plus_seconds(DISPUTE_SECONDS));
    }
    assert!(next == column(&request) || next == Told, "{next:?} cannot come of {event:?}");
    Ok(Transition::Changed(Box::new(request), notice))
}

#[test]
fn every_cell_of_the_table_holds_in_every_mode() {
    let mut cells = 0;
    for (now, table) in SIDES {
        for (event, row) in events().iter().zip(table) {
            for (column, cell) in COLUMNS.into_iter().zip(row) {
                for state in states(column) {
                    for delivery in DeliveryMode::ALL {
                        let before = a_request(column, state.clone(), delivery);
                        let expected = expected(*cell, event, &before, at(now));
                        let found = before.clone().apply(event.clone(), at(now));
                        assert_eq!(found, expected, "{event:?} at {now} to {before:?}");
                        cells += 1;
                    }
                }
            }
        }
    }
    // 13 events, 12 states in 8 columns, 3 modes, 2 sides of the expiry.
    assert_eq!(cells, 13 * 12 * 3 * 2);
}

#[test]
fn every_event_has_its_own_row_and_every_state_its_column() {
    for (number, event) in events().iter().enumerate() {
        assert_eq!(row(event), number, "{event:?}");
    }
    for expected in COLUMNS {
        for state in states(expected) {
            assert_eq!(column(&a_request(expected, state, DeliveryMode::Push)), expected);
        }
    }
}

#[test]
fn no_client_is_ever_told_twice() {
    for (now, _) in SIDES {
        for event in events() {
            for column in COLUMNS {
                for state in states(column) {
                    for delivery in DeliveryMode::ALL {
                        let mut before = a_request(column, state.clone(), delivery);
                        before.notified = true;
                        let outcome = before.apply(event.clone(), at(now));
                        let told = matches!(outcome, Ok(Transition::Changed(_, notice)) if notice != Notice::None);
                        assert!(!told, "{event:?} to {column:?} in {delivery:?}");
                    }
                }
            }
        }
    }
}

/// The table as the module's documentation shows it.
fn rendered() -> String {
    let mut text = String::new();
    for (title, table) in [("before the expiry", &LIVE), ("from the expiry on", &PAST)] {
        let names = COLUMNS.map(|column| format!("{column:?}").to_lowercase()).join(" | ");
        writeln!(text, "//! | {title} | {names} |").expect("a string takes every write");
        writeln!(text, "//! |---|{}", "---|".repeat(COLUMNS.len())).expect("a string takes every write");
        for (name, row) in ROWS.iter().zip(table) {
            let cells = row.map(shown).join(" | ");
            writeln!(text, "//! | {name} | {cells} |").expect("a string takes every write");
        }
        text.push_str("//!\n");
    }
    text
}

fn shown(cell: Cell) -> String {
    match cell {
        To(next, notice) => {
            let told = match notice {
                Notice::PushTokens => " ♪ tokens",
                Notice::PushError(PushError::AccessDenied) => " ♪ denied",
                Notice::PushError(PushError::ExpiredToken) => " ♪ expired",
                Notice::PushError(PushError::TransactionFailed) => " ♪ failed",
                Notice::Ping | Notice::None => "",
            };
            format!("**{}**{told}", format!("{next:?}").to_lowercase())
        }
        Same => "=".to_owned(),
        No(refusal) => match refusal {
            Refusal::Expired => "expired",
            Refusal::StillPending => "pending",
            Refusal::NotExpired => "not yet",
            Refusal::AlreadyApproved => "approved",
            Refusal::AlreadyDenied => "denied",
            Refusal::Cancelled => "cancelled",
            Refusal::Failed => "failed",
            Refusal::AlreadyRedeemed => "redeemed",
        }
        .to_owned(),
    }
}

#[test]
fn the_documentation_shows_this_table() {
    let source = include_str!("../authentication_request.rs");
    let rendered = rendered();
    assert!(source.contains(&rendered), "put this into the module's documentation:\n{rendered}");
}
