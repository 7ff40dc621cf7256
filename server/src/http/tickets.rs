//! Enrolment tickets as whoever shows them gets them: as link or picture, and what has become of one.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::messages::Ticket;
use serde_json::{Value, json};

use super::{error, qr};
use crate::domain::device::{Confirmation, EnrolmentProgress, TicketState};
use crate::domain::names::TicketKey;
use crate::flow::administer::Shown;
use crate::flow::confirm::Confirmed;
use crate::flow::enrol;

/// In which form a ticket is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Link,
    Svg,
    Png,
}

impl Form {
    /// The first one named that there is; whoever names none gets the link.
    fn of(headers: &HeaderMap) -> Self {
        let accept = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let mut named = accept.flat_map(|value| value.split(',')).filter_map(|range| {
            match range.split(';').next().unwrap_or_default().trim() {
                "image/svg+xml" => Some(Self::Svg),
                "image/png" => Some(Self::Png),
                "application/json" => Some(Self::Link),
                _ => None,
            }
        });
        named.next().unwrap_or(Self::Link)
    }
}

/// 201 with the ticket, which holds a secret, as link or where `Accept` names `image/svg+xml` or `image/png` as QR code.
/// `Location`, below `base`, is where it is told what becomes of it.
pub(super) fn made(ticket: &Ticket, base: &str, headers: &HeaderMap) -> Response {
    let id = TicketKey::of(&ticket.code.to_string());
    let mut response = rendered(ticket, &id, Form::of(headers));
    if let Ok(location) = HeaderValue::from_str(&format!("{base}/{id}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

fn rendered(ticket: &Ticket, id: &TicketKey, form: Form) -> Response {
    let uri = ticket.to_string();
    let picture = |kind: &'static str, bytes: Vec<u8>| {
        let kind = [(header::CONTENT_TYPE, HeaderValue::from_static(kind))];
        (StatusCode::CREATED, kind, error::no_store(), bytes).into_response()
    };
    match (form, qr::encode(&uri)) {
        (Form::Svg, Some(code)) => picture("image/svg+xml", qr::svg(&code).into_bytes()),
        (Form::Png, Some(code)) => match qr::png(&code) {
            Ok(png) => picture("image/png", png),
            // Written to memory, which refuses nothing.
            Err(_) => error::oauth(StatusCode::NOT_ACCEPTABLE, "invalid_request", "no bitmap can be made"),
        },
        // An issuer of more than 2,000 characters.
        (Form::Svg | Form::Png, None) => {
            error::oauth(StatusCode::NOT_ACCEPTABLE, "invalid_request", "the ticket is too long for a QR code")
        }
        (Form::Link, _) => (
            StatusCode::CREATED,
            error::no_store(),
            Json(json!({ "id": id, "ticket": uri, "uri": uri, "expires_at": ticket.expires_at })),
        )
            .into_response(),
    }
}

/// 200 with `state`, one of `fresh`, `begun`, `awaits_digits`, `awaits_phone`, `enrolled` and `cancelled`; from `begun` on
/// with the `enrolment` to confirm; once the phone has introduced itself with its `device` {id, name, model}, which the
/// page shows beside the field for the digits.
pub(super) fn shown(shown: &Shown) -> Response {
    let Shown { ticket, enrolment } = shown;
    let finished = enrolment.as_ref().and_then(|enrolment| enrolment.finished.as_ref());
    let device = finished.map_or(Value::Null, |finished| {
        let info = &finished.device.info;
        json!({ "id": finished.device.id, "name": info.name, "model": info.model })
    });
    let body = json!({
        "state": shown.progress().word(),
        "subject": ticket.subject,
        "expires_at": ticket.expires_at.unix_seconds(),
        "enrolment": enrolment.as_ref().map(|enrolment| enrolment.id),
        "device": device,
    });
    (error::no_store(), Json(body)).into_response()
}

/// What typing digits came to: 200 with the device, 202 when another phone must approve as well, or 403 when they are wrong,
/// which ends the enrolment.
pub(super) fn typed(outcome: Result<Confirmed, enrol::Reason>) -> Response {
    match outcome {
        Ok(Confirmed::Active(device)) => (error::no_store(), Json(json!({ "device": device }))).into_response(),
        Ok(Confirmed::Awaiting) => {
            (StatusCode::ACCEPTED, error::no_store(), Json(json!({ "awaits": "phone" }))).into_response()
        }
        Ok(Confirmed::Rejected) => {
            error::oauth(StatusCode::FORBIDDEN, "wrong_digits", "the digits are wrong; the enrolment is cancelled")
        }
        Err(enrol::Reason::Unavailable(reason)) => error::unavailable(&reason),
        Err(enrol::Reason::Cancelled) => {
            error::oauth(StatusCode::GONE, "enrolment_cancelled", "the enrolment was cancelled")
        }
        Err(enrol::Reason::TooMany) => {
            error::oauth(StatusCode::CONFLICT, "too_many_devices", "the user has as many devices as anybody may have")
        }
        Err(_) => nothing_awaited(),
    }
}

/// No enrolment of this name, or none that awaits digits.
pub(super) fn nothing_awaited() -> Response {
    error::oauth(StatusCode::NOT_FOUND, "unknown_enrolment", "no enrolment awaits digits here")
}

/// No such ticket, or none that is any business of who asks.
pub(super) fn unknown() -> Response {
    error::oauth(StatusCode::NOT_FOUND, "unknown_ticket", "there is no such ticket")
}

/// How far a ticket has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    Fresh,
    Begun,
    AwaitsDigits,
    AwaitsPhone,
    Enrolled,
    Cancelled,
}

impl Progress {
    const fn word(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Begun => "begun",
            Self::AwaitsDigits => "awaits_digits",
            Self::AwaitsPhone => "awaits_phone",
            Self::Enrolled => "enrolled",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Shown {
    pub(super) fn progress(&self) -> Progress {
        let enrolment = self.enrolment.as_ref().map(|enrolment| (enrolment.progress, enrolment.confirmed_by));
        match (&self.ticket.state, enrolment) {
            (TicketState::Fresh, _) => Progress::Fresh,
            (TicketState::Begun { .. }, Some((EnrolmentProgress::Offered, _))) => Progress::Begun,
            (TicketState::Begun { .. }, Some((EnrolmentProgress::Unconfirmed, Some(Confirmation::Digits)))) => {
                Progress::AwaitsPhone
            }
            (TicketState::Begun { .. }, Some((EnrolmentProgress::Unconfirmed, _))) => Progress::AwaitsDigits,
            (TicketState::Begun { .. }, Some((EnrolmentProgress::Active, _))) => Progress::Enrolled,
            (TicketState::Begun { .. }, Some((EnrolmentProgress::Cancelled, _)) | None)
            | (TicketState::Cancelled, _) => Progress::Cancelled,
        }
    }
}
